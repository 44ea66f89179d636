"""What masks hold, counted: each value with its pixels, and how it lies among the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mfpnet.masks.files import Codes, SavedMask

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.unsignedinteger]

# A picture that is no mask may have a colour for each pixel: only the most frequent are kept.
MOST_OF_ONE = 2048
MOST_OF_ALL = 65536
_COLOUR_ONLY = 65536


@dataclass
class Seen:
    """What was counted of one value.

    Attributes:
        pixels: that have it.
        inner: of those, the ones whose four neighbours have it too; next to none in thin lines.
        between: of those, the ones with a value between their neighbours', as where colours blend.
        masks: that hold it.
        example: the first of them.
    """

    pixels: int = 0
    inner: int = 0
    between: int = 0
    masks: int = 0
    example: Path = field(default_factory=Path)


@dataclass
class Tally:
    """The counts of many masks, in bounded memory.

    Attributes:
        seen: by value << 24 | colour; the value of a colour without one is `_COLOUR_ONLY`.
        forms: how many masks are grey (by bits), palette, colour or equal (three equal channels).
        pixels: of all masks.
        rest: pixels of values that were too rare among too many to be kept.
        transparent: pixels.
        palette: of palette files, the colour of each value that occurs, in the first that has it.
        palettes_differ: one value has several colours, as in palettes that each file orders anew.
    """

    seen: dict[int, Seen] = field(default_factory=dict)
    forms: Counter[str] = field(default_factory=Counter)
    pixels: int = 0
    rest: int = 0
    transparent: int = 0
    palette: dict[int, int] = field(default_factory=dict)
    palettes_differ: bool = False

    @property
    def masks(self) -> int:
        """How many were counted."""
        return self.forms.total()

    def add(self, mask: SavedMask, path: Path) -> None:
        """Count one more."""
        values = mask.values()
        self.forms[_form(mask, values is None)] += 1
        self.pixels += mask.size[0] * mask.size[1]
        self.transparent += mask.transparent
        if values is None:
            distinct, counts = count_plane(mask.codes())
            keys = distinct | _COLOUR_ONLY << 24
        else:
            distinct, counts = count_plane(values, mask.table())
            colours = mask.table()[distinct]
            keys = distinct << 24 | colours
            if mask.palette is not None:
                self._note_palette(dict(zip(distinct.tolist(), colours.tolist(), strict=True)))
        for key, (pixels, inner, between) in zip(keys.tolist(), counts.T.tolist(), strict=True):
            seen = self.seen.setdefault(key, Seen(example=path))
            seen.pixels, seen.inner = seen.pixels + pixels, seen.inner + inner
            seen.between, seen.masks = seen.between + between, seen.masks + 1
        self.rest += mask.size[0] * mask.size[1] - int(counts[0].sum())
        self._forget()

    def by_value(self) -> dict[int, Seen]:
        """The counts of values, for masks that have them."""
        return self._merged(lambda key: key >> 24)

    def by_colour(self) -> dict[int, Seen]:
        """The counts of colours, as `colour_code` writes them."""
        return self._merged(lambda key: key & 0xFFFFFF)

    def _note_palette(self, colours: dict[int, int]) -> None:
        known = self.palette
        self.palettes_differ |= any(known.get(v, code) != code for v, code in colours.items())
        self.palette = {**colours, **known}

    def _merged(self, part: Callable[[int], int]) -> dict[int, Seen]:
        found: dict[int, Seen] = {}
        for key, more in self.seen.items():
            seen = found.setdefault(part(key), Seen(example=more.example))
            seen.pixels, seen.inner = seen.pixels + more.pixels, seen.inner + more.inner
            seen.between, seen.masks = seen.between + more.between, seen.masks + more.masks
        return dict(sorted(found.items()))

    def _forget(self) -> None:
        if len(self.seen) > MOST_OF_ALL:
            ranked = sorted(self.seen, key=lambda key: -self.seen[key].pixels)
            for key in ranked[MOST_OF_ALL // 2 :]:
                self.rest += self.seen.pop(key).pixels


def _form(mask: SavedMask, coloured: bool) -> str:
    if coloured:
        return "colour"
    if mask.pixels.ndim == 3:
        return "equal"
    return "palette" if mask.palette is not None else f"grey{mask.bits}"


def count_plane(plane: Plane, table: Codes | None = None) -> tuple[Counts, Counts]:
    """The distinct values (N,) of a mask (H, W), and for each pixels, inner and between: (3, N).

    Args:
        plane: values, or colours as `labels.colour_code` writes them.
        table: the colour of each value; None where the plane holds colours.
    """
    inner = _inner(plane)
    distinct, places = _distinct(plane)
    counts = np.stack(
        [
            np.bincount(places, minlength=len(distinct)),
            np.bincount(places[inner.ravel()], minlength=len(distinct)),
            np.bincount(places[_between(plane, ~inner, table)], minlength=len(distinct)),
        ]
    ).astype(np.int64)
    # Of a table that has places for all values, the ones that occur; of many, the frequent ones.
    kept = np.flatnonzero(counts[0])
    if len(kept) > MOST_OF_ONE:
        kept = np.sort(np.argsort(-counts[0], kind="stable")[:MOST_OF_ONE])
    return distinct[kept].astype(np.int64), counts[:, kept]


def _distinct(plane: Plane) -> tuple[Plane, npt.NDArray[np.integer]]:
    """The values that may occur, and for each pixel (H * W,) which of them it has."""
    flat = plane.ravel()
    if plane.dtype != np.uint32:
        return np.arange(np.iinfo(plane.dtype).max + 1, dtype=np.uint32), flat
    # By runs of one colour, which are few.
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.append(starts, flat.size))
    distinct, places = np.unique(flat[starts], return_inverse=True)
    return distinct, np.repeat(places.astype(np.int32), lengths)


def _inner(keys: Plane) -> Mask:
    """(H, W): all neighbours that there are have the same key."""
    across, down = keys[:, 1:] == keys[:, :-1], keys[1:] == keys[:-1]
    inner = np.ones(keys.shape, dtype=np.bool_)
    inner[:, 1:] &= across
    inner[:, :-1] &= across
    inner[1:] &= down
    inner[:-1] &= down
    return inner


def _between(keys: Plane, thin: Mask, table: Codes | None) -> npt.NDArray[np.intp]:
    """The places, among those of `thin`, that blend their left and right, or upper and lower."""
    width, flat = keys.shape[1], keys.ravel()
    rows, columns = np.nonzero(thin)
    found = np.zeros(len(rows), dtype=np.bool_)
    places = rows * width + columns
    for step, along, last in ((1, columns, width - 1), (width, rows, keys.shape[0] - 1)):
        amid = np.flatnonzero((along > 0) & (along < last))
        at = places[amid]
        found[amid] |= _blends(*(_coded(flat[i], table) for i in (at, at - step, at + step)))
    blended: npt.NDArray[np.intp] = places[found]
    return blended


def _coded(values: Plane, table: Codes | None) -> Codes:
    """Their colours."""
    return values.astype(np.uint32, copy=False) if table is None else table[values]


def _blends(keys: Codes, before: Codes, after: Codes) -> Mask:
    """Whether each channel lies between its neighbours', and the whole equals neither."""
    blends: Mask = (keys != before) & (keys != after)
    for shift in (16, 8, 0):
        low, value, high = (plane >> shift & 255 for plane in (before, keys, after))
        blends &= (np.minimum(low, high) <= value) & (value <= np.maximum(low, high))
    return blends
