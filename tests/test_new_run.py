from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from folders import street_folder
from mfpnet.checkpoint import read_info
from mfpnet.cli import main
from mfpnet.errors import MfpnetError
from mfpnet.folders.plans import plan_of
from mfpnet.folders.recommend import RECOMMENDED
from mfpnet.options.data import DataChoice
from mfpnet.options.verbs import TrainOptions
from mfpnet.training.new_run import new_run, run_name
from mfpnet.training.runs import read_config
from mfpnet.training.setups import check_calibration

FEW = ("--epochs", "1", "--crop-size", "64x64", "--threads", "1", "--device", "cpu")


def mfpnet(*arguments: str) -> None:
    """Run the program; anything but success fails the test."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `farm`, and a run of one epoch in `run`."""
    place = tmp_path_factory.mktemp("own")
    street_folder(place / "farm")
    mfpnet("train", "--data", str(place / "farm"), *FEW, "--out", str(place / "run"))
    return place


def options(place: Path, **given: object) -> TrainOptions:
    return TrainOptions(DataChoice(data=str(place / "farm")), **given)  # type: ignore[arg-type]


def test_a_run_keeps_the_classes_and_the_split_that_it_found(place: Path) -> None:
    plan = plan_of(place / "farm", place / "run" / "data")
    assert plan.labels.classes == ("class 0", "class 1", "class 2", "class 3")
    assert {split: len(pairs) for split, pairs in plan.parts.items()} == {"train": 8, "val": 2}
    config = read_config(place / "run" / "config.yaml")
    assert config.recipe_name == RECOMMENDED
    assert config.variant == "mfpnet_fast"
    assert config.evaluate_on is not None
    assert (config.data.split, config.evaluate_on.split) == ("train", "val")
    result = json.loads((place / "run" / "result.json").read_text())
    assert result["evaluation"]["frames"] == 2
    assert str(place) not in json.dumps(result)


def test_the_card_has_the_folders_name(place: Path) -> None:
    info = json.loads((place / "run" / "result.json").read_text())
    assert info["evaluation"]["data"] == "farm"


