"""Pictures drawn on demand as a data set: what all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import LabelSet
from mfpnet.pixels.pictures import Image, Labels


class Drawn(ABC):
    """Pictures that follow from their number; needs no download.

    Those of `train`, `val` and `test` never share a seed.

    Args:
        split: `train`, `val` or `test`.
        count: how many pictures.
        size: (H, W) of each.
    """

    name: str
    labels: LabelSet
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

    def seed(self, index: int) -> int:
        """What a picture is drawn from."""
        return int(self.first_seed[self.split]) + index

    def frame_name(self, index: int) -> str:
        """Split and number of the picture."""
        return f"{self.split}_{index:05d}"

    def sequence(self, index: int) -> str:
        """Each picture is a drive of its own: they are independent."""
        return self.frame_name(index)

    @abstractmethod
    def load(self, index: int) -> tuple[Image, Labels]:
        """The picture (H, W, 3) and labels (H, W)."""

    def describe(self, index: int) -> str:
        """Name of the picture."""
        return f"{self.name} scene {self.frame_name(index)}"
