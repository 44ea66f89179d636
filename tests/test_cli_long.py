"""The verbs that take their time - ablate, benchmark, demo - with networks and data made tiny."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from mfpnet import ablate, demo
from mfpnet.cli import main
from mfpnet.datasets import DataSource
from mfpnet.latency import interleaved_medians, openvino_runner
from mfpnet.model import MFPNet, MFPNetConfig
from mfpnet.pictures import read_image
from mfpnet.recipes import RECIPES, Recipe
from mfpnet.train import train
from mfpnet.variants import SUITES

NARROW = MFPNetConfig(
    stem_channels=8,
    stem_convs=1,
    channels=(8, 12, 16),
    strides=(4, 8, 16),
    dilations=((1,), (2,), (4,)),
    nodes=4,
    head_channels=8,
    aspp_dilations=(2,),
)
WIDE = MFPNetConfig(**{**vars(NARROW), "channels": (12, 16, 24)})
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


def test_ablate_measures_in_openvino() -> None:
    run = openvino_runner(MFPNet(NARROW), (64, 64), threads=1)
    run()
    assert interleaved_medians({"narrow": run}, rounds=1)["narrow"] > 0


def test_ablate_wants_a_seed(trained: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet(*ABLATE, "--seeds") == 2
    assert "--seeds" in capsys.readouterr().err
    assert trained == []


def test_benchmark_tells_images_per_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("--size", "32x64", "--batch-size", "2", "--rounds", "1", "--threads", "1")
    assert mfpnet("benchmark", *small, "--no-compiled", "--json", "record.json") == 0
    rows = record()["rows"]
    assert {row["variant"] for row in rows} == {"mfpnet", "mfpnet_fast"}
    assert all(row["images_per_second"] > 0 for row in rows)
    assert not any("compiled" in row["setting"] for row in rows)
    for row in rows:
        if row["setting"] == "eager fp32":
            assert row["against_eager_fp32"] == 1
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


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
