"""What the masks of a folder hold, and the classes that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfpnet.class_file import ClassFile
from mfpnet.labels import LabelSet
from mfpnet.pairs import Pair
from mfpnet.pictures import read_labels


@dataclass(frozen=True)
class Proposal:
    """Classes that fit the masks.

    Attributes:
        classes: how masks hold classes.
        notes: what was found or decided, a sentence each.
    """

    classes: ClassFile
    notes: tuple[str, ...]


def propose_classes(pairs: Sequence[Pair]) -> Proposal:
    """Classes that fit the masks of these pairs."""
    values = sorted({int(v) for pair in pairs for v in np.unique(read_labels(pair.mask))} - {255})
    names = tuple(f"class {value}" for value in values)
    palette = tuple((37 * v % 256, 97 * v % 256, 151 * v % 256) for v in values)
    return Proposal(ClassFile(LabelSet("own", names, palette, 255), tuple(values)), ())
