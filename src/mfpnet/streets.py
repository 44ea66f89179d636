"""Streets drawn on demand as a data set: CamVid's classes without a download."""

from __future__ import annotations

from typing import ClassVar

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.labels import CAMVID
from mfpnet.pictures import Image, Labels
from mfpnet.scenes import draw_scene


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
