"""PNG files with 16 bits in each of several channels, which Pillow reduces to 8.

PNG's filters work on each byte of a pixel by itself. So the high bytes of all values are the bytes
of an 8-bit PNG with the same filters, and so are the low ones: Pillow decodes both.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt
import PIL.Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Channels of each colour type: grey, RGB, grey with alpha, RGBA; a palette has no 16 bits.
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
# First row and column, and steps, of the seven pictures that an interlaced one is made of.
_PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


def png16_channels(header: bytes) -> int | None:
    """How many channels a PNG has that begins like this; None unless it has several of 16 bits."""
    if header[:8] != SIGNATURE or len(header) < 26 or header[24] != 16 or header[25] == 0:
        return None
    return CHANNELS.get(header[25])


def decode_png16(content: bytes) -> npt.NDArray[np.uint16]:
    """A whole file -> (H, W, C).

    Raises:
        ValueError: it is broken.
    """
    chunks = list(_chunks(content))
    if not chunks or chunks[0][0] != b"IHDR":
        raise ValueError("its header is missing")
    width, height, _, colour, *_, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    rows = _row_bytes(height, width, 2 * CHANNELS[colour], bool(interlaced))
    packed = b"".join(part for kind, part in chunks if kind == b"IDAT")
    try:
        data = zlib.decompressobj().decompress(packed, sum(rows))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(data) != sum(rows):
        raise ValueError("it is truncated")
    high, low = (_decoded(chunks, half).astype(np.uint16) for half in _halves(data, rows))
    return high * np.uint16(256) + low


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], len(SIGNATURE)
    while place + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        found.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def _row_bytes(height: int, width: int, pixel: int, interlaced: bool) -> list[int]:
    """Bytes of each row in the order of the file, the filter's number before it with them."""
    rows: list[int] = []
    for top, left, down, right in _PASSES if interlaced else ((0, 0, 1, 1),):
        across = len(range(left, width, right))
        if across:
            rows += [1 + across * pixel] * len(range(top, height, down))
    return rows


def _halves(data: bytes, rows: list[int]) -> tuple[bytes, bytes]:
    """The same rows with the high bytes of the values, and with the low ones."""
    high, low, place = bytearray(), bytearray(), 0
    for length in rows:
        for half, first in ((high, 1), (low, 2)):
            half.append(data[place])
            half += data[place + first : place + length : 2]
        place += length
    return bytes(high), bytes(low)


def _decoded(chunks: list[tuple[bytes, bytes]], rows: bytes) -> npt.NDArray[np.uint8]:
    """8-bit pixels (H, W, C) of the same picture with these rows."""
    header = chunks[0][1]
    kinds = {b"IHDR": header[:8] + b"\x08" + header[9:], b"IDAT": zlib.compress(rows, 1)}
    stream = BytesIO(SIGNATURE)
    stream.seek(0, 2)
    for kind, part in (*kinds.items(), (b"IEND", b"")):
        stream.write(struct.pack(">I", len(part)) + kind + part)
        stream.write(struct.pack(">I", zlib.crc32(kind + part)))
    with PIL.Image.open(stream) as picture:
        return np.array(picture)
