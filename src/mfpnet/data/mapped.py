"""Data in the classes of another label set, and several data sets as one."""

from __future__ import annotations

from collections.abc import Sequence

from mfpnet.data.datasets import Dataset
from mfpnet.data.derived import Derived
from mfpnet.data.mapping import LabelMap, Table, carried
from mfpnet.errors import MfpnetError
from mfpnet.labels import LabelSet
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels


def carried_over(dataset: Dataset, table: Table, labels: LabelSet) -> Dataset:
    """The data with its targets put through a table.

    Args:
        dataset: the data.
        table: (C,) new label of each class; all else becomes the ignored label.
        labels: what the new labels mean.
    """

    def change(image: Raster, target: Labels, _: str) -> tuple[Raster, Labels]:
        return image, carried(target, table, labels.ignore_index)

    return Derived(dataset, change, labels)


def into_target(dataset: Dataset, label_map: LabelMap) -> Dataset:
    """The data in the classes that a map leads to; void where it has no single class there.

    Raises:
        MfpnetError: the data has other classes than the map comes from.
    """
    check_fits(label_map, dataset.labels.classes, f"{dataset.name} has")
    return carried_over(dataset, label_map.into_target(), label_map.target)


class Joined:
    """Several data sets of the same classes as one, in the order given.

    Attributes:
        parts: the data sets.
        name: their names with a + between.
        split: the split, or each one's with a comma between where they differ.
        labels: those of the first.

    Raises:
        MfpnetError: one has other classes than the first.
    """

    def __init__(self, parts: Sequence[Dataset]) -> None:
        for part in parts:
            _check_same(parts[0], part)
        self.parts = tuple(parts)
        self.name = "+".join(part.name for part in parts)
        self.split = ", ".join(dict.fromkeys(part.split for part in parts))
        self.labels: LabelSet = parts[0].labels
        self._places = [(part, index) for part in parts for index in range(len(part))]

    def __len__(self) -> int:
        return len(self._places)

    def frame_name(self, index: int) -> str:
        """The frame's own behind the name of its data."""
        part, own = self._places[index]
        return f"{part.name}/{part.frame_name(own)}"

    def sequence(self, index: int) -> str:
        """Likewise."""
        part, own = self._places[index]
        return f"{part.name}/{part.sequence(own)}"

    def load(self, index: int) -> tuple[Raster, Labels]:
        """The frame (H, W, C) and its target (H, W)."""
        part, own = self._places[index]
        return part.load(own)

    def describe(self, index: int) -> str:
        """Where the frame's target comes from."""
        part, own = self._places[index]
        return part.describe(own)


def check_fits(label_map: LabelMap, classes: Sequence[str], who: str) -> None:
    """Refuse classes that a map does not come from.

    Args:
        label_map: the map.
        classes: what it is to be used on.
        who: whose classes these are, as "camvid has".

    Raises:
        MfpnetError: they are others, or in another order.
    """
    if label_map.classes == tuple(classes):
        return
    only = sorted(set(classes) ^ set(label_map.classes))
    differ = f"'{only[0]}' is in one of them only" if only else "they are in another order"
    raise MfpnetError(
        f"the map {label_map.name} comes from {len(label_map.classes)} classes of "
        f"{label_map.source}, {who} {len(classes)} classes: {differ}. Give a map from these."
    )


def _check_same(first: Dataset, other: Dataset) -> None:
    mine, theirs = first.labels, other.labels
    if mine.classes != theirs.classes:
        sets = (theirs.classes, mine.classes)
        known = [f"{len(each)} ({', '.join(each[:3])}, ...)" for each in sets]
        raise MfpnetError(
            f"the classes of {other.name} are {known[0]}, those of {first.name} {known[1]}: to "
            f"train on both, give a map from the one to the other, as in --extra "
            f"{other.name}=DIR@{other.name}-{first.name}."
        )
    if mine.ignore_index != theirs.ignore_index:
        raise MfpnetError(
            f"{other.name} ignores label {theirs.ignore_index}, {first.name} {mine.ignore_index}: "
            f"give the one a map into the other's classes, with its ignore_index."
        )
