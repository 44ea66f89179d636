"""Folders of images and masks of every kind, drawn small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from mfpnet.data.pairs import Pair

SIZE = (48, 64)
Array = npt.NDArray[np.uint8 | np.uint16]


def areas(classes: int, seed: int, size: tuple[int, int] = SIZE) -> npt.NDArray[np.int64]:
    """(H, W) of class 0 with a few discs and boxes of other classes."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    labels = np.zeros(size, dtype=np.int64)
    for _ in range(max(6, min(classes, 12))):
        y, x = random.integers(0, size[0]), random.integers(0, size[1])
        radius = random.integers(min(size) // 8, min(size) // 4)
        disc = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        box = (abs(rows - y) < radius) & (abs(columns - x) < radius)
        labels[disc if random.random() < 0.7 else box] = random.integers(0, classes)
    return labels


def textured(labels: npt.NDArray[np.int64], seed: int) -> Array:
    """(H, W, 3) of an image in which classes differ in colour."""
    random = np.random.default_rng(seed)
    tints = np.random.default_rng(7).integers(30, 225, (int(labels.max()) + 1, 3))
    noise = random.integers(-20, 20, (*labels.shape, 3))
    image: Array = np.clip(tints[labels] + noise, 0, 255).astype(np.uint8)
    return image


def smoothed(labels: npt.NDArray[np.int64], colours: Sequence[Sequence[int]], factor: int) -> Array:
    """The colours of labels that are `factor` times as large, averaged down."""
    painted = np.asarray(colours, dtype=np.float64)[labels]
    height, width = (side // factor for side in labels.shape)
    blocks = painted.reshape(height, factor, width, factor, -1).mean(axis=(1, 3))
    made: Array = np.rint(blocks).astype(np.uint8).squeeze()
    return made


def write_pair(root: Path, name: str, image: Array, mask: Array | PIL.Image.Image) -> Pair:
    """`images/NAME.png` and `masks/NAME.png`."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(image).save(root / "images" / f"{name}.png")
    drawn = mask if isinstance(mask, PIL.Image.Image) else PIL.Image.fromarray(mask)
    drawn.save(root / "masks" / f"{name}.png")
    return Pair(root / "images" / f"{name}.png", root / "masks" / f"{name}.png", name, name)


def write_folder(root: Path, masks: Sequence[Array | PIL.Image.Image]) -> list[Pair]:
    """Images of noise beside these masks."""
    pairs = []
    for index, mask in enumerate(masks):
        drawn = np.asarray(mask)
        image = np.random.default_rng(index).integers(0, 255, (*drawn.shape[:2], 3), np.uint8)
        pairs.append(write_pair(root, f"f{index:03}", image, mask))
    return pairs
