"""The label table of Cityscapes (Cordts et al., CVPR 2016), and every way between its codings.

A label id is what the official masks and the evaluation server use, a train id what networks learn,
a colour what the `_color.png` files hold. As in the official tools, the label that stands first in
the table speaks for all that share a train id or a colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError
from mfpnet.labels import Colour, LabelSet

Ids = npt.NDArray[np.uint8]
Rgb = npt.NDArray[np.uint8]

# The train id of what is not scored, and what -1, the license plate, becomes in 8 bits.
IGNORED = 255


@dataclass(frozen=True)
class CityscapesLabel:
    """A row of the official table.

    Attributes:
        name: of the label.
        label_id: as in `_labelIds.png`; -1 is never drawn there.
        train_id: 0 to 18, 255 or -1 where it is not learned.
        category: its group.
        ignored: not scored.
        colour: as in `_color.png`.
    """

    name: str
    label_id: int
    train_id: int
    category: str
    ignored: bool
    colour: Colour


LABELS = tuple(
    CityscapesLabel(*row)
    for row in (
        ("unlabeled", 0, 255, "void", True, (0, 0, 0)),
        ("ego vehicle", 1, 255, "void", True, (0, 0, 0)),
        ("rectification border", 2, 255, "void", True, (0, 0, 0)),
        ("out of roi", 3, 255, "void", True, (0, 0, 0)),
        ("static", 4, 255, "void", True, (0, 0, 0)),
        ("dynamic", 5, 255, "void", True, (111, 74, 0)),
        ("ground", 6, 255, "void", True, (81, 0, 81)),
        ("road", 7, 0, "flat", False, (128, 64, 128)),
        ("sidewalk", 8, 1, "flat", False, (244, 35, 232)),
        ("parking", 9, 255, "flat", True, (250, 170, 160)),
        ("rail track", 10, 255, "flat", True, (230, 150, 140)),
        ("building", 11, 2, "construction", False, (70, 70, 70)),
        ("wall", 12, 3, "construction", False, (102, 102, 156)),
        ("fence", 13, 4, "construction", False, (190, 153, 153)),
        ("guard rail", 14, 255, "construction", True, (180, 165, 180)),
        ("bridge", 15, 255, "construction", True, (150, 100, 100)),
        ("tunnel", 16, 255, "construction", True, (150, 120, 90)),
        ("pole", 17, 5, "object", False, (153, 153, 153)),
        ("polegroup", 18, 255, "object", True, (153, 153, 153)),
        ("traffic light", 19, 6, "object", False, (250, 170, 30)),
        ("traffic sign", 20, 7, "object", False, (220, 220, 0)),
        ("vegetation", 21, 8, "nature", False, (107, 142, 35)),
        ("terrain", 22, 9, "nature", False, (152, 251, 152)),
        ("sky", 23, 10, "sky", False, (70, 130, 180)),
        ("person", 24, 11, "human", False, (220, 20, 60)),
        ("rider", 25, 12, "human", False, (255, 0, 0)),
        ("car", 26, 13, "vehicle", False, (0, 0, 142)),
        ("truck", 27, 14, "vehicle", False, (0, 0, 70)),
        ("bus", 28, 15, "vehicle", False, (0, 60, 100)),
        ("caravan", 29, 255, "vehicle", True, (0, 0, 90)),
        ("trailer", 30, 255, "vehicle", True, (0, 0, 110)),
        ("train", 31, 16, "vehicle", False, (0, 80, 100)),
        ("motorcycle", 32, 17, "vehicle", False, (0, 0, 230)),
        ("bicycle", 33, 18, "vehicle", False, (119, 11, 32)),
        ("license plate", -1, -1, "vehicle", True, (0, 0, 142)),
    )
)

_SCORED = sorted((label for label in LABELS if not label.ignored), key=lambda each: each.train_id)
CITYSCAPES = LabelSet(
    name="cityscapes",
    classes=tuple(label.name for label in _SCORED),
    palette=tuple(label.colour for label in _SCORED),
    ignore_index=IGNORED,
)


def train_ids_of(label_ids: npt.NDArray[np.integer]) -> Ids:
    """Label ids to train ids, 255 where a label is not scored; any shape.

    -1, and 255, which is what 8 bits make of it, are the license plate.

    Raises:
        MfpnetError: an id that is not in the table.
    """
    return _looked_up(label_ids, _table(lambda label: (label.label_id, label.train_id)), "label id")


def label_ids_of(train_ids: npt.NDArray[np.integer]) -> Ids:
    """Train ids to label ids, 0 (unlabeled) for 255; any shape.

    Raises:
        MfpnetError: an id that is not in the table.
    """
    table = _table(lambda label: (label.train_id, label.label_id))
    table[IGNORED] = 0
    return _looked_up(train_ids, table, "train id")


def colours_of(label_ids: npt.NDArray[np.integer]) -> Rgb:
    """Label ids (...) to colours (..., 3).

    Raises:
        MfpnetError: an id that is not in the table.
    """
    known = _looked_up(
        label_ids, _table(lambda label: (label.label_id, label.label_id)), "label id"
    )
    table = np.zeros((256, 3), dtype=np.uint8)
    for label in LABELS:
        table[label.label_id % 256] = label.colour
    coloured: Rgb = table[known]
    return coloured


def label_ids_of_colours(colours: Rgb) -> Ids:
    """Colours (..., 3) to label ids (...): black is unlabeled, a license plate becomes its car.

    Raises:
        MfpnetError: a colour that is not in the table.
    """
    red, green, blue = (colours[..., channel].astype(np.int64) for channel in range(3))
    packed = (red << 16) | (green << 8) | blue
    known = {_packed(label.colour): label.label_id for label in reversed(LABELS)}
    keys = np.array(sorted(known))
    places = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
    if (wrong := keys[places] != packed).any():
        strange = tuple(int(channel) for channel in colours[wrong][0])
        raise MfpnetError(
            f"the colour {strange} is none of Cityscapes' ({int(wrong.sum())} pixels have such a "
            f"one): use the _labelIds.png files, or colour files that no program has smoothed."
        )
    found: Ids = np.array([known[key] for key in keys.tolist()], dtype=np.uint8)[places]
    return found


def _packed(colour: Colour) -> int:
    return (colour[0] << 16) | (colour[1] << 8) | colour[2]


def _table(pair: Callable[[CityscapesLabel], tuple[int, int]]) -> npt.NDArray[np.int16]:
    """256 places from the first of each pair to the second in 8 bits; -1 where there is none."""
    table = np.full(256, -1, dtype=np.int16)
    for label in reversed(LABELS):
        key, value = pair(label)
        table[key % 256] = value % 256
    return table


def _looked_up(values: npt.NDArray[np.integer], table: npt.NDArray[np.int16], called: str) -> Ids:
    inside = (values >= -1) & (values <= 255)
    found = table[np.where(inside, values, 0).astype(np.int64) % 256]
    if (wrong := ~inside | (found < 0)).any():
        raise MfpnetError(
            f"{int(values[wrong][0])} is no {called} of Cityscapes ({int(wrong.sum())} pixels have "
            f"such a one): label ids are 0 to 33, train ids 0 to 18 and 255."
        )
    return found.astype(np.uint8)
