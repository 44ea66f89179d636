"""Cars, pedestrians and cyclists of a synthetic street, as flat shapes in metres.

A model is a list of parts, far to near: (kind, points, slot, shade, width). Kinds: ``fill`` (a
polygon), ``line`` (``width`` metres wide), ``disc`` (an ellipse between two corners), ``mark`` (a
polygon that gets the label but no paint). Points are (across, up, along); ``slot`` picks one of
five colours that the painter chose (main, second, third, dark, light), times ``shade``.
"""

from __future__ import annotations

import math

import numpy as np

Point = tuple[float, float, float]
Part = tuple[str, list[Point], int, float, float]

MAIN, SECOND, THIRD, DARK, LIGHT = range(5)

# Outlines of cars from the tail over the roof to the nose: (share of the length, metres up,
# share of the half width). The third to sixth corners are the cabin: glass, roof, glass.
_SHAPES: tuple[tuple[float, tuple[tuple[float, float, float], ...]], ...] = (
    (4.4, ((0, 0.3, 1), (0, 0.85, 1), (0.15, 0.95, 0.97), (0.27, 1.42, 0.8), (0.58, 1.45, 0.8),
           (0.74, 0.97, 0.97), (1, 0.78, 0.95), (1, 0.3, 0.95))),
    (3.9, ((0, 0.3, 1), (0, 0.85, 1), (0.02, 0.95, 0.98), (0.13, 1.48, 0.82), (0.55, 1.52, 0.82),
           (0.74, 0.97, 0.97), (1, 0.75, 0.94), (1, 0.3, 0.94))),
    (4.6, ((0, 0.4, 1), (0, 1.0, 1), (0.01, 1.12, 0.98), (0.08, 1.75, 0.85), (0.62, 1.78, 0.85),
           (0.75, 1.12, 0.97), (1, 0.98, 0.96), (1, 0.4, 0.96))),
    (5.2, ((0, 0.4, 1), (0, 1.1, 1), (0, 1.25, 1), (0.02, 2.2, 0.92), (0.78, 2.25, 0.92),
           (0.9, 1.2, 0.98), (1, 0.95, 0.96), (1, 0.4, 0.96))),
    (7.5, ((0, 0.45, 1), (0, 1.2, 1), (0, 1.3, 1), (0, 3.0, 0.98), (0.97, 3.05, 0.98),
           (1, 1.3, 1), (1, 1.2, 1), (1, 0.45, 1))),
)  # fmt: skip


def car(rng: np.random.Generator, yaw: float, viewer: tuple[float, float]) -> list[Part]:
    """A car; for yaw 0 its tail points at the camera.

    ``viewer`` is the camera's (x, z) seen from the car's middle; it decides which faces show.
    """
    length, outline = _SHAPES[int(rng.choice(5, p=[0.3, 0.3, 0.2, 0.12, 0.08]))]
    length *= float(rng.uniform(0.92, 1.08))
    half = float(rng.uniform(0.84, 0.98)) * (1.2 if length > 6 else 1.0)
    corners = [((t - 0.5) * length, up, half * share) for t, up, share in outline]
    cos, sin = math.cos(yaw), math.sin(yaw)
    along, across = viewer[0] * sin + viewer[1] * cos, viewer[0] * cos - viewer[1] * sin
    parts = _skin(corners, along)
    if abs(across) > half * 0.9:
        parts += _flank(corners, math.copysign(1.0, across), length)
    parts = _ends(parts, corners, along)
    return [(k, [_turn(p, cos, sin) for p in pts], s, f, w) for k, pts, s, f, w in parts]


def _turn(point: Point, cos: float, sin: float) -> Point:
    across, up, along = point
    return across * cos + along * sin, up, along * cos - across * sin


def _skin(corners: list[tuple[float, float, float]], along: float) -> list[Part]:
    """The strips that run across the car, painted from the far end to the near one."""
    strips = []
    for index in range(len(corners) - 1):
        (l0, y0, w0), (l1, y1, w1) = corners[index], corners[index + 1]
        quad = [(-w0, y0, l0), (w0, y0, l0), (w1, y1, l1), (-w1, y1, l1)]
        glass = index in (2, 4)
        shade = (0.8, 0.95, 0.9, 1.15, 0.9, 1.1, 0.85)[index]
        pane = [_towards(quad, point, 0.86) for point in quad]
        shapes: list[Part] = [("fill", quad, MAIN, shade, 0.0)]
        if glass:
            shapes.append(("fill", pane, DARK, 1.0, 0.0))
        strips.append((abs((l0 + l1) / 2 - along), shapes))
    strips.sort(key=lambda strip: -strip[0])
    return [part for _, shapes in strips for part in shapes]


def _towards(quad: list[Point], point: Point, share: float) -> Point:
    middle = [sum(p[k] for p in quad) / len(quad) for k in range(3)]
    across, up, along = (m + (v - m) * share for m, v in zip(middle, point, strict=True))
    return across, up, along


