"""TIFF files that Pillow opens and decodes to other pixels than they hold, without an error."""

from __future__ import annotations

import PIL.Image
from PIL.TiffImagePlugin import TiffImageFile

# Tags, by their numbers in the TIFF 6.0 specification.
_BITS, _ORIENTATION, _PLANAR = 258, 274, 284
_APART = 2
# Rows are columns, and the other way round.
_ON_THEIR_SIDE = (5, 6, 7, 8)
# What Pillow calls the band of a grey picture of more than 8 bits.
_GREY = "I"


def mend_tiff(picture: PIL.Image.Image) -> None:
    """Have Pillow decode an opened TIFF file as what it is; other pictures stay as they are."""
    # No tiles are left where the pixels are there already, and libtiff makes none of these faults.
    if not isinstance(picture, TiffImageFile) or {t.codec_name for t in picture.tile} != {"raw"}:
        return
    if picture.tag_v2.get(_ORIENTATION) in _ON_THEIR_SIDE:
        _mend_side(picture)
    if picture.tag_v2.get(_PLANAR) == _APART and {*picture.tag_v2.get(_BITS, ())} == {16}:
        _mend_planes(picture)


def _mend_side(picture: TiffImageFile) -> None:
    """Rows mapped into memory are taken to be as long as those of the turned picture.

    A tile is decoded, and not mapped, where it leaves it to the decoder in which order rows are.
    """
    picture.tile = [
        tile._replace(args=tile.args[:2]) if isinstance(tile.args, tuple) else tile
        for tile in picture.tile
    ]


def _mend_planes(picture: TiffImageFile) -> None:
    """Planes of 16 bits are taken for 8."""
    bands = picture.getbands()
    each = len(picture.tile) // len(picture.tag_v2[_BITS])
    little = picture.tag_v2.prefix == b"II"
    mended = []
    # Samples beyond the bands are none that Pillow shows.
    for number, tile in enumerate(picture.tile[: each * len(bands)]):
        args, band = tile.args, bands[number // each]
        if not isinstance(args, tuple) or args[0] != band:
            return
        mended.append(tile._replace(args=(_deep(band, little=little), *args[1:])))
    picture.tile = mended


def _deep(band: str, *, little: bool) -> str:
    """Pillow's name of a band of 16 bits, its low bytes first or last."""
    if band == _GREY:
        return "I;16" if little else "I;16B"
    return f"{band};16{'L' if little else 'B'}"
