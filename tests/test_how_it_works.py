"""The figures on the page about the mechanisms are those of the record."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import inspect_tables
from mfpnet import load_model
from mfpnet.studies.picture import drawn_picture
from mfpnet.studies.residuals import block_changes
from results_tables import MARKED, record, rewritten

TEXT = inspect_tables.PAGE.read_text(encoding="utf-8")


def test_every_table_is_made_from_the_record() -> None:
    text = rewritten(TEXT, inspect_tables.TABLES)
    assert text == TEXT, "run: python tools/inspect_tables.py"


def test_every_table_stands_on_the_page() -> None:
    marked = [found[2] for found in MARKED.finditer(TEXT)]
    assert sorted(marked) == sorted(inspect_tables.TABLES)


def test_what_a_block_adds_is_the_difference_between_its_output_and_its_input() -> None:
    network = load_model("mfpnet_fast_synthetic").eval()
    image = drawn_picture(network).image
    seen: list[float] = []

    def note(module: Any, given: tuple[torch.Tensor], output: torch.Tensor) -> None:
        seen.append(float((output - given[0]).norm() / given[0].norm()))

    for block in (*network.encoder, *network.decoder):
        block.register_forward_hook(note)
    rows = block_changes(network, image)
    assert [row["f_over_x"] for row in rows] == pytest.approx(seen, abs=1e-3)
    printed = inspect_tables.identity().splitlines()
    assert printed[0].split(" | ")[1] == "what the block adds, of its input"
    first = inspect_tables.study("residuals")["blocks"][0]
    assert printed[2].split(" | ")[1] == f"{first['f_over_x']:.2f}"


def test_the_text_says_what_the_numbers_say() -> None:
    """Sentences of the page that another record could make untrue."""
    studies = record(inspect_tables.TRAINED)["studies"]
    schedules = studies["gridding"]["numbers"]["schedules"]
    assert not schedules["as it is"]["holes"]
    assert schedules["16-16-16"]["holes"]
    blocks = studies["residuals"]["numbers"]["blocks"]
    assert [0.75 < each["f_over_x"] < 1.55 for each in blocks] == [True] * 6
    assert min(each["change"] for each in blocks) == pytest.approx(2 / 3, abs=0.01)
    added = [brm["f_over_x"] for each in blocks for brm in each["brms"]]
    assert [min(added[:9]), max(added[:9])] == pytest.approx([0.5, 0.9], abs=0.05)
    assert [min(added[9:]), max(added[9:])] == pytest.approx([0.4, 0.6], abs=0.05)
    attention, graphs = studies["attention"]["numbers"], studies["graph"]["numbers"]["graphs"]
    assert 1 / 95 < attention["all_layers"]["share_below_0.1"] < 1 / 85
    rests = {
        each["layer"]: each["all_gates_at_the_layer_mean"]["labels_changed_share"]
        for each in attention["layers"]
    }
    assert [layer for layer, share in rests.items() if share > 0.05] == [
        "encoder 1.1",
        "encoder 1.2",
    ]
    assert rests["encoder 1.1"] == pytest.approx(0.44, abs=0.03)
    assert rests["encoder 1.2"] == pytest.approx(0.7, abs=0.03)
    assert all(
        each["each_gate_at_its_mean"]["labels_changed_share"] < 0.01 for each in attention["layers"]
    )
    assert graphs[2]["scales"][0]["effective_nodes_of_the_picture"] < 1.05
    assert graphs[0]["scales"][0]["effective_nodes_of_the_picture"] > 3
    finest, next_finest, coarsest = (each["scales"][0]["information"] for each in graphs)
    for told in (finest, next_finest):
        assert told["share"] < told["share_of_a_plain_grid_of_as_many_cells"] / 2
    assert finest["share"] == pytest.approx(finest["share_untrained_mean"], abs=0.01)
    assert 0.02 < next_finest["share"] - next_finest["share_untrained_mean"] < 0.06
    assert coarsest["share"] == 0
    deepest = studies["residuals"]["numbers"]["trainings"][-1]
    ways = [deepest[way]["loss_after"] for way in ("with_residuals", "without_residuals")]
    assert ways[1] > 1.2 * ways[0]
    ways = studies["long-range"]["numbers"]["theoretical_field"]["ways"]
    assert ways["convolutions"]["share_beyond"]["mean"] == 0
    assert ways["convolutions_and_graphs"]["share_beyond"]["mean"] > 0.01
