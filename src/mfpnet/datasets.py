"""Labelled frames: CamVid on disk, or streets drawn on demand, behind one face."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import CAMVID, LabelSet
from mfpnet.pictures import Image, Labels, read_image, read_labels
from mfpnet.scenes import draw_scene


class Dataset(Protocol):
    """Frames with targets, in a fixed order.

    Attributes:
        name: name of the data, as in `open_dataset`.
        split: which part of it.
        labels: what the integers of a target mean.
    """

    name: str
    split: str
    labels: LabelSet

    def __len__(self) -> int: ...

    def frame_name(self, index: int) -> str:
        """A name that is the frame's own within the data."""
        ...

    def sequence(self, index: int) -> str:
        """The drive the frame comes from; frames of one drive resemble each other."""
        ...

    def load(self, index: int) -> tuple[Image, Labels]:
        """The frame (H, W, 3) and its target (H, W)."""
        ...

    def describe(self, index: int) -> str:
        """Where the frame's target comes from, for an error message."""
        ...


class CamVid:
    """CamVid in the SegNet tutorial's form: `train`, `trainannot`, and so on below one folder.

    Frames are `.png`, `.webp` or `.jpg`, masks `.png` with 0 to 10 and 11 for void. A frame that
    stands there twice is refused: a choice made in silence could be the one that lost detail.

    Args:
        root: the folder that holds `train`, `trainannot`, ...
        split: `train`, `val`, `test`, or several joined by `+`. `train/0006R0` is one drive of a
            split, `train-0006R0` is the split without it.

    Raises:
        MfpnetError: a folder is missing or empty, a mask is a JPEG file, a frame stands there
            twice, or frames and masks do not pair up.
    """

    name = "camvid"
    labels = CAMVID

    def __init__(self, root: Path, split: str = "train") -> None:
        self.split = split
        self._pairs = [pair for part in split.split("+") for pair in _camvid_part(root, part)]

    def __len__(self) -> int:
        return len(self._pairs)

    def frame_name(self, index: int) -> str:
        """Stem of the frame's file."""
        return self._pairs[index][0].stem

    def sequence(self, index: int) -> str:
        """The part of the name before the frame number: `0001TP`, `0006R0`, `0016E5`, `Seq05VD`."""
        return _drive(self._pairs[index][0])

    def load(self, index: int) -> tuple[Image, Labels]:
        """The frame (H, W, 3) and its target (H, W), both as on disk."""
        frame, mask = self._pairs[index]
        return read_image(frame), read_labels(mask)

    def describe(self, index: int) -> str:
        """The mask's path."""
        return str(self._pairs[index][1])


def _camvid_part(root: Path, part: str) -> list[tuple[Path, Path]]:
    """The pairs of `train`, of `train/DRIVE`, or of `train-DRIVE`."""
    sign = "/" if "/" in part else "-"
    split, found, drive = part.partition(sign)
    pairs = _camvid_pairs(root, split)
    if not found:
        return pairs
    every = {_drive(frame) for frame, _ in pairs}
    if drive not in every:
        raise unknown_name(f"drive in split {split}", drive, every)
    return [pair for pair in pairs if (_drive(pair[0]) == drive) == (sign == "/")]


def _drive(frame: Path) -> str:
    return frame.stem.split("_")[0]


def _camvid_pairs(root: Path, split: str) -> list[tuple[Path, Path]]:
    frames = _listing(root / split, (".png", ".webp", ".jpg"))
    masks = _mask_listing(root / f"{split}annot")
    if lonely := sorted(set(frames) ^ set(masks)):
        kind = "mask" if lonely[0] in frames else "frame"
        raise MfpnetError(
            f"{root / split} and {root / f'{split}annot'} do not pair up: {len(lonely)} of "
            f"{len(set(frames) | set(masks))} names stand in one only. '{lonely[0]}' has no "
            f"{kind}: add it or remove the other."
        )
    return [(frames[stem], masks[stem]) for stem in sorted(frames)]


def _mask_listing(folder: Path) -> dict[str, Path]:
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg"):
            raise MfpnetError(
                f"{path} is a JPEG file, which alters class indices: export the masks as PNG."
            )
    return _listing(folder, (".png",))


