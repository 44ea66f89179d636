from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from mfpnet.data.camvid import CamVid
from mfpnet.data.datasets import Dataset, fingerprint, load_checked, pixel_counts, problems
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.labels import CAMVID
from mfpnet.sources import open_dataset
from mfpnet.synthetic.streets import SyntheticStreets

NAMES = ("0001TP_000030", "0006R0_f00010", "0006R0_f00020", "Seq05VD_f00000")
SIZE = (6, 10)


def drives(dataset: Dataset) -> Counter[str]:
    """How many frames each drive has."""
    return Counter(dataset.sequence(index) for index in range(len(dataset)))


def write_frame(root: Path, split: str, name: str, *, value: int = 3, suffix: str = "png") -> None:
    """A frame of one colour, and a mask of class `value` with one void pixel."""
    for folder in (split, f"{split}annot"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    image = np.full((*SIZE, 3), (value, 20, 200), dtype=np.uint8)
    mask = np.full(SIZE, value, dtype=np.uint8)
    mask[0, 0] = 11
    options: dict[str, Any] = {"quality": 95} if suffix == "jpg" else {"lossless": True}
    PIL.Image.fromarray(image).save(root / split / f"{name}.{suffix}", **options)
    PIL.Image.fromarray(mask).save(root / f"{split}annot" / f"{name}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four frames of three drives in train, one in val; `.png` and `.webp` side by side."""
    for value, name in enumerate(NAMES):
        suffix = "webp" if value % 2 else "png"
        write_frame(tmp_path, "train", name, value=value, suffix=suffix)
    write_frame(tmp_path, "val", "0016E5_00001", value=8)
    return tmp_path


def names(dataset: CamVid) -> list[str]:
    return [dataset.frame_name(index) for index in range(len(dataset))]


def complaint_of(root: Path, split: str = "train") -> str:
    """The text of the one problem in a split."""
    texts = [text for _, text in problems(CamVid(root, split)) if text]
    assert len(texts) == 1
    return texts[0]


def test_frames_come_in_order_with_their_masks(root: Path) -> None:
    dataset = CamVid(root, "train")
    assert (dataset.name, dataset.split, dataset.labels) == ("camvid", "train", CAMVID)
    assert names(dataset) == list(NAMES)
    for index in range(4):
        image, target = load_checked(dataset, index)
        assert image.shape == (*SIZE, 3)
        assert image[0, 0].tolist() == [index, 20, 200]
        assert (target[0, 0], target[-1, -1]) == (11, index)
    assert list(problems(dataset)) == [(0, None), (1, None), (2, None), (3, None)]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train+val", [*NAMES, "0016E5_00001"]),
        ("train/0006R0", list(NAMES[1:3])),
        ("train-0006R0", [NAMES[0], NAMES[3]]),
        ("train/0001TP+val/0016E5", [NAMES[0], "0016E5_00001"]),
    ],
)
def test_split_grammar(root: Path, split: str, expected: list[str]) -> None:
    assert names(CamVid(root, split)) == expected


def test_drives_are_counted(root: Path) -> None:
    assert drives(CamVid(root)) == {"0001TP": 1, "0006R0": 2, "Seq05VD": 1}


@pytest.mark.parametrize("split", ["train/0006RO", "train-0006RO"])
def test_unknown_drive_names_the_near_one(root: Path, split: str) -> None:
    with pytest.raises(MfpnetError, match=r"drive in split train '0006RO'.*mean '0006R0'"):
        CamVid(root, split)


@pytest.mark.parametrize("split", ["train/", "train-"])
def test_drive_without_a_name_is_unknown(root: Path, split: str) -> None:
    with pytest.raises(MfpnetError, match="unknown drive in split train ''"):
        CamVid(root, split)


def test_missing_folder_is_named_with_the_layout(root: Path) -> None:
    with pytest.raises(MfpnetError, match=r"nowhere/train is not a folder.*trainannot.*--root"):
        CamVid(root / "nowhere", "train")
    with pytest.raises(MfpnetError, match="tset is not a folder"):
        CamVid(root, "tset")


def test_empty_folder_is_named(root: Path) -> None:
    for mask in (root / "valannot").iterdir():
        mask.unlink()
    with pytest.raises(MfpnetError, match=r"valannot holds no \.png file"):
        CamVid(root, "val")


@pytest.mark.parametrize(
    ("folder", "lacks"), [("train", "has no frame"), ("trainannot", "has no mask")]
)
def test_frames_and_masks_that_do_not_pair_up(root: Path, folder: str, lacks: str) -> None:
    (next((root / folder).glob("0001TP*"))).unlink()
    with pytest.raises(MfpnetError, match=f"1 of 4 names.*'0001TP_000030' {lacks}"):
        CamVid(root, "train")


def test_jpeg_frames_are_read(root: Path) -> None:
    write_frame(root, "small", NAMES[0], value=5, suffix="jpg")
    image, target = load_checked(CamVid(root, "small"), 0)
    assert np.abs(image[0, 0].astype(int) - (5, 20, 200)).max() <= 4
    assert (target[0, 0], target[-1, -1]) == (11, 5)


