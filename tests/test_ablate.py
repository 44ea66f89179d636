"""`mfpnet ablate` with networks, data and recipe made tiny."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from folders import street_folder
from mask_folders import areas, write_folder
from mfpnet.ablations import cell as ablation_cell
from mfpnet.ablations import costs as ablation_costs
from mfpnet.ablations.cell import data_version
from mfpnet.ablations.chart import differences
from mfpnet.ablations.plan import Comparison, Row, planned_rows, planned_runs
from mfpnet.ablations.rows import compared, joined_rows, row_of
from mfpnet.cli import main
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.known_recipes import RECIPES
from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.recipe_parts import PARTS as PARTS_OF_RECIPES
from mfpnet.recipe_parts import recipe_changes
from mfpnet.recipes import Recipe
from mfpnet.runtimes.latency import interleaved_medians
from mfpnet.sources import open_dataset
from mfpnet.suites import ABLATIONS, SUITES, VARIANTS
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.train import train
from mfpnet.training.runs import CONFIG_FILE, read_config
from samples import TINY as NARROW

WIDE = dataclasses.replace(NARROW, channels=(12, 16, 24))
PEERS = """
from torch import nn

def tiny(num_classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.Conv2d(8, num_classes, 1))
"""
TINY = Recipe(epochs=1, batch_size=2, crop_size=(32, 64))
DEFAULTS = {
    "num_classes": 19,
    "in_channels": 3,
    "stem_channels": 32,
    "stem_convs": 3,
    "channels": (32, 64, 128),
    "strides": (2, 4, 8),
    "dilations": ((1, 2, 4), (2, 4, 8), (4, 8, 16)),
    "attention": True,
    "residual": True,
    "block_residual": True,
    "sgcn": ("simple", "simple", "simple"),
    "nodes": 16,
    "steps": 2,
    "adjacency": "learned",
    "joint_graph": False,
    "aspp": True,
    "aspp_dilations": (6, 12, 18),
    "head_channels": 32,
    "instances": False,
    "input_size": None,
    "shorter_side": None,
    "full_frame_epochs": 0,
    "accumulate": 1,
    "scale": (0.5, 2.0),
    "flip": True,
    "colour": 0.0,
    "optimizer": "adam",
    "learning_rate": 0.001,
    "weight_decay": 0.0001,
    "momentum": 0.9,
    "power": 0.9,
    "warmup_epochs": 0.0,
    "class_weights": True,
    "ohem_threshold": None,
    "lovasz": 0.0,
    "lovasz_from": 0.5,
    "auxiliary": 0.0,
    "rare_crops": 0.0,
    "distillation": 0.5,
    "temperature": 1.0,
    "ema": 0.0,
    "loss_stride": 1,
    "precision": "auto",
}
SCENES = ("--recipe", "tiny", "--scenes", "5", "--scene-size", "64x64")
ABLATE = ["ablate", "tiny", *SCENES, "--json", "record.json"]
PARTS = ["ablate", "parts", "--variant", "narrow", *SCENES, "--json", "record.json"]


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
    monkeypatch.setitem(VARIANTS, "narrow", NARROW)
    monkeypatch.setitem(ABLATIONS, "parts", {"flat": {"dilations": ((1,), (1,), (1,))}})
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(ablation_costs, "LATENCY_SIZE", (64, 64))
    # OpenVINO takes seconds to compile a network; one test below has it do so.
    monkeypatch.setattr(ablation_costs, "openvino_runner", lambda *given: lambda: time.sleep(0.001))
    folders: list[str] = []

    def noting(config: Any, folder: Path, **settings: Any) -> dict[str, Any]:
        folders.append(folder.name)
        return train(config, folder, **settings)

    monkeypatch.setattr(ablation_cell, "train", noting)
    return folders


def test_the_networks_of_a_suite_are_compared(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet(*ABLATE, "--seeds", "0", "1") == 0
    assert trained == ["narrow-seed0", "wide-seed0", "narrow-seed1", "wide-seed1"]
    narrow, wide = record()["rows"]
    assert (narrow["variant"], wide["variant"]) == ("narrow", "wide")
    assert narrow["parameters"] < wide["parameters"]
    assert narrow["gmacs"] < wide["gmacs"]
    assert narrow["openvino_ms"] >= 1
    assert narrow["miou"] == pytest.approx(sum(narrow["miou_per_seed"]) / 2)
    assert 0 < narrow["train_miou"] < 1
    assert (record()["data"]["split"], record()["evaluate_on"]["split"]) == ("train", "val")
    printed = capsys.readouterr().out
    assert f"{narrow['parameters'] / 1e6:.3f}".rstrip("0") in printed
    tables = [line for line in printed.splitlines() if line[:1] in "┏┃┡│└"]
    assert tables
    assert max(map(len, tables)) <= 80


def test_an_ablation_has_three_runs_of_its_baseline(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet(*PARTS, "--only", "flat", "--picture", "parts.svg") == 0
    runs = ["narrow-seed0", "narrow-flat-seed0", "narrow-seed1", "narrow-seed2"]
    assert trained == runs
    base, flat = record()["rows"]
    assert (base["difference"], base["resolved"]) == (None, None)
    assert flat["difference"] == pytest.approx(flat["miou"] - base["miou"])
    assert flat["resolved"] == (
        abs(flat["difference"]) >= 2 * np.std(base["miou_per_seed"], ddof=1)
    )
    printed = capsys.readouterr().out
    shown = f"{100 * flat['difference']:+.1f}" if flat["resolved"] else "not resolved"
    assert shown in printed
    assert "<!-- flat -->" in Path("parts.svg").read_text("utf-8")


def test_nothing_is_trained_twice(trained: list[str]) -> None:
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    first = record()["rows"][0]
    Path("record.json").unlink()  # the run folders are enough
    assert mfpnet(*ABLATE) == 0
    assert trained == ["narrow-seed0", "wide-seed0"]
    again = record()["rows"][0]
    assert again["miou"] == first["miou"]
    assert again["training_seconds"] == first["training_seconds"]
    shutil.rmtree("runs")  # the record is enough too
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    assert len(trained) == 2
    assert [row["variant"] for row in record()["rows"]] == ["narrow", "wide"]


def test_a_run_that_was_killed_goes_on(
    trained: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ablation_cell, "evaluate", killed)
        assert mfpnet(*ABLATE, "--only", "narrow") == 130
    assert "The same command goes on where this one ended" in capsys.readouterr().err
    assert not Path("record.json").exists()
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    assert trained == ["narrow-seed0"]
    assert 0 < record()["rows"][0]["train_miou"] < 1


@pytest.mark.parametrize(
    ("change", "named"),
    [(("--set", "epochs=2"), "recipe"), (("--split", "val"), "training data")],
)
def test_results_of_another_set_up_are_refused(
    trained: list[str],
    change: tuple[str, ...],
    named: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    kept = Path("record.json").read_bytes()
    assert mfpnet(*ABLATE, "--only", "wide", *change) == 2
    printed = capsys.readouterr().err
    assert f"narrow, seed 0, in 'record.json' is of another {named}" in printed
    assert Path("record.json").read_bytes() == kept
    Path("record.json").unlink()
    assert mfpnet(*ABLATE, "--only", "narrow", *change) == 2
    printed = capsys.readouterr().err
    assert f"the run in 'runs/ablate/tiny/narrow-seed0' is of another {named}" in printed
    assert trained == ["narrow-seed0"]


@pytest.mark.parametrize(
    "classes",
    [("void", "air", "floor", "items"), ("void", "sky", "ground", "things", "unseen")],
    ids=["other names", "one more"],
)
def test_results_in_other_classes_of_the_same_masks_are_refused(
    trained: list[str], classes: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, named = street_folder(Path("photos"), count=5), Path("photos/classes.yaml")
    named.write_text("classes: [void, sky, ground, things]\n")
    command = ["ablate", "tiny", "--recipe", "tiny", "--data", str(folder), "--only", "narrow"]
    assert mfpnet(*command, "--json", "record.json") == 0
    capsys.readouterr()
    named.write_text(f"classes: [{', '.join(classes)}]\n")
    assert mfpnet(*command, "--json", "record.json") == 2
    assert "is of another training data and evaluation data" in flat_error(capsys)
    assert mfpnet(*command) == 2
    assert "the run in 'runs/ablate/tiny/narrow-seed0' is of another training" in flat_error(capsys)
    assert trained == ["narrow-seed0"]


def test_the_void_label_is_part_of_the_version_of_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path, [areas(2, seed).astype(np.uint8) for seed in range(3)])

    def version(void: int) -> str:
        (tmp_path / "classes.yaml").write_text(f"classes: [a, b]\nignore_index: {void}\n")
        dataset = open_dataset(DataSource("folder", "all", str(tmp_path)))
        assert dataset.labels.ignore_index == void
        return data_version(dataset, own_classes=True)

    assert version(255) != version(200)


def test_a_changed_network_under_an_old_name_is_detected(
    trained: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    monkeypatch.setitem(VARIANTS, "narrow", WIDE)
    monkeypatch.setitem(SUITES, "tiny", {"narrow": WIDE})
    assert mfpnet(*ABLATE, "--only", "narrow") == 2
    assert "is of another network" in capsys.readouterr().err
    monkeypatch.setitem(SUITES, "tiny", {"narrow": WIDE, "wide": WIDE})
    assert mfpnet(*ABLATE, "--only", "wide") == 2
    assert "narrow, seed 0, in 'record.json' is of another network" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"miou": 1}', '{"cells": [{}]}', "[]"])
def test_a_record_of_something_else_is_left_alone(
    trained: list[str], capsys: pytest.CaptureFixture[str], text: str
) -> None:
    Path("record.json").write_text(text)
    assert mfpnet(*ABLATE) == 2
    assert "'record.json' is there and holds no comparison" in capsys.readouterr().err
    assert Path("record.json").read_text() == text
    assert trained == []


def test_names_are_looked_up_before_anything_is_trained(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, named in (
        (["ablate", "komponents"], "unknown suite 'komponents'. Did you mean 'components'"),
        ([*PARTS, "--only", "flaat"], "unknown network of suite parts 'flaat'"),
        ([*ABLATE, "--seeds"], "--seeds"),
        ([*ABLATE, "--with", "wide"], "--with is 'wide': write package.module:factory."),
        ([*ABLATE, "--quick"], "--quick settles data and recipe"),
        ([*ABLATE, "--picture", "chart.bmpx"], "chart.bmpx"),
    ):
        assert mfpnet(*arguments) == 2
        assert named in " ".join(capsys.readouterr().err.split())
    assert trained == []


def test_networks_of_others_are_compared_too(
    trained: list[str], monkeypatch: pytest.MonkeyPatch
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


def test_costs_are_measured_in_openvino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation_costs, "LATENCY_SIZE", (64, 64))
    run = ablation_costs.openvino_runner("narrow", MFPNet(NARROW), 1, tmp_path)
    assert interleaved_medians({"narrow": run}, rounds=1)["narrow"] > 0


def test_another_pixel_is_another_version_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = SyntheticStreets("train", count=2, size=(64, 64))
    version = data_version(scenes)
    assert version == data_version(SyntheticStreets("train", count=2, size=(64, 64)))
    load = scenes.load

    def touched(index: int) -> tuple[Any, Any]:
        image, target = load(index)
        image = image.copy()
        image[0, 0, 0] ^= 1
        return image, target

    monkeypatch.setattr(scenes, "load", touched)
    assert data_version(scenes) != version


def cell(variant: str, seed: int, miou: float) -> dict[str, Any]:
    scores = {"miou": miou, "train_miou": miou + 0.1, "iou_per_class": {}, "seconds": 1.0}
    return {"variant": variant, "seed": seed, **scores}


def test_differences_by_hand() -> None:
    cells = [cell("base", 1, 0.52), cell("base", 0, 0.50), cell("base", 2, 0.54)]
    cells += [cell("base-near", 0, 0.55), cell("base-far", 0, 0.47), cell("base-far", 1, 0.49)]
    names = ("base", "base-near", "base-far")
    rows = compared([row_of(name, cells) for name in names], "base")
    base, near, far = rows
    assert (base["miou_per_seed"], base["seeds"]) == ([0.50, 0.52, 0.54], [0, 1, 2])
    assert base["spread"] == pytest.approx(0.02)
    assert near["difference"] == pytest.approx(0.03)
    assert near["spread"] is None
    assert (near["resolved"], far["resolved"]) == (False, True)
    assert far["difference"] == pytest.approx(-0.04)


def test_one_run_of_the_baseline_resolves_nothing() -> None:
    rows = [row_of(name, [cell(name, 0, miou)]) for name, miou in (("a", 0.1), ("b", 0.9))]
    assert [row["resolved"] for row in compared(rows, "a")] == [None, False]
    assert [row["difference"] for row in compared(rows, None)] == [None, None]


def test_records_of_different_recipes_are_not_joined() -> None:
    one: dict[str, Any] = {"suite": "depth", "recipe": {"epochs": 1}, "data": 1, "evaluate_on": 2}
    one["cells"] = [{"identity": {"recipe": "r", "training data": "t", "evaluation data": "e"}}]
    one["rows"] = [{"variant": "a", "seeds": [0, 1]}]
    rows = [{"variant": "a", "seeds": [0]}, {"variant": "b", "seeds": [0]}]
    other = one | {"suite": "graph", "rows": rows}
    assert joined_rows([one, other]) == [one["rows"][0], rows[1]]
    assert joined_rows([other, one]) == [one["rows"][0], rows[1]]
    with pytest.raises(MfpnetError, match="depth, graph have different values of recipe"):
        joined_rows([one, other | {"recipe": {"epochs": 2}}])
    changed = [{"identity": one["cells"][0]["identity"] | {"training data": "u"}}]
    with pytest.raises(MfpnetError, match="depth, graph come from different versions of training"):
        joined_rows([one, other | {"cells": changed}])


def test_what_is_not_resolved_is_drawn_pale(tmp_path: Path) -> None:
    cells = [cell("base", seed, 0.5 + seed / 50) for seed in range(3)]
    cells += [cell("base-near", 0, 0.53), cell("base-far", 0, 0.2)]
    rows = compared([row_of(n, cells) for n in ("base", "base-near", "base-far")], "base")
    differences(rows, "base", tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text("utf-8")
    for name in ("near", "far", "mIoU less that of base, 52.0 %, in points"):
        assert f"<!-- {name} -->" in text


def test_suites_share_the_runs_of_their_baseline(trained: list[str]) -> None:
    assert mfpnet(*PARTS, "--only", "narrow") == 0
    assert mfpnet(*ABLATE[:-1], "other.json", "--seeds", "0", "1") == 0
    assert trained == [*(f"narrow-seed{seed}" for seed in range(3)), "wide-seed0", "wide-seed1"]


def test_a_network_that_has_two_names_is_trained_once(
    trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ABLATIONS, "twins", {"level": ABLATIONS["parts"]["flat"]})
    once = ["--baseline-seeds", "0"]
    assert mfpnet(*PARTS, *once) == 0
    first = record()["rows"][1]
    twins = ["ablate", "twins", *PARTS[2:-1], "twins.json", *once]
    assert mfpnet(*twins) == 0
    assert trained == ["narrow-seed0", "narrow-flat-seed0"]
    second = json.loads(Path("twins.json").read_text("utf-8"))["rows"][1]
    assert (first["variant"], second["variant"]) == ("narrow-flat", "narrow-level")
    assert first["miou_per_seed"] == second["miou_per_seed"]


def test_a_record_of_another_suite_is_refused(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet(*ABLATE, "--only", "narrow") == 0
    assert mfpnet(*PARTS) == 2
    found = " ".join(capsys.readouterr().err.split())
    assert "'record.json' is of suite tiny and baseline None, not of parts and narrow" in found


def test_defaults_stay_what_they_were() -> None:
    """A cell's hash leaves defaults out: one that changed would pass an old result for a new one.

    A new setting may have a default that changes nothing, and need not be listed here.
    """
    found = {**dataclasses.asdict(MFPNetConfig()), **dataclasses.asdict(TINY)}
    assert {name: found[name] for name in DEFAULTS} == DEFAULTS


def test_threads_do_not_decide_what_is_learnt() -> None:
    """Somebody else's network learns from whole batches: so does everybody whom it meets."""
    data = DataSource("synthetic", "train")
    comparison = Comparison("variants", "", "tiny", TINY, data, data, threads=4)
    rows = [Row(name, name) for name in ("mfpnet_fast", "toys:net")]
    assert [config.parts for _, config in planned_runs(comparison, rows)] == [1, 1]


