"""A data set made of another one: each frame or target changed as it is read."""

from __future__ import annotations

from collections.abc import Callable

from mfpnet.data.datasets import Dataset
from mfpnet.labels import LabelSet
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels

# A frame, its target and its name become another frame and target.
Change = Callable[[Raster, Labels, str], tuple[Raster, Labels]]


class Derived:
    """The frames of a data set, in its order, each changed when it is read.

    Args:
        dataset: the data.
        change: what happens to a frame and its target.
        labels: what the changed targets mean; None for what the data's mean.
    """

    def __init__(self, dataset: Dataset, change: Change, labels: LabelSet | None = None) -> None:
        self.name, self.split, self.labels = dataset.name, dataset.split, labels or dataset.labels
        self._dataset, self._change = dataset, change

    def __len__(self) -> int:
        return len(self._dataset)

    def frame_name(self, index: int) -> str:
        """The frame's own."""
        return self._dataset.frame_name(index)

    def sequence(self, index: int) -> str:
        """The frame's own."""
        return self._dataset.sequence(index)

    def load(self, index: int) -> tuple[Raster, Labels]:
        """The frame (H, W, C) and its target (H, W), changed."""
        image, target = self._dataset.load(index)
        return self._change(image, target, self.frame_name(index))

    def describe(self, index: int) -> str:
        """Where the frame's target comes from."""
        return self._dataset.describe(index)
