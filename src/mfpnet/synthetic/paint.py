"""Camera and canvas of a synthetic street: projects metres to pixels and draws shapes with PIL.

Every shape is drawn twice: into a colour picture of twice the size (its edges become smooth when
it is halved) and into a map of surface numbers, from which labels, instances and depth follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Pixel = tuple[float, float]
Plane = tuple[float, float, float]
Floats = npt.NDArray[np.float32]

FACING, SIDEWAYS, GROUND, SKY = range(4)
OVERSAMPLE = 2
_CIRCLE = tuple((math.cos(k * math.pi / 5), math.sin(k * math.pi / 5)) for k in range(10))


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera in a street that bends.

    The road's middle line runs ``heading * z + bend * z**2`` metres to the right of the line
    straight ahead, and the camera stands ``x`` metres to the right of it. ``focal``, ``horizon``
    (row) and ``centre`` (column) are in pixels, ``eye`` is its height in metres.
    """

    focal: float
    eye: float
    horizon: float
    centre: float
    x: float
    heading: float
    bend: float

    def project(self, x: float, y: float, z: float) -> Pixel:
        """(column, row) of a point; what is nearer than half a metre is drawn at that depth."""
        z = z if z > 0.5 else 0.5
        scale = self.focal / z
        across = x - self.x + self.heading * z + self.bend * z * z
        return self.centre + across * scale, self.horizon + (self.eye - y) * scale

    def ground(self) -> Plane:
        """Inverse depth of the ground, as (constant, per column, per row)."""
        per_row = 1.0 / (self.focal * self.eye)
        return -self.horizon * per_row, 0.0, per_row

    def wall(self, x: float, near: float, far: float) -> Plane:
        """Inverse depth of an upright wall along the street: linear in the column."""
        start, end = self.project(x, 0.0, near)[0], self.project(x, 0.0, far)[0]
        if abs(end - start) < 1.0:
            return 1.0 / near, 0.0, 0.0
        slope = (1.0 / far - 1.0 / near) / (end - start)
        return 1.0 / near - slope * start, slope, 0.0


def times(colour: Colour, shade: float) -> Colour:
    """A colour made lighter or darker, at most white."""
    red, green, blue = int(colour[0] * shade), int(colour[1] * shade), int(colour[2] * shade)
    return min(red, 255), min(green, 255), min(blue, 255)


class Surface(NamedTuple):
    """What a drawn shape belongs to: class, instance, plane in depth, and its texture.

    ``rough`` is the strength of the noise, ``grain`` its cells per metre; ``tile`` is the period
    of joints across and up in metres (0 = none), and ``joint`` how dark they are.
    """

    label: int
    instance: int = 0
    plane: Plane = (0.01, 0.0, 0.0)
    facing: int = FACING
    rough: float = 0.1
    grain: float = 4.0
    tile: tuple[float, float] = (0.0, 0.0)
    joint: float = 0.0


