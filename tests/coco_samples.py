"""Small COCO data sets that tests make."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from mfpnet.importers.importing import import_labels
from mfpnet.options.importing import ImportOptions
from mfpnet.pixels.pictures import Labels, read_labels

SQUARE = [2.0, 2.0, 10.0, 2.0, 10.0, 8.0, 2.0, 8.0]
SIZE = (24, 32)


def write_picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """A picture of (H, W), another one for another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(os.fsencode(path.name))
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    return path


def annotation(number: int, image: object = 1, category: int = 1, **more: Any) -> dict[str, Any]:
    """An object: the square, unless told otherwise."""
    usual = {"id": number, "image_id": image, "category_id": category}
    return {**usual, "segmentation": [SQUARE], "iscrowd": 0, **more}


def coco(
    annotations: Sequence[dict[str, Any]],
    names: Sequence[str] = ("a.png",),
    categories: Sequence[tuple[int, str]] = ((1, "cat"), (7, "dog")),
) -> dict[str, Any]:
    """A file's content; images are numbered from 1."""
    height, width = SIZE
    return {
        "images": [
            {"id": index, "file_name": name, "height": height, "width": width}
            for index, name in enumerate(names, start=1)
        ],
        "annotations": list(annotations),
        "categories": [{"id": number, "name": name} for number, name in categories],
    }


def write_coco(path: Path, content: object, pictures: Sequence[str] = ("a.png",)) -> Path:
    """The file, with pictures beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
    for name in pictures:
        write_picture(path.parent / name)
    return path


def imported(source: Path, **options: Any) -> dict[str, Any]:
    """What is said of the import into `out` beside the source."""
    return import_labels(ImportOptions("coco", source, source.parent / "out", **options))


def mask_of(source: Path, name: str = "a") -> Labels:
    """What the import has made of a picture's annotations."""
    return read_labels(source.parent / "out" / "masks" / f"{name}.png")
