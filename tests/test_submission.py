"""From a tree of Cityscapes' form to a submission, through the command line."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import PIL.Image
import pytest

from cityscapes_tree import SIZE, write_tree
from mfpnet.checkpoint import save_weights
from mfpnet.cli import main
from mfpnet.data.cityscapes import Cityscapes
from mfpnet.data.cityscapes_labels import CITYSCAPES
from mfpnet.errors import MfpnetError
from mfpnet.evaluating.submission import submission, submittable
from samples import INFO, small_and_fast, tiny_network

TINY = (
    *("train", "--variant", "tiny", "--recipe", "cityscapes", "--epochs", "1", "--threads", "1"),
    *("--batch-size", "2", "--crop-size", "64x96"),
)


def mfpnet(*arguments: object) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("cityscapes"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random ones that know Cityscapes' classes."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    info = dataclasses.replace(
        INFO, classes=CITYSCAPES.classes, palette=CITYSCAPES.palette, ignore_index=255
    )
    with small_and_fast():
        save_weights(path, tiny_network(num_classes=19), info)
    return path


def pictures_in(path: Path) -> dict[str, PIL.Image.Image]:
    with ZipFile(path) as archive:
        names = archive.namelist()
        return {name: PIL.Image.open(io.BytesIO(archive.read(name))) for name in names}


def test_from_training_to_the_submission(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = tmp_path / "run", ("--data", "cityscapes", "--root", tree)
    with small_and_fast():
        assert mfpnet(*TINY, *data, "--evaluate-split", "val", "--out", run) == 0
        scored = (run, *data, "--split", "val", "--submit", tmp_path / "val.zip")
        assert mfpnet("evaluate", *scored, "--json", tmp_path / "val.json") == 0
        given = (run, *data, "--split", "test", "--submit", tmp_path / "test.zip")
        capsys.readouterr()
        assert mfpnet("evaluate", *given, "--json", tmp_path / "test.json") == 0
    said = capsys.readouterr()
    assert "cityscapes test has no public labels, so nothing was scored" in said.out
    assert "frames of 64x128; the server takes 1024x2048" in said.err
    record = json.loads((tmp_path / "val.json").read_text())
    assert record["data"] == "cityscapes"
    assert record["frames"] == 4
    assert "miou" not in json.loads((tmp_path / "test.json").read_text())
    assert set(pictures_in(tmp_path / "test.zip")) == {
        "berlin_000000_000000_pred.png",
        "berlin_000000_000001_pred.png",
    }
    ids = [row for row in range(34) if row in set(_ids_of_classes())]
    for picture in pictures_in(tmp_path / "val.zip").values():
        assert picture.mode == "L"
        assert picture.size == (SIZE[1], SIZE[0])
        assert set(np.unique(np.array(picture)).tolist()) <= set(ids)


def _ids_of_classes() -> list[int]:
    return [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]


def test_a_frame_is_written_as_label_ids(tree: Path, tmp_path: Path) -> None:
    data = Cityscapes(tree, "test")
    labels = np.arange(19, dtype=np.uint8).reshape(1, 19)
    for path in (tmp_path / "a.zip", tmp_path / "b.zip"):
        with submission(path, data) as add:
            add(0, labels)
    written = pictures_in(tmp_path / "a.zip")["berlin_000000_000000_pred.png"]
    assert np.array(written).ravel().tolist() == _ids_of_classes()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_broken_submission_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    data = Cityscapes(tree, "test")
    with (
        pytest.raises(MfpnetError, match="19 is no train id"),
        submission(tmp_path / "a.zip", data) as add,
    ):
        add(0, np.full((2, 2), 19, dtype=np.uint8))
    assert not list(tmp_path.iterdir())


def test_only_the_whole_of_val_and_test_is_taken(tree: Path) -> None:
    for split in ("train", "val/lindau", "train+val"):
        with pytest.raises(MfpnetError, match=r"every frame of val or of test.*give --split val"):
            submittable(Cityscapes(tree, split))


def test_refusals_come_before_any_work(
    tree: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", "cityscapes", "--root", tree, "--split", "test")
    cases = {
        ("--submit", tmp_path / "out.tar"): "give a name that ends in .zip",
        ("--submit", tmp_path / "o.zip", "--maps", tmp_path / "m.png"): "--maps needs targets",
        ("--submit", tmp_path / "o.zip", "--data", "synthetic"): "--submit is for Cityscapes' own",
        (): "cityscapes test has no public labels",
    }
    for given, expected in cases.items():
        beside = data if "synthetic" not in given else ("--split", "val")
        with small_and_fast():
            assert mfpnet("evaluate", weights, *beside, *given) == 2
        assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_other_classes_are_refused(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--split", "test", "--submit", tmp_path / "o.zip")
    data = ("--data", "cityscapes", "--root", tree)
    assert mfpnet("evaluate", "mfpnet_fast_camvid", *data, *given) == 2
    assert "know 11 classes" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_trained_on_test(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_and_fast():
        assert mfpnet(*TINY, "--data", "cityscapes", "--root", tree, "--split", "test") == 2
    assert "cityscapes test has no public labels" in capsys.readouterr().err
