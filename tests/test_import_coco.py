"""COCO files as folders to train on."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from coco_samples import (
    SIZE,
    SQUARE,
    annotation,
    coco,
    imported,
    mask_of,
    write_coco,
    write_picture,
)
from mfpnet.errors import MfpnetError
from mfpnet.folders.folder import Folder
from mfpnet.masks.class_file import read_classes

BOX = (slice(2, 8), slice(2, 10))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the COCO file goes."""
    return tmp_path / "labels.json"


def test_polygons_become_a_folder_that_trains(file: Path) -> None:
    other = [[20.0, 10.0, 30.0, 10.0, 30.0, 20.0], [12.0, 12.0, 15.0, 12.0, 15.0, 15.0, 12.0, 15.0]]
    content = coco([annotation(1), annotation(2, category=7, segmentation=other)])
    record = imported(write_coco(file, content))
    assert (record["pictures"], record["objects"]) == (1, 2)
    assert record["classes"] == ["background", "cat", "dog"]
    assert record["skipped"] == record["changed"] == record["absent"] == []
    mask = mask_of(file)
    assert mask.dtype == np.uint8
    assert (mask[BOX] == 1).all()
    assert set(np.unique(mask)) == {0, 1, 2}
    assert (mask[12:15, 12:15] == 2).all()
    copied = file.parent / "out" / "images" / "a.png"
    assert copied.read_bytes() == (file.parent / "a.png").read_bytes()
    assert copied.stat().st_ino != (file.parent / "a.png").stat().st_ino
    data = Folder(file.parent / "out", "all")
    image, target = data.load(0)
    assert image.shape == (*SIZE, 3)
    np.testing.assert_array_equal(target, mask)
    assert data.labels.classes == ("background", "cat", "dog")


def test_masks_equal_those_of_pycocotools(file: Path) -> None:
    from pycocotools.coco import COCO

    random = np.random.default_rng(3)
    polygons = [(random.random(14) * 40 - 5).round(2).tolist() for _ in range(6)]
    counts = [100, 30, 200, 5, SIZE[0] * SIZE[1] - 335]
    crowd = {"size": list(SIZE), "counts": counts}
    content = coco(
        [
            annotation(1, segmentation=polygons[:2]),
            annotation(2, image=2, segmentation=crowd, iscrowd=1),
            annotation(3, image=3, segmentation=polygons[2:]),
        ],
        names=("a.png", "b.png", "c.png"),
    )
    write_coco(file, content, ("a.png", "b.png", "c.png"))
    imported(file)
    with warnings.catch_warnings():  # of its way with numpy 2
        warnings.simplefilter("ignore", DeprecationWarning)
        oracle = COCO(file)
        for number, name in enumerate("abc", start=1):
            expected = oracle.annToMask(oracle.anns[number])
            np.testing.assert_array_equal(mask_of(file, name) == 1, expected == 1)


@pytest.mark.parametrize(
    ("overlap", "inner", "outer"), [("smaller", 2, 1), ("later", 1, 1), ("ignore", 255, 1)]
)
def test_who_has_the_pixels_of_two(file: Path, overlap: str, inner: int, outer: int) -> None:
    small = [[4.0, 4.0, 6.0, 4.0, 6.0, 6.0, 4.0, 6.0]]
    content = coco([annotation(1, category=7, segmentation=small), annotation(2)])
    imported(write_coco(file, content), overlap=overlap)
    mask = mask_of(file)
    assert (mask[4:6, 4:6] == inner).all()
    assert mask[3, 3] == outer


def test_ids_with_gaps_and_a_group_that_is_no_class(file: Path) -> None:
    content = coco([annotation(1, category=90), annotation(2, category=3)])
    content["categories"] = [
        {"id": 90, "name": "z", "supercategory": "animals"},
        {"id": 0, "name": "animals", "supercategory": "none"},
        {"id": 3, "name": "a", "supercategory": "animals"},
    ]
    record = imported(write_coco(file, content))
    assert record["classes"] == ["background", "a", "z"]


def test_a_category_without_objects_that_is_in_the_group_of_its_name_stays(file: Path) -> None:
    """Such as COCO's person: a part of the data without any has the same ids as the others."""
    content = coco([annotation(1, category=3)])
    content["categories"] = [
        {"id": 1, "name": "person", "supercategory": "person"},
        {"id": 3, "name": "car", "supercategory": "vehicle"},
    ]
    record = imported(write_coco(file, content))
    assert record["classes"] == ["background", "person", "car"]


