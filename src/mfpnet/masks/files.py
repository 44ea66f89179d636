"""Masks as they are saved: grey values, palette indices or colours, nothing interpreted yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from mfpnet.errors import MfpnetError
from mfpnet.pixels.pictures import decoded, file_header, grey_step, sixteen_bits

Plane = npt.NDArray[np.uint8 | np.uint16]
Codes = npt.NDArray[np.uint32]

_SIXTEEN = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_GREY_CODE = 0x010101


@dataclass(frozen=True)
class SavedMask:
    """The content of a mask's file.

    Attributes:
        pixels: (H, W) values, uint8 or uint16, or (H, W, 3) uint8 colours.
        bits: 1, 2, 4, 8 or 16 for each value.
        palette: (256, 3) uint8 colours of the values, of a palette file.
        transparent: how many pixels are; they count as black.
    """

    pixels: Plane
    bits: int
    palette: npt.NDArray[np.uint8] | None = None
    transparent: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def values(self) -> Plane | None:
        """(H, W) values; None where the channels of a colour differ."""
        if self.pixels.ndim == 2:
            return self.pixels
        first = self.pixels[..., 0]
        same = (self.pixels[..., 1:] == first[..., None]).all()
        return first if same else None

    def codes(self) -> Codes:
        """(H, W) colours as `labels.colour_code` writes them; a grey value is a grey colour."""
        if self.pixels.ndim == 2:
            return self.table()[self.pixels]
        red, green, blue = (self.pixels[..., channel].astype(np.uint32) for channel in range(3))
        return red << np.uint32(16) | green << np.uint32(8) | blue

    def table(self) -> Codes:
        """The colour of each value, as in `codes`, of a mask that has values."""
        if self.palette is not None:
            parts = self.palette.astype(np.uint32)
            return parts[:, 0] << np.uint32(16) | parts[:, 1] << np.uint32(8) | parts[:, 2]
        if self.bits == 16:
            return np.arange(65536, dtype=np.uint32) // 257 * np.uint32(_GREY_CODE)
        stretch = 255 // (2**self.bits - 1)
        greys: Codes = np.minimum(np.arange(256) * stretch, 255).astype(np.uint32)
        return greys * np.uint32(_GREY_CODE)


def read_saved_mask(path: Path) -> SavedMask:
    """A mask's file, whatever its form.

    Raises:
        MfpnetError: the file is missing, empty, broken, a JPEG, or holds other numbers than 0 to
            65535.
    """
    with decoded(path) as picture:
        header = file_header(path)
        if header.startswith(b"\xff\xd8"):
            raise MfpnetError(
                f"'{path}' is a JPEG file, which alters the values and colours of classes. Export "
                f"the masks anew, as PNG."
            )
        if picture.mode in _SIXTEEN:
            return SavedMask(sixteen_bits(f"'{path}'", picture), 16)
        if picture.mode == "F":
            return SavedMask(_whole_numbers(path, picture), 16)
        if picture.mode == "P":
            return SavedMask(np.array(picture), 8, _palette(picture))
        if picture.mode in ("L", "1"):
            step = grey_step(header)
            bits = 1 if picture.mode == "1" else {85: 2, 17: 4}.get(step, 8)
            return SavedMask(np.array(picture).astype(np.uint8) // np.uint8(step), bits)
        return _coloured(picture)


def _whole_numbers(path: Path, picture: PIL.Image.Image) -> npt.NDArray[np.uint16]:
    found = np.array(picture)
    if not ((found >= 0) & (found <= 65535) & (found == np.rint(found))).all():
        raise MfpnetError(
            f"'{path}' holds floating-point numbers ({found.min():g} to {found.max():g}) that are "
            f"no class values. Save whole numbers from 0 with 8 or 16 bits."
        )
    return found.astype(np.uint16)


def _palette(picture: PIL.Image.Image) -> npt.NDArray[np.uint8]:
    listed = np.array(picture.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    full = np.zeros((256, 3), dtype=np.uint8)
    full[: len(listed)] = listed
    return full


def _coloured(picture: PIL.Image.Image) -> SavedMask:
    """RGB, or grey or RGB under an alpha channel; what is transparent was left unpainted."""
    if "A" not in picture.mode and "a" not in picture.mode:
        return SavedMask(np.array(picture.convert("RGB")), 8)
    layers = np.array(picture.convert("RGBA"))
    hidden = layers[..., 3] < 128
    pixels = np.where(hidden[..., None], np.uint8(0), layers[..., :3])
    return SavedMask(pixels, 8, transparent=int(hidden.sum()))
