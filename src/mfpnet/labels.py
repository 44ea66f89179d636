"""Label sets: the names, colours and ignore index that belong together."""

from __future__ import annotations

from dataclasses import dataclass, field

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """What the integers of a label map mean.

    Attributes:
        name: short lower-case name.
        classes: name of class i, for i in 0 .. num_classes - 1.
        palette: RGB colour of class i, each channel 0 to 255.
        ignore_index: the label that is never counted in a loss or a score.
        things: names of the classes whose objects can be counted, where data tells them apart.
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    ignore_index: int
    things: tuple[str, ...] = field(default=(), compare=False)

    @property
    def num_classes(self) -> int:
        """How many classes are counted; the ignored label is not one of them."""
        return len(self.classes)


def colour_code(colour: Colour) -> int:
    """A colour as one number, 0xRRGGBB."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def code_colour(code: int) -> Colour:
    """The inverse of `colour_code`."""
    return code >> 16 & 255, code >> 8 & 255, code & 255


def voc_colour(index: int) -> Colour:
    """The colour of a label in Pascal VOC's colour map: its bits, spread over the channels.

    Bits 0, 3, 6, ... of the label are the highest of red, 1, 4, 7, ... of green, 2, 5, 8, ... of
    blue.
    """
    red, green, blue = (
        sum((index >> (3 * step + channel) & 1) << (7 - step) for step in range(8))
        for channel in range(3)
    )
    return red, green, blue


# SegNet tutorial order and colours; 11 is void.
CAMVID = LabelSet(
    name="camvid",
    classes=(
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    palette=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
    ignore_index=11,
    things=("car", "pedestrian", "bicyclist"),
)
