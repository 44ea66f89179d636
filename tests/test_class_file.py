from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mfpnet.errors import MfpnetError
from mfpnet.labels import LabelSet, colour_code
from mfpnet.masks.class_file import (
    CLASS_FILE,
    ClassFile,
    UnlistedValuesError,
    read_classes,
    write_classes,
)
from mfpnet.pixels.pictures import Labels

RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def from_text(folder: Path, text: str) -> ClassFile:
    path = folder / CLASS_FILE
    path.write_text(text)
    return read_classes(path)


def targets(classes: ClassFile, folder: Path, mask: object, kind: type = np.uint8) -> Labels:
    path = folder / "mask.png"
    PIL.Image.fromarray(np.array(mask, dtype=kind)).save(path)
    return classes.read_mask(path)


@pytest.mark.parametrize(
    ("masks", "values", "ignore", "unlisted"),
    [
        ("index", ((0,), (7, 8)), (255,), "error"),
        ("index", ((300,), (1,)), (), "ignore"),
        ("colour", ((colour_code(RED),), (colour_code(BLUE), 0x0000FE)), (0,), "ignore"),
        ("binary", ((0,), (255,)), (), "error"),
    ],
)
def test_what_is_written_is_read_back(
    masks: str,
    values: tuple[tuple[int, ...], ...],
    ignore: tuple[int, ...],
    unlisted: str,
    tmp_path: Path,
) -> None:
    labels = LabelSet("no: 1", ("road: wet", "#2, [x]"), (RED, BLUE), 255)
    given = ClassFile(labels, values, masks, ignore, unlisted)  # type: ignore[arg-type]
    write_classes(tmp_path / CLASS_FILE, given)
    assert read_classes(tmp_path / CLASS_FILE) == given
    assert (tmp_path / CLASS_FILE).read_text().startswith("# The classes of this folder's masks")


def test_several_ids_are_one_class_and_void_is_ignored(tmp_path: Path) -> None:
    text = "ignore: [0, 255]\nclasses:\n- {name: a, id: [7, 8]}\n- {name: b, id: 2}\n"
    classes = from_text(tmp_path, text)
    found = targets(classes, tmp_path, [[7, 8, 2], [0, 255, 2]])
    assert found.dtype == np.uint8
    assert found.tolist() == [[0, 0, 1], [255, 255, 1]]


def test_names_alone_are_ids_from_0_and_255_is_void(tmp_path: Path) -> None:
    classes = from_text(tmp_path, "classes: [road, sky]")
    assert classes.labels.name == tmp_path.name
    assert classes.labels.classes == ("road", "sky")
    assert targets(classes, tmp_path, [[0, 1, 255]]).tolist() == [[0, 1, 255]]


def test_256_classes_by_number_are_16_bit_targets(tmp_path: Path) -> None:
    classes = from_text(tmp_path, "classes: 256")
    assert (classes.labels.num_classes, classes.labels.ignore_index) == (256, 65535)
    found = targets(classes, tmp_path, [[0, 128, 255]])
    assert found.dtype == np.uint16
    assert found.tolist() == [[0, 128, 255]]


def test_colours_become_classes(tmp_path: Path) -> None:
    text = (
        "ignore: [[0, 0, 0]]\nclasses:\n- {name: a, colour: [[255, 0, 0], '#00ff00']}\n"
        "- {name: b, colour: [0, 0, 255]}\n"
    )
    classes = from_text(tmp_path, text)
    assert classes.masks == "colour"
    assert classes.labels.palette == (RED, BLUE)
    found = targets(classes, tmp_path, [[RED, (0, 255, 0), BLUE, BLACK]])
    assert found.tolist() == [[0, 0, 1, 255]]


