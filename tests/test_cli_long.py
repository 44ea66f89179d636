"""The verbs that take their time - benchmark, demo - with networks and data made tiny."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfpnet import demo
from mfpnet.cli import main
from mfpnet.data.source import DataSource
from mfpnet.known_recipes import RECIPES
from mfpnet.pixels.pictures import read_image
from mfpnet.recipes import Recipe

TINY = Recipe(epochs=1, batch_size=2, crop_size=(32, 64))


def mfpnet(*arguments: str) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def record() -> Any:
    return json.loads(Path("record.json").read_text("utf-8"), parse_constant=pytest.fail)


def test_benchmark_tells_images_per_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("--size", "32x64", "--batch-size", "2", "3", "--rounds", "1", "--threads", "1")
    only = ("--only", "mfpnet_fast", "--device", "cpu", "--training")
    assert mfpnet("benchmark", *small, *only, "--json", "record.json") == 0
    rows = record()["rows"]
    assert {(row["variant"], row["batch_size"]) for row in rows} == {
        ("mfpnet_fast", 2),
        ("mfpnet_fast", 3),
    }
    printed = capsys.readouterr().out
    assert all(f"{row['images_per_second']:.2f}" in printed for row in rows)
    assert "mfpnet_fast, batch 3" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_demo_ends_in_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(RECIPES, "synthetic", TINY)
    for name, split in (("TRAIN", "train"), ("TEST", "test"), ("SHOWN", "val")):
        monkeypatch.setattr(demo, name, DataSource("synthetic", split, count=3, size=(64, 64)))
    assert mfpnet("demo", "--json", "record.json") == 0
    assert record()["evaluation"]["frames"] == 3
    sheet = read_image(tmp_path / "runs" / "demo" / "demo.png")
    assert sheet.shape[0] > 3 * 64
    assert sheet.shape[1] > 3 * 64
    assert len(list((tmp_path / "runs" / "demo" / "overlays").glob("*_overlay.png"))) == 3
    printed = capsys.readouterr().out
    assert f"mIoU on unseen scenes: {100 * record()['evaluation']['miou']:.1f} %" in printed
