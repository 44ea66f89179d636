"""In how many ways a pixel is reached through a chain of convolutions, counted exactly.

A convolution of three taps, d apart, is the polynomial 1 + x^d + x^2d, a chain of them a product;
the coefficient of a position is the number of paths from it to the centre. Sums of paths in whole
numbers of any size: nothing is rounded. A pair 3x1, 1x3 is three taps along either axis, and so is
a 3x3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# (side, side) of Python's whole numbers, the centre in the middle.
Paths = npt.NDArray[np.object_]


def dilated_paths(dilations: Sequence[int]) -> Paths:
    """Through the dilated pairs of a chain of BRMs alone; a dilation of 0 stands for no pair."""
    paths = _one_path()
    for dilation in dilations:
        paths = _through_pair(paths, dilation)
    return paths


def brm_paths(
    dilations: Sequence[int], *, residual: bool = True, block_residual: bool = True
) -> Paths:
    """Through whole BRMs: 3x3, pair, dilated pair, beside each BRM's and the block's identity."""
    paths = _one_path()
    for dilation in dilations:
        inner = _through_pair(_through_pair(_through_pair(paths, 1), 1), dilation)
        paths = _added(inner, paths) if residual else inner
    return _added(paths, _one_path()) if block_residual else paths


def _one_path() -> Paths:
    return np.ones((1, 1), dtype=object)


def _through_pair(paths: Paths, dilation: int) -> Paths:
    """Three taps along the rows, then along the columns."""
    if dilation == 0:
        return paths
    for axis in (0, 1):
        shape = list(paths.shape)
        shape[axis] += 2 * dilation
        # np.pad would fill in numpy's own integers, which overflow.
        summed = np.zeros(shape, dtype=object)
        for tap in range(3):
            place = [slice(None), slice(None)]
            place[axis] = slice(tap * dilation, tap * dilation + paths.shape[axis])
            summed[tuple(place)] += paths
        paths = summed
    return paths


def _added(larger: Paths, smaller: Paths) -> Paths:
    """Both, centre on centre."""
    margin = (larger.shape[0] - smaller.shape[0]) // 2
    middle = slice(margin, margin + smaller.shape[0])
    summed = larger.copy()
    summed[middle, middle] += smaller
    return summed


@dataclass(frozen=True)
class Evenness:
    """How evenly a pixel sees its field, the square that its convolutions span.

    Attributes:
        side: of the field, in pixels of the stage.
        coverage: share of the field's pixels that any path comes from, 0 to 1; below 1 it has
            holes.
        unevenness: standard deviation of the numbers of paths over their mean. A field without
            gridding is bell-shaped and has 1 to 2; holes raise it.
        waves: how often the numbers rise and fall along a row, weighted by how far: 1 where each
            row rises to one peak and falls, more where they go up and down like a grid.
    """

    side: int
    coverage: float
    unevenness: float
    waves: float

    def as_dict(self) -> dict[str, Any]:
        """Plain types, the names with their units."""
        return {
            "field_stage_pixels": self.side,
            "coverage": round(self.coverage, 4),
            "unevenness": round(self.unevenness, 3),
            "waves": round(self.waves, 3),
        }


def evenness(paths: Paths) -> Evenness:
    """What the numbers of paths say of a field."""
    shares = (paths / paths.sum()).astype(np.float64)
    reached = shares > 0
    rows = shares[reached.any(axis=1)]
    climbs = np.abs(np.diff(np.pad(rows, ((0, 0), (1, 1))), axis=1)).sum()
    return Evenness(
        side=paths.shape[0],
        coverage=float(reached.mean()),
        unevenness=float(shares.std() / shares.mean()),
        waves=float(climbs / (2 * rows.max(axis=1).sum())),
    )
