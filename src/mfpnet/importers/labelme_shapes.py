"""LabelMe's shapes as pixels: polygons, rectangles, circles, lines and painted masks."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from mfpnet.importers.imported import Import
from mfpnet.importers.label_shapes import read_polygon
from mfpnet.importers.polygons import FURTHEST, Stamp

_LINES = ("line", "linestrip")
# Corners of a circle: its outline is then off by less than a hundredth of its radius.
_CORNERS = 64

_Flat = list[float]


def shape_stamp(
    shape: dict[str, Any],
    size: tuple[int, int],
    place: str,
    found: Import,
    line_width: int | None = None,
) -> Stamp | None:
    """What a shape covers of a picture of (H, W); None where it is skipped, which `found` is told.

    Args:
        shape: of the file.
        size: of the picture.
        place: where the shape is, for people.
        found: is told what was skipped or clipped, and why.
        line_width: pixels that lines are wide; None skips them.
    """
    kind = str(shape.get("shape_type") or "polygon")
    flat = _flat(shape.get("points"))
    if flat is None:
        found.skipped.add("a shape whose points are no pairs of numbers", place)
        return None
    if kind == "mask":
        return _painted(shape.get("mask"), flat, size, place, found)
    if kind in _LINES and line_width and len(flat) >= 4:
        return _line(flat, line_width, size, place, found)
    if kind not in _OUTLINES:
        found.skipped.add(f"a shape that has no area ({kind})", place)
        return None
    outline = _OUTLINES[kind](flat)
    if outline is None:
        found.skipped.add(f"a {kind} that is not of two points", place)
        return None
    return read_polygon(outline, size, place, found)


def _flat(points: object) -> _Flat | None:
    """x1, y1, x2, y2, ..."""
    if not isinstance(points, list):
        return None
    pairs = [pair for pair in points if isinstance(pair, list) and len(pair) == 2]
    flat = [value for pair in pairs for value in pair if isinstance(value, int | float)]
    return flat if len(flat) == 2 * len(points) else None


def _rectangle(flat: _Flat) -> _Flat | None:
    if len(flat) == 8:  # newer files give all four corners
        return flat
    if len(flat) != 4:
        return None
    left, top, right, bottom = flat
    return [left, top, right, top, right, bottom, left, bottom]


def _circle(flat: _Flat) -> _Flat | None:
    """A centre and a point of the circle."""
    if len(flat) != 4:
        return None
    radius = math.hypot(flat[2] - flat[0], flat[3] - flat[1])
    if not radius < FURTHEST:
        return [math.nan] * 6
    angles = np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False)
    ring = np.stack([flat[0] + radius * np.cos(angles), flat[1] + radius * np.sin(angles)], axis=1)
    return [float(value) for value in ring.ravel()]


_OUTLINES: dict[str, Callable[[_Flat], _Flat | None]] = {
    "polygon": lambda flat: flat,
    "rectangle": _rectangle,
    "circle": _circle,
}


def _line(
    flat: _Flat, width: int, size: tuple[int, int], place: str, found: Import
) -> Stamp | None:
    if not all(abs(value) <= FURTHEST for value in flat):
        found.skipped.add("a line has NaN, an infinity or a coordinate far outside", place)
        return None
    canvas = PIL.Image.new("1", (size[1], size[0]))
    PIL.ImageDraw.Draw(canvas).line(flat, fill=1, width=width)
    stamp = Stamp(0, 0, np.array(canvas, dtype=np.bool_))
    if stamp.area:
        return stamp
    found.skipped.add("a line outside its picture", place)
    return None


def _painted(
    coded: object, flat: _Flat, size: tuple[int, int], place: str, found: Import
) -> Stamp | None:
    """A mask as a PNG in base64, whose first pixel lies on the first point."""
    try:
        content = base64.b64decode(coded if isinstance(coded, str) else "", validate=True)
        with PIL.Image.open(io.BytesIO(content)) as picture:
            mask = np.array(picture.convert("L")) > 0
        left, top = (round(value) for value in flat[:2])
    except (binascii.Error, ValueError, OverflowError, OSError, SyntaxError):
        found.skipped.add("a mask that cannot be read", place)
        return None
    rows = slice(max(-top, 0), max(size[0] - top, 0))
    columns = slice(max(-left, 0), max(size[1] - left, 0))
    inside = mask[rows, columns]
    if not inside.any():
        found.skipped.add("a mask outside its picture, or with nothing in it", place)
        return None
    if inside.shape != mask.shape:
        found.changed.add("mask reached out of its picture: clipped", place)
    return Stamp(max(top, 0), max(left, 0), inside)
