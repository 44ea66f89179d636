"""COCO files that are not as they should be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from coco_samples import (
    SIZE,
    annotation,
    coco,
    imported,
    mask_of,
    write_coco,
    write_picture,
)
from mfpnet.errors import MfpnetError

BOX = (slice(2, 8), slice(2, 10))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the COCO file goes."""
    return tmp_path / "labels.json"


BAD = [
    ({"segmentation": [[2, 2, 10, 2, math.nan, 8]]}, "NaN"),
    ({"segmentation": [[2, 2, 10, 2, math.inf, 8]]}, "infinity"),
    ({"segmentation": [[2, 2, 10, 2, 8]]}, "odd number"),
    ({"segmentation": [[2, 2, 10, 2]]}, "fewer than three"),
    ({"segmentation": [[2, 2, 10, 2, "8", 8]]}, "no number"),
    ({"segmentation": [[200, 200, 220, 200, 220, 220]]}, "outside its picture"),
    ({"segmentation": [[2, 2, 2, 2, 2, 2]]}, "covers no pixel"),
    ({"segmentation": []}, "without a segmentation"),
    ({"segmentation": 5}, "without a segmentation"),
    ({"segmentation": {"size": [1, 1], "counts": [1]}}, "run lengths that cannot be read"),
    ({"segmentation": {"size": list(SIZE), "counts": [768]}}, "cover no pixel"),
    ({"category_id": 2}, "unknown category, 2"),
    ({"category_id": [1]}, "unknown category"),
    ({"image_id": 9}, "not listed"),
    ({"image_id": [1]}, "not listed"),
]


@pytest.mark.parametrize(("change", "reason"), BAD)
def test_what_is_wrong_with_one_object_is_said_and_the_rest_goes_on(
    file: Path, change: dict[str, Any], reason: str
) -> None:
    content = coco([annotation(1), annotation(42, **{"category": 1, **change})])
    content["annotations"][1] = {**annotation(42), **change}
    record = imported(write_coco(file, content))
    (skipped,) = record["skipped"]
    assert reason in skipped["reason"]
    assert skipped["count"] == 1
    assert skipped["places"][0].startswith("labels.json annotation 42")
    assert record["objects"] == 1
    assert (mask_of(file)[BOX] == 1).all()


def test_a_polygon_that_reaches_out_is_clipped_and_counted(file: Path) -> None:
    wide = [[-20.0, 2.0, 100.0, 2.0, 100.0, 8.0, -20.0, 8.0]]
    record = imported(write_coco(file, coco([annotation(5, segmentation=wide)])))
    assert record["changed"][0]["places"] == ["labels.json annotation 5"]
    assert (mask_of(file)[2:8] == 1).all()
    assert int((mask_of(file) == 1).sum()) == 6 * SIZE[1]


def test_missing_pictures_stop_the_import_unless_they_may_be_skipped(file: Path) -> None:
    content = coco([annotation(1)], ("a.png", "gone.png", "lost.png"))
    write_coco(file, content)
    with pytest.raises(MfpnetError, match=r"(?s)2 of 3 pictures.*gone\.png.*--skip-missing"):
        imported(file)
    assert sorted(path.name for path in file.parent.iterdir()) == ["a.png", "labels.json"]
    record = imported(file, skip_missing=True)
    assert record["pictures"] == 1
    assert record["absent"][0]["count"] == 2


def test_pictures_of_another_size_or_broken_or_twice_count_as_missing(file: Path) -> None:
    names = ("a.png", "big.png", "broken.png", "a.png")
    write_coco(file, coco([annotation(1)], names), ())
    write_picture(file.parent / "a.png")
    write_picture(file.parent / "big.png", (48, 64))
    (file.parent / "broken.png").write_bytes(b"nothing")
    with pytest.raises(MfpnetError, match="3 of 4") as caught:
        imported(file)
    for text in ("48x64, labels 24x32", "unreadable", "listed twice"):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/passwd", "x/../../a.png", "C:\\a.png", "..\\a.png", "", 7, None]
)
def test_paths_out_of_the_folder_are_refused(file: Path, name: object) -> None:
    content = coco([annotation(1)])
    content["images"][0]["file_name"] = name
    with pytest.raises(MfpnetError, match=r"image 1 names"):
        imported(write_coco(file, content))
    assert not (file.parent / "out").exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[{}]", "detection results"),
        (b"7", "holds no object"),
        (b"{}", "no list 'images'"),
        (b'{"images": [], "categories": []}', "test pictures"),
        (b'{"shapes": [], "imagePath": "x"}', "LabelMe"),
        (b'{"images": [], "annotations": [], "categories": []}', "no class at all|no picture"),
        (
            b'{"images": [{"id": 1}], "annotations": [{"segments_info": []}], "categories": []}',
            "panoptic",
        ),
        (
            b'{"images": [{"id": 1}], "annotations": [{"bbox": [1]}], "categories": []}',
            "none of its 1 annotations has a segmentation",
        ),
        (b'{"images": [{}], "annotations": [], "categories": []}', "no id"),
        (b'{"images": [], "annotations": [], "categories": [{"id": "a"}]}', "whole number"),
    ],
)
def test_other_files_are_recognised(file: Path, content: bytes, text: str) -> None:
    file.write_bytes(content)
    with pytest.raises(MfpnetError, match=text):
        imported(file, background="ignore")


def test_a_broken_file_among_others_is_no_lost_split(tmp_path: Path) -> None:
    write_coco(tmp_path / "in" / "val.json", coco([annotation(1)]))
    (tmp_path / "in" / "train.json").write_text('{"images": [')
    with pytest.raises(MfpnetError, match=r"train\.json' is not valid JSON"):
        imported(tmp_path / "in")


def test_folders_without_a_coco_file_say_so(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"There is no \.json"):
        imported(tmp_path)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(MfpnetError, match="detection results"):
        imported(tmp_path)
    with pytest.raises(MfpnetError, match="no file or folder"):
        imported(tmp_path / "none")
