"""What drawn shapes are painted on: where there is room, and outlines filled with textures."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from mfpnet.pixels.pictures import Image
from mfpnet.synthetic.shape_patterns import PATTERNS, Floats, Mask, Pattern

# Of a picture of 144 rows and 192 columns, in pixels; others are drawn in proportion.
ROWS, COLUMNS = 144, 192
PERIODS = (4.0, 7.0)
_TRIES = 25
# Least difference of the brightness of two colours that lie beside each other, of 255.
_CONTRAST = 55.0
Colour = tuple[float, float, float]
Colours = tuple[Colour, Colour]


@dataclass(frozen=True)
class Spot:
    """Where something stands: its middle and half its extent, in pixels."""

    y: float
    x: float
    radius: float

    def apart_from(self, other: Spot) -> float:
        """Pixels between the two middles."""
        return float(np.hypot(self.y - other.y, self.x - other.x))


class ShapeCanvas:
    """A picture (H, W, 3) and its labels (H, W) as they are being painted.

    Args:
        rng: decides all that is left open.
        size: (H, W).
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        self.rng, self.size = rng, size
        self.unit = min(size[0] / ROWS, size[1] / COLUMNS)
        self.colours = np.zeros((*size, 3), np.float32)
        self.labels = np.zeros(size, np.uint8)
        self.spots: list[Spot] = []

    def place(
        self,
        radius: float,
        *,
        top: float = 0.0,
        gap: float = 0.0,
        others: list[Spot] | None = None,
    ) -> Spot | None:
        """A free spot, which is then taken; None where none was found.

        Args:
            radius: half of its extent in pixels of a picture of 144 rows.
            top: the row below which it lies whole.
            gap: pixels that it keeps from the others.
            others: what it keeps them from.
        """
        radius *= self.unit
        height, width = self.size
        if height - top <= 2 * radius or width <= 2 * radius:
            return None
        low, high = (top + radius, radius), (height - radius, width - radius)
        for y, x in self.rng.uniform(low, high, (_TRIES, 2)).tolist():
            spot = Spot(y, x, radius)
            free = all(spot.apart_from(s) > radius + s.radius for s in self.spots)
            if free and all(spot.apart_from(other) > gap for other in others or ()):
                self.spots.append(spot)
                return spot
        return None

    def stamp(
        self,
        spot: Spot,
        outline: Pattern,
        number: int,
        colours: Colours,
        *,
        white: Pattern | None = None,
        fill: str = "plain",
        turn: float = 0.0,
    ) -> None:
        """Paint an outline: with a texture, or where `white` is true in the second colour.

        Args:
            spot: where, and how large.
            outline: of coordinates from -1 to 1.
            number: of the class.
            colours: of the texture's ground and of its marks.
            white: of the outline's coordinates; in place of a texture.
            fill: the texture's name.
            turn: radians.
        """
        window, y, x = self._around(spot)
        v = (y * np.cos(turn) + x * np.sin(turn)) / spot.radius
        u = (x * np.cos(turn) - y * np.sin(turn)) / spot.radius
        inside = outline(v, u)
        marks = white(v, u) if white else self._texture(fill, y, x)
        self.paint(window, inside, marks, number, colours)

    def band(self, edge: Floats, fill: str, number: int, colours: Colours) -> None:
        """Paint a ground below an edge, a row for each column (W,)."""
        window = slice(max(int(edge.min()), 0), None), slice(None)
        y = np.arange(self.size[0], dtype=np.float32)[window[0], None]
        x = np.arange(self.size[1], dtype=np.float32)[None]
        self.paint(window, y >= edge, self._texture(fill, y, x), number, colours)

    def paint(
        self, window: tuple[slice, slice], inside: Mask, marks: Mask, number: int, colours: Colours
    ) -> None:
        """Colour and label what is inside, in a window of the picture."""
        both = np.array(colours, np.float32)
        self.colours[window][inside] = both[marks[inside].astype(np.intp)]
        self.labels[window][inside] = number

    def pair(self, hue: float | None = None) -> Colours:
        """Two colours that can be told apart: any, or both of one hue."""
        while True:
            first, second = (self._colour(hue) for _ in range(2))
            if abs(_brightness(first) - _brightness(second)) > _CONTRAST:
                return first, second

    def develop(self) -> Image:
        """The picture under uneven light, with the noise of a sensor."""
        height, width = self.size
        slope = self.rng.uniform(-0.15, 0.15, 2).astype(np.float32)
        rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width))
        light = 1 + slope[0] * rows[:, None] + slope[1] * columns
        noise = 6 * self.rng.standard_normal((height, width), dtype=np.float32)
        picture = self.colours * light[..., None] + noise[..., None]
        seen: Image = np.clip(picture, 0, 255).astype(np.uint8)
        return seen

    def _around(self, spot: Spot) -> tuple[tuple[slice, slice], Floats, Floats]:
        """The window that holds a spot, and its pixels' offsets from the middle."""
        reach = spot.radius * 1.45 + 1  # turned, a square's corners reach further out
        spans = [
            (max(int(at - reach), 0), min(int(at + reach) + 2, end))
            for at, end in zip((spot.y, spot.x), self.size, strict=True)
        ]
        y, x = (
            np.arange(*span, dtype=np.float32) - at
            for span, at in zip(spans, (spot.y, spot.x), strict=True)
        )
        return (slice(*spans[0]), slice(*spans[1])), y[:, None], x[None]

    def _texture(self, fill: str, y: Floats, x: Floats) -> Mask:
        period = np.float32(self.rng.uniform(*PERIODS) * self.unit)
        shift = self.rng.uniform(0, 8, 2).astype(np.float32)
        return PATTERNS[fill](y / period + shift[0], x / period + shift[1])

    def _colour(self, hue: float | None) -> Colour:
        draws = self.rng.random(3)
        saturation = 0.1 + 0.8 * draws[1] if hue is None else 0.55 + 0.4 * draws[1]
        tone = draws[0] if hue is None else (hue + 0.04 * (draws[0] - 0.5)) % 1
        red, green, blue = colorsys.hsv_to_rgb(tone, saturation, 0.15 + 0.85 * draws[2])
        return 255 * red, 255 * green, 255 * blue


def _brightness(colour: Colour) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
