"""The sixty classes of the drawn shapes, and what tells each of them from the others.

Size, frequency and kind are laid out across each other: small things are as often common as rare,
and each outline comes with each texture. So a score can be split by one without the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

from mfpnet.labels import LabelSet, voc_colour

Kind = Literal["texture", "shape and texture", "shape", "colour far away", "partner", "number"]
Size = Literal["ground", "large", "medium", "small"]
Frequency = Literal["common", "usual", "uncommon", "rare"]

GROUNDS = (
    "plain",
    "ruled",
    "barred",
    "slanted",
    "checked",
    "dotted",
    "gridded",
    "bricked",
    "waved",
    "zigzag",
    "speckled",
    "hatched",
)
OUTLINES = ("disc", "square", "triangle", "star", "ring", "cross", "crescent", "hourglass")
FILLS = ("plain", "slanted", "dotted", "checked")
TOWERS = ("disc", "square", "triangle", "cross")
# Of the uppermost ground: hues from 0 to 1.
SKIES = {"red": 0.0, "yellow": 0.15, "green": 0.36, "blue": 0.62}
COUNTS = ("lone token", "token of two", "token of three", "token of four")

_SIZES: tuple[Size, ...] = ("small", "medium", "large")
_FREQUENCIES: tuple[Frequency, ...] = ("common", "usual", "uncommon", "rare")
# How often one of a frequency comes for each rare one.
WEIGHTS: dict[Frequency, float] = {"common": 8, "usual": 4, "uncommon": 2, "rare": 1}


@dataclass(frozen=True)
class ShapeClass:
    """One of the sixty.

    Attributes:
        name: of the class.
        kind: what tells it apart. Of the last three, all classes look the same: the colour of the
            uppermost ground, the tower elsewhere in the picture, or how many there are decides.
        size: of its things in pixels at 144 rows: some 12, 20 or 34 across; a ground fills a third.
        frequency: how often it comes.
    """

    name: str
    kind: Kind
    size: Size
    frequency: Frequency


def _grounds() -> list[ShapeClass]:
    return [
        ShapeClass(f"{name} ground", "texture", "ground", _FREQUENCIES[place % 4])
        for place, name in enumerate(GROUNDS)
    ]


def _things() -> list[ShapeClass]:
    pairs = product(enumerate(OUTLINES), enumerate(FILLS))
    return [
        ShapeClass(
            f"{filled} {outline}",
            "shape and texture",
            _SIZES[(row + column) % 3],
            _FREQUENCIES[(row // 2 + column) % 4],
        )
        for (row, outline), (column, filled) in pairs
    ]


def _told_by_context() -> list[ShapeClass]:
    return [
        *(ShapeClass(f"{name} tower", "shape", "large", "usual") for name in TOWERS),
        *(ShapeClass(f"{name} key", "partner", "medium", "usual") for name in TOWERS),
        *(ShapeClass(f"{name} flag", "colour far away", "medium", "usual") for name in SKIES),
        *(ShapeClass(name, "number", "medium", "usual") for name in COUNTS),
    ]


CLASSES: tuple[ShapeClass, ...] = (*_grounds(), *_things(), *_told_by_context())
NUMBER = {each.name: number for number, each in enumerate(CLASSES)}

SHAPES60 = LabelSet(
    name="shapes60",
    classes=tuple(NUMBER),
    palette=tuple(voc_colour(number + 1) for number in range(len(CLASSES))),
    ignore_index=255,
)

# What a network reaches at best that finds these and cannot see what decides: the IoU of a guess
# among four that are equally many.
BLIND_IOU = 1 / 7
