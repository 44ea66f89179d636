"""Every pair of a folder read once: sizes, classes, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mfpnet.data.datasets import pixel_counts
from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.folders.plans import Plan
from mfpnet.masks.class_file import UnlistedValuesError
from mfpnet.pixels.bands import read_bands, read_header
from mfpnet.pixels.format import RGB, PixelFormat, Raster
from mfpnet.pixels.likeness import Looks, look_of
from mfpnet.pixels.pictures import Labels

Counts = npt.NDArray[np.int64]
Size = tuple[int, int]


@dataclass(frozen=True)
class Fault:
    """Why a pair cannot be used.

    Attributes:
        kind: image or mask (cannot be read), size (they differ) or values (of no class).
        text: a sentence.
        counts: of values, the pixels of each.
    """

    kind: Literal["image", "mask", "size", "values"]
    text: str
    counts: dict[int, int]


@dataclass(frozen=True)
class ScannedPair:
    """What was found in a pair.

    Attributes:
        pair: the files.
        split: its part.
        size: (H, W) of the image; None where it cannot be read.
        mask_size: (H, W) of the mask likewise.
        counts: (C,) pixels of each class; None where the mask cannot be used.
        void: ignored pixels.
        look: what the image looks like, see `likeness`; None where it cannot be read.
        faults: none where the pair can be used.
    """

    pair: Pair
    split: str
    size: Size | None
    mask_size: Size | None
    counts: Counts | None
    void: int
    look: Looks | None
    faults: tuple[Fault, ...]

    @property
    def usable(self) -> bool:
        """Whether something can be learned from it."""
        return not self.faults and self.counts is not None and bool(self.counts.any())


@dataclass(frozen=True)
class Scan:
    """All pairs of a folder.

    Attributes:
        pairs: in the order of the splits.
        format: of the images' pixels.
        mean: of each channel of the training images, 0 to 1.
        std: likewise.
        asked: the channels that somebody asked for, where the first image did not decide.
    """

    pairs: tuple[ScannedPair, ...]
    format: PixelFormat
    mean: tuple[float, ...]
    std: tuple[float, ...]
    asked: int | None = None

    def of(self, split: str) -> list[ScannedPair]:
        """The pairs of a split."""
        return [each for each in self.pairs if each.split == split]

    def counts(self, split: str | None = None) -> Counts:
        """(C,) pixels of each class, of a split or of all; (0,) where no mask can be used."""
        known = [
            each.counts
            for each in self.pairs
            if each.counts is not None and split in (None, each.split)
        ]
        return np.sum(known, axis=0) if known else np.zeros(0, dtype=np.int64)


class _Statistics:
    """Mean and standard deviation of channels, one image after another."""

    def __init__(self, channels: int) -> None:
        self.pixels = 0
        self.sum, self.squares = np.zeros(channels), np.zeros(channels)

    def add(self, image: Raster, highest: int) -> None:
        values = image.reshape(-1, image.shape[2]) / np.float32(highest)
        self.pixels += len(values)
        self.sum += values.sum(axis=0, dtype=np.float64)
        self.squares += (values**2).sum(axis=0, dtype=np.float64)

    def moments(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        mean = self.sum / max(self.pixels, 1)
        std = np.sqrt(np.maximum(self.squares / max(self.pixels, 1) - mean**2, 0))
        return tuple(mean.round(4).tolist()), tuple(std.round(4).tolist())


def scan(
    plan: Plan, on_pair: Callable[[], None] | None = None, *, channels: int | None = None
) -> Scan:
    """Read every pair of all splits.

    Args:
        plan: of the folder.
        on_pair: called after each.
        channels: to read the images with; None for what the first one has.
    """
    natural = _format(plan)
    wanted = PixelFormat(channels or natural.channels, natural.bits)
    statistics, found = _Statistics(wanted.channels), []
    for split, pair in _every(plan):
        image = _image(pair, wanted)
        if split == "train" and not isinstance(image, MfpnetError):
            statistics.add(image, wanted.highest)
        found.append(_scanned(plan, split, pair, image))
        if on_pair:
            on_pair()
    return Scan(tuple(found), wanted, *statistics.moments(), asked=channels)


def _every(plan: Plan) -> Iterator[tuple[str, Pair]]:
    for split, pairs in plan.parts.items():
        for pair in pairs:
            yield split, pair


def _format(plan: Plan) -> PixelFormat:
    """What the first image that can be read is taken for."""
    for _, pair in _every(plan):
        try:
            return read_header(pair.image).natural
        except MfpnetError:
            continue
    return RGB


def _image(pair: Pair, wanted: PixelFormat) -> Raster | MfpnetError:
    try:
        return read_bands(pair.image, wanted)
    except MfpnetError as error:
        return error


def _scanned(plan: Plan, split: str, pair: Pair, image: Raster | MfpnetError) -> ScannedPair:
    target, faults = _target(plan, pair)
    size = None
    if isinstance(image, MfpnetError):
        faults.insert(0, Fault("image", str(image), {}))
    else:
        size = (image.shape[0], image.shape[1])
    mask_size = None if target is None else (target.shape[0], target.shape[1])
    if size and mask_size and size != mask_size:
        faults.append(Fault("size", _sizes(pair, size, mask_size), {}))
    counts = None if target is None else pixel_counts(target, plan.labels.num_classes)
    void = 0 if target is None or counts is None else target.size - int(counts.sum())
    look = None if isinstance(image, MfpnetError) else look_of(image)
    return ScannedPair(pair, split, size, mask_size, counts, void, look, tuple(faults))


def _target(plan: Plan, pair: Pair) -> tuple[Labels | None, list[Fault]]:
    try:
        return plan.read_mask(pair.mask), []
    except UnlistedValuesError as error:
        return None, [Fault("values", str(error), error.counts)]
    except MfpnetError as error:
        return None, [Fault("mask", str(error), {})]


def _sizes(pair: Pair, size: Size, mask_size: Size) -> str:
    image, mask = ("x".join(map(str, sides)) for sides in (size, mask_size))
    turned = ", which is the image turned by a quarter" if size == mask_size[::-1] else ""
    return f"'{pair.mask}' is {mask}, its image {image} (HxW){turned}"
