"""The ground of a synthetic street as strips that follow the road: paving, kerbs, lanes, patches.

A strip is (class, left, right, near, far, slot, shade), in metres from the road's middle line and
from the camera; ``slot`` picks one of five colours that the painter chose (road, left paving,
right paving, dark, marking), times ``shade``.
"""

from __future__ import annotations

import numpy as np

Strip = tuple[str, float, float, float, float, int, float]

ROAD, LEFT, RIGHT, DARK, PAINT = range(5)
NEAR, FAR = 0.7, 900.0


def ground(rng: np.random.Generator, lanes: int, half_road: float) -> list[Strip]:
    """All strips of a road of ``lanes`` lanes, in the order in which they are painted."""
    strips: list[Strip] = [
        ("pavement", -400.0, 0.0, NEAR, FAR, LEFT, 1.0),
        ("pavement", 0.0, 400.0, NEAR, FAR, RIGHT, 1.0),
    ]
    strips += _kerbs(rng, half_road)
    strips.append(("road", -half_road, half_road, NEAR, FAR, ROAD, 1.0))
    strips += _wear(rng, half_road - 0.1)
    strips += _lanes(rng, lanes, half_road)
    return strips + _crossing(rng, half_road)


def _kerbs(rng: np.random.Generator, edge: float) -> list[Strip]:
    pale = float(rng.uniform(1.05, 1.4))
    strips: list[Strip] = []
    for side, slot in ((-1.0, LEFT), (1.0, RIGHT)):
        strips.append(("pavement", side * edge, side * (edge + 0.3), NEAR, 150.0, slot, pale))
        strips.append(("pavement", side * edge, side * (edge + 0.12), NEAR, 150.0, slot, 0.5))
    return strips


def _wear(rng: np.random.Generator, half: float) -> list[Strip]:
    """Gutters and mended patches, so that a road is not one colour."""
    strips: list[Strip] = []
    for side in (-1.0, 1.0):
        strips.append(("road", side * (half - 0.35), side * half, NEAR, 90.0, ROAD, 0.82))
    for _ in range(int(rng.integers(1, 5))):
        x, z, wide, deep = rng.uniform(
            (-half, 3.0, 0.5, 1.0), (half - 1.0, 30.0, 3.0, 9.0)
        ).tolist()
        shade = float(rng.uniform(0.75, 1.2))
        strips.append(("road", x, min(x + wide, half), z, z + deep, ROAD, shade))
    return strips


def _lanes(rng: np.random.Generator, lanes: int, half: float) -> list[Strip]:
    dash, gap = float(rng.uniform(1.5, 4.0)), float(rng.uniform(2.0, 6.0))
    strips: list[Strip] = []
    for lane in range(1, max(lanes, 2)):
        x = half * (2.0 * lane / max(lanes, 2) - 1.0)
        for z in np.arange(rng.uniform(1.0, 5.0), 60.0, dash + gap).tolist():
            strips.append(("road", x - 0.08, x + 0.08, z, z + dash, PAINT, 1.0))
    if rng.random() < 0.5:
        for x in (-half + 0.45, half - 0.55):
            strips.append(("road", x, x + 0.12, NEAR, 90.0, PAINT, 1.0))
    return strips


def _crossing(rng: np.random.Generator, half: float) -> list[Strip]:
    """A zebra crossing on every third street."""
    if rng.random() > 0.35:
        return []
    z = float(rng.uniform(6.0, 22.0))
    bars = np.arange(-half + 0.4, half - 0.6, 1.0).tolist()
    return [("road", x, x + 0.5, z, z + 3.0, PAINT, 1.0) for x in bars]