def test_unlisted_values_name_file_values_counts_and_fix(tmp_path: Path) -> None:
    classes = from_text(tmp_path, "classes: [road, sky]")
    with pytest.raises(
        UnlistedValuesError, match=r"mask\.png' holds the values 9 \(2 pixels\), 7"
    ) as e:
        targets(classes, tmp_path, [[0, 9], [9, 7]])
    assert e.value.counts == {7: 1, 9: 2}
    fix = "ignore: [255, 7, 9]"
    assert f"`{fix}` in {tmp_path / CLASS_FILE}" in str(e.value)
    repaired = from_text(tmp_path, f"classes: [road, sky]\n{fix}\n")
    assert targets(repaired, tmp_path, [[0, 9], [9, 7]]).tolist() == [[0, 255], [255, 255]]


def test_without_a_file_the_fix_is_a_command(tmp_path: Path) -> None:
    labels = LabelSet("x", ("a", "b"), (RED, BLUE), 255)
    codes = ((colour_code(RED),), (colour_code(BLUE),))
    classes = ClassFile(labels, codes, "colour", place=tmp_path / CLASS_FILE)
    with pytest.raises(UnlistedValuesError, match=f"--data {tmp_path} --write --ignore '#010203'"):
        targets(classes, tmp_path, [[RED, (1, 2, 3)]])


def test_unlisted_values_are_ignored_where_the_file_says_so(tmp_path: Path) -> None:
    classes = from_text(tmp_path, "unlisted: ignore\nclasses: [road, sky]")
    assert targets(classes, tmp_path, [[0, 9, 1]]).tolist() == [[0, 255, 1]]


def test_a_colour_mask_among_index_masks_is_named(tmp_path: Path) -> None:
    classes = from_text(tmp_path, "classes: [road, sky]")
    with pytest.raises(MfpnetError, match=r"mask\.png' holds colours, and `masks` is index"):
        targets(classes, tmp_path, [[RED, BLUE]])


def test_black_and_white_and_grey_are_binary_alike(tmp_path: Path) -> None:
    classes = from_text(tmp_path, "masks: binary\nclasses: [background, thing]")
    assert targets(classes, tmp_path, [[0, 255]]).tolist() == [[0, 1]]
    PIL.Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "one.png")
    assert classes.read_mask(tmp_path / "one.png").tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the file is None, not `key: value` lines"),
        ("name: x", "no `classes`"),
        ("clases: [a, b]", "unknown key in the file 'clases'. Did you mean 'classes'"),
        ("classes: []", "give a list"),
        ("classes: 1", "give a list"),
        ("classes: [a]", "one class only, 'a'"),
        ("classes: [a, a]", "number 1 and 2 are both called 'a'"),
        ("classes: [on, off]", "class number 1 is True, which is no text"),
        ("classes: [{id: 1}, b]", "class number 1 .* has no `name`"),
        ("classes: [{name: a}, {name: b, id: 1}]", "class 'a' has no `id`"),
        ("classes: [{name: a, id: 1}, {name: b, id: [2, 1]}]", "id 1 stands in 'a' and in 'b'"),
        ("classes: [{name: a, id: -1}, b]", "`id` of class 'a' is -1"),
        ("classes: [{name: a, id: 0, color: [0, 0, 0]}, b]", "Did you mean 'colour'"),
        ("classes: [{name: a, id: 0, colour: [0, 0]}, b]", r"is \[0, 0\]: give red, green"),
        ("masks: colors\nclasses: [a, b]", "unknown value of `masks` 'colors'. Did you mean"),
        ("masks: colour\nclasses: [a, b]", "a name alone, and `masks` is colour"),
        ("ignore: [1]\nclasses: [a, b]", "1 is ignored and also of class 'b'"),
        ("ignore_index: 1\nclasses: [a, b]", "`ignore_index` is 1: with 2 classes"),
        ("classes: [a, b", "not valid YAML: .* line [12]"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=complaint) as error:
        from_text(tmp_path, text)
    assert str(tmp_path / CLASS_FILE) in str(error.value)
