"""Labelled frames behind one face, and what is checked of them, whatever they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from mfpnet.errors import MfpnetError
from mfpnet.labels import LabelSet
from mfpnet.pixels.format import RGB, PixelFormat, Raster, format_of
from mfpnet.pixels.pictures import Instances, Labels


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

    def load(self, index: int) -> tuple[Raster, Labels]:
        """The frame (H, W, C), uint8 or uint16, and its target (H, W)."""
        ...

    def describe(self, index: int) -> str:
        """Where the frame's target comes from, for an error message."""
        ...


def instances_of(dataset: Dataset) -> Callable[[int], Instances] | None:
    """What tells the objects of a frame apart; None of data that has label maps only.

    For the index of a frame it gives (H, W) uint16: 0 where no object is, else a number that is the
    object's own in this frame, also where something hides the middle of it.
    """
    found: Callable[[int], Instances] | None = getattr(dataset, "instances", None)
    return found


def check_instances(dataset: Dataset) -> Callable[[int], Instances]:
    """As `instances_of`, of data that an instance head is to learn from.

    Raises:
        MfpnetError: its objects are not told apart.
    """
    found = instances_of(dataset)
    if found is None or not dataset.labels.things:
        raise MfpnetError(
            f"--instances needs data that tells one object from the next, and {dataset.name} has "
            f"label maps only: train on --data synthetic, or leave out --instances."
        )
    return found


def load_checked(dataset: Dataset, index: int) -> tuple[Raster, Labels]:
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


def frame_format(dataset: Dataset) -> PixelFormat:
    """The pixels of the first frame, which all have; RGB of a data set without frames.

    Raises:
        MfpnetError: the frame cannot be read.
    """
    return format_of(dataset.load(0)[0]) if len(dataset) else RGB


def fingerprint(image: Raster) -> bytes:
    """A hash of the pixels: the same frame under another name has the same one."""
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def pixel_counts(target: Labels, num_classes: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Pixels of each class, void left out: (num_classes,)."""
    return np.bincount(target.ravel(), minlength=num_classes)[:num_classes].astype(np.int64)