def test_weights_are_scored_as_they_were_trained(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default on val of the same split, with the run's classes; a moved run knows them too."""
    monkeypatch.chdir(place)
    shutil.copytree("run", tmp_path / "moved")
    for run in ("run", str(tmp_path / "moved"), "run/weights.safetensors"):
        record = tmp_path / "scores.json"
        mfpnet("evaluate", run, "--data", "farm", "--device", "cpu", "--json", str(record))
        trained = json.loads(Path("run/result.json").read_text())["evaluation"]
        assert json.loads(record.read_text())["confusion_matrix"] == trained["confusion_matrix"]


def test_another_folder_is_read_with_the_classes_of_the_run(place: Path, tmp_path: Path) -> None:
    """The other one lacks a class, so that its own proposal would be another."""
    other = street_folder(tmp_path / "other", count=2, split="test")
    (tmp_path / "other" / "test.txt").write_text("street0\n")
    (tmp_path / "other" / "train.txt").write_text("street1\n")
    record = tmp_path / "scores.json"
    run = ("evaluate", str(place / "run"), "--data", str(other), "--device", "cpu")
    mfpnet(*run, "--json", str(record))
    scores = json.loads(record.read_text())
    assert (scores["data"], scores["split"], scores["frames"]) == ("other", "test", 1)
    assert list(scores["iou_per_class"]) == ["class 0", "class 1", "class 2", "class 3"]


def test_a_run_goes_on_where_its_folder_has_been_moved(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "moved")
    mfpnet("train", "--resume", str(tmp_path / "moved"))


def test_names_of_classes_come_from_the_folder(place: Path, tmp_path: Path) -> None:
    farm = shutil.copytree(place / "farm", tmp_path / "farm")
    (farm / "classes.yaml").write_text("classes: [rest, sky, ground, things]\nignore: [255]\n")
    config = new_run(options(tmp_path, epochs=1), tmp_path / "run", lambda _: None)
    assert config.data.plan == str(tmp_path / "run" / "data")
    assert "ground" in (tmp_path / "run" / "data" / "classes.yaml").read_text()


def test_time_decides_on_the_epochs(place: Path, tmp_path: Path) -> None:
    told: list[str] = []
    given = options(place, minutes=0.02, crop_size="32x32", threads=1, device="cpu")
    config = new_run(given, tmp_path / "run", told.append)
    assert config.recipe.epochs >= 1
    assert f"{config.recipe.epochs} epochs of 8 frames fit into 0.02 minutes" in told[-1]


@pytest.mark.parametrize("given", [{"epochs": 10}, {"set": ("epochs=10",)}])
def test_warm_up_and_average_fit_the_epochs_that_were_asked_for(
    given: dict[str, object], place: Path, tmp_path: Path
) -> None:
    recipe = new_run(options(place, **given), tmp_path / "run", lambda _: None).recipe
    assert (recipe.epochs, recipe.warmup_epochs, recipe.ema) == (10, 0.5, 0.9)


def test_what_was_said_of_them_holds_whatever_the_time(place: Path, tmp_path: Path) -> None:
    asked = ("ema=0.5", "warmup_epochs=0.25")
    given = options(place, minutes=0.02, crop_size="32x32", device="cpu", set=asked)
    recipe = new_run(given, tmp_path / "run", lambda _: None).recipe
    assert (recipe.ema, recipe.warmup_epochs) == (0.5, 0.25)
    given = replace(given, set=("epochs=3",))
    with pytest.raises(MfpnetError, match="--minutes and --epochs both"):
        new_run(given, tmp_path / "other", lambda _: None)


def test_a_recipe_without_an_average_gets_none_from_a_time(place: Path, tmp_path: Path) -> None:
    given = options(place, minutes=0.02, recipe="camvid", crop_size="32x32", device="cpu")
    recipe = new_run(given, tmp_path / "run", lambda _: None).recipe
    assert (recipe.ema, recipe.warmup_epochs) == (0, 0)


def test_extra_frames_take_their_time_too(place: Path, tmp_path: Path) -> None:
    street_folder(tmp_path / "more", count=5, split="val")
    told: list[str] = []
    more = (f"folder:all={tmp_path / 'more'}",)
    given = options(place, minutes=0.02, extra=more, crop_size="32x32", threads=1, device="cpu")
    new_run(given, tmp_path / "run", told.append)
    assert "epochs of 13 frames fit into" in told[-1]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"init": "no_such"}, "unknown weights 'no_such'"),
        ({"split": "tets"}, "unknown split 'tets'"),
        ({"minutes": 1.0, "epochs": 3}, "--minutes and --epochs both"),
        ({"minutes": -1.0}, "--minutes is -1: give a number above 0"),
        ({"frames": 9}, "--frames is 9: farm train has 8 frames"),
        ({"freeze": "encoder"}, "give --init too"),
    ],
)
def test_nothing_is_left_of_a_run_that_cannot_begin(
    given: dict[str, object], complaint: str, place: Path, tmp_path: Path
) -> None:
    with pytest.raises(MfpnetError, match=complaint):
        new_run(options(place, **given), tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run").exists()


def test_another_run_is_not_written_over(place: Path) -> None:
    plan = (place / "run" / "data" / "train.txt").read_bytes()
    with pytest.raises(
        MfpnetError, match=r"holds a run already: continue it with mfpnet train --resume"
    ):
        new_run(options(place, split="val", epochs=1), place / "run", lambda _: None)
    assert (place / "run" / "data" / "train.txt").read_bytes() == plan


@pytest.mark.parametrize("init", [None, "no_such"])
def test_pictures_in_the_place_of_the_plan_are_left_alone(init: str | None, tmp_path: Path) -> None:
    """`--data work/data --out work`: a run keeps its plan in `data`."""
    data = street_folder(tmp_path / "work" / "data")
    there = sorted(path for path in data.rglob("*"))
    given = TrainOptions(DataChoice(data=str(data)), epochs=1, init=init)
    with pytest.raises(MfpnetError, match="holds 'images', and a run keeps the plan"):
        new_run(given, tmp_path / "work", lambda _: None)
    assert sorted(path for path in data.rglob("*")) == there


def test_lists_in_the_place_of_the_plan_are_left_alone(place: Path, tmp_path: Path) -> None:
    """They could be a plan; but no run has been there."""
    (tmp_path / "work" / "data").mkdir(parents=True)
    mine = tmp_path / "work" / "data" / "train.txt"
    mine.write_text("mine\n")
    with pytest.raises(MfpnetError, match=r"holds 'train\.txt', and a run keeps the plan"):
        new_run(options(place, epochs=1), tmp_path / "work", lambda _: None)
    assert mine.read_text() == "mine\n"
    (tmp_path / "work" / "config.yaml").touch()  # of a run that came to no checkpoint
    new_run(options(place, epochs=1), tmp_path / "work", lambda _: None)
    assert mine.read_text() != "mine\n"


def test_a_run_from_a_config_has_a_plan_of_its_own(place: Path, tmp_path: Path) -> None:
    given = TrainOptions(config=place / "run" / "config.yaml")
    config = new_run(given, tmp_path / "again", lambda _: None)
    assert config.data.plan == str(tmp_path / "again" / "data")
    for name in ("train.txt", "val.txt", "classes.yaml"):
        copy = tmp_path / "again" / "data" / name
        assert copy.read_bytes() == (place / "run" / "data" / name).read_bytes()


def test_a_plan_that_is_not_there_is_not_replaced_in_silence(place: Path, tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"holds no plan: it has no classes\.yaml"):
        plan_of(place / "farm", tmp_path / "gone")


def test_a_run_is_called_after_network_and_folder(place: Path) -> None:
    assert run_name(options(place)) == "mfpnet_fast-farm"
    assert run_name(options(place, variant="mfpnet")) == "mfpnet-farm"
    assert run_name(TrainOptions()) == "mfpnet-synthetic"


def test_a_folder_called_as_a_data_set_has_none_of_its_licence(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "farm", tmp_path / "synthetic")
    mfpnet("train", "--data", str(tmp_path / "synthetic"), *FEW, "--out", str(tmp_path / "run"))
    info = read_info(tmp_path / "run")
    assert info.data == "folder synthetic"
    assert info.licence == "that of the training data"
    with pytest.raises(MfpnetError, match="trained on synthetic, not on"):
        check_calibration("synthetic", DataChoice(data=str(tmp_path / "synthetic")))
    check_calibration(info.data, DataChoice(data=str(tmp_path / "synthetic")))


def test_a_broken_file_names_the_check_that_lists_all(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "my farm"
    shutil.copytree(place / "farm", root)
    plan_of(root).parts["train"][0].image.write_bytes(b"no picture")
    with pytest.raises(SystemExit) as ended:
        main(("train", "--data", str(root), *FEW, "--out", str(tmp_path / "run")))
    assert ended.value.code == 2
    assert f"run: mfpnet data check --data '{root}'" in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "run").exists()
