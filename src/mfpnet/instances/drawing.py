"""Objects made visible: each in a shade of its class, with an outline and a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import PIL.Image
from PIL import ImageDraw, ImageFont

from mfpnet.instances.grouping import Objects
from mfpnet.pixels.draw import Colour, Image, Labels, blend, legend, legend_entries

Box = tuple[float, float, float, float]

_EDGE: Colour = (255, 255, 255)
_INK, _HALO = (255, 255, 255), (20, 22, 28)
# Shades of neighbours in number lie far apart: steps of the golden section.
_STEP, _PALEST = 0.618, 0.65


def instance_overlay(
    image: Image,
    labels: Labels,
    objects: Objects,
    palette: Sequence[Colour],
    classes: Sequence[str],
    alpha: float = 0.5,
) -> Image:
    """The picture with its classes and objects laid over it, and a legend: (H + legend, W, 3).

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) class of each pixel, below the number of classes.
        objects: what is told apart in it.
        palette: colour of each class.
        classes: name of each class; the legend counts its objects.
        alpha: weight of the colours, 0 to 1.
    """
    numbers = objects.instances
    codes = np.where(numbers > 0, numbers + np.uint16(len(palette) - 1), labels).astype(np.uint16)
    shades = [_shade(palette[label], n) for n, label in enumerate(objects.classes)]
    drawn = blend(image, codes, [*palette, *shades], alpha)
    drawn[_outlines(numbers)] = _EDGE
    drawn = _named(drawn, objects, classes)
    counts = Counter(classes[label] for label in objects.classes)
    entries = [
        replace(entry, name=f"{entry.name} ({counts[entry.name]})")
        if entry.name in counts
        else entry
        for entry in legend_entries(labels, palette, classes)
    ]
    return np.concatenate((drawn, legend(entries, width=image.shape[1])))


def _shade(colour: Colour, number: int) -> Colour:
    """The colour of a class, more or less mixed with white."""
    pale = number * _STEP % 1 * _PALEST
    red, green, blue = (round(value + (255 - value) * pale) for value in colour)
    return red, green, blue


def _outlines(instances: Labels) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """The pixels of objects that have another one, or none, to the right or below."""
    differs = np.zeros(instances.shape, dtype=bool)
    differs[:, :-1] |= instances[:, :-1] != instances[:, 1:]
    differs[:-1] |= instances[:-1] != instances[1:]
    return differs


def _named(drawn: Image, objects: Objects, classes: Sequence[str]) -> Image:
    """The names of all objects that are large enough to bear one, no two over each other."""
    picture = PIL.Image.fromarray(drawn)
    pen, size = ImageDraw.Draw(picture), min(max(round(drawn.shape[1] / 48), 8), 32)
    font = ImageFont.load_default(size)
    taken: list[Box] = []
    for number, place, wide, tall in _places(objects):
        name = classes[objects.classes[number - 1]]
        box: Box = pen.textbbox(place, name, font, anchor="mm", stroke_width=size // 8)
        if wide < font.getlength(name) or tall < 2 * size or any(_overlap(box, b) for b in taken):
            continue
        taken.append(box)
        pen.text(place, name, _INK, font, anchor="mm", stroke_width=size // 8, stroke_fill=_HALO)
    return np.array(picture)


def _places(objects: Objects) -> Iterator[tuple[int, tuple[float, float], int, int]]:
    """The number of each object, the middle (x, y) of its pixels, its width and its height.

    The largest first.
    """
    areas = np.bincount(objects.instances.ravel(), minlength=len(objects.classes) + 1)
    for number in (np.argsort(-areas[1:], kind="stable") + 1).tolist():
        rows, columns = np.nonzero(objects.instances == number)
        if len(rows):
            middle = float(columns.mean()), float(rows.mean())
            yield number, middle, int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def _overlap(one: Box, other: Box) -> bool:
    """Whether two boxes (left, top, right, bottom) have a pixel in common."""
    across = one[0] < other[2] and other[0] < one[2]
    return across and one[1] < other[3] and other[1] < one[3]
