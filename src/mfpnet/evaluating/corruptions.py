"""What weather, lens, sensor and codec do to a picture, at five severities.

The corruptions and their numbers are those of Hendrycks and Dietterich, "Benchmarking Neural
Network Robustness to Common Corruptions and Perturbations", ICLR 2019 (ImageNet-C), written anew
for numpy and Pillow. They were made for pictures of 224x224: lengths in pixels are scaled with the
shorter side here, so that a lens blurs the same part of a picture, whatever its size. `dark` is
ours: one to five stops less light, at the gamma of 2.2 that pictures are stored with.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import PIL.Image

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Image

SEVERITIES = (1, 2, 3, 4, 5)
# The shorter side of the pictures that the numbers are for.
SIDE = 224

Pixels = npt.NDArray[np.float64]
Field = npt.NDArray[np.float64]
Generator = np.random.Generator


def corrupt(image: Raster, name: str, severity: int, seed: str) -> Image:
    """A corrupted picture; the same one for the same arguments.

    Args:
        image: (H, W, 3) uint8 RGB.
        name: one of `CORRUPTIONS`.
        severity: 1 to 5.
        seed: whatever chance depends on, as the frame's name.

    Raises:
        MfpnetError: no such corruption or severity, or a picture of another kind.
    """
    if name not in CORRUPTIONS:
        raise unknown_name("corruption", name, CORRUPTIONS)
    if severity not in SEVERITIES:
        raise MfpnetError(f"the severity is {severity}: it must be 1 to 5.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise MfpnetError(
            f"corruptions are made for 8-bit RGB frames, and this one is {image.shape} "
            f"{image.dtype}: leave out --corruptions."
        )
    digest = hashlib.blake2b(f"{name}/{severity}/{seed}".encode(), digest_size=8).digest()
    generator = np.random.default_rng(int.from_bytes(digest, "big"))
    found = CORRUPTIONS[name](image / 255.0, severity - 1, generator)
    drawn: Image = np.rint(np.clip(found, 0, 1) * 255).astype(np.uint8)
    return drawn


def _gaussian_noise(pixels: Pixels, level: int, generator: Generator) -> Pixels:
    deviation = (0.08, 0.12, 0.18, 0.26, 0.38)[level]
    return pixels + generator.normal(scale=deviation, size=pixels.shape)


def _shot_noise(pixels: Pixels, level: int, generator: Generator) -> Pixels:
    photons = (60, 25, 12, 5, 3)[level]
    return generator.poisson(pixels * photons) / photons


def _defocus_blur(pixels: Pixels, level: int, _: Generator) -> Pixels:
    radius = (3, 4, 6, 8, 10)[level] * _scale(pixels)
    reach = math.ceil(radius + 0.5)
    steps = np.arange(-reach, reach + 1)
    # How much of each pixel the disk covers, in place of the slight blur of theirs.
    disk = np.clip(radius + 0.5 - np.hypot(steps[:, None], steps), 0, 1)
    return _convolved(pixels, disk / disk.sum(), reach)


def _motion_blur(pixels: Pixels, level: int, generator: Generator) -> Pixels:
    radius, deviation = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[level]
    angle, scale = math.radians(generator.uniform(-45, 45)), _scale(pixels)
    # As ImageMagick has it: half a bell, so that what moves leaves a trail on one side.
    steps = np.arange(round(2 * radius * scale) + 1)
    weights = np.exp(-0.5 * (steps / (deviation * scale)) ** 2)
    reach = len(steps)
    trail = np.zeros((2 * reach + 1, 2 * reach + 1))
    rows = reach + np.rint(steps * math.sin(angle)).astype(int)
    columns = reach + np.rint(steps * math.cos(angle)).astype(int)
    np.add.at(trail, (rows, columns), weights / weights.sum())
    return _convolved(pixels, trail, reach)


def _fog(pixels: Pixels, level: int, generator: Generator) -> Pixels:
    strength, decay = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[level]
    height, width = pixels.shape[:2]
    clouds = _plasma(max(height, width), decay, generator)[:height, :width, None]
    brightest = float(pixels.max())
    return (pixels + strength * clouds) * brightest / (brightest + strength)


def _brightness(pixels: Pixels, level: int, _: Generator) -> Pixels:
    # HSV's V moved: a pixel's largest channel, the others in proportion.
    value = pixels.max(axis=2, keepdims=True)
    wanted = np.clip(value + (0.1, 0.2, 0.3, 0.4, 0.5)[level], 0, 1)
    found: Pixels = np.where(value > 0, pixels * wanted / np.maximum(value, 1e-9), wanted)
    return found


def _dark(pixels: Pixels, level: int, _: Generator) -> Pixels:
    return pixels * 2 ** (-(level + 1) / 2.2)


def _contrast(pixels: Pixels, level: int, _: Generator) -> Pixels:
    mean: Pixels = pixels.mean(axis=(0, 1), keepdims=True)
    return (pixels - mean) * (0.4, 0.3, 0.2, 0.1, 0.05)[level] + mean


def _jpeg(pixels: Pixels, level: int, _: Generator) -> Pixels:
    file = io.BytesIO()
    picture = PIL.Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
    picture.save(file, "JPEG", quality=(25, 18, 15, 10, 7)[level])
    return np.asarray(PIL.Image.open(file)) / 255.0


CORRUPTIONS: dict[str, Callable[[Pixels, int, Generator], Pixels]] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "defocus_blur": _defocus_blur,
    "motion_blur": _motion_blur,
    "fog": _fog,
    "brightness": _brightness,
    "dark": _dark,
    "contrast": _contrast,
    "jpeg": _jpeg,
}


def _scale(pixels: Pixels) -> float:
    return float(min(pixels.shape[:2]) / SIDE)


def _convolved(pixels: Pixels, kernel: Field, reach: int) -> Pixels:
    """(H, W, 3) with a kernel of 2 reach + 1 each way, the picture mirrored at its rim."""
    padded = np.pad(pixels, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    size = (padded.shape[0], padded.shape[1])
    seen = np.fft.rfft2(padded, axes=(0, 1)) * np.fft.rfft2(kernel, size)[:, :, None]
    found = np.fft.irfft2(seen, size, axes=(0, 1))
    # What the kernel's corner would have as its origin lies `reach` further, twice.
    inner: Pixels = found[2 * reach :, 2 * reach :]
    return inner


def _plasma(side: int, decay: float, generator: Generator) -> Field:
    """Clouds, 0 to 1, at least side x side: the diamond-square algorithm on a torus."""
    step = 2 ** max(math.ceil(math.log2(side)), 1)
    field, jitter = np.zeros((step, step)), 100.0

    def moved(mean: Field) -> Field:
        return mean + jitter * generator.uniform(-jitter, jitter, mean.shape)

    while step >= 2:
        half = step // 2
        corners = field[::step, ::step]
        rows = corners + np.roll(corners, -1, axis=0)
        field[half::step, half::step] = moved((rows + np.roll(rows, -1, axis=1)) / 4)
        centres = field[half::step, half::step]
        along = corners + np.roll(corners, -1, axis=1)
        field[::step, half::step] = moved((along + centres + np.roll(centres, 1, axis=0)) / 4)
        field[half::step, ::step] = moved((rows + centres + np.roll(centres, 1, axis=1)) / 4)
        step, jitter = half, jitter / decay
    field -= field.min()
    clouds: Field = field / field.max()
    return clouds