def _listing(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise MfpnetError(
            f"{folder} is not a folder. CamVid is expected as train, trainannot, val, valannot, "
            f"test, testannot below --root."
        )
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not found:
        raise MfpnetError(f"{folder} holds no {' or '.join(suffixes)} file.")
    by_stem: dict[str, Path] = {}
    for path in found:
        if twin := by_stem.get(path.stem):
            raise MfpnetError(f"{twin} and {path.name} are the same frame twice. Remove one.")
        by_stem[path.stem] = path
    return by_stem


class SyntheticStreets:
    """Street scenes drawn by `mfpnet.scenes`, with CamVid's classes; needs no download.

    The scenes of `train`, `val` and `test` never share a seed.

    Args:
        split: `train`, `val` or `test`.
        count: how many scenes.
        size: (H, W) of each.
    """

    name = "synthetic"
    labels = CAMVID
    first_seed: ClassVar = {"train": 0, "val": 1_000_000, "test": 2_000_000}

    def __init__(
        self, split: str = "train", count: int = 320, size: tuple[int, int] = (180, 240)
    ) -> None:
        if split not in self.first_seed:
            raise unknown_name("split", split, self.first_seed)
        if count < 1 or min(size) < 32:
            raise MfpnetError(f"{count} scenes of {size}: at least one, of at least 32x32.")
        self.split, self.count, self.size = split, count, size

    def __len__(self) -> int:
        return self.count

    def frame_name(self, index: int) -> str:
        """Split and number of the scene."""
        return f"{self.split}_{index:05d}"

    def sequence(self, index: int) -> str:
        """Each scene is a drive of its own: they are independent."""
        return self.frame_name(index)

    def load(self, index: int) -> tuple[Image, Labels]:
        """The scene's picture (H, W, 3) and labels (H, W)."""
        scene = draw_scene(self.first_seed[self.split] + index, self.size)
        return scene.image, scene.labels

    def describe(self, index: int) -> str:
        """Name of the scene."""
        return f"synthetic scene {self.frame_name(index)}"


@dataclass(frozen=True)
class DataSource:
    """What the command line says about data.

    Attributes:
        name: camvid or synthetic.
        split: see the data set.
        root: folder of the data on disk.
        count: how many scenes, for drawn data.
        size: (H, W) of drawn scenes.
    """

    name: str = "synthetic"
    split: str = "train"
    root: str | None = None
    count: int = 320
    size: tuple[int, int] = (180, 240)


DATASETS = ("camvid", "synthetic")


def open_dataset(source: DataSource) -> Dataset:
    """The data set that a source names.

    Raises:
        MfpnetError: no such data, no root where one is needed, or a fault of the data itself.
    """
    if source.name == "synthetic":
        return SyntheticStreets(source.split, source.count, source.size)
    if source.name != "camvid":
        raise unknown_name("data", source.name, DATASETS)
    if source.root is None:
        raise MfpnetError("camvid lies on disk: say where with --root DIR.")
    return CamVid(Path(source.root), source.split)


def load_checked(dataset: Dataset, index: int) -> tuple[Image, Labels]:
    """A frame and its target, with matching sizes and labels in range.

    Raises:
        MfpnetError: they do not match; names the file, the values found and the fix.
    """
    image, target = dataset.load(index)
    if image.shape[:2] != target.shape:
        raise MfpnetError(
            f"{dataset.describe(index)}: the mask is {target.shape[0]}x{target.shape[1]}, its "
            f"frame {image.shape[0]}x{image.shape[1]} (HxW). Export the mask at the frame's size."
        )
    _check_range(dataset, index, target)
    return image, target


def _check_range(dataset: Dataset, index: int, target: Labels) -> None:
    labels = dataset.labels
    found = np.unique(target)
    strange = [int(v) for v in found if v >= labels.num_classes and v != labels.ignore_index]
    if strange:
        raise MfpnetError(
            f"{dataset.describe(index)}: labels {strange} are out of range. {labels.name} has 0 "
            f"to {labels.num_classes - 1}, and {labels.ignore_index} for void: map them to these."
        )


def problems(dataset: Dataset) -> Iterator[tuple[int, str | None]]:
    """Each frame's index, and what is wrong with it or None: the whole of a pre-check."""
    for index in range(len(dataset)):
        try:
            load_checked(dataset, index)
        except MfpnetError as error:
            yield index, str(error)
        else:
            yield index, None


def fingerprint(image: Image) -> bytes:
    """A hash of the pixels: the same frame under another name has the same one."""
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def pixel_counts(target: Labels, num_classes: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Pixels of each class, void left out: (num_classes,)."""
    return np.bincount(target.ravel(), minlength=num_classes)[:num_classes].astype(np.int64)
