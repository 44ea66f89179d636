"""Picture files as networks take them: any number of channels, 8 or 16 bits.

What shows something to the eye (8 bits; grey, palette, RGB, with or without alpha) is a photo and
becomes upright RGB, transparent parts over white. Whatever else keeps its channels and values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from mfpnet.errors import MfpnetError
from mfpnet.pixels.format import RGB, PixelFormat, Raster, format_of
from mfpnet.pixels.pictures import (
    decoded,
    file_header,
    opened,
    picture_to_rgb,
    read_image,
    readable,
    sixteen_bits,
    upright,
)
from mfpnet.pixels.png16 import decode_png16, png16_channels
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.pixels.tiff_header import MAGIC, TiffHeader, read_tiff_header
from mfpnet.pixels.tiff_pixels import read_tiff

# Rec. 601, in 65536ths, as Pillow's conversion to grey has them.
_LUMA = np.array([19595, 38470, 7471], dtype=np.uint32)
_MODES = {"1": 1, "L": 1, "LA": 2, "RGBA": 4, "CMYK": 4, "RGBX": 4}


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file holds.

    Attributes:
        format: its pixels, an alpha channel among the channels.
        photo: whether `read_image` says all that there is to see in it.
        read: its pixels (H, W, C) as they are.
        alpha: whether the last channel is one.
        reduces: whether `read_image` makes 8-bit RGB of it, though it holds more.
    """

    format: PixelFormat
    photo: bool
    read: Callable[[Path], Raster]
    alpha: bool = False
    reduces: bool = False

    @property
    def natural(self) -> PixelFormat:
        """What the file is taken for unless somebody says otherwise."""
        if self.photo:
            return RGB
        return PixelFormat(self.format.channels - self.alpha, self.format.bits)


def read_header(path: Path) -> PictureHeader:
    """What a picture file holds; its pixels are not read.

    Raises:
        MfpnetError: the file is missing, broken, no picture, or of numbers that are no pixels.
    """
    with readable(path):
        start = file_header(path)
        if path.suffix.lower() == ".npy":
            return PictureHeader(format_of(_array(path)), False, _copied)
        if channels := png16_channels(start):
            found = PixelFormat(channels, 16)
            return PictureHeader(found, False, _read_png16, alpha=channels != 3, reduces=True)
        if start[:4] in MAGIC:
            return _of_tiff(path, read_tiff_header(path))
        with opened(path) as picture:
            return _of_pillow(path, picture)


def read_bands(path: Path, wanted: PixelFormat) -> Raster:
    """A picture file as (H, W, C) of a format.

    Photos are read as RGB, as grey (luminance), or with the channels they have where as many are
    wanted; 16-bit grey is repeated for 3 channels; alpha that is not asked for lets white through.

    Raises:
        MfpnetError: as `read_header`, or other pixels than are wanted.
    """
    header = read_header(path)
    if wanted == RGB and (header.photo or header.reduces):
        return read_image(path)
    called = f"'{path}'"
    if header.format == wanted:
        return header.read(path)
    if header.photo and wanted == PixelFormat(1, 8):
        return fitted(read_image(path), wanted, called)
    if header.photo or header.format.bits != wanted.bits:
        raise mismatch(called, header.format, wanted)
    found = header.read(path)
    return fitted(_over_white(found) if header.alpha else found, wanted, called)


def read_view(path: Path) -> Raster:
    """A picture file, whatever it holds, as (H, W, 3) uint8 to be looked at; see `rgb_view`."""
    return rgb_view(read_bands(path, read_header(path).natural))


def fitted(pixels: Raster, wanted: PixelFormat, called: str) -> Raster:
    """A picture (H, W, C) in a format that says the same: grey repeated, or 8-bit RGB as grey.

    Raises:
        MfpnetError: there is no such; `called` is what the text calls the picture.
    """
    found = format_of(pixels)
    if found == wanted:
        return pixels
    if found.bits == wanted.bits and (found.channels, wanted.channels) == (1, 3):
        return np.repeat(pixels, 3, axis=2)
    if found == RGB and wanted == PixelFormat(1, 8):
        return ((pixels @ _LUMA + 32768) >> 16).astype(np.uint8)[..., None]
    raise mismatch(called, found, wanted)


