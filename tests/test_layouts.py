"""Frames and masks are found in the usual folders, and what is odd is said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfpnet.errors import MfpnetError
from mfpnet.folders.layouts import Layout, find_layout
from mfpnet.folders.names import FolderName, natural, read_folder_name, sequence_of


def tree(root: Path, *paths: str) -> Path:
    """Empty files: names are all that counts."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def found(layout: Layout, root: Path) -> dict[str, list[tuple[str, str]]]:
    """Split -> frame and mask of each pair, as in the folder."""
    return {
        split: [
            (pair.image.relative_to(root).as_posix(), pair.mask.relative_to(root).as_posix())
            for pair in pairs
        ]
        for split, pairs in layout.parts.items()
    }


def names(layout: Layout) -> dict[str, list[str]]:
    return {split: [pair.name for pair in pairs] for split, pairs in layout.parts.items()}


@pytest.mark.parametrize(
    ("frame", "mask", "name"),
    [
        ("images/a.jpg", "masks/a.png", "a"),
        ("Images/a.JPG", "Masks/a.PNG", "a"),
        ("images/a.jpg", "masks/a.jpg", "a"),
        ("imgs/a.tif", "labels/a.tif", "a"),
        ("frames/clip/7.jpg", "gt/clip/7.png", "7"),
        ("images/a.png", "masks/a_mask.png", "a"),
        ("images/image_1.png", "masks/mask_1.png", "1"),
        ("images/a.jpg", "masks/a.jpg.png", "a"),
        ("JPEGImages/a.jpg", "SegmentationClassPNG/a.png", "a"),
        ("images/0001TP_006690.png", "labels/0001TP_006690_L.png", "0001TP_006690"),
        ("a.jpg", "a.png", "a"),
        ("a.png", "a_mask.png", "a"),
        ("a.png", "a_L.png", "a"),
        ("x/1_image.jpg", "x/1_label.png", "1"),
        ("a.jpg", "masks/a.png", "a"),
        ("img_dir/a.jpg", "ann_dir/a.png", "a"),
        ("segmentation/images/a.jpg", "segmentation/masks/a.png", "a"),
        ("images/image_2/a.jpg", "masks/image_2/a.png", "a"),
        ("images/images/s1/a.jpg", "masks/images/s1/a.png", "a"),
        ("images/gt/s1/a.jpg", "masks/gt/s1/a.png", "a"),
        ("images/2020/labels/a.jpg", "masks/2020/labels/a.png", "a"),
        ("photographs/a.jpg", "masks/a.png", "a"),
        ("training/image_2/a.png", "training/semantic/a.png", "train/a"),
        ("images/10k/train/a.jpg", "labels/sem_seg/masks/train/a.png", "train/a"),
    ],
)
def test_a_pair_is_found(tmp_path: Path, frame: str, mask: str, name: str) -> None:
    layout = find_layout(tree(tmp_path, frame, mask))
    (pairs,) = found(layout, tmp_path).values()
    assert pairs == [(frame, mask)]
    assert names(layout) in ({"all": [name]}, {"train": [name]})
    assert layout.notes == ()


@pytest.mark.parametrize(
    ("frames", "masks"),
    [
        ("images/{}/a.jpg", "masks/{}/a.png"),
        ("{}/images/a.jpg", "{}/masks/a.png"),
        ("{}/a.png", "{}annot/a.png"),
        ("{}/a.jpg", "{}_labels/a_L.png"),
        ("{}_images/a.jpg", "{}_masks/a.gif"),
        ("data/images_prepped_{}/a.png", "data/annotations_prepped_{}/a.png"),
        ("leftImg8bit/{}/city/a_leftImg8bit.png", "gtFine/{}/city/a_gtFine_labelIds.png"),
        ("leftImg8bit/{}/1/a_image.jpg", "gtFine/{}/1/a_label.png"),
    ],
)
def test_splits_are_found(tmp_path: Path, frames: str, masks: str) -> None:
    splits = ("training", "validation", "test") if frames[0] == "i" else ("train", "val", "test")
    tree(tmp_path, *(form.format(split) for split in splits for form in (frames, masks)))
    layout = find_layout(tmp_path)
    assert found(layout, tmp_path) == {
        short: [(frames.format(long), masks.format(long))]
        for short, long in zip(("train", "val", "test"), splits, strict=True)
    }
    assert [pair.name for pairs in layout.parts.values() for pair in pairs] == [
        "train/a",
        "val/a",
        "test/a",
    ]


