from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from mfpnet.errors import MfpnetError
from mfpnet.views.tradeoff import accuracy_against_latency

pytest.importorskip("matplotlib", reason="needs the extra `plot`")


def row(variant: str, ms: float, *scores: float) -> dict[str, Any]:
    miou = sum(scores) / len(scores)
    return {"variant": variant, "miou": miou, "miou_per_seed": scores, "openvino_ms": ms}


def drawn(rows: list[dict[str, Any]], tmp_path: Path) -> str:
    """The text of an SVG chart; matplotlib writes every drawn string as a comment in it."""
    accuracy_against_latency(rows, tmp_path / "chart.svg")
    return (tmp_path / "chart.svg").read_text("utf-8")


def test_every_network_is_named_once(tmp_path: Path) -> None:
    text = drawn([row("mfpnet", 30, 0.5), row("peers.light:dabnet", 40, 0.4)], tmp_path)
    for name in ("mfpnet", "dabnet", "mIoU in %", "OpenVINO, ms an image"):
        assert text.count(f"<!-- {name} -->") == 1
    assert "LineCollection" not in text


def test_several_seeds_have_a_bar_each(tmp_path: Path) -> None:
    rows = [row("mfpnet", 30, 0.5, 0.52, 0.51), row("a:net", 40, 0.4, 0.5, 0.45)]
    text = drawn(rows, tmp_path)
    assert "<!-- mIoU in %, bars from the worst seed to the best -->" in text
    bars = re.findall(
        r'id="LineCollection_\d+">\s*<path d="M [\d.]+ ([\d.]+) \s*L [\d.]+ ([\d.]+)', text
    )
    ours, theirs = (abs(float(top) - float(bottom)) for bottom, top in bars)
    assert theirs == pytest.approx(5 * ours, rel=1e-3)  # ten points from worst to best, and two


def test_latencies_far_apart_stand_on_a_logarithmic_axis(tmp_path: Path) -> None:
    near = drawn([row("mfpnet", 30, 0.5), row("a:net", 200, 0.4)], tmp_path)
    assert "<!-- 0 -->" in near
    far = drawn([row("mfpnet", 30, 0.5), row("a:net", 300, 0.4)], tmp_path)
    assert "<!-- 0 -->" not in far
    assert all(f"<!-- {tick} -->" in far for tick in (50, 100, 200))


def test_same_factory_names_are_told_apart(tmp_path: Path) -> None:
    text = drawn([row("a:net", 30, 0.5), row("b:net", 40, 0.4)], tmp_path)
    assert "<!-- a:net -->" in text
    assert "<!-- b:net -->" in text


def test_names_of_neighbours_do_not_overlap(tmp_path: Path) -> None:
    names = ["first", "second", "third"]
    text = drawn([row(name, 30 + i / 10, 0.5) for i, name in enumerate(names)], tmp_path)
    places = [
        re.search(rf"<!-- {name} -->\s*<g [^>]*translate\(([\d.]+) ([\d.]+)", text)
        for name in names
    ]
    found = [(float(place[1]), float(place[2])) for place in places if place]
    assert len(found) == 3
    for (x, y), (other_x, other_y) in combinations(found, 2):
        assert abs(x - other_x) > 30 or abs(y - other_y) > 8  # points


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="the comparison has no network"):
        accuracy_against_latency([], tmp_path / "chart.svg")
