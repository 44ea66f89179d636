"""Small trees of known data, in the form in which the real ones lie on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

Array = npt.NDArray[np.uint8]


def _noise(size: tuple[int, int], seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def _mask(size: tuple[int, int], classes: int, void: int, seed: int) -> Array:
    """Blocks of 8x8 of any class, and a rim of void at the top."""
    rows, columns = (-(-side // 8) for side in size)
    blocks = np.random.default_rng(seed).integers(0, classes, (rows, columns), dtype=np.uint8)
    mask = np.kron(blocks, np.ones((8, 8), dtype=np.uint8))[: size[0], : size[1]]
    mask[:2] = void
    return mask


def _save(array: Array, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(array).save(path)


def camvid_tree(root: Path, split: str, count: int, size: tuple[int, int], seed: int = 0) -> Path:
    """`count` frames of noise with masks of CamVid's classes."""
    for number in range(count):
        name = f"0001TP_{number:06}.png"
        _save(_noise(size, seed + number), root / split / name)
        _save(_mask(size, 11, 11, seed + number), root / f"{split}annot" / name)
    return root


def idd_tree(root: Path, split: str, count: int, size: tuple[int, int], seed: int = 100) -> Path:
    """`count` frames of noise with masks of IDD-Lite's classes."""
    for number in range(count):
        frame = root / "leftImg8bit" / split / "7" / f"{number}_image.jpg"
        _save(_noise(size, seed + number), frame)
        _save(
            _mask(size, 7, 255, seed + number),
            root / "gtFine" / split / "7" / f"{number}_label.png",
        )
    return root
