"""The figures in README and docs are those of the records that commands wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mfpnet.files import read_json
from mfpnet.variants import SPENDING, count_parameters, create_model

ROOT = Path(__file__).resolve().parents[1]
README, PAGE = ((ROOT / name).read_text() for name in ("README.md", "docs/results.md"))


def record(name: str) -> dict[str, Any]:
    found: dict[str, Any] = read_json(ROOT / "results" / f"{name}.json")
    return found


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


@pytest.mark.parametrize("text", [README, PAGE], ids=["README", "results.md"])
def test_the_camvid_score_is_the_recorded_one(text: str) -> None:
    scores = record("mfpnet_fast_camvid-test")
    low, high = scores["miou_interval_95"]
    row = next(line for line in text.splitlines() if line.startswith("| `mfpnet_fast_camvid`"))
    assert f"**{percent(scores['miou'])}**" in row
    assert f"{percent(low)} to {percent(high)}" in row


def test_each_class_is_the_recorded_one() -> None:
    scores = record("mfpnet_fast_camvid-test")
    for name, value in scores["iou_per_class"].items():
        rim = scores["boundary_iou_per_class"][name]
        assert f"| {name} | {percent(value)} | {percent(rim)} |" in PAGE


def test_the_demo_score_is_the_recorded_one() -> None:
    score = percent(record("demo")["evaluation"]["miou"])
    assert re.search(rf"\b{re.escape(score)} %", README)
    assert score in PAGE


def test_the_comparison_is_the_recorded_one() -> None:
    rows = record("spending")["rows"]
    assert {row["variant"] for row in rows} == set(SPENDING)
    for row in rows:
        assert row["parameters"] == count_parameters(create_model(row["variant"]))
        cells = (percent(row["miou"]), f"{row['gmacs']:.2f}", f"{row['openvino_ms']:.1f}")
        assert f"| `{row['variant']}` | {' | '.join(cells)} |" in PAGE


def test_the_throughput_is_the_recorded_one() -> None:
    for row in record("training-throughput")["rows"]:
        cells = (f"{row['images_per_second']:.2f}", f"{row['against_eager_fp32']:.2f}")
        assert f"| `{row['variant']}` | {row['setting']} | {' | '.join(cells)} |" in PAGE


def test_the_trained_network_stopped_and_went_on() -> None:
    assert len(record("mfpnet_fast_camvid-train")["commits"]) >= 2
