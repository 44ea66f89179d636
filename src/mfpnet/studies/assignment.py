"""What a division of a picture among nodes comes to, as numbers."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Groups = npt.NDArray[np.int64]


def entropy_bits(shares: Floats, axis: int = 0) -> Floats:
    """Of shares that sum to 1 along an axis."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits: Floats = -(shares * logs).sum(axis=axis)
    return bits


def effective_number(assignment: Floats) -> tuple[float, float]:
    """How many of N nodes (N, h, w) divide the picture, and how many one pixel, 1 to N each.

    2 to the power of the entropy in bits: of the mean over the pixels, and the mean over the pixels
    of each one's.
    """
    whole = entropy_bits(assignment.mean(axis=(1, 2)))
    return float(2**whole), float((2 ** entropy_bits(assignment)).mean())


def chosen_nodes(assignment: Floats, size: tuple[int, int]) -> Groups:
    """The node that each pixel belongs to most: (N, h, w) -> (H, W), each value repeated."""
    return enlarged(assignment.argmax(axis=0), size)


def enlarged(groups: Groups, size: tuple[int, int]) -> Groups:
    """(h, w) -> (H, W), the nearest value."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, groups.shape, strict=True)
    )
    larger: Groups = groups[rows][:, columns]
    return larger


def grid_cells(number: int, size: tuple[int, int]) -> Groups:
    """The picture (H, W) cut into exactly so many cells, equally large and near to squares.

    What such a grid knows of the classes is what the place alone tells.
    """
    height, width = size
    rows, cells = math.isqrt(number), np.empty(size, dtype=np.int64)
    starts = [number * row // rows for row in range(rows + 1)]
    for first, end in itertools.pairwise(starts):
        # A row of more cells is higher, so that these are no smaller than others.
        top, bottom = height * first // number, height * end // number
        cells[top:bottom] = enlarged(np.arange(first, end)[None], (bottom - top, width))
    return cells


def information(groups: Groups, classes: Groups, num_classes: int) -> dict[str, float]:
    """What a pixel's group tells of its class: (H, W) each; classes from `num_classes` on left out.

    Returns:
        `bits` of mutual information, `classes_bits` of entropy of the classes, and `share`, the one
        by the other: 0 where the groups say nothing (or there is one class), 1 where they say all.
    """
    counted = classes < num_classes
    table = np.zeros((int(groups.max()) + 1, num_classes))
    np.add.at(table, (groups[counted], classes[counted]), 1)
    joint = table / max(table.sum(), 1)
    of_classes = float(entropy_bits(joint.sum(axis=0)))
    bits = of_classes + float(entropy_bits(joint.sum(axis=1)) - entropy_bits(joint.ravel()))
    bits = max(bits, 0.0)
    return {
        "bits": bits,
        "classes_bits": of_classes,
        "share": bits / of_classes if of_classes else 0.0,
    }


def row_distance(first: Floats, second: Floats) -> float:
    """Mean total variation between the rows of two (M, M) adjacencies, 0 to 1."""
    return float(np.abs(first - second).sum(axis=1).mean() / 2)