def test_cityscapes_train_ids_go_before_label_ids_and_colours(tmp_path: Path) -> None:
    kinds = ("color", "instanceIds", "labelIds", "labelTrainIds")
    masks = [f"gtFine/train/bonn/bonn_000001_000019_gtFine_{kind}.png" for kind in kinds]
    frame = "leftImg8bit/train/bonn/bonn_000001_000019_leftImg8bit.png"
    layout = find_layout(tree(tmp_path, frame, *masks))
    assert found(layout, tmp_path) == {"train": [(frame, masks[3])]}
    assert layout.kind.startswith("Cityscapes tree")
    assert "3 other pictures" in layout.notes[1]
    assert found(find_layout(tree(tmp_path / "b", frame, *masks[:3])), tmp_path / "b") == {
        "train": [(frame, masks[2])]
    }


def voc(root: Path) -> Path:
    tree(root, *(f"JPEGImages/{stem}.jpg" for stem in "abcde"))
    tree(root, *(f"SegmentationClass/{stem}.png" for stem in "abc"), "SegmentationObject/a.png")
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("b\na\n")
    (lists / "val.txt").write_text("c\n")
    (lists / "trainval.txt").write_text("a\nb\nc\n")
    return root


def test_pascal_voc(tmp_path: Path) -> None:
    layout = find_layout(voc(tmp_path / "VOC2012"))
    assert layout.kind.startswith("Pascal VOC")
    assert names(layout) == {"train": ["b", "a"], "val": ["c"]}


def test_frames_without_masks_that_a_list_names_are_counted(tmp_path: Path) -> None:
    (voc(tmp_path) / "ImageSets" / "Segmentation" / "test.txt").write_text("d\ne\n")
    layout = find_layout(tmp_path)
    assert set(layout.parts) == {"train", "val"}
    assert any("2 listed frames without a mask" in note for note in layout.notes)


@pytest.mark.parametrize("place", ["", "splits", "ImageSets/Segmentation"])
@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "{}.jpg",
        "images/{}.jpg",
        "./images/{}.jpg",
        "images/{0}.jpg masks/{0}.png",
    ],
)
def test_split_lists_are_read(tmp_path: Path, place: str, line: str) -> None:
    tree(tmp_path, *(f"images/{s}.jpg" for s in "abc"), *(f"masks/{s}.png" for s in "abc"))
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "train.txt").write_text(f"{line.format('c')}\r\n")
    (tmp_path / place / "val.txt").write_text(f"\ufeff# unseen\n\n{line.format('a')}")
    layout = find_layout(tmp_path)
    assert names(layout) == {"train": ["c"], "val": ["a"]}
    assert any("1 pair in no list" in note for note in layout.notes)


