"""docs/peers.md says what the records in results/ say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import peer_tables
from mfpnet.errors import MfpnetError
from mfpnet.synthetic.shape_classes import SHAPES60
from results_tables import rewritten


def test_the_page_is_what_the_records_say() -> None:
    page = peer_tables.PAGE.read_text("utf-8")
    assert rewritten(page, peer_tables.TABLES) == page


def row(name: str, seeds: list[int], score: float) -> dict[str, Any]:
    return {
        "variant": name,
        "seeds": seeds,
        "miou": score,
        "spread": 0.01 if len(seeds) > 1 else None,
        "train_miou": score + 0.1,
        "parameters": 1_000_000,
        "gmacs": 2.0,
        "openvino_ms": 50.0,
        "training_seconds": [60.0] * len(seeds),
        "iou_per_class": [dict.fromkeys(SHAPES60.classes, score + 0.01 * s) for s in seeds],
    }


def recorded(folder: Path, name: str, recipe: int, *rows: dict[str, Any]) -> None:
    source = {"name": "shapes60", "split": "train"}
    found = {
        "suite": name,
        "recipe_name": "shapes60",
        "recipe": {"epochs": recipe, "input_size": [144, 192]},
        "data": source,
        "evaluate_on": source | {"split": "val"},
        "latency": {"size": [360, 480], "threads": 1, "classes": 19},
        "environment": {"processor": "a processor"},
        "rows": rows,
        "cells": [],
    }
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results" / f"{name}.json").write_text(json.dumps(found), "utf-8")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up records, in which the small network has more seeds in another one."""
    monkeypatch.setattr("peer_tables.ROOT", tmp_path)
    monkeypatch.setattr("results_tables.ROOT", tmp_path)
    one, more = row("mfpnet_fast", [0], 0.40), row("mfpnet_fast", [0, 1, 2], 0.41)
    more["openvino_ms"] = 99.0  # measured on another day
    peer = row("mfpnet.peers:segformer_b0", [0], 0.50)
    recorded(tmp_path, "peers-camvid", 20, one, peer)
    recorded(tmp_path, "ablation-components", 20, more, row("mfpnet_fast-without-sgcn", [0], 0.3))
    recorded(tmp_path, "peers-shapes60", 20, one, peer)
    recorded(tmp_path, "seeds-shapes60", 20, one)
    return tmp_path


def test_the_small_network_stands_there_with_all_its_seeds(results: Path) -> None:
    lines = peer_tables.networks("camvid").splitlines()
    assert lines[2].startswith(
        "| `mfpnet_fast` | 3 | 41.0 ± 1.0 | 51.0 | 1,000,000 | 2.00 | 50.0 |"
    )
    assert lines[3].startswith("| `segformer_b0` | 1 | 50.0 | 60.0 |")
    assert lines[5].startswith("Recipe `shapes60`: 20 epochs, frames of 144x192;")


def test_differences_are_bracketed_where_one_seed_cannot_tell(results: Path) -> None:
    assert "| plain ground | 42.0 | +8.0 |" in peer_tables.classes("camvid")
    assert "It loses 60 of 60 classes" in peer_tables.classes("camvid")
    grouped = peer_tables.groups("shapes60")
    assert "| told apart by | mfpnet_fast IoU % | segformer_b0 |" in grouped
    assert "| texture (12) | 40.0 | (+10.0) |" in grouped


def test_records_of_another_recipe_are_not_told_together(results: Path) -> None:
    recorded(results, "ablation-components", 30, row("mfpnet_fast", [0], 0.4))
    with pytest.raises(MfpnetError, match="different values of recipe"):
        peer_tables.networks("camvid")


def test_what_is_not_measured_is_said(results: Path) -> None:
    (results / "results" / "peers-camvid.json").unlink()
    assert peer_tables.networks("camvid") == "Not measured yet.\n"
    assert peer_tables.classes("camvid") == "Not measured yet.\n"
