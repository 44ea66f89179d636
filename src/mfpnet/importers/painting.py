"""Objects on a picture become one label map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfpnet.importers.polygons import Stamp
from mfpnet.options.importing import Overlap
from mfpnet.pixels.pictures import Labels


@dataclass(frozen=True)
class Thing:
    """An object.

    Attributes:
        stamp: what it covers.
        value: its label.
    """

    stamp: Stamp
    value: int


def paint(
    size: tuple[int, int], things: Sequence[Thing], *, empty: int, ignore: int, overlap: Overlap
) -> Labels:
    """The (H, W) labels of a picture.

    Args:
        size: (H, W).
        things: in the order of their file.
        empty: the label of what nothing covers.
        ignore: the label of what belongs to several classes, with `overlap` of `ignore`.
        overlap: what has the pixels that several cover: the `smaller` thing, the `later` one, or
            none (`ignore`) where their classes differ.
    """
    canvas = np.full(size, empty, dtype=np.uint8 if max(empty, ignore) < 256 else np.uint16)
    # The largest goes first, so that it lies at the bottom; equal ones stay in order.
    ordered = sorted(things, key=lambda t: -t.stamp.area) if overlap == "smaller" else things
    covered = np.zeros(size, dtype=np.bool_)
    disputed = np.zeros(size, dtype=np.bool_)
    for thing in ordered:
        stamp = thing.stamp
        window = stamp.on(canvas)
        if overlap == "ignore":
            stamp.on(disputed)[stamp.mask & stamp.on(covered) & (window != thing.value)] = True
            stamp.on(covered)[stamp.mask] = True
        window[stamp.mask] = thing.value
    canvas[disputed] = ignore
    return canvas
