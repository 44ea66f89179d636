"""The shapes of label files as pixels; what is wrong with one is noted and the rest goes on."""

from __future__ import annotations

import numpy as np

from mfpnet.importers.imported import Import
from mfpnet.importers.polygons import (
    NOTHING,
    Points,
    Stamp,
    fill_polygon,
    polygon_fault,
    reaches_out,
)
from mfpnet.importers.rle import decode_rle


def read_rle(value: object, size: tuple[int, int], place: str, found: Import) -> Stamp | None:
    """What run lengths cover; None where they are none, which is told to `found`."""
    try:
        stamp = Stamp(0, 0, decode_rle(value, size))
    except ValueError as error:
        found.skipped.add("run lengths that cannot be read", f"{place} ({error})")
        return None
    if not stamp.area:
        found.skipped.add("run lengths that cover no pixel", place)
        return None
    return stamp


def read_polygon(values: object, size: tuple[int, int], place: str, found: Import) -> Stamp | None:
    """What a flat list x1, y1, x2, y2, ... covers; None where it is none or covers nothing.

    What is skipped or clipped is told to `found`.
    """
    if fault := polygon_fault(values):
        found.skipped.add(fault, place)
        return None
    points: Points = np.array(values, dtype=np.float64).reshape(-1, 2)
    stamp = fill_polygon(points, size)
    outside = reaches_out(points, size)
    if stamp is NOTHING:
        reason = "polygon outside its picture" if outside else "polygon that covers no pixel"
        found.skipped.add(reason, place)
        return None
    if outside:
        found.changed.add("polygon reached out of its picture: clipped", place)
    return stamp
