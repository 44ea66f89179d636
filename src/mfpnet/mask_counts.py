"""What masks hold, counted: each value with its pixels, and how it lies among the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mfpnet.mask_files import SavedMask

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

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
    """

    seen: dict[int, Seen] = field(default_factory=dict)
    forms: Counter[str] = field(default_factory=Counter)
    pixels: int = 0
    rest: int = 0
    transparent: int = 0

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
        keys, counts = count_plane(_keys(mask, values))
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

    def colours_of_values(self) -> dict[int, set[int]]:
        """The colours that a value has in one or another palette."""
        found: dict[int, set[int]] = {}
        for key in self.seen:
            found.setdefault(key >> 24, set()).add(key & 0xFFFFFF)
        return found

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


def _keys(mask: SavedMask, values: npt.NDArray[np.uint8 | np.uint16] | None) -> Counts:
    """(H, W) value << 24 | colour."""
    upper = np.int64(_COLOUR_ONLY) if values is None else values.astype(np.int64)
    return upper << 24 | mask.codes()


def count_plane(keys: Counts) -> tuple[Counts, Counts]:
    """The distinct keys (N,) of a mask (H, W), and for each pixels, inner and between: (3, N)."""
    inner = _inner(keys)
    distinct, places = _distinct(keys)
    counts = np.stack(
        [
            np.bincount(places, minlength=len(distinct)),
            np.bincount(places[inner.ravel()], minlength=len(distinct)),
            np.bincount(places[_between(keys, ~inner)], minlength=len(distinct)),
        ]
    ).astype(np.int64)
    if len(distinct) > MOST_OF_ONE:
        kept = np.sort(np.argsort(-counts[0], kind="stable")[:MOST_OF_ONE])
        distinct, counts = distinct[kept], counts[:, kept]
    return distinct, counts


def _distinct(keys: Counts) -> tuple[Counts, npt.NDArray[np.intp]]:
    """The distinct keys, and for each pixel (H * W,) which it is: by runs, which are few."""
    flat = keys.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.append(starts, flat.size))
    distinct, places = np.unique(flat[starts], return_inverse=True)
    return distinct, np.repeat(places, lengths)


def _inner(keys: Counts) -> Mask:
    """(H, W): all neighbours that there are have the same key."""
    across, down = keys[:, 1:] == keys[:, :-1], keys[1:] == keys[:-1]
    inner = np.ones(keys.shape, dtype=np.bool_)
    inner[:, 1:] &= across
    inner[:, :-1] &= across
    inner[1:] &= down
    inner[:-1] &= down
    return inner


def _between(keys: Counts, thin: Mask) -> npt.NDArray[np.intp]:
    """The places, among those of `thin`, that blend their left and right, or upper and lower."""
    width, flat = keys.shape[1], keys.ravel()
    rows, columns = np.nonzero(thin)
    found = np.zeros(len(rows), dtype=np.bool_)
    places = rows * width + columns
    for step, along, last in ((1, columns, width - 1), (width, rows, keys.shape[0] - 1)):
        amid = np.flatnonzero((along > 0) & (along < last))
        at = places[amid]
        found[amid] |= _blends(flat[at], flat[at - step], flat[at + step])
    return places[found]


def _blends(keys: Counts, before: Counts, after: Counts) -> Mask:
    """Whether each channel lies between its neighbours', and the whole equals neither."""
    blends: Mask = (keys != before) & (keys != after)
    for shift in (16, 8, 0):
        low, value, high = (plane >> shift & 255 for plane in (before, keys, after))
        blends &= (np.minimum(low, high) <= value) & (value <= np.maximum(low, high))
    return blends
