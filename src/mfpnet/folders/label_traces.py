"""Which labelling tool's files lie beside pictures that have no masks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Literal

_MOST = 2000
_JSON = ("*.json", "*/*.json", "*/*/*.json")


def label_format(
    root: Path, pictures: Iterable[str], texts: Iterable[str]
) -> Literal["coco", "labelme", "yolo"] | None:
    """The format of `mfpnet data import` that these files look like, by their names alone.

    Args:
        root: the folder.
        pictures: paths of pictures below it.
        texts: paths of .txt files below it.
    """
    stems = {PurePosixPath(path).stem for path in pictures}
    if stems & {PurePosixPath(path).stem for path in texts}:
        return "yolo"
    found = [path.stem for path in islice(chain(*map(root.glob, _JSON)), _MOST)]
    if stems & set(found):
        return "labelme"
    annotated = any("annotation" in stem or stem.startswith("instances") for stem in found)
    return "coco" if annotated else None