class Canvas:
    """A picture (H, W) under construction, painted from far to near."""

    def __init__(self, height: int, width: int, backdrop: npt.NDArray[np.uint8]) -> None:
        """``backdrop``: one RGB colour per row, (H, 3); it belongs to surface 0, the sky."""
        self.height, self.width = height, width
        rows = np.repeat(backdrop, OVERSAMPLE, axis=0)[:, None]
        picture = np.broadcast_to(rows, (len(rows), width * OVERSAMPLE, 3))
        self._colour = Image.fromarray(np.ascontiguousarray(picture))
        self._number = Image.new("I", (width, height), 0)
        self._brush = ImageDraw.Draw(self._colour)
        self._pencil = ImageDraw.Draw(self._number)
        self.surfaces: list[Surface] = []

    def add(self, surface: Surface) -> int:
        """Registers a surface and returns its number."""
        self.surfaces.append(surface)
        return len(self.surfaces) - 1

    def fill(self, points: list[Pixel], colour: Colour | None, number: int | None) -> None:
        """A filled polygon; no colour marks it without painting, no number the reverse."""
        if colour is not None:
            scaled = [(u * OVERSAMPLE, v * OVERSAMPLE) for u, v in points]
            self._brush.polygon(scaled, fill=colour)
        if number is not None:
            self._pencil.polygon(points, fill=number)

    def line(
        self, points: list[Pixel], width: float, colour: Colour | None, number: int | None
    ) -> None:
        """A line of ``width`` pixels, at least one wide."""
        if colour is not None:
            scaled = [(u * OVERSAMPLE, v * OVERSAMPLE) for u, v in points]
            wide = max(1, round(width * OVERSAMPLE))
            self._brush.line(scaled, fill=colour, width=wide, joint="curve" if wide > 5 else None)
        if number is not None:
            self._pencil.line(points, fill=number, width=max(1, round(width)))

    def disc(self, box: list[Pixel], colour: Colour | None, number: int | None) -> None:
        """An ellipse that fills the box between two opposite corners."""
        (left, top), (right, bottom) = box
        left, right = min(left, right), max(left, right)
        top, bottom = min(top, bottom), max(top, bottom)
        if colour is not None:
            corners = [edge * OVERSAMPLE for edge in (left, top, right, bottom)]
            self._brush.ellipse(corners, fill=colour)
        if number is not None:
            self._pencil.ellipse((left, top, right, bottom), fill=number)

    def colours(self) -> Floats:
        """The painted picture (H, W, 3), 0 to 255, edges smoothed."""
        return np.asarray(self._colour.reduce(OVERSAMPLE), dtype=np.float32)

    def numbers(self) -> npt.NDArray[np.intp]:
        """The surface number of every pixel (H, W)."""
        return np.asarray(self._number, dtype=np.intp)


class Shadows:
    """Shadows on the ground, (H, W): painted as polygons in metres, softened at their edges."""

    def __init__(self, height: int, width: int, camera: Camera) -> None:
        self._image = Image.new("L", (width, height), 255)
        self._brush, self._camera = ImageDraw.Draw(self._image), camera

    def fill(self, ground: list[tuple[float, float]], strength: float) -> None:
        """Darkens the polygon of (x, z) corners by ``strength``, 0 to 1."""
        points = [self._camera.project(x, 0.0, z) for x, z in ground]
        self._brush.polygon(points, fill=round(255 * (1.0 - strength)))

    def oval(self, x: float, z: float, half: float, deep: float, strength: float) -> None:
        """Darkens an oval of ``half`` metres left and right, ``deep`` metres to and fro."""
        self.fill([(x + half * cos, z + deep * sin) for cos, sin in _CIRCLE], strength)

    def gain(self) -> Floats:
        """Brightness (H, W) of the ground, 0 to 1."""
        soft = self._image.filter(ImageFilter.BoxBlur(1))
        return np.asarray(soft, dtype=np.float32) / np.float32(255)


def inverse_depth(surfaces: list[Surface], numbers: npt.NDArray[np.intp]) -> Floats:
    """1 / z of every pixel (H, W), in 1/m; surfaces are planes, so it is linear in the pixel."""
    height, width = numbers.shape
    planes = np.array([s.plane for s in surfaces], dtype=np.float32)
    constant, per_column, per_row = (planes[:, k][numbers] for k in range(3))
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    inverse = constant + per_column * columns + per_row * rows
    return np.asarray(np.clip(inverse, 1e-3, 1.0), dtype=np.float32)


def coordinates(
    camera: Camera, inverse: Floats, facing: npt.NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Metres across and up (away, on the ground) on the surface of each pixel, both (H, W)."""
    height, width = inverse.shape
    depth = 1.0 / inverse
    rows = np.arange(height, dtype=np.float32)[:, None] - np.float32(camera.horizon)
    columns = np.arange(width, dtype=np.float32) - np.float32(camera.centre)
    x = (columns / np.float32(camera.focal) - np.float32(camera.heading)) * depth
    x += np.float32(camera.x) - np.float32(camera.bend) * depth * depth
    y = np.float32(camera.eye) - rows * depth * np.float32(1.0 / camera.focal)
    dome = np.float32(height) / (np.abs(rows) + np.float32(0.15 * height))
    sky = facing == SKY
    x = np.where(sky, columns * dome * np.float32(4.0 / height), x)
    y = np.where(sky, dome * np.float32(6.0), y)
    across = np.where(facing == SIDEWAYS, depth, x)
    return across, np.where(facing == GROUND, depth, y)
