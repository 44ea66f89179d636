"""Many classes cut down to what one can read: the largest, or the best and the worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def with_others(
    matrix: npt.NDArray[np.float64], classes: Sequence[str], most: int
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """A confusion matrix of at most so many classes, the rest of them as one.

    Args:
        matrix: (C, C) pixels, row = target.
        classes: name of class i.
        most: how many rows there may be, 2 or more.

    Returns:
        The matrix of the classes with the most target pixels, in their own order, and of all the
        others together as its last row and column; their names. All of it where that fits.
    """
    if len(classes) <= most:
        return matrix, list(classes)
    kept = np.sort(np.argsort(-matrix.sum(axis=1), kind="stable")[: most - 1])
    group = np.full(len(classes), most - 1)
    group[kept] = np.arange(most - 1)
    merged = np.zeros((most, most))
    np.add.at(merged, (group[:, None], group[None]), matrix)
    return merged, [*(classes[index] for index in kept), f"{len(classes) - len(kept)} others"]


def listed(names: Sequence[str], most: int = 20) -> str:
    """The names with commas between them; of many the first, and how many more there are."""
    more = len(names) - most
    named = ", ".join(names[:most])
    return f"{named} and {more} more" if more > 0 else named


def best_and_worst(values: Sequence[float | None], most: int) -> list[int]:
    """The indices of at most so many values: all, or as many of the best as of the worst.

    What is None is left out where not all fit. In order of the values then, the best first.
    """
    if len(values) <= most:
        return list(range(len(values)))
    present = {index: value for index, value in enumerate(values) if value is not None}
    ranked = sorted(present, key=lambda index: -present[index])
    half = most // 2
    return ranked if len(ranked) <= most else [*ranked[: most - half], *ranked[-half:]]
