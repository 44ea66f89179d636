"""Polygons as pixels, exactly as COCO's own tools draw them.

A port of `rleFrPoly` in pycocotools' maskApi.c (Dollár and Lin, BSD): the outline is drawn five
times as fine as the pixels, and in each column of pixels the even-odd rule decides between the
places where the outline crosses the column's centre. Pixel centres are at whole coordinates plus a
half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
_Whole = npt.NDArray[np.int64]
_Value = TypeVar("_Value", bound=np.generic)

# Points of the outline to a pixel, of maskApi.c.
_FINE = 5
# No picture is as large, and an outline out to 1e9 would take all memory.
FURTHEST = 100_000.0


@dataclass(frozen=True)
class Stamp:
    """What an object covers.

    Attributes:
        top: first row.
        left: first column.
        mask: (h, w), True where the object is; no rows and columns where it covers nothing.
    """

    top: int
    left: int
    mask: Mask

    @property
    def area(self) -> int:
        """Pixels covered."""
        return int(np.count_nonzero(self.mask))

    def on(self, canvas: npt.NDArray[_Value]) -> npt.NDArray[_Value]:
        """The window of a canvas that the mask lies on."""
        height, width = self.mask.shape
        return canvas[self.top : self.top + height, self.left : self.left + width]


NOTHING = Stamp(0, 0, np.zeros((0, 0), dtype=np.bool_))


def polygon_fault(values: object) -> str | None:
    """Why a flat list x1, y1, x2, y2, ... is no polygon; None where it is one."""
    if not isinstance(values, list | tuple):
        return "a polygon is no list of numbers"
    if not all(isinstance(value, int | float) for value in values):
        return "a polygon holds something that is no number"
    if len(values) % 2:
        return "a polygon has an odd number of coordinates"
    if len(values) < 6:
        return "a polygon has fewer than three points"
    if not all(abs(value) <= FURTHEST for value in values):  # also NaN
        return f"a polygon has NaN, an infinity or a coordinate beyond {FURTHEST:.0f}"
    return None


def reaches_out(points: Points, size: tuple[int, int]) -> bool:
    """Whether a polygon (N, 2) of x, y is more than a pixel outside a picture of (H, W)."""
    low, high = points.min(axis=0), points.max(axis=0)
    return bool(min(low) < -1 or high[0] > size[1] + 1 or high[1] > size[0] + 1)


def fill_polygon(points: Points, size: tuple[int, int]) -> Stamp:
    """The pixels of a polygon (N, 2) of x, y within a picture of (H, W)."""
    across, down = _outline(np.trunc(_FINE * points + 0.5).astype(np.int64))
    columns, rows = _crossings(across, down, size)
    if not len(columns):
        return NOTHING
    left, top = int(columns.min()), int(rows.min())
    width, height = int(columns.max()) - left + 1, int(rows.max()) - top
    # Every column is crossed an even number of times; the last row closes what is still open.
    places = (rows - top) * width + (columns - left)
    crossed = np.bincount(places, minlength=(height + 1) * width).reshape(height + 1, width)
    return Stamp(top, left, (np.cumsum(crossed[:height], axis=0) & 1).astype(np.bool_))


def unite(stamps: Sequence[Stamp]) -> Stamp:
    """What at least one of them covers."""
    covering = [stamp for stamp in stamps if stamp.mask.size]
    if len(covering) < 2:
        return covering[0] if covering else NOTHING
    top, left = min(s.top for s in covering), min(s.left for s in covering)
    bottom = max(s.top + s.mask.shape[0] for s in covering)
    right = max(s.left + s.mask.shape[1] for s in covering)
    joint = np.zeros((bottom - top, right - left), dtype=np.bool_)
    for stamp in covering:
        window = Stamp(stamp.top - top, stamp.left - left, stamp.mask).on(joint)
        window |= stamp.mask
    return Stamp(top, left, joint)


def _outline(corners: _Whole) -> tuple[_Whole, _Whole]:
    """Every fine point along a closed outline, from corner to corner, both ends included."""
    ends = np.roll(corners, -1, axis=0)
    delta = np.abs(ends - corners)
    flat = delta[:, 0] >= delta[:, 1]
    flipped = np.where(flat, corners[:, 0] > ends[:, 0], corners[:, 1] > ends[:, 1])
    starts = np.where(flipped[:, None], ends, corners)
    rise = np.where(flipped[:, None], corners, ends) - starts
    steps = delta.max(axis=1)
    lesser = np.where(flat, rise[:, 1], rise[:, 0])
    slope = lesser / np.maximum(steps, 1)
    edge = np.repeat(np.arange(len(corners)), steps + 1)
    first = np.cumsum(steps + 1) - (steps + 1)
    along = np.arange(len(edge)) - first[edge]
    along = np.where(flipped[edge], steps[edge] - along, along)
    main = np.where(flat, starts[:, 0], starts[:, 1])[edge] + along
    other = np.where(flat, starts[:, 1], starts[:, 0])[edge] + slope[edge] * along + 0.5
    lesser_side = np.trunc(other).astype(np.int64)
    return (
        np.where(flat[edge], main, lesser_side),
        np.where(flat[edge], lesser_side, main),
    )


def _crossings(across: _Whole, down: _Whole, size: tuple[int, int]) -> tuple[_Whole, _Whole]:
    """Column and first row below of each place where the outline crosses a column's centre."""
    height, width = size
    before, after = across[:-1], across[1:]
    at = np.where(after < before, after, after - 1)
    column = (at - _FINE // 2) // _FINE
    kept = (before != after) & (at % _FINE == _FINE // 2) & (column >= 0) & (column < width)
    lower = np.minimum(down[:-1], down[1:])[kept]
    row = np.ceil(np.clip((lower + 0.5) / _FINE - 0.5, 0, height)).astype(np.int64)
    return column[kept], row
