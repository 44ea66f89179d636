"""Procedural street scenes in CamVid's classes, for data that can travel with the package.

`draw_scene` plans a street (`synthetic.layout`), paints models of its things (`synthetic.movers`,
`synthetic.furniture`) from far to near (`synthetic.paint`), and adds texture, weather and the
camera's flaws (`synthetic.light`). Colours say little about the class: shape, texture and context
do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpnet.labels import CAMVID
from mfpnet.synthetic import furniture, light, movers
from mfpnet.synthetic.furniture import Part
from mfpnet.synthetic.ground import ground
from mfpnet.synthetic.layout import REACH, Thing, plan_street
from mfpnet.synthetic.paint import (
    FACING,
    GROUND,
    SIDEWAYS,
    SKY,
    Camera,
    Canvas,
    Pixel,
    Shadows,
    Surface,
    coordinates,
    inverse_depth,
    times,
)
from mfpnet.synthetic.texture import MATERIALS, brightness

_CLASS = {name: index for index, name in enumerate(CAMVID.classes)} | {
    "bin": CAMVID.ignore_index,
    "bush": CAMVID.classes.index("tree"),
    "wood": CAMVID.classes.index("tree"),
    "towers": CAMVID.classes.index("building"),
    "bollard": CAMVID.classes.index("pole"),
}


@dataclass(frozen=True)
class Scene:
    """One street scene.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8, CamVid's class of every pixel, 11 where it has none.
        instances: (H, W) uint16, 1, 2, ... for each car, pedestrian and bicyclist, else 0.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.uint16]


def draw_scene(seed: int, size: tuple[int, int] = (360, 480)) -> Scene:
    """Draws the street of ``seed`` (>= 0) at ``size`` = (H, W) pixels; same in, same out."""
    painter = _Painter(np.random.default_rng(seed), size)
    painter.paint()
    return painter.develop()


