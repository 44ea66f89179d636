"""A data set made of another one: its frames changed as they are read, or some of them only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mfpnet.datasets import Dataset
from mfpnet.labels import LabelSet
from mfpnet.pictures import Image, Labels

# A frame, its target and its name become another frame and target.
Change = Callable[[Image, Labels, str], tuple[Image, Labels]]


class Derived:
    """Some or all frames of a data set, in its order, each changed when it is read.

    Args:
        dataset: the data.
        change: what happens to a frame and its target; None for nothing.
        labels: what the changed targets mean; None for what the data's mean.
        indices: the frames; None for all.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        change: Change | None = None,
        labels: LabelSet | None = None,
        indices: Sequence[int] | None = None,
    ) -> None:
        self.name, self.split, self.labels = dataset.name, dataset.split, labels or dataset.labels
        self._dataset, self._change = dataset, change
        self._indices = range(len(dataset)) if indices is None else indices

    def __len__(self) -> int:
        return len(self._indices)

    def frame_name(self, index: int) -> str:
        """The frame's own."""
        return self._dataset.frame_name(self._indices[index])

    def sequence(self, index: int) -> str:
        """The frame's own."""
        return self._dataset.sequence(self._indices[index])

    def load(self, index: int) -> tuple[Image, Labels]:
        """The frame (H, W, 3) and its target (H, W), changed."""
        image, target = self._dataset.load(self._indices[index])
        name = self.frame_name(index)
        return self._change(image, target, name) if self._change else (image, target)

    def describe(self, index: int) -> str:
        """Where the frame's target comes from."""
        return self._dataset.describe(self._indices[index])


def thinned(dataset: Dataset, count: int) -> Dataset:
    """At most `count` frames, evenly spaced from the first to the last."""
    if count >= len(dataset):
        return dataset
    places = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()
    return Derived(dataset, indices=places)