def as_taken(image: Raster | PIL.Image.Image | str | Path, wanted: PixelFormat) -> Raster:
    """A picture as a network takes it; an 8-bit RGB array as grey where that is wanted.

    An opened Pillow image is taken as its file would be.

    Raises:
        MfpnetError: as `read_bands`, or the array is another.
    """
    if isinstance(image, str | Path):
        return read_bands(Path(image), wanted)
    if isinstance(image, PIL.Image.Image):
        return _of_opened(image, wanted)
    pixels = np.asarray(image)
    if pixels.ndim == 2 and wanted.channels == 1:
        pixels = pixels[..., None]
    kinds = (wanted, RGB) if wanted == PixelFormat(1) else (wanted,)
    fits = pixels.ndim == 3 and 0 not in pixels.shape and pixels.dtype in (np.uint8, np.uint16)
    if fits and format_of(pixels) in kinds:
        return fitted(pixels, wanted, "an image array")
    colours = " RGB" if wanted == RGB else ""
    raise MfpnetError(
        f"an image array must be (H, W, {wanted.channels}) {wanted.dtype}{colours}; this one is "
        f"{pixels.shape} {pixels.dtype}."
    )


def _of_opened(image: PIL.Image.Image, wanted: PixelFormat) -> Raster:
    """A Pillow image in a format, as `read_bands` reads a file."""
    if wanted == RGB:
        return picture_to_rgb(image)
    picture, called = upright(image), "the picture"
    found = _pillow_format(picture)
    if found.bits == 16:
        return fitted(sixteen_bits(called, picture)[..., None], wanted, called)
    if found == wanted:
        return _channels(picture)
    if wanted == PixelFormat(1, 8):
        return fitted(picture_to_rgb(picture), wanted, called)
    raise mismatch(called, found, wanted)


def mismatch(called: str, found: PixelFormat, wanted: PixelFormat) -> MfpnetError:
    """The error of a picture that has other pixels than are wanted."""
    text = f"{called} has {found}, and {wanted} {'is' if wanted.channels == 1 else 'are'} wanted"
    return MfpnetError(
        f"{text}: all pictures must have what the network is trained on. Convert it, or train with "
        f"--channels {found.channels}."
    )


def _of_tiff(path: Path, tiff: TiffHeader) -> PictureHeader:
    if tiff.trouble:
        raise MfpnetError(
            f"'{path}' {tiff.trouble}: save it with 8 or 16 bits, unsigned, scaled so that 255 or "
            f"65535 is the largest value there can be."
        )
    if tiff.photo:
        with opened(path) as picture:
            return _of_pillow(path, picture)
    if tiff.format == PixelFormat(1, 16):
        return PictureHeader(tiff.format, False, _read_pillow, reduces=True)
    return PictureHeader(tiff.format, False, read_tiff, reduces=tiff.colour)


def _of_pillow(path: Path, picture: PIL.Image.Image) -> PictureHeader:
    if picture.mode == "F":
        raise MfpnetError(f"'{path}' holds floating-point pixels. Save it with 8 or 16 bits.")
    found = _pillow_format(picture)
    if found.bits == 16:
        return PictureHeader(found, False, _read_pillow, reduces=True)
    alpha = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
    return PictureHeader(found, True, _read_pillow, alpha)


def _pillow_format(picture: PIL.Image.Image) -> PixelFormat:
    """What Pillow makes of a picture's pixels."""
    if picture.mode.startswith("I"):
        return PixelFormat(1, 16)
    return PixelFormat(4 if "transparency" in picture.info else _MODES.get(picture.mode, 3))


def _read_pillow(path: Path) -> Raster:
    with decoded(path) as picture:
        if picture.mode.startswith("I"):
            return sixteen_bits(f"'{path}'", picture)[..., None]
        return _channels(picture)


def _channels(picture: PIL.Image.Image) -> Raster:
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    pixels: Raster = np.array(picture)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _read_png16(path: Path) -> Raster:
    with readable(path):
        return decode_png16(path.read_bytes())


def _array(path: Path) -> Raster:
    """An .npy's array, of which only the header has been read."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    pixels: Raster = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.dtype not in (np.uint8, np.uint16) or 0 in pixels.shape:
        raise MfpnetError(
            f"'{path}' holds an array {array.shape} of {array.dtype}: a picture is (H, W) or "
            f"(H, W, channels) of uint8 or uint16."
        )
    return pixels


def _copied(path: Path) -> Raster:
    with readable(path):
        return np.array(_array(path))


def _over_white(pixels: Raster) -> Raster:
    """16-bit colours without their last channel, alpha, white where that is 0."""
    colour, alpha = pixels[..., :-1].astype(np.uint64), pixels[..., -1:].astype(np.uint64)
    mixed = colour * alpha + np.uint64(65535) * (np.uint64(65535) - alpha)
    return ((mixed + np.uint64(32767)) // np.uint64(65535)).astype(np.uint16)
