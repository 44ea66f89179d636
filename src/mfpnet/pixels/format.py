"""What a pixel is made of: how many channels, and of how many bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# A picture (H, W, C) as files have them and networks take them.
Raster = npt.NDArray[np.uint8 | np.uint16]


@dataclass(frozen=True)
class PixelFormat:
    """The pixels of a picture.

    Attributes:
        channels: 1 for grey, 3 for RGB, any number of bands.
        bits: 8 or 16, unsigned.
    """

    channels: int = 3
    bits: int = 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """Numpy's type of a value."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    @property
    def highest(self) -> int:
        """The largest value, which stands for 1."""
        return 255 if self.bits == 8 else 65535

    def __str__(self) -> str:
        """As in `3 channels of 8 bits`."""
        return f"{self.channels} channel{'s' * (self.channels != 1)} of {self.bits} bits"


RGB = PixelFormat()


def format_of(pixels: Raster) -> PixelFormat:
    """The format of a picture (H, W, C) or of a batch (N, H, W, C), uint8 or uint16."""
    return PixelFormat(pixels.shape[-1], 8 * pixels.dtype.itemsize)


def storable(pixels: Raster) -> npt.NDArray[np.uint8 | np.int16]:
    """A picture in a type that has all of PyTorch's arithmetic: 16 bits lowered by 32768."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return (pixels.astype(np.uint16, copy=False) ^ np.uint16(32768)).view(np.int16)
