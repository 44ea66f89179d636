"""Labels that are no masks are told by the names of files, and what imports them is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfpnet.errors import MfpnetError
from mfpnet.folders.layouts import find_layout


@pytest.mark.parametrize(
    ("labels", "known"),
    [
        ("labels/train/a.txt", "yolo"),
        ("images/train/a.json", "labelme"),
        ("annotations/instances_train2017.json", "coco"),
        ("train/_annotations.coco.json", "coco"),
    ],
)
def test_what_imports_the_labels_is_said(tmp_path: Path, labels: str, known: str) -> None:
    root = tmp_path / "my data"
    for path in ("images/train/a.jpg", labels):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    with pytest.raises(MfpnetError) as caught:
        find_layout(root)
    assert f"run: mfpnet data import {known} '{root}' NEW_FOLDER." in str(caught.value)
    assert "1 picture (1 in 'images/train')" in str(caught.value)


def test_other_texts_are_no_labels(tmp_path: Path) -> None:
    for path in ("images/a.jpg", "README.txt", "package.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    with pytest.raises(MfpnetError, match="they are missing, or have other names"):
        find_layout(tmp_path)


def test_the_tree_of_cityscapes_is_told_from_any_folder(tmp_path: Path) -> None:
    for path in (
        "leftImg8bit/train/c/c_1_leftImg8bit.png",
        "gtFine/train/c/c_1_gtFine_labelIds.png",
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    assert "--data cityscapes" in find_layout(tmp_path).notes[0]
