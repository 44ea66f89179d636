"""COCO's run lengths: masks as counts down the columns, and those counts as a string.

The string is the one of `rleFrString` in pycocotools' maskApi.c: five bits to a character, and from
the fourth count on what is written is the difference to the last count but one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.importers.polygons import Mask

_Counts = npt.NDArray[np.int64]

_FIRST = 48  # the character that stands for 0
_MORE, _NEGATIVE, _BITS = 0x20, 0x10, 5
# A count that takes more characters is beyond any picture, and would not fit into 64 bits.
_LONGEST = 8


def decode_rle(value: Any, size: tuple[int, int]) -> Mask:
    """The (H, W) mask of `{"size": [H, W], "counts": [...] or "..."}`.

    Args:
        value: the parsed JSON.
        size: (H, W) of the picture that it is for.

    Raises:
        ValueError: no such mask, or one of another size; the text says why, in a few words.
    """
    if not isinstance(value, dict) or "counts" not in value:
        raise ValueError("run lengths without counts")
    if (own := value.get("size")) != list(size):
        raise ValueError(f"run lengths for a size of {own}, not of {list(size)}")
    counts = _counts(value["counts"])
    if counts.size and counts.min() < 0:
        raise ValueError("a negative run length")
    if (total := int(counts.sum())) != size[0] * size[1]:
        raise ValueError(f"run lengths that add up to {total}, not to {size[0] * size[1]}")
    covered = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return covered.reshape(size[1], size[0]).T


def _counts(value: Any) -> _Counts:
    if isinstance(value, str):
        return decode_counts(value)
    if not isinstance(value, list) or not all(type(count) is int for count in value):
        raise ValueError("run lengths that are neither whole numbers nor a string")
    if any(abs(count) >= 2**40 for count in value):
        raise ValueError("run lengths beyond any picture")
    return np.array(value, dtype=np.int64)


def decode_counts(text: str) -> _Counts:
    """The run lengths (N,) in a compressed string.

    Raises:
        ValueError: a character that does not occur in one, or the end within a number.
    """
    if not text:
        return np.zeros(0, dtype=np.int64)
    codes = np.array([ord(letter) - _FIRST for letter in text], dtype=np.int64)
    if codes.min() < 0 or codes.max() >= 2 * _MORE or codes[-1] & _MORE:
        raise ValueError("run lengths in a string that is no compressed one")
    last = np.flatnonzero(codes & _MORE == 0)
    first = np.concatenate(([0], last[:-1] + 1))
    lengths = last - first + 1
    if lengths.max() > _LONGEST:
        raise ValueError("run lengths beyond any picture")
    place = np.arange(len(codes)) - np.repeat(first, lengths)
    numbers = np.add.reduceat((codes & (_MORE - 1)) << (_BITS * place), first)
    numbers -= np.where(codes[last] & _NEGATIVE, 1 << (_BITS * lengths), 0)
    # The first even number is not added to: the differences begin with the fourth.
    numbers[1::2], numbers[2::2] = np.cumsum(numbers[1::2]), np.cumsum(numbers[2::2])
    return numbers
