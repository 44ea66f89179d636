"""A tree of Cityscapes' form, of streets that are drawn here and hold every kind of void."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mfpnet.labels import CAMVID
from mfpnet.pixels.pictures import Image, write_png
from mfpnet.synthetic.scenes import draw_scene

Ids = npt.NDArray[np.uint8]
Cities = Mapping[str, int]

SIZE = (64, 128)
CITIES: Mapping[str, Cities] = {
    "train": {"aachen": 3, "bochum": 2},
    "val": {"frankfurt": 2, "lindau": 2},
    "test": {"berlin": 2},
}
# Official label ids of what a drawn street has; void becomes dynamic.
_ID_OF = {
    **{"sky": 23, "building": 11, "pole": 17, "road": 7, "pavement": 8, "tree": 21, "sign": 20},
    **{"fence": 13, "car": 26, "pedestrian": 24, "bicyclist": 33},
}
DYNAMIC, EGO_VEHICLE, RECTIFICATION_BORDER, OUT_OF_ROI = 5, 1, 2, 3


@functools.cache
def street(seed: int, size: tuple[int, int] = SIZE) -> tuple[Image, Ids]:
    """A street (H, W, 3) and its official label ids (H, W), rims and own bonnet included."""
    scene = draw_scene(seed, size)
    table = np.array([*(_ID_OF[name] for name in CAMVID.classes), DYNAMIC], dtype=np.uint8)
    ids: Ids = table[scene.labels]
    height, width = size
    ids[-(height // 10) :, width // 4 : -(width // 4)] = EGO_VEHICLE
    ids[:2] = ids[:, :2] = RECTIFICATION_BORDER
    ids[:1] = OUT_OF_ROI
    return scene.image, ids


def dummy(ids: Ids) -> Ids:
    """What is public of a test frame's labels: 0 wherever they are scored."""
    return np.where(ids > OUT_OF_ROI, 0, ids).astype(np.uint8)


def write_frame(root: Path, split: str, name: str, frame: tuple[Image, Ids]) -> None:
    """One frame and its `_labelIds.png` in its city's folder."""
    place = Path(split) / name.split("_")[0]
    image, ids = frame
    write_png(root / "leftImg8bit" / place / f"{name}_leftImg8bit.png", image)
    mask = dummy(ids) if split == "test" else ids
    write_png(root / "gtFine" / place / f"{name}_gtFine_labelIds.png", mask)


def write_tree(
    root: Path,
    cities: Mapping[str, Cities] = CITIES,
    size: tuple[int, int] = SIZE,
) -> Path:
    """Splits of cities with so many frames each; every frame is another street."""
    seed = 0
    for split, counts in cities.items():
        for city, count in counts.items():
            for number in range(count):
                write_frame(root, split, f"{city}_000000_{number:06d}", street(seed, size))
                seed += 1
    return root
