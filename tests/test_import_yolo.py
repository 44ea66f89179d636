"""YOLO's polygons as folders to train on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from coco_samples import SIZE, write_picture
from mfpnet.errors import MfpnetError
from mfpnet.folders.folder import Folder
from mfpnet.importers.importing import import_labels
from mfpnet.importers.source_files import open_picture
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import read_image, read_labels

ORIENTATION = 0x0112

# Rows 6 to 18, columns 8 to 24.
SQUARE = "0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75"
SMALL = "0.375 0.375 0.5 0.375 0.5 0.5 0.375 0.5"


def write(root: Path, name: str, text: str | None, folder: str = "images") -> None:
    """A picture, and its labels where there is a text."""
    write_picture(root / folder / f"{name}.png")
    if text is not None:
        path = root / folder.replace("images", "labels") / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def imported(source: Path, **options: Any) -> dict[str, Any]:
    return import_labels(ImportOptions("yolo", source, source.parent / "out", **options))


def mask_of(source: Path, name: str = "a") -> np.ndarray[Any, Any]:
    return read_labels(source.parent / "out" / "masks" / f"{name}.png")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A data set's folder, with a data.yaml of two names."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "data.yaml").write_text("names: [cat, dog]\n")
    return folder


def test_polygons_become_a_folder_that_trains(source: Path) -> None:
    write(source, "a", f"0 {SQUARE}\n\n1 {SMALL}\n")
    write(source, "b", None)
    record = imported(source)
    assert record["classes"] == ["background", "cat", "dog"]
    assert (record["pictures"], record["objects"], record["splits"]) == (2, 2, {})
    mask = mask_of(source)
    assert (mask[9:12, 12:16] == 2).all()
    assert int((mask == 1).sum()) == 12 * 16 - 3 * 4
    assert not mask_of(source, "b").any()
    assert len(Folder(source.parent / "out", "all")) == 2


@pytest.mark.parametrize("names", ["{0: cat, 1: dog}", "\n- cat\n- dog"])
def test_names_are_a_list_or_numbered(source: Path, names: str) -> None:
    (source / "data.yaml").write_text(f"nc: 2\nnames: {names}\n")
    write(source, "a", f"1 {SQUARE}")
    assert imported(source)["classes"] == ["background", "cat", "dog"]


def test_splits_of_the_yaml_and_its_detours(source: Path) -> None:
    (source / "data.yaml").write_text(
        "path: /somewhere/else\ntrain: ../train/images\nval: [../valid/images]\ntest: test.txt\n"
        "names: [cat, dog]\n"
    )
    write(source, "a", f"0 {SQUARE}", "train/images")
    write(source, "b", f"1 {SQUARE}", "train/images")
    write(source, "a", f"1 {SQUARE}", "valid/images")
    write(source, "c", f"1 {SQUARE}", "more/images")
    (source / "test.txt").write_text("./more/images/c.png\n")
    assert imported(source)["splits"] == {"train": 2, "val": 1, "test": 1}
    out = source.parent / "out"
    ((_, train), (_, val)) = Folder(out, "train").load(0), Folder(out, "val").load(0)
    assert (train.max(), val.max()) == (1, 2)
    assert len(Folder(out, "test")) == 1


def test_splits_of_folders_alone(source: Path) -> None:
    write(source, "a", f"0 {SQUARE}", "images/train")
    write(source, "b", f"0 {SQUARE}", "images/val")
    assert imported(source)["splits"] == {"train": 1, "val": 1}


@pytest.mark.parametrize("form", ["images/{}", "{}/images"])
def test_folders_may_call_the_splits_by_any_usual_name(source: Path, form: str) -> None:
    for folder, name in (("Train", "a"), ("valid", "b"), ("testing", "c")):
        write(source, name, f"0 {SQUARE}", form.format(folder))
    assert imported(source)["splits"] == {"train": 1, "val": 1, "test": 1}


def test_pictures_without_a_label_file_are_counted(source: Path) -> None:
    write(source, "a", f"0 {SQUARE}")
    for name in ("b", "c"):
        write(source, name, None)
    assert imported(source)["notes"] == [
        "2 pictures without a label file, background only (first: b.png)."
    ]


def test_labels_lie_beside_a_link_to_a_picture(source: Path, tmp_path: Path) -> None:
    (source / "data.yaml").write_text("names: [cat, dog]\ntrain: images/train\nval: val.txt\n")
    for pool, name, split in ((source / "all", "a", "train"), (tmp_path / "far", "b", "val")):
        write(source, name, f"0 {SQUARE}", f"images/{split}")
        picture = source / "images" / split / f"{name}.png"
        pool.mkdir()
        picture.rename(pool / picture.name)
        picture.symlink_to(pool / picture.name)
    (source / "val.txt").write_text("images/val/b.png\n")
    record = imported(source)
    assert (record["objects"], record["splits"]) == (2, {"train": 1, "val": 1})


def test_the_folder_of_pictures_may_be_a_link(source: Path, tmp_path: Path) -> None:
    write(source, "a", f"0 {SQUARE}")
    (source / "images").rename(tmp_path / "far")
    (source / "images").symlink_to(tmp_path / "far")
    assert imported(source)["objects"] == 1


def test_a_list_may_call_the_folder_by_another_name(source: Path) -> None:
    write(source, "a", f"0 {SQUARE}")
    (source / "data.yaml").write_text("names: [cat, dog]\ntrain: train.txt\n")
    (source / "train.txt").write_text(f"{source.resolve() / 'images' / 'a.png'}\n")
    link = source.with_name("link")
    link.symlink_to(source)
    assert imported(link)["objects"] == 1


@pytest.mark.parametrize("folders", [("Images", "Labels"), ("imgs", "labels")])
def test_pictures_without_a_single_label_file_are_refused(
    source: Path, folders: tuple[str, str]
) -> None:
    write(source, "a", f"0 {SQUARE}")
    for usual, folder in zip(("images", "labels"), folders, strict=True):
        (source / usual).rename(source / folder)
    place = source / folders[0]
    with pytest.raises(MfpnetError, match=rf"not one label file: looked for 'a\.txt'.*'{place}'"):
        imported(source)
    assert not (source.parent / "out").exists()


def test_the_yaml_may_be_named_and_the_names_may_be_elsewhere(source: Path) -> None:
    write(source, "a", f"0 {SQUARE}")
    assert imported(source / "data.yaml", images=None)["pictures"] == 1
    (source / "data.yaml").unlink()
    with pytest.raises(MfpnetError, match=r"names no classes.*names: \[person, car\]"):
        imported(source)
    (source / "classes.txt").write_text("cat\n")
    assert imported(source)["classes"] == ["background", "cat"]


def test_boxes_are_refused_unless_they_may_be_filled(source: Path) -> None:
    write(source, "a", f"0 {SQUARE}\n1 0.5 0.5 0.5 0.5\n")
    with pytest.raises(MfpnetError, match=r"1 objects are boxes.*labels/a\.txt:2.*--boxes"):
        imported(source)
    assert not (source.parent / "out").exists()
    imported(source, boxes=True)
    assert (mask_of(source)[6:18, 8:24] == 2).all()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.1 0.1 0.9 0.1 0.9", "boxes|fewer|odd"),
        ("0 0.1 0.1 0.9 0.1 0.9 0.9 0.2", "odd number"),
        ("0 0.1 0.1", "fewer than three"),
        ("0 0.1 nan 0.9 0.1 0.9 0.9", "NaN"),
        ("0 0.1 inf 0.9 0.1 0.9 0.9", "infinity"),
        ("0 5 5 6 5 6 6", "outside its picture"),
        ("2 0.1 0.1 0.9 0.1 0.9 0.9", "unknown class, 2"),
        ("-1 0.1 0.1 0.9 0.1 0.9 0.9", "unknown class, -1"),
        ("cat 0.1 0.1 0.9 0.1 0.9 0.9", "not a class and numbers"),
        ("0", "fewer than three"),
    ],
)
def test_what_is_wrong_with_one_line_is_said(source: Path, line: str, reason: str) -> None:
    write(source, "a", f"1 {SQUARE}\n{line}\n")
    record = imported(source)
    (skipped,) = record["skipped"]
    assert any(text in skipped["reason"] for text in reason.split("|"))
    assert skipped["places"] == ["labels/a.txt:2"]
    assert record["objects"] == 1


def test_a_polygon_over_the_edge_is_clipped(source: Path) -> None:
    write(source, "a", "0 -0.5 0.25 1.5 0.25 1.5 0.75 -0.5 0.75")
    assert imported(source)["changed"][0]["places"] == ["labels/a.txt:1"]
    assert int((mask_of(source) == 1).sum()) == 12 * SIZE[1]


def test_labels_without_a_picture_and_broken_pictures(source: Path) -> None:
    write(source, "a", f"0 {SQUARE}")
    (source / "labels" / "gone.txt").write_text(f"0 {SQUARE}")
    (source / "images" / "broken.jpg").write_bytes(b"?")
    with pytest.raises(MfpnetError, match=r"(?s)2 of 3.*broken\.jpg.*gone\.txt"):
        imported(source)
    assert imported(source, skip_missing=True)["pictures"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("names: {1: cat}", "names no classes"),
        ("names: [cat, cat]", "not each by another name"),
        ("names: [", "not valid YAML"),
        ("- 1", "no YOLO data.yaml"),
        ("names: [cat]\ntrain: ../../elsewhere", "not below"),
        ("names: [cat]\ntrain: list.txt", "outside of"),
    ],
)
def test_a_bad_yaml_says_why(source: Path, text: str, told: str) -> None:
    write(source, "a", f"0 {SQUARE}")
    (source / "list.txt").write_text("../secret.png\n")
    (source / "data.yaml").write_text(text)
    with pytest.raises(MfpnetError, match=told):
        imported(source)


def test_names_that_are_not_utf8_are_taken_along(source: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (source / "data.yaml").write_text("names: [cat, dog]\ntrain: images/a\nval: images/b\n")
    write(source, "plain", f"0 {SQUARE}", "images/a")
    try:
        write(source, name, f"1 {SQUARE}", "images/b")
    except OSError:  # a file system of UTF-8 names only
        return
    assert imported(source)["splits"] == {"train": 1, "val": 1}
    assert len(Folder(source.parent / "out", "val")) == 1


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_are_held_as_their_pictures_are(source: Path, suffix: str, orientation: int) -> None:
    write(source, "a", f"0 {SQUARE}")
    plain = source / "images" / "a.png"
    with PIL.Image.open(plain) as picture:
        exif = picture.getexif()
        exif[ORIENTATION] = orientation
        picture.convert("RGB").save(source / f"a.{suffix}", exif=exif)
    plain.unlink()
    (source / f"a.{suffix}").rename(plain.with_suffix(f".{suffix}"))
    imported(source)
    held = read_image(source.parent / "out" / "images" / f"a.{suffix}").shape[:2]
    assert held == (SIZE if orientation < 5 else SIZE[::-1])
    assert mask_of(source).shape == held
    found = open_picture(source / "images" / f"a.{suffix}")
    assert (found.stored, found.orientation) == (SIZE, orientation)


def test_other_encodings_and_empty_folders_say_so(source: Path) -> None:
    with pytest.raises(MfpnetError, match="holds no picture"):
        imported(source)
    write(source, "a", "")
    (source / "labels" / "a.txt").write_bytes(b"0 \xff\xfe")
    with pytest.raises(MfpnetError, match="not UTF-8"):
        imported(source)


def test_pictures_without_an_object_teach_nothing_where_the_background_is_ignored(
    source: Path,
) -> None:
    write(source, "a", f"0 {SQUARE}")
    write(source, "b", None)
    record = imported(source, background="ignore")
    assert record["pictures"] == 1
    assert record["skipped"][0]["places"] == ["b.png"]
    assert set(np.unique(mask_of(source))) == {1 - 1, 255}