class _Painter:
    """Holds what every brush needs: random numbers, camera, canvas and weather."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        height, width = size
        self.rng, self.street, self.weather = rng, plan_street(rng), light.draw_weather(rng)
        street, weather = self.street, self.weather
        self.camera = Camera(
            focal=street.focal * width,
            eye=street.eye,
            horizon=street.horizon * height,
            centre=street.centre * width,
            x=street.camera_x,
            heading=street.heading,
            bend=street.bend,
        )
        self.canvas = Canvas(height, width, light.backdrop(weather, height, self.camera.horizon))
        self.canvas.add(Surface(_CLASS["sky"], facing=SKY, rough=weather.clouds, grain=30.0))
        self.shadows = Shadows(height, width, self.camera)
        self.instances = 0

    def paint(self) -> None:
        """Paints the ground, then all things from far to near.

        A wall counts as far as its far end, because whatever stands along it stands before it.
        """
        self._ground()
        share = {"building": 1.0, "fence": 0.5}
        depths = [t.z + share.get(t.kind, 0.0) * t.length for t in self.street.things]
        for index in np.argsort(depths, kind="stable")[::-1].tolist():
            thing = self.street.things[index]
            if thing.kind == "building":
                self._building(thing)
            else:
                self._thing(thing)
        if self.rng.random() < 0.4:
            self._bonnet()

    def _ground(self) -> None:
        """Paving on both sides, the road, and what is painted on it."""
        rng, plane, kerb = self.rng, self.camera.ground(), light.ground_colour
        road, left, paint = kerb(rng), kerb(rng), light.marking_colour(rng)
        right = kerb(rng) if rng.random() < 0.3 else left
        paints: light.Palette = (road, left, right, (20, 20, 20), paint)
        slab = (float(rng.uniform(0.5, 1.2)), float(rng.uniform(0.5, 1.2)))
        cobbles = (0.35, 0.35) if rng.random() < 0.12 else (0.0, 0.0)
        rough, tar = float(rng.uniform(0.05, 0.13)), 0.2 if cobbles[0] else 0.0
        paved = Surface(_CLASS["pavement"], 0, plane, GROUND, 0.07, 24.0, slab, 0.28)
        paving = self.canvas.add(paved)
        tarmac = self.canvas.add(
            Surface(_CLASS["road"], 0, plane, GROUND, rough, 36.0, cobbles, tar)
        )
        for kind, *span, slot, shade in ground(rng, self.street.lanes, self.street.half_road):
            number = tarmac if kind == "road" else paving
            self.canvas.fill(self._ribbon(*span), times(paints[slot], shade), number)

    def _ribbon(self, left: float, right: float, near: float, far: float) -> list[Pixel]:
        """Outline of a strip of ground along the bend of the road."""
        count = 2 if far - near < 6 else min(20, int((far - near) / 5) + 3)
        steps = np.geomspace(near, far, count).tolist() if count > 2 else [near, far]
        edge = [self.camera.project(left, 0.0, z) for z in steps]
        return edge + [self.camera.project(right, 0.0, z) for z in reversed(steps)]

    def _stamp(
        self, parts: list[Part], number: int | None, paints: light.Palette, x: float, z: float
    ) -> None:
        """Paints the parts of a model that stands at ``x``, ``z``."""
        project, canvas = self.camera.project, self.canvas
        for kind, points, slot, shade, wide in parts:
            pixels_wide = wide and wide * self.camera.focal / max(z + points[0][2], 0.8)
            if 0 < pixels_wide < 0.25:
                continue
            pixels = [project(x + p[0], p[1], z + p[2]) for p in points]
            colour = times(paints[slot], shade) if kind != "mark" else None
            if kind == "disc":
                canvas.disc(pixels, colour, number)
            elif kind == "line":
                canvas.line(pixels, pixels_wide, colour, number)
            else:
                canvas.fill(pixels, colour, number)

    def _in_view(self, x: float, near: float, far: float, reach: float) -> bool:
        """Whether anything within ``reach`` metres left and right of it can be in the picture."""
        ends = [self.camera.project(x + s * reach, 0.0, z)[0] for s in (-1, 1) for z in (near, far)]
        return max(ends) >= 0 and min(ends) < self.canvas.width

    def _building(self, house: Thing) -> None:
        """A wall along the street, the end wall that faces the camera, and a roof."""
        near, far = max(house.z, 1.0), house.z + house.length
        if far < 2.0 or not self._in_view(house.x, near, far, abs(house.x) / 2 + 8.0):
            return
        rng, side = self.rng, 1.0 if house.x > 0 else -1.0
        x, tall, deep = house.x, house.height, float(rng.uniform(6.0, 11.0)) * side
        paints = light.palette(rng, "building")
        lit = 0.5 * self.weather.night + 0.03
        if self.weather.night > 0.1:
            paints = (*paints[:4], light.hsv(0.12, 0.5, 1.0))
        sunny = 0.22 * self.weather.sun * self.weather.sun_side * side
        tile = (0.5, 0.25) if rng.random() < 0.45 else (0.0, float(rng.choice([0.0, 0.3])))
        end = Surface(_CLASS["building"], 0, (1 / near, 0, 0), FACING, 0.08, 20.0, tile, 0.2)
        along = Surface(
            _CLASS["building"], 0, self.camera.wall(x, near, far), SIDEWAYS, 0.08, 20.0, tile, 0.2
        )
        back, front = self.canvas.add(end), self.canvas.add(along)
        gable, tiles, wall = furniture.house(rng, house.length, tall, deep, near - house.z)
        if house.z > 1.0:
            self._stamp([_shaded(gable, 0.8 + sunny * 0.3)], back, paints, x, house.z)
        self._stamp([tiles], front, paints, x, house.z)
        self._stamp([_shaded(wall, 0.95 - sunny)], front, paints, x, house.z)
        if 8.0 < near < 60.0:
            windows = furniture.facade(rng, abs(deep), tall, lit, detail=near < 25)
            turned: list[Part] = [
                (k, [(side * p[2], p[1], 0.0) for p in ps], s, f, w) for k, ps, s, f, w in windows
            ]
            self._stamp(turned, None, paints, x, near)
        windows = furniture.facade(rng, house.length, tall, lit, detail=near < 25)
        start = near - house.z
        clipped: list[Part] = [
            (k, [(p[0], p[1], max(p[2], start)) for p in ps], s, f, w) for k, ps, s, f, w in windows
        ]
        self._stamp(clipped, None, paints, x, house.z)
        if sunny > 0:
            reach = x - side * tall * 0.5
            self.shadows.fill(
                [(x, near), (x, far), (reach, far), (reach, near)], 0.35 * self.weather.sun
            )

    def _thing(self, thing: Thing) -> None:
        """One of the smaller things, with its shadow; a sign brings its post."""
        rng = self.rng
        if not self._in_view(thing.x, thing.z, thing.z + thing.length, REACH.get(thing.kind, 2.5)):
            return
        if thing.kind == "fence":
            rng = np.random.default_rng(thing.style)
        if thing.kind == "sign":
            self._model(
                "pole", thing, furniture.post(thing.height, 0.15), light.palette(rng, "pole")
            )
        if thing.kind not in ("fence", "towers", "wood"):
            self._cast(thing)
        paints = light.palette(rng, thing.kind)
        self._model(thing.kind, thing, self._parts(thing, rng), paints)

    def _parts(self, thing: Thing, rng: np.random.Generator) -> list[Part]:
        tall = thing.height
        if thing.kind == "car":
            middle = thing.x + self.camera.heading * thing.z + self.camera.bend * thing.z**2
            return movers.car(rng, thing.yaw, (self.camera.x - middle, -thing.z))
        models: dict[str, Callable[[], list[Part]]] = {
            "pedestrian": lambda: movers.pedestrian(rng, tall),
            "bicyclist": lambda: movers.cyclist(rng, tall),
            "tree": lambda: furniture.tree(rng, tall, int(np.clip(800 / thing.z, 22, 80))),
            "towers": lambda: furniture.tower(rng, thing.length, tall),
            "wood": lambda: furniture.wood(thing.length, tall),
            "bush": lambda: furniture.bush(rng, tall),
            "pole": lambda: furniture.lamp_post(rng, tall, -1.0 if thing.x > 0 else 1.0),
            "bollard": lambda: furniture.post(tall, 0.18),
            "bin": lambda: furniture.post(tall, 0.55),
            "sign": lambda: furniture.sign(rng, tall),
            "fence": lambda: furniture.fence(rng, thing.length, tall),
        }
        return models[thing.kind]()

    def _model(self, kind: str, thing: Thing, parts: list[Part], paints: light.Palette) -> None:
        instance = 0
        if kind in ("car", "pedestrian", "bicyclist"):
            self.instances += 1
            instance = self.instances
        rough, grain = MATERIALS.get(kind, (0.06, 20.0))
        plane, facing = (1 / max(thing.z, 1.0), 0.0, 0.0), FACING
        if kind == "fence":
            plane = self.camera.wall(thing.x, max(thing.z, 1.0), thing.z + thing.length)
            facing = SIDEWAYS
        number = self.canvas.add(Surface(_CLASS[kind], instance, plane, facing, rough, grain))
        self._stamp(parts, number, paints, thing.x, thing.z)

    def _cast(self, thing: Thing) -> None:
        """The shadow on the ground: under the thing, and away from the sun."""
        x, z, tall, sun = thing.x, thing.z, thing.height, self.weather.sun
        half, deep = {"car": (1.0, 2.2), "tree": (1.6, 1.6)}.get(thing.kind, (0.3, 0.25))
        if abs(math.sin(thing.yaw)) > 0.7:
            half, deep = deep, half
        dark = 0.45 * max(sun, 0.3)
        self.shadows.oval(x, z, half, deep, dark)
        if sun > 0.3 and tall > 0:
            tip, thin = x - self.weather.sun_side * sun * tall, min(half, 0.3)
            edge = [(x - thin, z), (x + thin, z), (tip + thin, z + 0.3), (tip - thin, z + 0.3)]
            self.shadows.fill(edge, dark)
            if thing.kind == "tree":
                self.shadows.oval(tip, z, 0.35 * tall, 0.35 * tall, dark)

    def _bonnet(self) -> None:
        """The nose of the car that carries the camera; it belongs to no class."""
        height, width = self.canvas.height, self.canvas.width
        number = self.canvas.add(Surface(CAMVID.ignore_index, 0, (0.5, 0.0, 0.0), rough=0.03))
        rise, colour = height * float(self.rng.uniform(0.02, 0.045)), light.any_colour(self.rng)
        middle = width * float(self.rng.uniform(0.42, 0.58))
        reach = width * float(self.rng.uniform(0.5, 0.7))
        for shade, share in ((1.0, 1.0), (0.8, 0.7)):
            box = [(middle - reach, height - rise * share), (middle + reach, height + rise * share)]
            self.canvas.disc(box, times(colour, shade), number)

    def develop(self) -> Scene:
        """Texture, shadows, weather and camera over what was painted; the maps beside it."""
        numbers, surfaces = self.canvas.numbers(), self.canvas.surfaces
        inverse = inverse_depth(surfaces, numbers)
        facing = np.array([s.facing for s in surfaces])[numbers]
        table = [(s.rough, s.grain, *s.tile, s.joint) for s in surfaces]
        gain = brightness(
            np.array(table, dtype=np.float32),
            numbers,
            *coordinates(self.camera, inverse, facing),
            inverse * np.float32(self.camera.focal),
        )
        gain *= np.where(facing == GROUND, self.shadows.gain(), np.float32(1.0))
        picture = self.canvas.colours() * gain[..., None]
        picture = light.weathered(picture, inverse, facing == SKY, self.weather)
        labels = np.array([s.label for s in surfaces], dtype=np.uint8)[numbers]
        instances = np.array([s.instance for s in surfaces], dtype=np.uint16)[numbers]
        return Scene(light.exposed(picture, self.weather, self.rng), labels, instances)


def _shaded(part: Part, shade: float) -> Part:
    return (*part[:3], shade, part[4])
