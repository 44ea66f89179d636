"""TIFF files of 16 bits whose bands lie one after another, which Pillow takes for 8 bits."""

from __future__ import annotations

import PIL.Image
from PIL.TiffImagePlugin import TiffImageFile

# Tags, by their numbers in the TIFF 6.0 specification.
_BITS, _PLANAR = 258, 284
_APART = 2
# Of a grey picture: what Pillow calls its band, and its 16 bits in either order of bytes.
_GREY = "I"


def mend_planes(picture: PIL.Image.Image) -> None:
    """Have Pillow decode the uncompressed 16-bit planes of an opened file as what they are.

    Any other picture is left as it is: libtiff, which decodes compressed planes, knows their bits.
    """
    if not isinstance(picture, TiffImageFile) or picture.tag_v2.get(_PLANAR) != _APART:
        return
    bits = picture.tag_v2.get(_BITS, ())
    # No tiles are left where the pixels are there already.
    if {*bits} != {16} or {tile.codec_name for tile in picture.tile} != {"raw"}:
        return
    bands, each = picture.getbands(), len(picture.tile) // len(bits)
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
