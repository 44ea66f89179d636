"""Folders of pictures and masks, as a user has them, drawn for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

from mfpnet.synthetic.streets import SyntheticStreets

# Sky, ground, things; void.
GROUPS = {0: 1, 3: 2, 4: 2, 8: 3, 9: 3, 10: 3, 11: 255}


def street_folder(
    root: Path, count: int = 10, size: tuple[int, int] = (64, 96), split: str = "train"
) -> Path:
    """`images` and `masks` of drawn streets with four grey classes and 255."""
    streets = SyntheticStreets(split, count, size)
    table = np.zeros(256, dtype=np.uint8)
    for label, group in GROUPS.items():
        table[label] = group
    for index in range(count):
        image, target = streets.load(index)
        for kind, picture in (("images", image), ("masks", table[target])):
            path = root / kind / f"street{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(picture).save(path)
    return root
