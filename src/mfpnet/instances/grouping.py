"""From the maps of an instance head to objects (Panoptic-DeepLab, Cheng et al. 2020), in numpy.

Objects are where the map of centres peaks; a pixel of a class of things belongs to the peak that
its offset leads nearest to; an object is of the class that most of its pixels have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpnet.pixels.resizing import resize_labels

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.intp]
Labels = npt.NDArray[np.uint8 | np.uint16]
Instances = npt.NDArray[np.uint16]

# Of a peak; chosen on drawn streets of the split `val`. Theirs is 0.1.
THRESHOLD = 0.2
# Theirs.
MOST_OBJECTS = 200
# Pixels of the map around a peak without a higher one, itself included; theirs.
WINDOW = 7
# An object of fewer pixels of the map is none: what is left of it goes to the others.
LEAST_PIXELS = 12


@dataclass(frozen=True)
class Objects:
    """The objects of a picture.

    Attributes:
        instances: (H, W), 0 where there is none, 1, 2, ... for each.
        classes: the class of object 1, 2, ...
    """

    instances: Instances
    classes: tuple[int, ...]


def find_objects(
    labels: Labels,
    centres: Floats,
    offsets: Floats,
    things: Sequence[int],
    *,
    threshold: float = THRESHOLD,
    least: int = LEAST_PIXELS,
) -> Objects:
    """Tell the objects of a picture apart.

    Args:
        labels: (H, W) class of each pixel.
        centres: (h, w) how likely each pixel is the middle of an object, about 1 at one; of the
            picture at another size, if (H, W) is not (h, w).
        offsets: (2, h, w) how far down and to the right that middle is, in pixels of this map.
        things: the classes that have objects; pixels of others are in none.
        threshold: lowest value of a middle.
        least: pixels of the map that an object has at least.
    """
    peaks = find_peaks(centres, threshold=threshold)
    is_thing = np.isin(labels, things)
    # Twice: what was taken from the smallest is given to the others.
    for _ in range(2):
        if not len(peaks) or not is_thing.any():
            return Objects(np.zeros(labels.shape, dtype=np.uint16), ())
        nearest = resize_labels(nearest_peak(peaks, offsets), labels.shape)
        counts = np.bincount(nearest[is_thing], minlength=len(peaks))
        kept = counts * (centres.size / labels.size) >= least
        if kept.all():
            break
        peaks = peaks[kept]
    return _numbered(nearest, is_thing, labels, counts)


def find_peaks(centres: Floats, *, threshold: float = THRESHOLD) -> Points:
    """Row and column (n, 2) of each value above the threshold that no neighbour exceeds.

    The highest first, at most `MOST_OBJECTS`. Of equal neighbours one: enlarging a map repeats its
    outermost values, and may make several of one inside it.
    """
    highest = _highest_around(_highest_around(centres, 0), 1)
    rows, columns = np.nonzero((centres >= highest) & (centres > threshold))
    order = np.argsort(-centres[rows, columns], kind="stable")
    reach, near = WINDOW // 2, np.zeros(centres.shape, dtype=np.bool_)
    peaks: list[tuple[int, int]] = []
    for row, column in zip(rows[order], columns[order], strict=True):
        if len(peaks) == MOST_OBJECTS:
            break
        if not near[row, column]:
            peaks.append((int(row), int(column)))
            around = slice(max(row - reach, 0), row + reach + 1)
            near[around, max(column - reach, 0) : column + reach + 1] = True
    return np.array(peaks, dtype=np.intp).reshape(-1, 2)


def _highest_around(values: Floats, axis: int) -> Floats:
    """The highest of each value and its neighbours along an axis, `WINDOW` in all."""
    reach, length = WINDOW // 2, values.shape[axis]
    margin = [(0, 0), (0, 0)]
    margin[axis] = (reach, reach)
    padded = np.pad(values, margin, constant_values=-np.inf)
    highest = values.copy()
    for step in range(WINDOW):
        part = padded[step : step + length] if axis == 0 else padded[:, step : step + length]
        np.maximum(highest, part, out=highest)
    return highest


def nearest_peak(peaks: Points, offsets: Floats) -> Instances:
    """Which peak the offset of each pixel leads nearest to: (n, 2), (2, h, w) -> (h, w)."""
    height, width = offsets.shape[1:]
    rows = offsets[0] + np.arange(height, dtype=np.float32)[:, None]
    columns = offsets[1] + np.arange(width, dtype=np.float32)
    nearest = np.zeros((height, width), dtype=np.uint16)
    shortest = np.full((height, width), np.inf, dtype=np.float32)
    # One at a time: the distances to all would take gigabytes.
    for number, (row, column) in enumerate(peaks.tolist()):
        distance = (rows - row) ** 2 + (columns - column) ** 2
        nearer = distance < shortest
        nearest[nearer], shortest[nearer] = number, distance[nearer]
    return nearest


def _numbered(
    nearest: Labels, is_thing: npt.NDArray[np.bool_], labels: Labels, counts: Points
) -> Objects:
    """Objects in the order of their peaks, of the class of most of their pixels."""
    numbers = np.zeros(len(counts), dtype=np.uint16)
    numbers[counts > 0] = np.arange(1, (counts > 0).sum() + 1)
    instances = np.where(is_thing, numbers[nearest], np.uint16(0))
    inside, found = labels[is_thing], int((counts > 0).sum())
    codes = (instances[is_thing].astype(np.intp) - 1) * (int(inside.max()) + 1) + inside
    votes = np.bincount(codes, minlength=found * (int(inside.max()) + 1)).reshape(found, -1)
    return Objects(instances, tuple(votes.argmax(axis=1).tolist()))
