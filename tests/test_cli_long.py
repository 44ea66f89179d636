"""The verbs that take their time - ablate, benchmark, demo - with networks and data made tiny."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mfpnet import ablate, demo
from mfpnet.cli import main
from mfpnet.data_source import DataSource
from mfpnet.known_recipes import RECIPES
from mfpnet.latency import interleaved_medians
from mfpnet.model import MFPNet
from mfpnet.pictures import read_image
from mfpnet.recipes import Recipe
from mfpnet.suites import SUITES
from mfpnet.train import train
from samples import TINY as NARROW

WIDE = dataclasses.replace(NARROW, channels=(12, 16, 24))
PEERS = """
from torch import nn

def tiny(num_classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.Conv2d(8, num_classes, 1))
"""
TINY = Recipe(epochs=1, batch_size=2, crop_size=(32, 64))
ABLATE = [
    *("ablate", "tiny", "--recipe", "tiny", "--scenes", "5", "--scene-size", "64x64"),
    *("--json", "record.json"),
]


def mfpnet(*arguments: str) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def record() -> Any:
    return json.loads(Path("record.json").read_text("utf-8"), parse_constant=pytest.fail)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tiny things to compare; the run folders that are trained in, in their order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SUITES, "tiny", {"narrow": NARROW, "wide": WIDE})
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(ablate, "LATENCY_SIZE", (64, 64))
    # OpenVINO takes seconds to compile a network; one test below has it do so.
    monkeypatch.setattr(ablate, "openvino_runner", lambda *given: lambda: time.sleep(0.001))
    folders: list[str] = []

    def noting(config: Any, folder: Path, **settings: Any) -> dict[str, Any]:
        folders.append(folder.name)
        return train(config, folder, **settings)

    monkeypatch.setattr(ablate, "train", noting)
    return folders


def test_ablate_compares_the_networks_of_a_suite(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet(*ABLATE, "--seeds", "0", "1") == 0
    assert trained == ["narrow-seed0", "narrow-seed1", "wide-seed0", "wide-seed1"]
    narrow, wide = record()["rows"]
    assert (narrow["variant"], wide["variant"]) == ("narrow", "wide")
    assert narrow["parameters"] < wide["parameters"]
    assert narrow["gmacs"] < wide["gmacs"]
    assert narrow["openvino_ms"] >= 1
    assert narrow["miou"] == pytest.approx(sum(narrow["miou_per_seed"]) / 2)
    assert (record()["data"]["split"], record()["evaluate_on"]["split"]) == ("train", "val")
    printed = capsys.readouterr().out
    assert f"{narrow['parameters']:,}" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_ablate_trains_nothing_twice(trained: list[str]) -> None:
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    first = record()["rows"][0]
    assert mfpnet(*ABLATE) == 0
    assert trained == ["narrow-seed0", "wide-seed0"]
    again = record()["rows"][0]
    assert again["miou"] == first["miou"]
    assert again["training_seconds"] == first["training_seconds"]


def test_ablate_refuses_runs_of_another_comparison(
    trained: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    monkeypatch.setitem(RECIPES, "tiny", Recipe(epochs=2, batch_size=2, crop_size=(32, 64)))
    assert mfpnet(*ABLATE, "--only", "narrow") == 2
    printed = capsys.readouterr().err
    assert "'runs/ablate/tiny/narrow-seed0' holds a run with another set-up" in printed
    assert trained == ["narrow-seed0"]


def test_ablate_measures_in_openvino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablate, "LATENCY_SIZE", (64, 64))
    run = ablate.openvino_runner("narrow", MFPNet(NARROW), 1, tmp_path)
    assert interleaved_medians({"narrow": run}, rounds=1)["narrow"] > 0


def test_ablate_takes_networks_of_others_too(
    trained: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("peers_of_ablate.py").write_text(PEERS)
    monkeypatch.setattr(sys, "path", [*sys.path])
    given = ("--only", "narrow", "--with", "peers_of_ablate:tiny", "--picture", "picture.svg")
    assert mfpnet(*ABLATE, *given) == 0
    assert trained == ["narrow-seed0", "peers_of_ablate.tiny-seed0"]
    ours, theirs = record()["rows"]
    assert theirs.keys() == ours.keys()
    # 3x3x3 with a bias, 1x1 with a bias; 16x16 pixels.
    assert theirs["parameters"] == 8 * 28 + 19 * 9
    assert theirs["gmacs"] == pytest.approx(16 * 16 * (8 * 27 + 19 * 8) / 1e9, abs=5e-4)
    assert theirs["miou_per_seed"] == [theirs["miou"]]
    picture = Path("picture.svg").read_text("utf-8")
    assert all(f"<!-- {name} -->" in picture for name in ("narrow", "tiny"))
    assert mfpnet(*ABLATE, *given) == 0
    assert len(trained) == 2
    assert mfpnet(*ABLATE, "--with", "wide") == 2
    assert "--with is 'wide': write package.module:factory." in capsys.readouterr().err


def test_ablate_wants_a_seed(trained: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet(*ABLATE, "--seeds") == 2
    assert "--seeds" in capsys.readouterr().err
    assert trained == []


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
