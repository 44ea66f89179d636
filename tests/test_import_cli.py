"""`mfpnet data import` on the command line, and what follows it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from coco_samples import SQUARE, annotation, coco, write_coco, write_picture
from mfpnet.cli import main, parse
from mfpnet.options.importing import ImportOptions

NAMES = tuple(f"p{index}.png" for index in range(6))
OUTSIDE = [[90.0, 90.0, 99.0, 90.0, 99.0, 99.0]]
WIDE = [[-9.0, 2.0, 20.0, 2.0, 20.0, 20.0]]


def mfpnet(*arguments: object) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six pictures, some of whose objects are not as they should be."""
    fine = [annotation(n, image=n, segmentation=[SQUARE]) for n in range(1, 7)]
    off = [
        annotation(11, segmentation=OUTSIDE),
        annotation(12, image=2, segmentation=OUTSIDE),
        annotation(13, category=7, segmentation=[[1, 1, math.nan, 1, 9, 9]]),
        annotation(14, category=7, segmentation=WIDE),
    ]
    return write_coco(tmp_path / "labels.json", coco([*fine, *off], NAMES), NAMES)


def test_an_import_says_what_it_did_and_what_comes_next(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, record = tmp_path / "out", tmp_path / "record.json"
    assert mfpnet("data", "import", "coco", source, out, "--json", record) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"6 pictures, 7 objects, 3 classes are in {out}",
        "classes: background, cat, dog",
        f"next: mfpnet data check --data {out}",
        f"      mfpnet train --data {out}",
    ]
    assert said.err.splitlines() == [
        "3 things skipped:",
        "  2 x polygon outside its picture: labels.json annotation 11; labels.json annotation 12",
        "  1 x a polygon has NaN, an infinity or a coordinate beyond 100000: labels.json annotation"
        " 13",
        "1 thing not quite as in the source:",
        "  1 x polygon reached out of its picture: clipped: labels.json annotation 14",
    ]
    told = json.loads(record.read_text())
    assert (told["format"], told["objects"], told["folder"]) == ("coco", 7, str(out))
    assert mfpnet("data", "check", "--data", out) == 0


def test_what_was_imported_trains_as_it_is(tmp_path: Path) -> None:
    source, size = tmp_path / "in", (64, 96)
    for split, names in {"train": NAMES, "valid": ("v0.png", "v1.png")}.items():
        content = coco([annotation(n, image=n) for n in range(1, len(names) + 1)], names)
        for image in content["images"]:
            image["height"], image["width"] = size
            write_picture(source / split / image["file_name"], size)
        write_coco(source / split / "_annotations.coco.json", content, ())
    out, run = tmp_path / "out", tmp_path / "run"
    assert mfpnet("data", "import", "coco", source, out) == 0
    few = ("--variant", "mfpnet_fast", "--epochs", 1, "--batch-size", 2, "--crop-size", "64x64")
    assert mfpnet("train", "--data", out, *few, "--threads", 1, "--out", run) == 0
    assert (run / "weights.safetensors").is_file()


def test_the_commands_of_the_page_are_understood() -> None:
    page = (Path(__file__).parents[1] / "docs" / "import.md").read_text("utf-8")
    commands = re.findall(r"mfpnet (data import [a-z0-9]+ .+?)(?:`|$)", page, re.MULTILINE)
    assert len(commands) == 7
    for command in commands:
        assert isinstance(parse(command.split()).action, ImportOptions)


def test_a_refusal_leaves_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p3.png").unlink()
    before = sorted(tmp_path.iterdir())
    assert mfpnet("data", "import", "coco", source, tmp_path / "out") == 2
    assert "p3.png" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
