"""Textures of a synthetic street: noise and joints that stick to the surfaces.

Arrays are float32 (H, W); coordinates are metres on the surface that each pixel shows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
_TILE = 256
# Strength of the texture's noise and its cells per metre.
MATERIALS = {
    "tree": (0.25, 18.0),
    "bush": (0.25, 20.0),
    "car": (0.03, 30.0),
    "towers": (0.1, 4.0),
    "wood": (0.25, 4.0),
    "fence": (0.1, 12.0),
    "pedestrian": (0.09, 40.0),
    "bicyclist": (0.07, 40.0),
}


def brightness(
    materials: Floats,
    numbers: npt.NDArray[np.intp],
    across: Floats,
    up: Floats,
    pixels_per_metre: Floats,
) -> Floats:
    """Brightness (H, W), around 1, of every pixel's material.

    ``materials`` (surfaces, 5): strength of the noise, its cells per metre, period of the joints
    across and up in metres (0 = none), darkness of the joints. Both fade with the distance, where
    they would be finer than a pixel.
    """
    rough, grain, tile_across, tile_up, joint = materials.T
    scale = grain[numbers]
    fade = np.clip(pixels_per_metre / scale, 0.35, 1.0)
    shift = (np.arange(len(rough), dtype=np.float32) * 37.0)[numbers]
    gain = 1.0 + rough[numbers] * fade * noise(across * scale + shift, up * scale)
    tiled = (joint > 0)[numbers]
    if tiled.any():
        lines = joints(
            across[tiled], up[tiled], *(t[numbers[tiled]] for t in (tile_across, tile_up))
        )
        sharp = np.clip(pixels_per_metre[tiled] * 0.08, 0.0, 1.0)
        gain[tiled] -= joint[numbers[tiled]] * sharp * lines
    return np.asarray(gain, dtype=np.float32)


@lru_cache(maxsize=1)
def _tile() -> Floats:
    """A tileable patch of noise of several sizes, mean 0 and deviation 1."""
    rng = np.random.default_rng(2309)
    total = np.zeros((_TILE, _TILE), dtype=np.float32)
    for step, weight in ((1, 0.45), (2, 0.5), (8, 0.8), (32, 0.9)):
        cells = rng.standard_normal((_TILE // step, _TILE // step)).astype(np.float32)
        rough = np.tile(cells, (3, 3))
        smooth = Image.fromarray(rough).resize((3 * _TILE, 3 * _TILE), Image.Resampling.BICUBIC)
        total += weight * np.asarray(smooth)[_TILE : 2 * _TILE, _TILE : 2 * _TILE]
    return np.asarray(total / total.std(), dtype=np.float32)


def noise(across: Floats, up: Floats) -> Floats:
    """Noise at any coordinates (same shape); 16 cells make one period of its coarsest blobs."""
    columns = across.astype(np.int32) & (_TILE - 1)
    rows = up.astype(np.int32) & (_TILE - 1)
    return np.asarray(np.take(_tile().ravel(), rows * _TILE + columns))


def joints(across: Floats, up: Floats, tile_across: Floats, tile_up: Floats) -> Floats:
    """1 on the joints of a running bond (bricks, slabs), 0 elsewhere; a period of 0 has none."""
    row = up / np.where(tile_up > 0, tile_up, 1e9)
    column = across / np.where(tile_across > 0, tile_across, 1e9) + 0.5 * (row.astype(np.int32) & 1)
    flat = (row - np.floor(row) < 0.16) & (tile_up > 0)
    upright = (column - np.floor(column) < 0.1) & (tile_across > 0)
    return (flat | upright).astype(np.float32)