RECIPE = ["ablate", "recipe", *PARTS[2:]]


def test_parts_of_a_recipe_are_compared(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One network, trained with a part and without it: the run has the changed recipe."""
    few = ("--only", "with-lovasz", "without-flip", "--baseline-seeds", "0", "1")
    assert mfpnet(*RECIPE, *few) == 0
    runs = ["narrow-seed0", "narrow-with-lovasz-seed0", "narrow-without-flip-seed0", "narrow-seed1"]
    assert trained == runs
    base, lovasz, flip = record()["rows"]
    assert base["parameters"] == lovasz["parameters"] == flip["parameters"]
    assert lovasz["difference"] == pytest.approx(lovasz["miou"] - base["miou"])
    changes: list[dict[str, Any]] = [{}, {"lovasz": 0.5}, {"flip": False}, {}]
    for run, changed in zip(runs, changes, strict=True):
        config = read_config(Path("runs/ablate/tiny") / run / CONFIG_FILE)
        assert config.recipe == dataclasses.replace(TINY, **changed)
        assert config.variant == "narrow"
    assert "on train %" in capsys.readouterr().out
    shutil.rmtree("runs")
    assert mfpnet(*RECIPE, *few) == 0
    assert len(trained) == 4


def test_a_part_of_another_recipe_is_not_taken_for_it(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    once = ("--baseline-seeds", "0", "--only")
    assert mfpnet(*RECIPE, *once, "with-noise") == 0
    assert mfpnet(*RECIPE, *once, "without-noise", "--set", "noise=0.1") == 2
    assert "narrow, seed 0, in 'record.json' is of another recipe" in flat_error(capsys)
    assert mfpnet(*RECIPE, *once, "without-noise") == 2
    assert "Did you mean 'narrow-with-noise'" in flat_error(capsys)
    assert mfpnet(*RECIPE, "--with", "toys:net") == 2
    assert "leave out --with" in flat_error(capsys)
    assert trained == ["narrow-seed0", "narrow-with-noise-seed0"]


def flat_error(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_networks_of_an_ablation_can_be_called_by_what_they_change() -> None:
    data = DataSource("synthetic", "train")

    def rows(*only: str) -> list[str]:
        comparison = Comparison("components", "mfpnet", "tiny", TINY, data, data, only=only)
        return [row.name for row in planned_rows(comparison)]

    assert rows("without-sgcn") == ["mfpnet", "mfpnet-without-sgcn"]
    assert rows("mfpnet-without-aspp", "mfpnet") == ["mfpnet", "mfpnet-without-aspp"]
    with pytest.raises(MfpnetError, match=r"'without-sgnc'.*Did you mean"):
        rows("without-sgnc")
    with pytest.raises(MfpnetError, match="twice"):
        rows("without-sgcn", "mfpnet-without-sgcn")


@pytest.mark.parametrize("recipe", RECIPES.values())
def test_each_part_is_switched_on_or_off(recipe: Recipe) -> None:
    changes = recipe_changes(recipe)
    assert len(changes) == len(PARTS_OF_RECIPES)
    for name, change in changes.items():
        ((field, value),) = change.items()
        assert getattr(recipe, field) != value
        back = recipe_changes(dataclasses.replace(recipe, **change))
        other = {"with": "without", "without": "with"}
        word, _, part = name.partition("-")
        assert f"{other[word]}-{part}" in back
