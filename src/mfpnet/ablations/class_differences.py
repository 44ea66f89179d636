"""Where one network of a comparison is better than another: per class, and per group of classes."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mfpnet.ablations.rows import is_resolved
from mfpnet.errors import MfpnetError, unknown_name

# A row of a comparison's record: `variant`, and `iou_per_class` of each seed.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ScoreDifference:
    """IoU of a class, or the mean of a group of classes, under two networks; all in 0 to 1.

    Attributes:
        name: of the class or group.
        classes: how many it stands for.
        base: mean over the baseline's seeds.
        other: mean over the other network's.
        spread: sample standard deviation over the baseline's seeds; None of one seed.
    """

    name: str
    classes: int
    base: float
    other: float
    spread: float | None

    @property
    def difference(self) -> float:
        """Above 0 where the other network is better."""
        return self.other - self.base

    @property
    def resolved(self) -> bool:
        """Whether another seed of the baseline would hardly have done the same."""
        return is_resolved(self.difference, self.spread)


def class_differences(base: Row, other: Row) -> list[ScoreDifference]:
    """Of each class, in the record's order; one that any run has no score of is left out.

    Raises:
        MfpnetError: the two were scored in different classes.
    """
    return [_difference(name, [name], base, other) for name in _scored(base, other)]


def grouped_differences(base: Row, other: Row, groups: Mapping[str, str]) -> list[ScoreDifference]:
    """Of each group's mean over its classes, in the order of the groups' first classes.

    Args:
        base: the baseline's row.
        other: the other network's.
        groups: of each class's name, that of its group.

    Raises:
        MfpnetError: as above, or a class has no group.
    """
    members: dict[str, list[str]] = {}
    for name in _scored(base, other):
        if name not in groups:
            raise unknown_name("class with a group", name, groups)
        members.setdefault(groups[name], []).append(name)
    return [_difference(group, names, base, other) for group, names in members.items()]


def row_named(rows: Sequence[Row], variant: str) -> Row:
    """The row of a network.

    Raises:
        MfpnetError: there is none.
    """
    known = {row["variant"]: row for row in rows}
    if variant not in known:
        raise unknown_name("network of the records", variant, known)
    return known[variant]


def where_it_loses(differences: Iterable[ScoreDifference]) -> str:
    """One sentence: how many classes are resolved either way, and those that lose the most."""
    found = sorted(differences, key=lambda each: -each.difference)
    lost = [each for each in found if each.resolved and each.difference > 0]
    won = sum(each.resolved and each.difference < 0 for each in found)
    most = ", ".join(f"{each.name} {100 * each.difference:.1f}" for each in lost[:5])
    named = f" (most: {most})" if lost else ""
    rest = len(found) - len(lost) - won
    return f"It loses {len(lost)} of {len(found)} classes{named}, wins {won}; {rest} not resolved."


def _scored(base: Row, other: Row) -> list[str]:
    """The classes of which every run has a score."""
    runs = [*base["iou_per_class"], *other["iou_per_class"]]
    if any(set(run) != set(runs[0]) for run in runs):
        raise MfpnetError(
            f"{base['variant']} and {other['variant']} were scored in different classes: compare "
            f"records of the same data."
        )
    return [name for name in runs[0] if all(run[name] is not None for run in runs)]


def _difference(name: str, classes: Sequence[str], base: Row, other: Row) -> ScoreDifference:
    small, large = (
        [statistics.fmean(seed[each] for each in classes) for seed in row["iou_per_class"]]
        for row in (base, other)
    )
    spread = statistics.stdev(small) if len(small) > 1 else None
    means = statistics.fmean(small), statistics.fmean(large)
    return ScoreDifference(name, len(classes), *means, spread)
