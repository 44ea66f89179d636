"""Label maps made visible: coloured, blended over the picture, explained by a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageDraw, ImageFont

from mfpnet.pixels.strips import count_labels, row_strips

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8 | np.uint16]
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAPER: Colour = (255, 255, 255)
_INK: Colour = (32, 36, 44)
_PALE_INK: Colour = (118, 124, 134)
_SWATCH_EDGE: Colour = (190, 194, 200)


@dataclass(frozen=True)
class LegendEntry:
    """One line of a legend: a colour, a name, and the share of the pixels, 0 to 1."""

    colour: Colour
    name: str
    share: float


def colour_labels(
    labels: Labels, palette: Sequence[Colour], ignore_colour: Colour = (0, 0, 0)
) -> Image:
    """The label map (H, W) in the palette's colours, (H, W, 3) uint8 RGB.

    Labels beyond the palette, such as the ignored one, get ``ignore_colour``.
    """
    table = np.array([*palette, ignore_colour], dtype=np.uint8)
    coloured: Image = table[np.minimum(labels, len(palette))]
    return coloured


def blend(image: Image, labels: Labels, palette: Sequence[Colour], alpha: float = 0.5) -> Image:
    """The picture (H, W, 3) with the colours of its labels (H, W) laid over it.

    ``alpha`` is the weight of the colours, 0 to 1. Pixels whose label is beyond the palette keep
    the picture's colour.

    Raises:
        ValueError: the sizes differ, or ``alpha`` is out of range.
    """
    _check_blend(image, labels, alpha)
    mixed = np.empty(image.shape, dtype=np.uint8)
    _blend_into(mixed, image, labels, palette, alpha)
    return mixed


def _check_blend(image: Image, labels: Labels, alpha: float) -> None:
    if image.shape[:2] != labels.shape:
        raise ValueError(f"the image is {image.shape[:2]}, its labels are {labels.shape} (H, W)")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}, not between 0 and 1")


def _blend_into(
    mixed: Image, image: Image, labels: Labels, palette: Sequence[Colour], alpha: float
) -> None:
    for rows in row_strips(*labels.shape):
        weight = np.where(labels[rows] < len(palette), np.float32(alpha), np.float32(0))[..., None]
        colours = colour_labels(labels[rows], palette)
        mixed[rows] = np.rint(image[rows] * (1 - weight) + colours * weight)


def overlay(
    image: Image,
    labels: Labels,
    palette: Sequence[Colour],
    classes: Sequence[str],
    alpha: float = 0.5,
) -> Image:
    """:func:`blend`, with a legend of the classes that are present below it: (H + legend, W, 3).

    The legend's height depends on what is present; where every picture must have one size, as in
    a video, use :func:`blend`. Errors as there.
    """
    _check_blend(image, labels, alpha)
    key = legend(legend_entries(labels, palette, classes), width=image.shape[1])
    height, width = labels.shape
    drawn = np.empty((height + len(key), width, 3), dtype=np.uint8)
    _blend_into(drawn[:height], image, labels, palette, alpha)
    drawn[height:] = key
    return drawn


def legend_entries(
    labels: Labels, palette: Sequence[Colour], classes: Sequence[str]
) -> list[LegendEntry]:
    """The classes that occur in ``labels``, in their own order, with their share of all pixels."""
    counts = count_labels(labels, len(classes))
    shares = counts / max(labels.size, 1)
    named = zip(palette, classes, shares.tolist(), strict=False)
    return [LegendEntry(colour, name, share) for colour, name, share in named if share > 0]


def legend(entries: Sequence[LegendEntry], width: int, size: int | None = None) -> Image:
    """A strip (height, width, 3): swatch, name and share of every entry, in even columns.

    Letters of ``size`` pixels grow with the width where none is given, rows are added as needed;
    no entries give a strip of height 0.
    """
    if not entries:
        return np.empty((0, width, 3), dtype=np.uint8)
    size = size or _text_size(width)
    cell = _cell_width(entries, size)
    columns = min(max(width // cell, 1), len(entries))
    rows = -(-len(entries) // columns)
    line, margin = round(size * 1.7), round(size * 0.7)
    canvas = PIL.Image.new("RGB", (width, rows * line + 2 * margin), _PAPER)
    pen = ImageDraw.Draw(canvas)
    for index, entry in enumerate(entries):
        row, column = divmod(index, columns)
        corner = (margin + column * (width - margin) // columns, margin + row * line)
        _draw_entry(pen, entry, corner, size)
    return np.array(canvas)


def side_by_side(
    images: Sequence[Image], titles: Sequence[str], columns: int | None = None
) -> Image:
    """The pictures (H, W, 3) in a grid on white, each under its title; one row unless ``columns``.

    Cells have the size of the largest picture, smaller ones stand at the top in the middle. Titles
    that are too long for their cell are cut.

    Raises:
        ValueError: no picture, or not as many titles as pictures.
    """
    if not images or len(images) != len(titles):
        raise ValueError(f"{len(images)} pictures cannot stand under {len(titles)} titles")
    across = min(columns or len(images), len(images))
    width = max(image.shape[1] for image in images)
    size = _text_size(width)
    heading, gap = round(size * 1.9), max(round(size * 0.6), 2)
    step_y = heading + max(image.shape[0] for image in images) + gap
    down = -(-len(images) // across)
    canvas = PIL.Image.new("RGB", (gap + across * (width + gap), gap + down * step_y), _PAPER)
    pen = ImageDraw.Draw(canvas)
    for index, (image, title) in enumerate(zip(images, titles, strict=True)):
        row, column = divmod(index, across)
        x, y = gap + column * (width + gap), gap + row * step_y
        _draw_title(pen, title, (x + width // 2, y + heading // 2), size, width)
        canvas.paste(PIL.Image.fromarray(image), (x + (width - image.shape[1]) // 2, y + heading))
    return np.array(canvas)


def _text_size(width: int) -> int:
    return min(max(round(width / 44), 9), 40)


@lru_cache(maxsize=32)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _percent(share: float) -> str:
    return "< 1 %" if share < 0.005 else f"{share * 100:.0f} %"


def _cell_width(entries: Sequence[LegendEntry], size: int) -> int:
    font = _font(size)
    texts = [f"{entry.name}  {_percent(entry.share)}" for entry in entries]
    return round(max(font.getlength(text) for text in texts) + size * 3.2)


def _draw_entry(
    pen: ImageDraw.ImageDraw, entry: LegendEntry, corner: tuple[int, int], size: int
) -> None:
    x, y = corner
    side = round(size * 1.15)
    top = y + (round(size * 1.7) - side) // 2
    pen.rounded_rectangle(
        (x, top, x + side, top + side), size // 5, fill=entry.colour, outline=_SWATCH_EDGE
    )
    middle, start = top + side / 2, x + side + size * 0.5
    pen.text((start, middle), entry.name, fill=_INK, font=_font(size), anchor="lm")
    start += _font(size).getlength(entry.name + "  ")
    pen.text((start, middle), _percent(entry.share), fill=_PALE_INK, font=_font(size), anchor="lm")


def _draw_title(
    pen: ImageDraw.ImageDraw, title: str, middle: tuple[int, int], size: int, width: int
) -> None:
    font, text = _font(size), title
    while len(text) > 1 and font.getlength(text) > width:
        text = text.rstrip("…")[:-1] + "…"
    pen.text(middle, text, fill=_INK, font=font, anchor="mm")
