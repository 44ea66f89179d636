"""Pictures and label maps at another size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import PIL.Image

from mfpnet.pixels.format import RGB, Raster, format_of

Labels = npt.NDArray[np.uint8 | np.uint16]


def resize_image(image: Raster, size: tuple[int, int]) -> Raster:
    """Bilinear, with antialiasing when it shrinks: (H, W, C) uint8 or uint16 -> (*size, C)."""
    if image.shape[:2] == size:
        return image
    if format_of(image) != RGB:
        return np.stack([_resized(band, size) for band in np.moveaxis(image, 2, 0)], axis=2)
    return _resized(image, size)


def _resized(image: Raster, size: tuple[int, int]) -> Raster:
    """(H, W, 3) uint8, or a band (H, W); Pillow scales 16 bits as floating-point numbers."""
    values = image if image.dtype == np.uint8 else image.astype(np.float32)
    picture = PIL.Image.fromarray(values)
    scaled = np.array(picture.resize((size[1], size[0]), PIL.Image.Resampling.BILINEAR))
    return scaled if image.dtype == np.uint8 else np.rint(scaled).astype(np.uint16)


def resize_labels(labels: Labels, size: tuple[int, int]) -> Labels:
    """Nearest label: (H, W) -> size; a label is a name, there is nothing between two of them."""
    if labels.shape == size:
        return labels
    rows = (np.arange(size[0]) * 2 + 1) * labels.shape[0] // (2 * size[0])
    columns = (np.arange(size[1]) * 2 + 1) * labels.shape[1] // (2 * size[1])
    resized: Labels = labels[rows[:, None], columns]
    return resized


def reduced(image: Raster, size: tuple[int, int]) -> Raster:
    """Scaled down to fit into (H, W), never below 32: (H, W, C) -> (h, w, C).

    Of a very large picture every few pixels are looked at, 16 for each that is made.
    """
    height, width = image.shape[:2]
    factor = min(1.0, size[0] / height, size[1] / width)
    made = max(round(height * factor), 32), max(round(width * factor), 32)
    step = max(min(height // (4 * made[0]), width // (4 * made[1])), 1)
    return resize_image(image[::step, ::step], made)
