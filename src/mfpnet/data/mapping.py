"""Maps between label sets: which classes of one are which of the other, written down in YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mfpnet.labels import Colour, LabelSet
from mfpnet.pixels.pictures import Labels

# The label of what belongs to no group, in label maps of groups.
VOID = 255

# The new label of each class: (C,).
Table = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Group:
    """Classes of both sides that are taken for the same.

    Attributes:
        name: of the group.
        colour: RGB, each channel 0 to 255.
        sources: its classes in the one label set.
        targets: its classes in the other.
    """

    name: str
    colour: Colour
    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class LabelMap:
    """Which classes of one label set are which of another; each class stands in it exactly once.

    Attributes:
        name: of the map.
        source: name of the label set that is mapped.
        classes: its classes, in their order.
        target: the label set that it is mapped into.
        groups: what is taken for the same.
        ignored: classes of `source` and of `target` that are in no group.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    target: LabelSet
    groups: tuple[Group, ...]
    ignored: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def labels(self) -> LabelSet:
        """The groups as a label set of their own."""
        names = tuple(group.name for group in self.groups)
        return LabelSet(self.name, names, tuple(group.colour for group in self.groups), VOID)

    def as_dict(self) -> dict[str, object]:
        """What a record says of it: plain types only."""
        return {
            "name": self.name,
            "from": self.source,
            "to": self.target.name,
            "groups": {
                group.name: {"from": list(group.sources), "to": list(group.targets)}
                for group in self.groups
            },
            "ignored": {"from": list(self.ignored[0]), "to": list(self.ignored[1])},
        }

    def into_target(self) -> Table:
        """The label in `target` of each class of `source`: (C,).

        A class whose group has several classes in `target` is none of them for sure: it gets the
        ignored label, as does one without a group.
        """
        table = np.full(len(self.classes), self.target.ignore_index, dtype=np.int32)
        for group in self.groups:
            if len(group.targets) == 1:
                label = self.target.classes.index(group.targets[0])
                table[[self.classes.index(name) for name in group.sources]] = label
        return table

    def source_groups(self, void: int = VOID) -> Table:
        """The group of each class of `source`, (C,), `void` for one without."""
        return self._group_of(self.classes, [group.sources for group in self.groups], void)

    def target_groups(self, void: int = VOID) -> Table:
        """The group of each class of `target`, (C,), `void` for one without."""
        return self._group_of(self.target.classes, [group.targets for group in self.groups], void)

    def _group_of(
        self, classes: Sequence[str], members: Sequence[Sequence[str]], void: int
    ) -> Table:
        table = np.full(len(classes), void, dtype=np.int32)
        for number, names in enumerate(members):
            table[[classes.index(name) for name in names]] = number
        return table


def carried(labels: Labels, table: Table, void: int) -> Labels:
    """Labels put through a table.

    Args:
        labels: any shape.
        table: (C,), the new label of each; any other label becomes `void`.
        void: the new label of what the table does not have.

    Returns:
        Labels of the same shape, uint8 where they fit.
    """
    size = max(int(labels.max(initial=0)) + 1, len(table))
    whole = np.full(size, void, dtype=np.min_scalar_type(max(int(table.max()), void)))
    whole[: len(table)] = table
    found: Labels = whole[labels]
    return found


def packaged_maps() -> dict[str, Path]:
    """The maps that come with the package: name -> file."""
    folder = Path(str(resources.files("mfpnet"))) / "label_maps"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
