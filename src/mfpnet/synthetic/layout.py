"""What stands where in a synthetic street: the camera's pose, the road, and a list of things.

Lengths are metres. ``x`` is measured across the street from the road's middle line (right is
positive), ``y`` up from the ground, ``z`` away from the camera. Nothing here knows about pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAREST, FARTHEST = 4.0, 46.0
# How far a thing may reach to the left or right of where it stands, in metres.
REACH = {"tree": 8.0, "car": 4.5, "pedestrian": 1.0, "bicyclist": 1.3, "towers": 1e3, "wood": 1e3}


@dataclass(frozen=True)
class Thing:
    """One object: ``kind`` names its class, ``length`` runs along z, ``yaw`` is in radians.

    The pieces of one fence share a ``style``, the seed of their look.
    """

    kind: str
    x: float
    z: float
    length: float = 0.0
    height: float = 0.0
    yaw: float = 0.0
    style: int = 0


@dataclass(frozen=True)
class Street:
    """A street and the camera in it.

    ``horizon``, ``centre`` and ``focal`` are fractions of the picture's height, width and width.
    """

    eye: float
    camera_x: float
    horizon: float
    centre: float
    focal: float
    heading: float
    bend: float
    lanes: int
    half_road: float
    pavement: tuple[float, float]
    things: tuple[Thing, ...]


def plan_street(rng: np.random.Generator) -> Street:
    """Draws a street; every random choice comes from ``rng``."""
    lanes = int(rng.choice([1, 2, 2, 3]))
    half_road = lanes * rng.uniform(2.8, 3.5) / 2 + rng.uniform(0.3, 2.3)
    pavement = (float(rng.uniform(2.2, 6.0)), float(rng.uniform(2.2, 6.0)))
    things = _sides(rng, half_road, pavement)
    things += _far_end(rng) + _traffic(rng, half_road) + _people(rng, half_road, pavement)
    return Street(
        eye=float(rng.uniform(1.2, 2.9)),
        camera_x=float(rng.uniform(-0.9, 0.9) * half_road),
        horizon=float(rng.uniform(0.3, 0.6)),
        centre=float(rng.uniform(0.38, 0.62)),
        focal=float(rng.uniform(0.75, 1.15)),
        heading=float(rng.normal(0.0, 0.06)),
        bend=float(rng.normal(0.0, 0.0016)),
        lanes=lanes,
        half_road=float(half_road),
        pavement=pavement,
        things=tuple(things),
    )


def _sides(
    rng: np.random.Generator, half_road: float, pavement: tuple[float, float]
) -> list[Thing]:
    things: list[Thing] = []
    for side, width in ((-1.0, pavement[0]), (1.0, pavement[1])):
        kerb = half_road
        edge = half_road + width
        houses = _row(rng, side, edge)
        things += houses + _fences(rng, side, kerb, edge)
        things += [t for t in _trees(rng, side, kerb, edge) if not _inside(t, edge, houses)]
        things += _posts(rng, side, kerb, edge)
        things += _clutter(rng, side, kerb, edge)
    return things


def _row(rng: np.random.Generator, side: float, edge: float) -> list[Thing]:
    """Houses one after the other, with gaps; some sides are half open ground."""
    density = rng.choice([0.55, 0.85, 0.97])
    storeys = rng.uniform(1.5, 5.0)
    z, row = float(rng.uniform(-6.0, 2.0)), list[Thing]()
    while z < 70.0:
        length = float(rng.uniform(6.0, 17.0))
        if rng.random() < density:
            setback = float(rng.choice([0.0, 0.0, rng.uniform(0.5, 4.0)]))
            height = float(np.clip(rng.normal(storeys, 1.0), 1.0, 7.0) * 3.1)
            row.append(Thing("building", side * (edge + setback), z, length, height))
        z += length + float(rng.choice([0.0, 0.0, rng.uniform(1.0, 7.0)]))
    return row


def _fences(rng: np.random.Generator, side: float, kerb: float, edge: float) -> list[Thing]:
    fences = []
    for _ in range(int(rng.integers(1, 3))):
        x = float(rng.choice([kerb + 0.35, edge - 0.2], p=[0.25, 0.75]))
        z, length = float(rng.uniform(2.5, 17.0)), float(rng.uniform(7.0, 16.0))
        height, style = float(rng.uniform(0.9, 1.9)), int(rng.integers(0, 2**31))
        for start in np.arange(z, z + length, 3.0).tolist():
            fences.append(Thing("fence", side * x, start, 3.0, height, style=style))
    return fences


def _far_end(rng: np.random.Generator) -> list[Thing]:
    """Roofs and treetops far away, to close the end of the street."""
    far = []
    for _ in range(int(rng.integers(7, 16))):
        kind = str(rng.choice(["towers", "wood"]))
        x, wide, tall = rng.uniform((-90.0, 6.0, 4.0), (80.0, 26.0, 16.0)).tolist()
        far.append(Thing(kind, x, 110.0 + x * 0.01, wide, tall))
    return far


def _inside(tree: Thing, edge: float, houses: list[Thing]) -> bool:
    behind = abs(tree.x) > edge
    return behind and any(h.z - 1.5 < tree.z < h.z + h.length + 1.5 for h in houses)


def _trees(rng: np.random.Generator, side: float, kerb: float, edge: float) -> list[Thing]:
    trees = []
    for _ in range(int(rng.integers(1, 5))):
        x = float(rng.choice([kerb + 0.7, edge - 0.5, edge + rng.uniform(1.0, 6.0)]))
        height = float(rng.uniform(4.0, 10.0))
        trees.append(Thing("tree", side * x, float(rng.uniform(7.0, 50.0)), height=height))
    for _ in range(int(rng.integers(0, 3))):
        x = edge + float(rng.uniform(0.0, 1.0))
        height = float(rng.uniform(0.8, 2.0))
        trees.append(Thing("bush", side * x, float(rng.uniform(5.0, 30.0)), height=height))
    return trees


def _posts(rng: np.random.Generator, side: float, kerb: float, edge: float) -> list[Thing]:
    posts = []
    start, step = rng.uniform(4.5, 10.0), rng.uniform(9.0, 18.0)
    for z in np.arange(start, 34.0, step):
        height = float(rng.uniform(4.5, 8.0))
        posts.append(Thing("pole", side * (kerb + 0.5), float(z), height=height))
    for _ in range(int(rng.integers(1, 4))):
        x = float(rng.uniform(kerb + 0.3, max(kerb + 0.4, edge - 0.5)))
        z = float(rng.uniform(NEAREST + 1.0, 13.0))
        posts.append(Thing("sign", side * x, z, height=float(rng.uniform(2.0, 3.1))))
    return posts


def _clutter(rng: np.random.Generator, side: float, kerb: float, edge: float) -> list[Thing]:
    """Bins and bollards: small things that make a pavement."""
    clutter = []
    for _ in range(int(rng.integers(0, 3))):
        x = float(rng.uniform(kerb + 0.4, edge - 0.3))
        clutter.append(Thing("bin", side * x, float(rng.uniform(7.0, 25.0)), height=1.0))
    if rng.random() < 0.3:
        for z in np.arange(rng.uniform(4.0, 8.0), 20.0, rng.uniform(1.6, 3.0)):
            clutter.append(Thing("bollard", side * (kerb + 0.25), float(z), height=0.95))
    return clutter


def _traffic(rng: np.random.Generator, half_road: float) -> list[Thing]:
    """Parked cars along both kerbs, and moving ones in either direction (yaw 0 drives away)."""
    cars = []
    for side in (-1.0, 1.0):
        z = float(rng.uniform(4.0, 14.0))
        while z < FARTHEST and half_road > 2.4:
            if rng.random() < 0.45:
                yaw = float(rng.choice([0.0, np.pi])) + float(rng.normal(0.0, 0.03))
                cars.append(Thing("car", side * (half_road - 1.0), z + 2.2, yaw=yaw))
            z += float(rng.uniform(5.2, 12.0))
    for _ in range(int(rng.integers(1, 4))):
        x = float(rng.uniform(-1.0, 1.0) * max(0.3, half_road - 3.0))
        yaw = float(rng.choice([0.0, np.pi, rng.uniform(-1.6, 1.6)], p=[0.45, 0.35, 0.2]))
        cars.append(Thing("car", x, float(rng.uniform(11.0, 42.0)), yaw=yaw))
    return _spread(cars, gap=5.0)


def _people(
    rng: np.random.Generator, half_road: float, pavement: tuple[float, float]
) -> list[Thing]:
    people = []
    for _ in range(int(rng.integers(5, 12))):
        side = int(rng.integers(0, 2))
        x = half_road + rng.uniform(0.3, pavement[side] - 0.3)
        if rng.random() < 0.2:
            x = rng.uniform(0.0, half_road)
        z = NEAREST + rng.uniform(0.0, 1.0) ** 1.5 * 12.0
        height = float(rng.uniform(1.35, 1.95))
        people.append(Thing("pedestrian", float(x) * (2 * side - 1), float(z), height=height))
    for _ in range(int(rng.integers(1, 5))):
        x = rng.uniform(-1.0, 1.0) * (half_road + rng.choice([-0.6, -0.6, 1.2]))
        z = NEAREST + rng.uniform(0.0, 1.0) ** 1.5 * 12.0
        people.append(Thing("bicyclist", float(x), float(z), height=float(rng.uniform(1.6, 1.9))))
    return people


def _spread(cars: list[Thing], gap: float) -> list[Thing]:
    """Keeps the cars that do not stand inside one kept before."""
    kept: list[Thing] = []
    for car in cars:
        if all(abs(car.z - c.z) > gap or abs(car.x - c.x) > 2.3 for c in kept):
            kept.append(car)
    return kept
