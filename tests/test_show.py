"""What the program prints of names that a user gave: they stand in tables as they are."""

from __future__ import annotations

from typing import Any

import pytest

from mfpnet.views.show import show_card, show_facts, show_rows, show_scores

# To rich, a tag, a tag that closes nothing, and an emoji.
NAMES = ("ground [paved]", "train [/tram]", "road :car:")


def scores(**more: Any) -> dict[str, Any]:
    each = dict.fromkeys(NAMES, 0.5)
    return {
        "frames": 1,
        "data": "photos [v2]",
        "split": "val [/]",
        "iou_per_class": each,
        "iou_interval_95_per_class": dict.fromkeys(NAMES),
        "boundary_iou_per_class": each,
        "miou": 0.5,
        "miou_interval_95": None,
        "boundary_miou": 0.5,
        "pixel_accuracy": 0.5,
        **more,
    }


def test_classes_and_folders_are_shown_as_they_are_called(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"pq": 0.5, "sq": 0.5, "rq": 0.5, "found": 1, "missed": 0, "wrong": 0}
    found = dict.fromkeys(("all", "things", "stuff"), row)
    show_scores(scores(panoptic={"per_class": dict.fromkeys(NAMES, row), **found}))
    printed = capsys.readouterr().out
    assert "photos [v2] val [/], 1 frame" in printed
    assert all(printed.count(name) == 2 for name in NAMES)


def test_rows_and_facts_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{name: name for name in NAMES}], NAMES)
    show_facts("m[/].yaml", {name: name for name in NAMES})
    printed = capsys.readouterr().out
    assert all(printed.count(name) == 4 for name in NAMES)
    assert "m[/].yaml" in printed


def test_a_ratio_of_label_edges_that_is_none_is_not_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "edges_at_borders_over_elsewhere"
    tiles = {"tile": [64, 96], "overlap": 8, "frames": 1, "agreement": 1.0, "lowest_agreement": 1.0}

    def told(ratio: float | None, whole: float | None) -> str:
        ratios = {name: ratio, f"{name}_in_whole_frames": whole}
        show_scores(scores(tiles=tiles | ratios))
        return capsys.readouterr().out.splitlines()[-1]

    plain = "tiles of 64x96, overlap 8: 100.0 % of labels as in whole frames (1 frame, lowest 100.0"
    edges = "; label edges at tile borders 1.25 times those elsewhere"
    assert told(None, None) == f"{plain} %)"
    assert told(1.25, None) == f"{plain} %){edges}"
    assert told(1.25, 1.0) == f"{plain} %){edges}, in whole frames 1.00 times"


def test_a_card_is_called_as_its_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    card = dict.fromkeys(("variant", "data", "split", "recipe", "licence"), "x [/]")
    numbers = {"epochs": 1, "bytes": 1, "bits": 8, "mean": (0, 0, 0), "input_size": (64, 96)}
    nothing = {"started_from": None, "taught_by": (), "iou": (), "score": None, "parameters": 1}
    show_card("runs/a [/b]", {**card, **numbers, **nothing, "classes": NAMES, "limits": NAMES})
    assert "runs/a [/b]" in capsys.readouterr().out
