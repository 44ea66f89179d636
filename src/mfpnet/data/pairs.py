"""Frames and masks on disk as a data set: a list of pairs, and how a mask is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfpnet.labels import LabelSet
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels, read_image, read_labels


@dataclass(frozen=True)
class Pair:
    """A frame and its mask.

    Attributes:
        image: the frame's file.
        mask: its mask's file.
        name: the frame's own within the data; `/` between folder and stem where there are folders.
        sequence: the drive, clip or folder that it comes from.
    """

    image: Path
    mask: Path
    name: str
    sequence: str


class PairedFiles:
    """A data set of pairs of files.

    Args:
        name: of the data.
        split: which part of it.
        labels: what the integers of a target mean.
        pairs: in the order of the data set; of one sequence in order of time.
        read_mask: from a mask's file to (H, W) labels as `labels` has them.
        read_frame: from a frame's file to its pixels (H, W, C).
    """

    def __init__(
        self,
        name: str,
        split: str,
        labels: LabelSet,
        pairs: Sequence[Pair],
        read_mask: Callable[[Path], Labels] = read_labels,
        read_frame: Callable[[Path], Raster] = read_image,
    ) -> None:
        self.name, self.split, self.labels = name, split, labels
        self.pairs = tuple(pairs)
        self._read_mask, self._read_frame = read_mask, read_frame

    def __len__(self) -> int:
        return len(self.pairs)

    def frame_name(self, index: int) -> str:
        """The pair's name."""
        return self.pairs[index].name

    def sequence(self, index: int) -> str:
        """The pair's drive, clip or folder."""
        return self.pairs[index].sequence

    def load(self, index: int) -> tuple[Raster, Labels]:
        """The frame (H, W, C) and its target (H, W)."""
        pair = self.pairs[index]
        return self._read_frame(pair.image), self._read_mask(pair.mask)

    def describe(self, index: int) -> str:
        """The mask's path."""
        return str(self.pairs[index].mask)
