"""Which pictures look alike, and which are the same one saved again.

A picture is looked at as 16x16 RGB pixels, and two of them differ by the root mean square of the
difference over their contrast. Measured: saved again as JPEG of quality 50 and up, or resized to a
quarter up to double with smoothing, 86 pictures of CamVid, IDD-Lite and Swedish streets came to
0.030 and 1.2 levels of 255 at most, drawn streets of 96x128 to 0.061 and 1.7. The nearest two
between the splits of CamVid are 0.233 and 12 levels apart, of IDD-Lite 0.174 and 9, of drawn
streets 0.8; half of the frames of CamVid that follow a second later 0.38.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image

from mfpnet.pixels.format import Raster
from mfpnet.pixels.rgb_view import rgb_view

SIDE = 16
# (N, 768) pixels of small pictures, 0 to 255.
Looks = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.bool_]

# Below it two pictures are neighbours in a video, or all but.
ALIKE = 0.2
# The same picture saved again: all three must hold, the third so that a small object that came or
# went before a camera that stands still makes another picture.
_SAME_RELATIVE, _SAME_LEVELS, _SAME_CELL = 0.07, 2.5, 12.0
# Contrast in levels below which there is nothing to compare.
_LEAST_CONTRAST = 2.0
# Rows of a distance matrix that are held at once.
_ROWS = 512


def look_of(image: Raster) -> Looks:
    """What a picture (H, W, C) looks like: (768,).

    Smoothed as it shrinks, so that compression and size hardly matter.
    """
    picture = PIL.Image.fromarray(np.ascontiguousarray(rgb_view(image)))
    small = picture.resize((SIDE, SIDE), PIL.Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32).ravel()


def stacked(looks: Iterable[Looks]) -> Looks:
    """Looks of many pictures, (768,) each, as one array (N, 768)."""
    return np.array(list(looks), dtype=np.float32).reshape(-1, SIDE * SIDE * 3)


def unlikeness(looks: Looks, others: Looks) -> Floats:
    """How much pictures differ: (N, 768) and (M, 768) -> (N, M); 0 is equal, 1 is unrelated."""
    contrast = np.sqrt(np.outer(_contrast(looks), _contrast(others)))
    return (_levels(looks, others) / contrast).astype(np.float32)


def twins(looks: Looks, others: Looks) -> list[tuple[int, int]]:
    """Which are the same pictures, saved again or resized: pairs of an index into each.

    Pictures without contrast are never found: they are all alike.
    """
    found = []
    for start in range(0, len(looks), _ROWS):
        block = looks[start : start + _ROWS]
        found += [(start + row, column) for row, column in _same(block, others)]
    return found


def groups(
    looks: Looks, linked: Sequence[tuple[int, int]] = (), *, same: bool = False
) -> list[int]:
    """The group of each picture: who looks alike, directly or through others, is in one.

    Args:
        looks: (N, 768); a few thousand take seconds.
        linked: pairs that belong together whatever they look like.
        same: only the same picture saved again counts as alike.

    Returns:
        N numbers, from 0 in the order in which groups first occur.
    """
    near = _near(looks, same=same)
    for one, other in linked:
        near[one, other] = near[other, one] = True
    group = np.full(len(looks), -1)
    count = 0
    for first in range(len(looks)):
        if group[first] < 0:
            _spread(looks, near, group, first, count, same=same)
            count += 1
    return group.tolist()


def _spread(
    looks: Looks, near: Marks, group: npt.NDArray[np.int64], first: int, number: int, *, same: bool
) -> None:
    """Give a number to a picture and to all that can be reached from it."""
    group[first] = number
    waiting = [first]
    while waiting:
        one = waiting.pop()
        free = np.flatnonzero(near[one] & (group < 0))
        free = free[_cells_agree(looks[one], looks[free])] if same else free
        group[free] = number
        waiting.extend(free.tolist())


def _near(looks: Looks, *, same: bool) -> Marks:
    near = np.zeros((len(looks), len(looks)), dtype=bool)
    for start in range(0, len(looks), _ROWS):
        rows = slice(start, start + _ROWS)
        block = looks[rows]
        near[rows] = _maybe_same(block, looks) if same else unlikeness(block, looks) < ALIKE
    return near


def _same(looks: Looks, others: Looks) -> Iterable[tuple[int, int]]:
    for row, column in np.argwhere(_maybe_same(looks, others)):
        if _cells_agree(looks[row], others[column : column + 1])[0]:
            yield int(row), int(column)


def _maybe_same(looks: Looks, others: Looks) -> Marks:
    """Whether all but the single cells agree: (N, M)."""
    levels = _levels(looks, others)
    one, other = _contrast(looks), _contrast(others)
    limit = np.sqrt(np.outer(one, other)) * _SAME_RELATIVE
    plain = (one < _LEAST_CONTRAST)[:, None] | (other < _LEAST_CONTRAST)
    marks: Marks = (levels < np.minimum(limit, _SAME_LEVELS)) & ~plain
    return marks


def _cells_agree(look: Looks, others: Looks) -> Marks:
    """(768,) and (M, 768) -> (M,)."""
    marks: Marks = np.abs(others - look).max(axis=1) <= _SAME_CELL
    return marks


def _contrast(looks: Looks) -> Floats:
    contrast: Floats = np.maximum(looks.std(axis=1), 1.0)
    return contrast


def _levels(looks: Looks, others: Looks) -> Floats:
    """Root mean square differences in levels of 255: (N, M)."""
    one, other = looks - 128, others - 128
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    levels: Floats = np.sqrt(np.maximum(squares, 0) / looks.shape[1])
    return levels


class Album:
    """Pictures with names, of which each is known again when it comes in another form."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._looks: list[Looks] = []
        self._stacked: Looks | None = None

    def add(self, image: Raster, name: str) -> None:
        """Remember a picture (H, W, C)."""
        self._names.append(name)
        self._looks.append(look_of(image))
        self._stacked = None

    def known(self, image: Raster) -> str | None:
        """The name of a picture that this one (H, W, C) is, saved again or resized."""
        if self._stacked is None:
            self._stacked = stacked(self._looks)
        found = twins(look_of(image)[None], self._stacked)
        return self._names[found[0][1]] if found else None
