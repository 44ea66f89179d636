"""TIFF files of many bands or 16 bits in several, which Pillow does not read: through tifffile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfpnet.errors import MfpnetError, missing_extra
from mfpnet.pixels.format import Raster


def read_tiff(path: Path) -> Raster:
    """The first page, or all of them where they are grey and of one size: (H, W, C).

    Raises:
        MfpnetError: the extra is not installed, or the file cannot be decoded.
    """
    try:
        import tifffile
    except ImportError as error:
        raise missing_extra("tiff", f"reading '{path}', with more than 8-bit RGB,") from error
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages[0].shape) > 2:
                return _interleaved(file.pages[0])
            return np.concatenate([_interleaved(page) for page in file.pages], axis=2)
    except OSError as error:
        raise MfpnetError(f"cannot read '{path}': {error.strerror or error}.") from error
    except Exception as error:  # the errors of its many codecs have nothing in common
        raise _undecodable(path, error) from error


def _interleaved(page: Any) -> Raster:
    """A page as (H, W, C), whether its bands are interleaved or one after another."""
    pixels = np.asarray(page.asarray())
    if pixels.ndim == 2:
        return pixels[..., None]
    return np.moveaxis(pixels, 0, -1) if page.axes.startswith("S") else pixels


def _undecodable(path: Path, error: Exception) -> MfpnetError:
    if "imagecodecs" in str(error):
        kind = str(error).split(" ", 1)[0].strip("<>").removeprefix("COMPRESSION.").split(":")[0]
        return MfpnetError(
            f"'{path}' is compressed with {kind}, which needs imagecodecs: pip install "
            f"'mfpnet[tiff]', or save it uncompressed or with deflate."
        )
    return MfpnetError(f"'{path}' is a broken TIFF file: {error}. Copy it again.")