def test_lists_pair_what_names_do_not(tmp_path: Path) -> None:
    tree(tmp_path, "photos/my first.jpg", "photos/2.jpg", "truth/x.png", "truth/y 2.png")
    text = "photos/my first.jpg truth/x.png\nphotos/2.jpg\ttruth/y 2.png\n"
    (tmp_path / "train.txt").write_text(text)
    assert found(find_layout(tmp_path), tmp_path) == {
        "train": [("photos/my first.jpg", "truth/x.png"), ("photos/2.jpg", "truth/y 2.png")]
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nzzz\n", r"train\.txt, line 2: there is no frame 'zzz'"),
        ("a\n\nb\na\n", r"'a' stands in two places: .*train\.txt, line 1, and .*line 4"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str, said: str) -> None:
    tree(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b.png")
    (tmp_path / "train.txt").write_text(text)
    with pytest.raises(MfpnetError, match=said):
        find_layout(tmp_path)


def test_an_ambiguous_line_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "images/x/a.jpg", "images/y/a.jpg", "masks/x/a.png", "masks/y/a.png")
    (tmp_path / "train.txt").write_text("x/a\na\n")
    with pytest.raises(MfpnetError, match="line 2: 'a' could be any of 2 files"):
        find_layout(tmp_path)


def test_a_text_that_names_no_frame_is_no_list(tmp_path: Path) -> None:
    tree(tmp_path, "images/a.jpg", "masks/a.png")
    (tmp_path / "train.txt").write_text("notes on the train station\n")
    layout = find_layout(tmp_path)
    assert names(layout) == {"all": ["a"]}
    assert layout.notes == (
        "train.txt: not taken for split lists, as they name none of the frames.",
    )


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frame_b\n", r"line 1: there is no frame 'frame_b'"),
        ("# none\n", r"names no frame. Fill it or remove it"),
    ],
)
def test_a_list_beside_one_that_names_frames_is_not_dropped(
    tmp_path: Path, split: str, text: str, said: str
) -> None:
    tree(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b.png")
    for each in ("train", "val"):
        (tmp_path / f"{each}.txt").write_text(text if each == split else "a\n")
    with pytest.raises(MfpnetError, match=rf"{split}\.txt.*{said}"):
        find_layout(tmp_path)


def test_what_is_left_over_is_told(tmp_path: Path) -> None:
    tree(tmp_path, "images/a.jpg", "images/b10.jpg", "images/b9.jpg", "logo.png")
    layout = find_layout(tree(tmp_path, "masks/a.png", "masks/z.png"))
    assert names(layout) == {"all": ["a"]}
    assert layout.notes == (
        "2 frames without a mask, left aside (first: images/b9.jpg).",
        "1 mask without a frame, left aside (first: masks/z.png).",
        "1 other picture left aside (first: logo.png).",
    )


def test_pairs_outside_of_the_splits_are_told(tmp_path: Path) -> None:
    tree(tmp_path, "images/train/a.jpg", "images/b.jpg")
    layout = find_layout(tree(tmp_path, "masks/train/a.png", "masks/b.png"))
    assert names(layout) == {"train": ["train/a"]}
    assert "1 pair outside" in layout.notes[0]


@pytest.mark.parametrize("form", ["test/{}/b", "{}/test/b"])
def test_pairs_beside_a_split_that_is_put_aside_are_for_training(tmp_path: Path, form: str) -> None:
    tree(tmp_path, "images/a.jpg", "masks/a.png")
    tree(tmp_path, f"{form.format('images')}.jpg", f"{form.format('masks')}.png")
    layout = find_layout(tmp_path)
    assert names(layout) == {"train": ["a"], "test": ["test/b"]}
    assert layout.notes == ("1 pair outside of the folders of test, taken for train (first: a).",)


@pytest.mark.parametrize(
    "twins", [("images/a.jpg", "images/a.png"), ("masks/a.png", "masks/a.gif")]
)
def test_twins_are_refused_by_name(tmp_path: Path, twins: tuple[str, str]) -> None:
    tree(tmp_path, "images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b.png", *twins)
    with pytest.raises(MfpnetError) as caught:
        find_layout(tmp_path)
    assert all(twin in str(caught.value) for twin in twins)
    assert "Remove one" in str(caught.value)


def test_litter_is_passed_over(tmp_path: Path) -> None:
    litter = ("__MACOSX/images/a.jpg", ".git/images/c.png", "images/.b.jpg", "masks/._a.png")
    tree(tmp_path, *litter, "images/Thumbs.db", "images/.DS_Store", "images/notes.doc")
    layout = find_layout(tree(tmp_path, "images/a.jpg", "masks/a.png"))
    assert found(layout, tmp_path) == {"all": [("images/a.jpg", "masks/a.png")]}
    assert layout.notes == ()


def test_names_that_are_not_utf8_can_be_used_and_printed(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe")
    tree(tmp_path, f"images/{odd}.jpg", f"masks/{odd}.png", f"images/{odd}2.jpg")
    layout = find_layout(tmp_path)
    (pair,) = layout.parts["all"]
    assert pair.image.is_file()
    assert pair.mask.is_file()
    assert pair.name == r"\xff\xfe"
    assert r"\xff\xfe2.jpg" in layout.notes[0]
    (tmp_path / f"images/{odd}.png").touch()
    with pytest.raises(MfpnetError, match="twice") as caught:
        find_layout(tmp_path)
    str(caught.value).encode()


def test_accents_in_one_piece_or_two_are_the_same_name(tmp_path: Path) -> None:
    one, two = "caf\u00e9", "cafe\u0301"
    tree(tmp_path, f"images/{one}/a{one}.jpg", f"masks/{two}/a{two}.png")
    tree(tmp_path, f"images/{two}2/b.jpg", f"masks/{one}2/b.png")
    layout = find_layout(tmp_path)
    assert len(layout.parts["all"]) == 2
    assert layout.notes == ()


def test_a_list_may_hold_names_that_are_not_utf8(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe")
    tree(tmp_path, f"images/a{odd}.jpg", f"masks/a{odd}.png")
    (tmp_path / "train.txt").write_bytes(b"images/a\xff\xfe.jpg\n")
    assert names(find_layout(tmp_path)) == {"train": [r"a\xff\xfe"]}


def test_links_are_followed_inside_the_folder_only(tmp_path: Path) -> None:
    root, away = tmp_path / "data", tree(tmp_path / "away", "z.jpg", "d/y.jpg")
    tree(root, "raw/photos/a.jpg", "masks/a.png", "masks/b.png", "masks/z.png")
    (root / "images").symlink_to(root / "raw" / "photos")
    (root / "raw" / "photos" / "b.jpg").symlink_to(root / "raw" / "photos" / "a.jpg")
    (root / "raw" / "photos" / "z.jpg").symlink_to(away / "z.jpg")
    (root / "raw" / "photos" / "gone.jpg").symlink_to(root / "nothing.jpg")
    (root / "raw" / "round").symlink_to(root)
    (root / "away").symlink_to(away / "d")
    layout = find_layout(root)
    assert names(layout) == {"all": ["a", "b"]}
    notes = " ".join(layout.notes)
    assert "3 symbolic links out of the folder, not followed (first: away)" in notes
    assert "1 symbolic link in a circle, not followed (first: raw/round)" in notes
    assert "to nowhere" in notes


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "images/a.jpg", "masks/a.png", "secret/x.png")
    real: Any = os.scandir

    def scandir(path: Path) -> Iterator[os.DirEntry[str]]:
        if path.name == "secret":
            raise PermissionError(13, "Permission denied")
        return real(path)  # type: ignore[no-any-return]

    monkeypatch.setattr(os, "scandir", scandir)
    layout = find_layout(tmp_path)
    assert names(layout) == {"all": ["a"]}
    assert "1 folder not looked into: Permission denied (first: secret/)" in layout.notes[0]


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "images/a.jpg", "images/b.jpg", "c.jpg")
    with pytest.raises(MfpnetError) as caught:
        find_layout(tmp_path)
    text = str(caught.value)
    assert str(tmp_path) in text
    assert "3 pictures (2 in 'images', 1 in '.')" in text
    assert "they are missing" in text
    assert "masks/a.png" in text


def test_the_folder_above_is_advised(tmp_path: Path) -> None:
    tree(tmp_path, "images/a.jpg", "masks/a.png")
    with pytest.raises(MfpnetError, match=r"masks seem to lie in .*masks'"):
        find_layout(tmp_path / "images")


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ((), "no picture in it or below it"),
        (("masks/a.png",), "The frames are missing"),
        (("images/a.jpg", "masks/b.png"), "differ"),
    ],
)
def test_nothing_to_pair_is_refused(tmp_path: Path, paths: tuple[str, ...], said: str) -> None:
    with pytest.raises(MfpnetError, match=said):
        find_layout(tree(tmp_path, *paths))


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="is missing"):
        find_layout(tmp_path / "none")
    with pytest.raises(MfpnetError, match="is a file"):
        find_layout(tree(tmp_path, "x.zip") / "x.zip")