@pytest.mark.parametrize(("first", "second"), [("png", "webp"), ("jpg", "png"), ("jpg", "webp")])
def test_one_frame_as_two_files_is_refused(root: Path, first: str, second: str) -> None:
    for suffix in (first, second):
        write_frame(root, "small", NAMES[0], suffix=suffix)
    # It sorts between the two.
    write_frame(root, "small", f"{NAMES[0]}.jpg.a")
    with pytest.raises(
        MfpnetError,
        match=rf"{NAMES[0]}\.{first}.*{NAMES[0]}\.{second}.*same frame twice.*[Rr]emove",
    ):
        CamVid(root, "small")


@pytest.mark.parametrize("suffix", ["jpg", "JPEG"])
def test_a_jpeg_mask_is_refused(root: Path, suffix: str) -> None:
    mask = root / "valannot" / "0016E5_00001.png"
    mask.rename(mask.with_suffix(f".{suffix}"))
    with pytest.raises(
        MfpnetError, match=rf"valannot/0016E5_00001\.{suffix} is a JPEG file.*masks as PNG"
    ):
        CamVid(root, "val")


def test_mask_larger_than_its_frame(root: Path) -> None:
    mask = root / "valannot" / "0016E5_00001.png"
    PIL.Image.fromarray(np.zeros((12, 20), dtype=np.uint8)).save(mask)
    complaint = complaint_of(root, "val")
    assert str(mask) in complaint
    assert "12x20" in complaint
    assert "6x10" in complaint
    assert "Export" in complaint


def test_label_out_of_range_is_named(root: Path) -> None:
    mask = root / "trainannot" / f"{NAMES[1]}.png"
    target = np.zeros(SIZE, dtype=np.uint8)
    target[2, 3], target[4, 4] = 200, 12
    PIL.Image.fromarray(target).save(mask)
    complaint = complaint_of(root)
    assert str(mask) in complaint
    assert "[12, 200]" in complaint
    assert "0 to 10, and 11 for void" in complaint


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def cut_jpeg(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("file", "damage", "found"),
    [
        (f"train/{NAMES[0]}.png", empty, "empty (0 bytes)"),
        (f"trainannot/{NAMES[0]}.png", empty, "empty (0 bytes)"),
        (f"train/{NAMES[1]}.webp", cut, "broken picture"),
        (f"train/{NAMES[2]}.png", cut_jpeg, "broken picture"),
    ],
    ids=["empty frame", "empty mask", "cut webp", "cut JPEG under a png name"],
)
def test_broken_file_is_named(
    root: Path, file: str, damage: Callable[[Path], None], found: str
) -> None:
    damage(root / file)
    complaint = complaint_of(root)
    assert str(root / file) in complaint
    assert found in complaint
    assert "again" in complaint


def test_colour_mask_is_refused_with_the_fix(root: Path) -> None:
    mask = root / "valannot" / "0016E5_00001.png"
    shutil.copy(root / "val" / "0016E5_00001.png", mask)
    complaint = complaint_of(root, "val")
    assert str(mask) in complaint
    assert "colour picture" in complaint
    assert "map each colour" in complaint


def test_synthetic_scenes_are_the_same_every_time() -> None:
    first, again = (SyntheticStreets("train", 2, (48, 64)) for _ in range(2))
    for index in range(2):
        assert np.array_equal(first.load(index)[0], again.load(index)[0])
        assert np.array_equal(first.load(index)[1], again.load(index)[1])
    assert list(problems(first)) == [(0, None), (1, None)]
    assert first.load(0)[0].shape == (48, 64, 3)
    assert drives(first) == {"train_00000": 1, "train_00001": 1}


def test_synthetic_splits_share_no_scene() -> None:
    splits = [SyntheticStreets(split, 3, (32, 48)) for split in ("train", "val", "test")]
    prints = {fingerprint(split.load(index)[0]) for split in splits for index in range(3)}
    assert len(prints) == 9
    starts = sorted(SyntheticStreets.first_seed.values())
    assert all(after - before >= 1_000_000 for before, after in pairwise(starts))


def test_sources_open_what_they_name(root: Path) -> None:
    camvid = open_dataset(DataSource("camvid", "val", root=str(root)))
    streets = open_dataset(DataSource("synthetic", "test", count=5, size=(32, 64)))
    assert (camvid.name, len(camvid)) == ("camvid", 1)
    assert (streets.name, streets.split, len(streets)) == ("synthetic", "test", 5)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (DataSource("camvit"), "unknown data 'camvit'.*Did you mean 'camvid'"),
        (DataSource("camvid"), "--root DIR"),
        (DataSource("synthetic", "tran"), "unknown split 'tran'.*'train'"),
        (DataSource("synthetic", count=0), "0 scenes"),
        (DataSource("synthetic", size=(16, 64)), r"\(16, 64\)"),
    ],
)
def test_unusable_sources(source: DataSource, complaint: str) -> None:
    with pytest.raises(MfpnetError, match=complaint):
        open_dataset(source)


def test_pixel_counts_leave_void_out() -> None:
    target = np.array([[0, 0, 10], [11, 11, 4]], dtype=np.uint8)
    assert pixel_counts(target, 11).tolist() == [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101), ("test", 233)])
def test_real_camvid(camvid_root: Path, split: str, count: int) -> None:
    dataset = CamVid(camvid_root, split)
    assert len(dataset) == count
    image, target = load_checked(dataset, 0)
    assert image.shape == (360, 480, 3)
    assert target.shape == (360, 480)
    assert drives(dataset).total() == count
