"""Logits at the size of a larger picture, in numpy: bilinear, corners not aligned, no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# 64 MB of float32 logits in hand at a time.
STRIP_VALUES = 16_000_000

Logits = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
Labels = npt.NDArray[np.uint8 | np.uint16]


class _Axis(NamedTuple):
    """For each position of the larger picture: its two neighbours, and how near the second is."""

    first: Indices
    second: Indices
    weight: Logits


def strip_ranges(classes: int, size: tuple[int, int]) -> Iterator[range]:
    """The rows of a picture of (H, W), so many at a time that their logits fit in hand."""
    step = max(STRIP_VALUES // (classes * size[1]), 1)
    for first in range(0, size[0], step):
        yield range(first, min(first + step, size[0]))


def enlarge(logits: Logits, size: tuple[int, int]) -> Logits:
    """Logits (C, h, w) at another size: (C, H, W); like `layers.resize`."""
    if logits.shape[1:] == size:
        return logits
    return _rows_at(logits, range(size[0]), size)


def enlarged_strips(logits: Logits, size: tuple[int, int]) -> Iterator[tuple[slice, Logits]]:
    """Logits (C, h, w) at the size (H, W) of a picture: rows, and their (C, rows, W)."""
    for rows in strip_ranges(logits.shape[0], size):
        yield slice(rows.start, rows.stop), _rows_at(logits, rows, size)


def enlarged_labels(logits: Logits, size: tuple[int, int]) -> Labels:
    """The likeliest class at each pixel of a picture: (C, h, w) -> (H, W).

    Exactly what the enlarged logits say, but most of them are never made: where the four neighbours
    of a pixel agree, no mean of them can say anything else.
    """
    coarse = likeliest(logits)
    if logits.shape[1:] == size:
        return coarse
    agreed, table = _agreement(coarse), np.ascontiguousarray(logits.reshape(len(logits), -1))
    columns = _axis(logits.shape[2], range(size[1]), size[1])
    labels = np.empty(size, dtype=coarse.dtype)
    for strip in strip_ranges(logits.shape[0], size):
        rows = _axis(logits.shape[1], strip, size[0])
        part = labels[strip.start : strip.stop]
        part[:] = coarse[rows.first[:, None], columns.first]
        y, x = np.nonzero(~agreed[rows.first[:, None], columns.first])
        part[y, x] = likeliest(_at_points(table, logits.shape[2], _of(rows, y), _of(columns, x)))
    return labels


def likeliest(logits: Logits) -> Labels:
    """The number of the largest of the first axis: (C, ...) -> (...), the first of equals."""
    labels = np.zeros(logits.shape[1:], dtype=np.uint8 if logits.shape[0] <= 255 else np.uint16)
    highest = logits[0].copy()
    # Numpy's own argmax over the first axis takes several times as long.
    for label in range(1, logits.shape[0]):
        np.copyto(labels, label, where=logits[label] > highest)
        np.maximum(highest, logits[label], out=highest)
    return labels


def log_softmax(logits: Logits) -> Logits:
    """Over the first axis: (C, ...) -> (C, ...)."""
    below: Logits = logits - logits.max(axis=0)
    below -= np.log(np.exp(below).sum(axis=0))
    return below


def _axis(length: int, positions: range, larger: int) -> _Axis:
    """Where the centres of some of `larger` pixels lie between `length` others."""
    number = np.arange(positions.start, positions.stop)
    place = np.maximum((number + 0.5) * length / larger - 0.5, 0)
    first = place.astype(np.intp)
    second = np.minimum(first + 1, length - 1)
    return _Axis(first, second, (place - first).astype(np.float32))


def _of(axis: _Axis, chosen: Indices) -> _Axis:
    return _Axis(axis.first[chosen], axis.second[chosen], axis.weight[chosen])


def _rows_at(logits: Logits, rows: range, size: tuple[int, int]) -> Logits:
    vertical = _axis(logits.shape[1], rows, size[0])
    horizontal = _axis(logits.shape[2], range(size[1]), size[1])
    tall = _between(logits[:, vertical.first], logits[:, vertical.second], vertical.weight[:, None])
    return _between(tall[:, :, horizontal.first], tall[:, :, horizontal.second], horizontal.weight)


def _at_points(table: Logits, width: int, rows: _Axis, columns: _Axis) -> Logits:
    """Logits (C, n) at n points, from those of all pixels (C, h * w)."""
    above, below = rows.first * width, rows.second * width
    sides = [
        _between(table[:, above + side], table[:, below + side], rows.weight)
        for side in (columns.first, columns.second)
    ]
    return _between(sides[0], sides[1], columns.weight)


def _between(first: Logits, second: Logits, weight: Logits) -> Logits:
    """`first + weight * (second - first)`, in the memory of the second."""
    second -= first
    second *= weight
    second += first
    return second


def _agreement(coarse: Labels) -> npt.NDArray[np.bool_]:
    """Whether a label is that of its right, lower and lower right neighbours too, (h, w)."""
    padded = np.pad(coarse, ((0, 1), (0, 1)), mode="edge")
    across = padded[:, 1:] == padded[:, :-1]
    down = padded[1:] == padded[:-1]
    agreed: npt.NDArray[np.bool_] = across[:-1] & across[1:] & down[:, :-1]
    return agreed
