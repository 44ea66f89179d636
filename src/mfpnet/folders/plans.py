"""What is made of a folder of the user's own: its pairs, split, and the classes of its masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.folders.layouts import find_layout
from mfpnet.folders.splits import Parts, has_splits, read_splits, split_pairs, write_splits
from mfpnet.labels import LabelSet
from mfpnet.masks.class_file import CLASS_FILE, ClassFile, read_classes, write_classes
from mfpnet.masks.survey import propose_classes
from mfpnet.pixels.pictures import Labels


@dataclass(frozen=True)
class Plan:
    """How a folder is read.

    Attributes:
        parts: the pairs of each split.
        classes: how masks hold classes.
        notes: what was found out or decided, a sentence each.
    """

    parts: dict[str, tuple[Pair, ...]]
    classes: ClassFile
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> LabelSet:
        """What the integers of a target mean."""
        return self.classes.labels

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of a split, of several joined by `+`, or of `all`.

        Raises:
            MfpnetError: no such split.
        """
        names = self.parts if split == "all" else split.split("+")
        for name in names:
            if name not in self.parts:
                raise unknown_name("split", name, (*self.parts, "all"))
        return [pair for name in names for pair in self.parts[name]]

    def read_mask(self, path: Path) -> Labels:
        """A mask's file as (H, W) targets."""
        return self.classes.read_mask(path)


def plan_of(root: Path, plan: Path | None = None, classes: Path | None = None) -> Plan:
    """The plan of a folder: written down in `plan` or in the folder itself, else proposed.

    Args:
        root: the folder.
        plan: a folder with classes.yaml and split lists that `write_plan` has written.
        classes: a classes.yaml that goes before all others.

    Raises:
        MfpnetError: nothing to pair up, masks whose classes cannot be told, or no plan in `plan`.
    """
    if plan and not (plan / CLASS_FILE).is_file():
        raise MfpnetError(f"'{plan}' holds no plan: it has no {CLASS_FILE}. Check the path.")
    layout = find_layout(root)
    every = [pair for part in layout.parts.values() for pair in part]
    read, notes = _classes(every, root, plan, classes)
    parts, more = _parts(layout.parts, every, plan)
    return Plan(parts, read, (*layout.notes, *notes, *more))


def _classes(
    pairs: list[Pair], root: Path, plan: Path | None, classes: Path | None
) -> tuple[ClassFile, tuple[str, ...]]:
    files = [classes, plan and plan / CLASS_FILE, root / CLASS_FILE]
    for file in files:
        if file and (file.is_file() or file is classes):
            read = read_classes(file)
            # A fault is to be mended in the folder, not in the copy that a run keeps.
            mended = root / CLASS_FILE if file.parent == plan else file
            return replace(read, place=mended), ()
    proposed = propose_classes(pairs, root)
    return proposed.classes, proposed.notes


def _parts(found: Parts, pairs: list[Pair], plan: Path | None) -> tuple[Parts, tuple[str, ...]]:
    if plan and has_splits(plan):
        return read_splits(plan, pairs), ()
    if len(found) > 1:
        return found, ()
    split = split_pairs(pairs)
    return split.parts, split.notes


def write_plan(plan: Plan, folder: Path) -> list[str]:
    """Write classes.yaml and the split lists, from which `plan_of` reads the same plan.

    Returns:
        The names of files that keep lists which were there, see `write_splits`.
    """
    write_classes(folder / CLASS_FILE, plan.classes)
    return write_splits(folder, plan.parts)