def test_pairs_are_in_order_of_time_and_know_their_clip(tmp_path: Path) -> None:
    stems = ["clipA_10", "clipA_9", "clipB_1", "clipA_100"]
    tree(tmp_path, *(f"images/{stem}.jpg" for stem in stems), *(f"masks/{s}.png" for s in stems))
    pairs = find_layout(tmp_path).parts["all"]
    assert [pair.name for pair in pairs] == ["clipA_9", "clipA_10", "clipA_100", "clipB_1"]
    assert [pair.sequence for pair in pairs] == ["clipA"] * 3 + ["clipB"]


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("train/0001TP_006690", "0001TP"),
        ("val/472/frame3", "472"),
        ("a/b/7", "a/b"),
        ("17", "numbered"),
    ],
)
def test_sequences(name: str, sequence: str) -> None:
    assert sequence_of(name) == sequence


def test_natural_order() -> None:
    assert sorted(["f10", "f2", "2", "10", "a", "f2b"], key=natural) == [
        "2",
        "10",
        "a",
        "f2",
        "f2b",
        "f10",
    ]


@pytest.mark.parametrize(
    ("name", "role", "split", "kind"),
    [
        ("train2017", None, "train", ""),
        ("imagesTr", "frame", "train", "images"),
        ("valannot", "mask", "val", "annot"),
        ("train_extra", None, None, "train_extra"),
        ("SegmentationObject", None, None, "segmentationobject"),
        ("berlin", None, None, "berlin"),
    ],
)
def test_names_of_folders(name: str, role: Any, split: str | None, kind: str) -> None:
    assert read_folder_name(name) == FolderName(role, split, kind)