def _flank(corners: list[tuple[float, float, float]], side: float, length: float) -> list[Part]:
    """The long side that faces the camera: body, side windows, wheels."""
    body = [(side * w, y, z) for z, y, w in corners]
    cabin = body[2:6]
    parts: list[Part] = [("fill", body, MAIN, 0.78, 0.0)]
    if length < 6:
        post = (cabin[1][2] + cabin[2][2]) / 2
        front = [_towards(cabin, p, 0.84) for p in cabin]
        parts.append(("fill", front, DARK, 1.2, 0.0))
        top, low = (side * corners[3][2], cabin[1][1], post), (side * corners[2][2], 0.95, post)
        parts.append(("line", [top, low], MAIN, 0.7, 0.09))
        parts.append(("line", [low, (low[0], 0.4, post)], MAIN, 0.55, 0.03))
    else:
        for step in range(5):
            z = (-0.42 + 0.18 * step) * length
            pane = [(side * corners[2][2], y, z + dz) for y, dz in _pane(length)]
            parts.append(("fill", pane, DARK, 1.2, 0.0))
    radius = 0.34 if length < 6 else 0.48
    for z in (-0.31 * length, 0.31 * length):
        x = side * corners[0][2] * 1.01
        parts.append(("fill", _wheel(x, radius, z, radius), DARK, 0.45, 0.0))
        parts.append(("fill", _wheel(x, radius, z, radius * 0.55), LIGHT, 0.65, 0.0))
    return parts


def _pane(length: float) -> list[tuple[float, float]]:
    return [(1.5, 0.0), (2.5, 0.0), (2.5, 0.15 * length), (1.5, 0.15 * length)]


def _wheel(x: float, up: float, along: float, radius: float) -> list[Point]:
    turns = [k * math.pi / 6 for k in range(12)]
    return [(x, up + radius * math.sin(t), along + radius * math.cos(t)) for t in turns]


def _ends(parts: list[Part], corners: list[tuple[float, float, float]], along: float) -> list[Part]:
    """Lamps, number plate and tyres of the end that faces the camera."""
    rear = along < 0
    z, low, w = corners[0] if rear else corners[-1]
    high = corners[1][1] if rear else corners[-2][1]
    if abs(along) < abs(z):
        return parts
    tyres: list[Part] = []
    for side in (-1.0, 1.0):
        box = [(side * w * 0.98, 0.0, z), (side * w * 0.72, 0.0, z)]
        quad = box + [(x, low + 0.05, zz) for x, _, zz in reversed(box)]
        tyres.append(("fill", quad, DARK, 0.4, 0.0))
        lamp = [(side * w * 0.95, high - 0.08, z), (side * w * 0.62, high - 0.26, z)]
        parts.append(("disc", lamp, THIRD if rear else LIGHT, 1.1, 0.0))
    plate = [
        (-0.26, low + 0.3, z),
        (0.26, low + 0.3, z),
        (0.26, low + 0.17, z),
        (-0.26, low + 0.17, z),
    ]
    bumper = [(-w, low, z), (w, low, z), (w, low + 0.12, z), (-w, low + 0.12, z)]
    parts += [("fill", bumper, DARK, 0.8, 0.0), ("fill", plate, LIGHT, 1.0, 0.0)]
    return tyres + parts


def pedestrian(rng: np.random.Generator, height: float) -> list[Part]:
    """A walking or standing person: coat (main), trousers (second), skin (third)."""
    k = height / 1.75
    stride, lean = float(rng.uniform(0.03, 0.3)) * k, float(rng.uniform(-0.06, 0.06))
    swing, bulk = float(rng.uniform(0.05, 0.28)) * k, float(rng.uniform(0.19, 0.29)) * k
    hip, shoulder = 0.88 * k, 1.45 * k
    parts: list[Part] = []
    for sign, shade in ((-1.0, 0.75), (1.0, 1.0)):
        knee = (sign * stride * 0.6 + 0.04, 0.47 * k, 0.0)
        foot = (sign * stride - 0.03, 0.06 * k, 0.0)
        parts.append(("line", [(sign * 0.07, hip, 0.0), knee, foot], SECOND, shade, 0.16 * k))
        parts.append(("line", [foot, (foot[0] + 0.16, 0.04, 0.0)], DARK, 0.5, 0.1 * k))
    arms = [_arm(sign, swing, bulk, lean, k) for sign in (-1.0, 1.0)]
    hem = hip - float(rng.choice([0.05, 0.1, 0.4])) * k
    coat = [(-bulk, hem), (bulk, hem), (bulk * 0.85, 1.15 * k), (bulk + lean, shoulder - 0.06 * k)]
    coat += [(lean + 0.08, shoulder + 0.03), (lean - 0.08, shoulder + 0.03)]
    coat += [(lean - bulk, shoulder - 0.06 * k), (-bulk * 0.85, 1.15 * k)]
    parts += [arms[0], ("fill", [(x, y, 0.0) for x, y in coat], MAIN, 1.0, 0.0), arms[1]]
    if rng.random() < 0.35:
        bag = [(bulk * 0.7, 1.3 * k, 0.0), (bulk * 1.7, 0.85 * k, 0.0)]
        parts.append(("disc", bag, LIGHT, 0.6, 0.0))
    return parts + _head(lean, shoulder + 0.17 * k, k, hat=rng.random() < 0.3)


