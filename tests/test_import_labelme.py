"""LabelMe files as folders to train on."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from coco_samples import SIZE, write_picture
from mfpnet.errors import MfpnetError
from mfpnet.folders.folder import Folder
from mfpnet.importers.importing import import_labels
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import read_labels

BOX = [[2, 2], [10, 2], [10, 8], [2, 8]]


def shape(
    label: str, points: object = BOX, kind: object = "polygon", **more: Any
) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


def write_labels(path: Path, shapes: list[Any], image: str | None = None, **more: Any) -> Path:
    """A LabelMe file with its picture beside it, unless it says where the picture is."""
    name = image or f"{path.stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = SIZE
    values = {"shapes": shapes, "imagePath": name, "imageData": None}
    path.write_text(json.dumps({**values, "imageHeight": height, "imageWidth": width, **more}))
    if image is None:
        write_picture(path.parent / name)
    return path


def imported(source: Path, **options: Any) -> dict[str, Any]:
    return import_labels(ImportOptions("labelme", source, source.parent / "out", **options))


def mask_of(source: Path, name: str = "a") -> np.ndarray[Any, Any]:
    return read_labels(source.parent / "out" / "masks" / f"{name}.png")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "in"


def test_shapes_become_a_folder_that_trains(source: Path) -> None:
    write_labels(
        source / "a.json", [shape("tree"), shape("car", [[12, 12], [20, 20]], "rectangle")]
    )
    write_labels(source / "drive" / "b.json", [shape("car", group_id=1), shape("bus", group_id=1)])
    record = imported(source)
    assert record["classes"] == ["background", "bus", "car", "tree"]
    assert (record["pictures"], record["objects"]) == (2, 4)
    mask = mask_of(source)
    assert (mask[2:8, 2:10] == 3).all()
    assert (mask[12:20, 12:20] == 2).all()
    assert int((mask == 0).sum()) == mask.size - 48 - 64
    assert (mask_of(source, "drive/b")[2:8, 2:10] == 1).all()  # the later shape lies on top
    assert len(Folder(source.parent / "out", "all")) == 2


@pytest.mark.parametrize("form", ["annotations/{}", "{}/labels", "gt/{}/images"])
def test_folders_of_the_source_may_be_called_like_ours(source: Path, form: str) -> None:
    for day in ("day1", "day2"):
        write_labels(source / form.format(day) / "a.json", [shape("car")])
    assert imported(source)["pictures"] == 2
    assert (mask_of(source, f"{form.format('day2')}/a")[2:8, 2:10] == 1).all()
    assert len(Folder(source.parent / "out", "all")) == 2


def test_a_circle_is_round(source: Path) -> None:
    write_labels(source / "a.json", [shape("ball", [[16, 12], [16, 20]], "circle")])
    imported(source)
    area = int((mask_of(source) == 1).sum())
    assert area == pytest.approx(math.pi * 64, rel=0.03)


def test_ignore_and_background_are_labels_of_their_own(source: Path) -> None:
    hole = [[4, 4], [6, 4], [6, 6], [4, 6]]
    labels = [
        shape("cat"),
        shape("_background_", hole),
        shape("__ignore__", [[0, 20], [5, 23]], "rectangle"),
    ]
    write_labels(source / "a.json", labels)
    assert imported(source)["classes"] == ["_background_", "cat"]
    mask = mask_of(source)
    assert (mask[4:6, 4:6] == 0).all()
    assert mask[3, 3] == 1
    assert mask[21, 2] == 255


def test_painted_masks_lie_on_their_first_point(source: Path) -> None:
    drawn = np.zeros((4, 6), dtype=np.uint8)
    drawn[1:3, 2:5] = 1
    stream = io.BytesIO()
    PIL.Image.fromarray(drawn).save(stream, format="PNG")
    coded = base64.b64encode(stream.getvalue()).decode()
    shapes = [
        shape("cat", [[10, 5], [15, 8]], "mask", mask=coded),
        shape("dog", [[30, -2], [35, 1]], "mask", mask=coded),
        shape("dog", [[60, 5], [65, 8]], "mask", mask=coded),
        shape("dog", [[6, 5], [6, 8]], "mask", mask="?"),
    ]
    write_labels(source / "a.json", shapes)
    record = imported(source)
    mask = mask_of(source)
    assert (mask[6:8, 12:15] == 1).all()
    assert int((mask == 1).sum()) == 6
    assert [found["reason"] for found in record["skipped"]] == [
        "a mask outside its picture, or with nothing in it",
        "a mask that cannot be read",
    ]
    assert record["skipped"][0]["count"] == 2  # at 30, all that is inside is empty


def test_points_and_lines_are_skipped_and_said_or_drawn(source: Path) -> None:
    shapes = [
        shape("cat", [[3, 3]], "point"),
        shape("wire", [[0, 10], [31, 10]], "line"),
        shape("wire", [[0, 20], [10, 20], [31, 20]], "linestrip"),
    ]
    write_labels(source / "a.json", shapes)
    record = imported(source)
    assert [found["count"] for found in record["skipped"]] == [1, 1, 1]
    assert "a.json shape 1 (cat)" in record["skipped"][0]["places"]
    assert record["objects"] == 0
    (source.parent / "out").rename(source.parent / "first")
    assert imported(source, line_width=3)["objects"] == 2
    assert (mask_of(source)[9:12] == 2).all()


def test_the_embedded_picture_takes_the_place_of_a_missing_one(source: Path) -> None:
    kept = write_picture(source.parent / "kept.png").read_bytes()
    coded = base64.b64encode(kept).decode()
    write_labels(source / "a.json", [shape("cat")], "gone.png", imageData=coded)
    imported(source)
    assert (source.parent / "out" / "images" / "a.png").read_bytes() == kept


def test_paths_of_other_machines_and_of_folders_beside(source: Path) -> None:
    write_picture(source / "pictures" / "x.png")
    write_labels(source / "labels" / "a.json", [shape("cat")], "..\\pictures\\x.png")
    write_picture(source / "labels" / "y.png")
    write_labels(source / "labels" / "b.json", [shape("cat")], "C:\\me\\y.png")
    assert imported(source)["pictures"] == 2


def test_a_path_out_of_the_folder_is_refused(source: Path) -> None:
    write_picture(source.parent / "secret.png")
    write_labels(source / "a.json", [shape("cat")], "../secret.png")
    with pytest.raises(MfpnetError, match=r"outside the folder.*--images"):
        imported(source)
    assert imported(source, images=source.parent)["pictures"] == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (shape("cat", [[1, 1], [2, 2]]), "fewer than three"),
        (shape("cat", [[1, 1], [2, math.nan], [3, 5]]), "NaN"),
        (shape("cat", [[1, 1], [2], [3, 5]]), "no pairs"),
        (shape("cat", None), "no pairs"),
        (shape("cat", [[100, 100], [200, 100], [200, 200]]), "outside its picture"),
        (shape("cat", [[1, 1]], "circle"), "a circle that is not of two points"),
        (shape("cat", [[1, 1], [2, math.inf]], "circle"), "NaN"),
        (shape("cat", BOX, "cuboid"), r"no area (cuboid)"),
        (shape("cat", BOX, [1]), "no area ([1])"),
        (shape(""), "without a label"),
        ("text", "no pairs"),
    ],
)
def test_what_is_wrong_with_one_shape_is_said(source: Path, bad: object, reason: str) -> None:
    write_labels(source / "a.json", [shape("cat"), bad])
    record = imported(source)
    assert record["objects"] == 1
    assert reason in record["skipped"][0]["reason"]


def test_missing_and_other_pictures(source: Path) -> None:
    write_labels(source / "a.json", [shape("cat")])
    write_labels(source / "b.json", [shape("cat")], "gone.png")
    write_labels(source / "c.json", [shape("cat")], imageHeight=7)
    with pytest.raises(MfpnetError, match=r"(?s)2 of 3.*gone\.png.*labels 7x32"):
        imported(source)
    assert imported(source, skip_missing=True)["pictures"] == 1


def test_the_order_of_classes_may_be_given(source: Path, tmp_path: Path) -> None:
    write_labels(source / "a.json", [shape("cat"), shape("dog")])
    (source / "labels.txt").write_text("__ignore__\n_background_\ndog\ncat\n")
    assert imported(source)["classes"] == ["_background_", "dog", "cat"]
    listed = tmp_path / "names.txt"
    listed.write_text("dog\n")
    (tmp_path / "out").rename(tmp_path / "first")
    with pytest.raises(MfpnetError, match=r"lacks 1 of the labels: cat"):
        imported(source, classes=listed)


def test_other_json_files_are_passed_over_or_refused(source: Path) -> None:
    write_labels(source / "a.json", [shape("cat")])
    (source / "settings.json").write_text("{}")
    assert "settings.json" in imported(source)["notes"][0]
    (source / "a.json").unlink()
    (source.parent / "out").rename(source.parent / "first")
    with pytest.raises(MfpnetError, match="no LabelMe file"):
        imported(source)
