"""Large arrays a few rows at a time, so that what is made on the way stays small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

# A few megabytes of each kind of value that is made of a pixel.
STRIP_PIXELS = 1_000_000


def row_strips(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture of (H, W), about a million pixels at a time."""
    step = max(STRIP_PIXELS // max(width, 1), 1)
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


def count_labels(labels: npt.NDArray[np.uint8 | np.uint16], classes: int) -> npt.NDArray[np.int64]:
    """How many pixels of (H, W) have each label: (classes,), longer where a label is beyond."""
    counts = np.zeros(max(classes, int(labels.max(initial=0)) + 1), dtype=np.int64)
    for rows in row_strips(*labels.shape):
        counts += np.bincount(labels[rows].ravel(), minlength=len(counts))
    return counts
