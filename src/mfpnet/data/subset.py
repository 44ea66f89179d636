"""Some frames of a data set, as if there were no others."""

from __future__ import annotations

from collections.abc import Callable

from mfpnet.data.datasets import Dataset, instances_of
from mfpnet.errors import MfpnetError
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Instances, Labels


class Subset:
    """So many frames, spread evenly over a data set's order.

    Args:
        dataset: what they are taken from.
        count: how many, at least one.

    Raises:
        MfpnetError: it has fewer frames, or none are asked for.
    """

    def __init__(self, dataset: Dataset, count: int) -> None:
        if not 1 <= count <= len(dataset):
            raise MfpnetError(
                f"--frames is {count}: {dataset.name} {dataset.split} has {len(dataset)} frames, "
                f"of which at least one is needed."
            )
        self.name, self.split, self.labels = dataset.name, dataset.split, dataset.labels
        self._dataset = dataset
        self._chosen = [(2 * place + 1) * len(dataset) // (2 * count) for place in range(count)]

    def __len__(self) -> int:
        return len(self._chosen)

    def frame_name(self, index: int) -> str:
        """The name that it has in the data set."""
        return self._dataset.frame_name(self._chosen[index])

    def sequence(self, index: int) -> str:
        """Likewise."""
        return self._dataset.sequence(self._chosen[index])

    def load(self, index: int) -> tuple[Raster, Labels]:
        """The frame (H, W, C) and its target (H, W)."""
        return self._dataset.load(self._chosen[index])

    @property
    def instances(self) -> Callable[[int], Instances] | None:
        """As `instances_of` the data set, for these frames."""
        found = instances_of(self._dataset)
        return None if found is None else lambda index: found(self._chosen[index])

    def describe(self, index: int) -> str:
        """Where the frame's target comes from."""
        return self._dataset.describe(self._chosen[index])
