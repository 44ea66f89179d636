"""What a TIFF file holds, from its tags alone: whether Pillow can decode it is another matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mfpnet.pixels.format import PixelFormat

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Tags, by their numbers in the TIFF 6.0 specification.
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA, _FORMAT = 256, 257, 258, 262, 277, 338, 339
_RGB = 2
# How many channels the kinds of photo have: grey, palette, RGB (or with alpha), CMYK, YCbCr, Lab.
_COLOURS = {0: (1,), 1: (1,), 3: (1,), _RGB: (3, 4), 5: (4,), 6: (3,), 8: (3,)}
# Nothing beside the colours, or alpha, of two kinds; 0 is a band of its own.
_NO_BANDS = ((), (1,), (2,))
_UNSIGNED = 1
_KINDS = {2: "signed integers", 3: "floating-point numbers"}


@dataclass(frozen=True)
class TiffHeader:
    """The first page of a file, and those that are like it.

    Attributes:
        format: its channels, alpha among them; or as many as there are grey pages of one size.
        photo: whether it has 8 bits or fewer, and grey, RGB and the like with nothing but alpha
            beside them.
        colour: whether its first three channels are RGB.
        trouble: why its values cannot be taken as they are, empty where they can.
    """

    format: PixelFormat
    photo: bool
    colour: bool
    trouble: str


def read_tiff_header(path: Path) -> TiffHeader:
    """The header of a TIFF file.

    Raises:
        OSError, SyntaxError, ValueError, KeyError, struct.error: what Pillow raises for a broken
            one.
    """
    with path.open("rb") as stream:
        first, *others = [_tags(page) for page in _pages(stream)]
    samples, bits, extra = first[_SAMPLES], first[_BITS][0], first[_EXTRA]
    kind = first[_PHOTOMETRIC]
    stacked = samples == 1 and others != [] and all(page == first for page in others)
    seen = extra in _NO_BANDS and samples - len(extra) in _COLOURS.get(kind, ())
    return TiffHeader(
        format=PixelFormat(1 + len(others) if stacked else samples, 8 if bits <= 8 else 16),
        photo=bits <= 8 and seen and not stacked,
        colour=kind == _RGB and samples in (3, 4),
        trouble=_trouble(first),
    )


def _pages(stream: BinaryIO) -> Iterator[ImageFileDirectory_v2]:
    start = stream.read(8)
    tags = ImageFileDirectory_v2(start + stream.read(8) if start[2] == 43 else start)
    seen: set[int] = set()
    while tags.next and tags.next not in seen:  # a damaged chain may end in itself
        seen.add(tags.next)
        stream.seek(tags.next)
        tags.load(stream)
        yield tags


def _tags(page: ImageFileDirectory_v2) -> dict[int, Any]:
    """What pages have in common that are bands of one picture, defaults of the format put in."""
    samples = int(page.get(_SAMPLES, 1))
    return {
        _WIDTH: page[_WIDTH],
        _HEIGHT: page[_HEIGHT],
        _SAMPLES: samples,
        _BITS: tuple(page.get(_BITS, (1,))),
        _PHOTOMETRIC: int(page.get(_PHOTOMETRIC, 0)),
        _EXTRA: tuple(page.get(_EXTRA, ())),
        _FORMAT: tuple(page.get(_FORMAT, (_UNSIGNED,))),
    }


def _trouble(page: dict[int, Any]) -> str:
    bits, kinds = set(page[_BITS]), set(page[_FORMAT])
    for kind, name in _KINDS.items():
        if kind in kinds:
            return f"holds {name} of {max(bits)} bits"
    if len(bits) > 1 or max(bits) > 16:
        return f"has channels of {' and '.join(map(str, sorted(bits)))} bits"
    return ""
