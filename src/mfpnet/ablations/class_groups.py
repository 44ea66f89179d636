"""Groups of classes in which a score can be told: what the data says of them, or what is measured.

Each grouping is a name and, for each class, its group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mfpnet.data.datasets import Dataset, load_checked, pixel_counts
from mfpnet.labels import LabelSet
from mfpnet.pixels.pictures import Labels
from mfpnet.synthetic.shape_classes import CLASSES, FILLS, OUTLINES, SHAPES60

Groupings = dict[str, dict[str, str]]


def groupings_of(dataset: Dataset) -> Groupings:
    """Those that belong to the data: what tells a class apart, its size, its frequency, ...

    Of other data than the drawn shapes, thirds by share of the pixels and by width are measured.

    Raises:
        MfpnetError: a frame cannot be read.
    """
    return _of_shapes() if dataset.labels == SHAPES60 else _measured(dataset)


def thirds(values: Mapping[str, float], names: Sequence[str]) -> dict[str, str]:
    """Each class's third, as even as can be: those of the smallest values get the first name."""
    ranked = sorted(values, key=lambda name: (values[name], name))
    parts = np.array_split(np.arange(len(ranked)), len(names))
    return {ranked[i]: names[part] for part, places in enumerate(parts) for i in places.tolist()}


def mean_runs(target: Labels, labels: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of each class, and how many runs along the rows they form: (num_classes,) each."""
    starts = np.ones(target.shape, bool)
    starts[:, 1:] = target[:, 1:] != target[:, :-1]
    count = labels.num_classes
    return pixel_counts(target, count), pixel_counts(target[starts], count)


def _measured(dataset: Dataset) -> Groupings:
    """By how many pixels a class has, and by how wide it is: thin things are lost in other ways."""
    names = dataset.labels.classes
    pairs = [mean_runs(load_checked(dataset, i)[1], dataset.labels) for i in range(len(dataset))]
    pixels, runs = (np.sum(each, axis=0) for each in zip(*pairs, strict=True))
    widths = pixels / np.maximum(runs, 1)
    return {
        "share of the pixels": thirds(
            dict(zip(names, pixels.tolist(), strict=True)), ("few", "some", "most")
        ),
        "width": thirds(
            dict(zip(names, widths.tolist(), strict=True)), ("narrow", "medium", "wide")
        ),
    }


def _of_shapes() -> Groupings:
    return {
        "told apart by": {each.name: each.kind for each in CLASSES},
        "size": {each.name: each.size for each in CLASSES},
        "frequency": {each.name: each.frequency for each in CLASSES},
        "texture of things": {each.name: _texture(each.name) for each in CLASSES},
    }


def _texture(name: str) -> str:
    first, _, last = name.partition(" ")
    return first if first in FILLS and last in OUTLINES else "no thing"