def _arm(sign: float, swing: float, bulk: float, lean: float, k: float) -> Part:
    shoulder = (sign * bulk * 0.95 + lean, 1.38 * k, 0.0)
    elbow = (sign * (bulk * 1.15 + 0.02), 1.1 * k, 0.0)
    hand = (sign * bulk * 1.1 + swing, 0.85 * k, 0.0)
    return ("line", [shoulder, elbow, hand], MAIN, 0.82, 0.12 * k)


def _head(x: float, up: float, k: float, *, hat: bool) -> list[Part]:
    wide, tall = 0.11 * k, 0.145 * k
    hair = [(x - wide, up + tall * 1.12, 0.0), (x + wide, up - tall * 0.1, 0.0)]
    face = [(x - wide, up + tall, 0.0), (x + wide, up - tall, 0.0)]
    neck = [(x, up - tall * 0.8, 0.0), (x, up - tall * 1.5, 0.0)]
    slot, shade = (SECOND, 1.2) if hat else (DARK, 0.9)
    return [
        ("line", neck, THIRD, 0.8, 0.1 * k),
        ("disc", face, THIRD, 1.0, 0.0),
        ("disc", hair, slot, shade, 0.0),
    ]


def cyclist(rng: np.random.Generator, height: float) -> list[Part]:
    """A rider on a bicycle, from the side (wheels round) to nearly from behind (narrow)."""
    k, way = height / 1.75, float(rng.choice([-1.0, 1.0]))
    squeeze = float(rng.choice([rng.uniform(0.75, 1.0), rng.uniform(0.12, 0.6)]))
    q = squeeze * way
    parts = [part for x in (-0.53, 0.53) for part in _spokes(x * q, 0.35, 0.35 * squeeze)]
    pedal, saddle, bar = (0.0, 0.3, 0.0), (-0.2 * q, 0.92, 0.0), (0.42 * q, 1.02, 0.0)
    hub = (-0.53 * q, 0.35, 0.0)
    frame = [hub, pedal, saddle, (0.36 * q, 0.8, 0.0), pedal]
    parts.append(("line", frame, LIGHT, 0.8, 0.06))
    parts.append(("line", [(0.53 * q, 0.35, 0.0), (0.36 * q, 0.8, 0.0), bar], LIGHT, 0.8, 0.06))
    parts.append(
        ("line", [(bar[0] - 0.25, 1.03, 0.0), (bar[0] + 0.25, 1.03, 0.0)], DARK, 0.6, 0.05)
    )
    hip, shoulder = (-0.2 * q, 0.98 * k, 0.0), (0.12 * q, 1.42 * k, 0.0)
    for side, foot, shade in ((-1.0, 0.42, 0.75), (1.0, 0.2, 1.0)):
        knee = (hip[0] + 0.33 * q + side * 0.1 * (1 - squeeze), 0.72 + foot * 0.3, 0.0)
        end = (0.02 * q + side * 0.11, foot, 0.0)
        parts.append(("line", [hip, knee, end], SECOND, shade, 0.15))
        parts.append(("line", [end, (end[0] + 0.12 * q, foot - 0.02, 0.0)], DARK, 0.5, 0.09))
    bulk = 0.17 + 0.07 * (1 - squeeze)
    back = [
        (hip[0] - bulk, hip[1]),
        (hip[0] + bulk, hip[1]),
        (shoulder[0] + bulk, shoulder[1] - 0.05),
    ]
    back += [(shoulder[0] + 0.07, shoulder[1] + 0.06), (shoulder[0] - bulk, shoulder[1] - 0.02)]
    parts.append(("fill", [(x, y, 0.0) for x, y in back], MAIN, 1.0, 0.0))
    for side in (-1.0, 1.0):
        start = (shoulder[0] + side * bulk * 0.8, shoulder[1] - 0.06, 0.0)
        parts.append(("line", [start, (bar[0] + side * 0.2, 1.05, 0.0)], MAIN, 0.8, 0.1))
    return parts + _head(shoulder[0] + 0.1 * q, shoulder[1] + 0.2 * k, k, hat=rng.random() < 0.6)


def _spokes(x: float, radius: float, wide: float) -> list[Part]:
    """A wheel: the whole disc is labelled, the tyre and a few spokes are painted."""
    wide = max(wide, 0.045)
    rim = [
        (x + wide * math.cos(t), radius + radius * math.sin(t), 0.0)
        for t in (k * math.pi / 8 for k in range(17))
    ]
    parts: list[Part] = [("mark", rim, DARK, 1.0, 0.0), ("line", rim, DARK, 0.45, 0.09)]
    for start in (0, 4):
        parts.append(("line", [rim[start], rim[start + 8]], LIGHT, 0.6, 0.012))
    return parts