def test_background_ignored_or_one_of_the_categories(file: Path) -> None:
    content = coco([annotation(1)], categories=((1, "cat"), (2, "Background")))
    assert imported(write_coco(file, content))["classes"] == ["Background", "cat"]
    assert set(np.unique(mask_of(file))) == {0, 1}
    (file.parent / "out").rename(file.parent / "first")
    content = coco([annotation(1)])
    assert imported(write_coco(file, content), background="ignore")["classes"] == ["cat", "dog"]
    assert set(np.unique(mask_of(file))) == {0, 255}


def test_crowds_can_be_ignored(file: Path) -> None:
    imported(write_coco(file, coco([annotation(1, iscrowd=1)])), crowd="ignore")
    assert (mask_of(file)[BOX] == 255).all()


def test_files_of_splits_become_split_lists(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for split, names in {"train": ("a.png", "b.png"), "val": ("c.png",)}.items():
        file = source / "annotations" / f"instances_{split}2017.json"
        write_coco(file, coco([annotation(1)], names), ())
        for name in names:
            write_picture(source / f"{split}2017" / name)
    (source / "annotations" / "captions_train2017.json").write_text('{"images": []}')
    record = imported(source)
    assert record["splits"] == {"train": 2, "val": 1}
    out = tmp_path / "out"
    assert len(Folder(out, "train")) == 2
    assert [Folder(out, "val").describe(0)] == [str(out / "masks" / "c.png")]


def test_roboflows_folders_and_equal_names(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for split in ("train", "valid"):
        write_coco(source / split / "_annotations.coco.json", coco([annotation(1)]))
    record = imported(source)
    assert record["splits"] == {"train": 1, "val": 1}
    assert sorted(p.name for p in (tmp_path / "out" / "masks").iterdir()) == ["train", "val"]
    assert len(Folder(tmp_path / "out", "val")) == 1


def test_equal_stems_stay_apart(file: Path) -> None:
    names = ("a.png", "a.bmp", "x/a.png", "X/B.PNG")
    content = coco([annotation(n, image=n) for n in range(1, 5)], names)
    imported(write_coco(file, content, names))
    masks = file.parent / "out" / "masks"
    found = sorted(str(path.relative_to(masks)) for path in masks.rglob("*.png"))
    assert found == ["X/B.png", "a_bmp.png", "a_png.png", "x/a.png"]
    assert len(Folder(file.parent / "out", "all")) == 4


def test_a_flat_list_is_one_polygon(file: Path) -> None:
    imported(write_coco(file, coco([annotation(1, segmentation=SQUARE)])))
    assert int((mask_of(file) == 1).sum()) == 48


def test_a_picture_on_its_side_gets_its_labels_turned(file: Path) -> None:
    """Labels may be drawn on the pixels as stored, while every reader holds the picture upright."""
    write_coco(file, coco([annotation(1)], ("a.jpg",)), ())
    note = PIL.Image.Exif()
    note[0x0112] = 6
    PIL.Image.new("RGB", (SIZE[1], SIZE[0])).save(file.parent / "a.jpg", exif=note)
    imported(file)
    expected = PIL.Image.new("L", (SIZE[1], SIZE[0]))
    expected.paste(1, (2, 2, 10, 8))
    turned = np.array(expected.transpose(PIL.Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(mask_of(file), turned)


def test_beyond_255_classes_masks_have_16_bits(file: Path) -> None:
    categories = [(number, f"class {number}") for number in range(1, 301)]
    content = coco([annotation(1, category=300)], categories=categories)
    record = imported(write_coco(file, content))
    assert len(record["classes"]) == 301
    mask = mask_of(file)
    assert mask.dtype == np.uint16
    assert mask[5, 5] == 300
    classes = read_classes(file.parent / "out" / "classes.yaml")
    assert classes.labels.num_classes == len(set(classes.labels.palette)) == 301


def test_nothing_is_overwritten_and_links_are_the_same_file(file: Path) -> None:
    write_coco(file, coco([annotation(1)]))
    imported(file, link=True)
    copied = file.parent / "out" / "images" / "a.png"
    assert copied.stat().st_ino == (file.parent / "a.png").stat().st_ino
    with pytest.raises(MfpnetError, match="not empty"):
        imported(file)


def test_options_of_other_formats_are_refused(file: Path) -> None:
    with pytest.raises(MfpnetError, match="--boxes is for yolo"):
        imported(write_coco(file, coco([annotation(1)])), boxes=True)


def test_the_source_is_left_as_it_is(file: Path) -> None:
    write_coco(file, coco([annotation(1)]))
    before = {path: path.read_bytes() for path in file.parent.iterdir()}
    imported(file)
    assert before == {path: path.read_bytes() for path in before}
    assert json.loads(file.read_text())["images"][0]["id"] == 1
