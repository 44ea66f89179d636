"""classes.yaml: the names and colours of classes, and how masks hold them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from mfpnet.files import write_atomically
from mfpnet.labels import LabelSet
from mfpnet.pictures import Labels, read_labels

CLASS_FILE = "classes.yaml"


@dataclass(frozen=True)
class ClassFile:
    """What a classes.yaml says.

    Attributes:
        labels: what the integers of a target mean.
        ids: the value of class i in a mask.
    """

    labels: LabelSet
    ids: tuple[int, ...]

    def read_mask(self, path: Path) -> Labels:
        """A mask's file as (H, W) targets."""
        raw = read_labels(path)
        table = np.full(int(raw.max()) + 1, self.labels.ignore_index, dtype=np.uint8)
        for index, value in enumerate(self.ids):
            if value < len(table):
                table[value] = index
        found: Labels = table[raw]
        return found


def read_classes(path: Path) -> ClassFile:
    """The inverse of `write_classes`."""
    values = yaml.safe_load(path.read_text())
    rows = values["classes"]
    return ClassFile(
        LabelSet(
            name=values["name"],
            classes=tuple(row["name"] for row in rows),
            palette=tuple(tuple(row["colour"]) for row in rows),
            ignore_index=values["ignore_index"],
        ),
        tuple(row["id"] for row in rows),
    )


def write_classes(path: Path, classes: ClassFile) -> None:
    """Write a classes.yaml, atomically."""
    labels = classes.labels
    rows = [
        {"name": name, "id": value, "colour": list(colour)}
        for name, value, colour in zip(labels.classes, classes.ids, labels.palette, strict=True)
    ]
    values = {"name": labels.name, "ignore_index": labels.ignore_index, "classes": rows}
    write_atomically(path, yaml.safe_dump(values, sort_keys=False).encode())
