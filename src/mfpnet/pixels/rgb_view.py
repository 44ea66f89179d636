"""Any picture as one that can be looked at: for overlays, thumbnails and sheets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mfpnet.pixels.format import Raster

# What lies beyond these percentiles of a 16-bit band is shown black or white.
_DARK, _BRIGHT = 2.0, 98.0
# Percentiles of so many pixels are as good as those of all.
_LOOKED_AT = 250_000


def rgb_view(pixels: Raster) -> npt.NDArray[np.uint8]:
    """(H, W, C) uint8 or uint16 -> (H, W, 3) uint8; 8-bit RGB comes back as it is.

    The first three bands, or the first where there are fewer. Sensors rarely fill 16 bits, so each
    such band is stretched between its percentiles 2 and 98.
    """
    shown = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., [0, 0, 0]]
    if shown.dtype == np.uint8:
        return shown.astype(np.uint8, copy=False)
    return np.stack([_stretched(shown[..., band]) for band in range(3)], axis=2)


def _stretched(band: npt.NDArray[np.uint8 | np.uint16]) -> npt.NDArray[np.uint8]:
    step = max(int((band.size / _LOOKED_AT) ** 0.5), 1)
    dark, bright = np.percentile(band[::step, ::step], (_DARK, _BRIGHT))
    unit = (band.astype(np.float32) - np.float32(dark)) / np.float32(max(bright - dark, 1.0))
    shown: npt.NDArray[np.uint8] = np.rint(unit.clip(0, 1) * 255).astype(np.uint8)
    return shown
