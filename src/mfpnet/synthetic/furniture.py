"""Walls, trees, poles, signs and fences of a synthetic street, as flat shapes in metres.

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


def house(
    rng: np.random.Generator, length: float, height: float, deep: float, start: float
) -> tuple[Part, Part, Part]:
    """End wall, roof and long wall of a house.

    The long wall stands at across = 0, from along = ``start`` to ``length``; the house reaches
    from there to across = ``deep``.
    """
    rise = float(rng.choice([0.3, rng.uniform(1.5, 3.5)]))
    gable = [(0.0, 0.0), (0.0, height), (deep / 2, height + rise), (deep, height), (deep, 0.0)]
    wall = [(0.0, 0.0, start), (0.0, height, start), (0.0, height, length), (0.0, 0.0, length)]
    ridge = [(deep / 2, height + rise, length), (deep / 2, height + rise, start)]
    return (
        ("fill", [(x, y, start) for x, y in gable], MAIN, 0.8, 0.0),
        ("fill", [*wall[1:3], *ridge], THIRD, 0.8, 0.0),
        ("fill", wall, MAIN, 0.95, 0.0),
    )


def tower(rng: np.random.Generator, wide: float, height: float) -> list[Part]:
    """A block far away, ``wide`` metres across, with rows of windows."""
    parts: list[Part] = [("fill", _upright(0.0, 0.0, wide, height), MAIN, 1.0, 0.0)]
    for up in np.arange(2.0, height - 1.5, 4.0).tolist():
        parts.append(("fill", _upright(0.8, up, wide - 1.6, 1.6), DARK, 1.5, 0.0))
    for x in np.arange(2.0, wide - 1.0, rng.uniform(3.0, 5.0)).tolist():
        parts.append(("fill", _upright(x, 0.5, 1.3, height - 1.0), MAIN, 1.0, 0.0))
    return parts


def _upright(x: float, up: float, wide: float, tall: float) -> list[Point]:
    return [(x, up, 0), (x, up + tall, 0), (x + wide, up + tall, 0), (x + wide, up, 0)]


def wood(wide: float, height: float) -> list[Part]:
    """A rounded clump of trees far away, ``wide`` metres across."""
    turns, half = [k * math.pi / 12 for k in range(13)], wide / 2
    dome = [
        (half - half * math.cos(t), height * (0.75 + 0.25 * (k % 2)) * math.sin(t), 0.0)
        for k, t in enumerate(turns)
    ]
    return [("fill", dome, MAIN, 1.0, 0.0)]


def facade(
    rng: np.random.Generator, length: float, height: float, lit: float, *, detail: bool
) -> list[Part]:
    """Windows and a ground floor of a wall along z.

    ``lit`` is the share of bright windows; without ``detail`` they have neither frame nor bar.
    """
    storey = float(rng.uniform(2.7, 3.5))
    floors, bays = max(1, int(height / storey)), max(1, int(length / rng.uniform(2.5, 4.4)))
    step, wide = length / bays, float(rng.uniform(0.38, 0.62))
    tall, sill = float(rng.uniform(0.42, 0.62)) * storey, float(rng.uniform(0.2, 0.3)) * storey
    parts: list[Part] = []
    if rng.random() < 0.5:
        parts += _shop(rng, length, storey)
    else:
        parts += _door(rng, step, bays, storey)
    shades = rng.uniform(0.7, 1.4, (floors, bays)).tolist()
    bright = (rng.random((floors, bays)) < lit).tolist()
    for floor in range(0 if parts[0][2] == THIRD else 1, floors):
        for bay in range(bays):
            slot = LIGHT if bright[floor][bay] else DARK
            z, y = (bay + 0.5 - wide / 2) * step, floor * storey + sill + 0.25
            window = _window(z, y, wide * step, tall, slot, shades[floor][bay])
            parts += window if detail else window[1:2]
    for up in (height - 0.12, storey):
        parts.append(("line", [(0, up, 0), (0, up, length)], SECOND, 0.85, 0.2))
    return parts


def _rectangle(z: float, y: float, wide: float, tall: float) -> list[Point]:
    return [(0, y, z), (0, y + tall, z), (0, y + tall, z + wide), (0, y, z + wide)]


def _window(z: float, y: float, wide: float, tall: float, slot: int, shade: float) -> list[Part]:
    edge = 0.12
    frame = _rectangle(z - edge, y - edge, wide + 2 * edge, tall + 2 * edge)
    middle = [(0.0, y, z + wide / 2), (0.0, y + tall, z + wide / 2)]
    return [
        ("fill", frame, SECOND, 1.0, 0.0),
        ("fill", _rectangle(z, y, wide, tall), slot, shade, 0.0),
        ("line", middle, SECOND, 0.9, 0.07),
    ]


def _shop(rng: np.random.Generator, length: float, storey: float) -> list[Part]:
    top = storey * 0.72
    parts: list[Part] = [
        ("fill", _rectangle(0.3, top, length - 0.6, storey * 0.2), SECOND, 0.7, 0.0),
        ("fill", _rectangle(0.5, 0.5, length - 1.0, top - 0.5), DARK, 1.3, 0.0),
    ]
    for z in np.arange(0.5, length, rng.uniform(1.5, 3.0)):
        parts.append(("line", [(0, 0.3, float(z)), (0, top, float(z))], SECOND, 0.8, 0.12))
    return parts


def _door(rng: np.random.Generator, step: float, bays: int, storey: float) -> list[Part]:
    z = (int(rng.integers(0, bays)) + 0.1) * step
    return [
        ("fill", _rectangle(z, 0.0, 1.1, storey * 0.75), THIRD, 0.8, 0.0),
        ("line", [(0, storey * 0.75, z - 0.2), (0, storey * 0.75, z + 1.3)], SECOND, 0.9, 0.15),
    ]


def tree(rng: np.random.Generator, height: float, blobs: int) -> list[Part]:
    """A trunk and a crown of ``blobs`` leaf clusters (round, tall, conical), or bare twigs."""
    kind = str(rng.choice(["round", "tall", "cone", "bare"], p=[0.5, 0.2, 0.15, 0.15]))
    bole = height * float(rng.uniform(0.22, 0.36))
    girth, lean = 0.03 * height + 0.06, float(rng.normal(0.0, 0.2))
    trunk: list[Point] = [(-girth, 0, 0), (girth, 0, 0)]
    trunk += [(lean + girth * 0.6, bole * 1.4, 0), (lean - girth * 0.6, bole * 1.4, 0)]
    parts: list[Part] = [("fill", trunk, SECOND, 0.8, 0.0)]
    parts.append(("line", [(girth * 0.3, 0, 0), (lean, bole * 1.4, 0)], SECOND, 1.2, girth * 0.4))
    for way in (-1.0, 0.4, 1.0):
        tip = (lean + way * height * 0.16, bole + height * 0.3, 0.0)
        parts.append(("line", [(lean * 0.8, bole, 0.0), tip], SECOND, 0.7, girth * 0.6))
    if kind == "bare":
        return parts + _twigs(rng, lean, bole, height, blobs)
    return parts + _crown(rng, kind, lean, bole, height, blobs)


def _crown(
    rng: np.random.Generator, kind: str, lean: float, bole: float, height: float, blobs: int
) -> list[Part]:
    radius = (height - bole) * {"round": 0.5, "tall": 0.27, "cone": 0.42}[kind]
    turn, ring = rng.uniform(0, 2 * np.pi, blobs), np.sqrt(rng.uniform(0, 1, blobs))
    rise = np.sort(ring * np.sin(turn))
    wide = radius * np.where(kind == "cone", np.clip(0.55 - rise * 0.5, 0.05, 1), 1.0)
    x = lean + wide * ring * np.cos(turn)
    y = (height + bole) / 2 + rise * (height - bole) * 0.42
    size = radius * rng.uniform(0.22, 0.46, blobs) * np.where(kind == "cone", 0.75, 1.0)
    shade = np.clip(0.82 + 0.3 * rise + rng.normal(0, 0.13, blobs), 0.4, 1.4)
    slots = np.where(rng.random(blobs) < 0.3, THIRD, MAIN)
    return [
        ("disc", [(u - s, v + s * 0.8, 0.0), (u + s, v - s * 0.8, 0.0)], int(slot), k, 0.0)
        for u, v, s, k, slot in zip(*(a.tolist() for a in (x, y, size, shade, slots)), strict=True)
    ]


def _twigs(
    rng: np.random.Generator, lean: float, bole: float, height: float, blobs: int
) -> list[Part]:
    reach = (height - bole) * 0.5
    hull = [
        (lean + 0.8 * reach * math.cos(t), bole + reach + reach * 0.9 * math.sin(t), 0.0)
        for t in np.linspace(0, 2 * math.pi, 14).tolist()
    ]
    parts: list[Part] = [("mark", hull, MAIN, 1.0, 0.0)]
    for _ in range(blobs * 2):
        turn, start = rng.uniform(-0.1, np.pi + 0.1), float(rng.uniform(0.0, 0.6))
        out = float(rng.uniform(0.6, 1.0))
        root = (lean + start * reach * 0.6 * math.cos(turn), bole + reach * (start + 0.2), 0.0)
        tip = (lean + out * reach * 0.9 * math.cos(turn),
               bole + reach * 0.9 + out * reach * math.sin(turn), 0.0)  # fmt: skip
        parts.append(("line", [root, tip], SECOND, float(rng.uniform(0.6, 1.1)), 0.05))
    return parts


def bush(rng: np.random.Generator, height: float) -> list[Part]:
    """A low heap of leaf clusters."""
    parts: list[Part] = []
    for _ in range(26):
        x, y = float(rng.normal(0.0, height * 0.6)), float(rng.uniform(0.1, 0.8)) * height
        s, slot = float(rng.uniform(0.15, 0.3)) * height, int(rng.choice([MAIN, MAIN, THIRD]))
        shade = 0.6 + 0.5 * y / height + float(rng.normal(0.0, 0.1))
        parts.append(
            ("disc", [(x - s, y + s * 0.8, 0.0), (x + s, y - s * 0.8, 0.0)], slot, shade, 0)
        )
    return parts


def lamp_post(rng: np.random.Generator, height: float, inward: float) -> list[Part]:
    """A thin post, often with an arm over the road (``inward`` is -1 or 1) and a lamp."""
    width = float(rng.uniform(0.18, 0.3))
    parts: list[Part] = [("line", [(0, 0, 0), (0, height, 0)], MAIN, 1.0, width)]
    parts.append(("line", [(width * 0.2, 0, 0), (width * 0.2, height, 0)], MAIN, 1.35, width * 0.3))
    parts.append(("line", [(0, 0, 0), (0, 0.9, 0)], MAIN, 0.75, width * 1.6))
    if rng.random() < 0.7:
        reach = inward * float(rng.uniform(0.9, 2.2))
        parts.append(("line", [(0, height, 0), (reach, height + 0.25, 0)], MAIN, 0.9, 0.12))
        lamp = [(reach - 0.3, height + 0.36, 0.0), (reach + 0.3, height + 0.12, 0.0)]
        parts.append(("disc", lamp, LIGHT, 1.1, 0.0))
    return parts


def post(height: float, width: float) -> list[Part]:
    """The post of a sign, or a bollard."""
    return [
        ("line", [(0, 0, 0), (0, height, 0)], MAIN, 0.9, width),
        ("line", [(width * 0.25, 0, 0), (width * 0.25, height, 0)], MAIN, 1.3, width * 0.3),
    ]


def sign(rng: np.random.Generator, height: float) -> list[Part]:
    """The plate at the top of a post (round, triangle, board, diamond), or a traffic light."""
    kind = int(rng.integers(0, 6))
    half = float(rng.uniform(0.48, 0.75))
    if kind == 5:
        return _traffic_light(rng, height)
    if kind == 4:
        half, tall = half * 1.5, half * 0.8
        outer = [(-half, -tall), (half, -tall), (half, tall), (-half, tall)]
    else:
        sides, start = ((20, 0.0), (3, math.pi / 2), (4, 0.0), (4, math.pi / 4))[kind]
        turns = [start + 2 * math.pi * k / sides for k in range(sides)]
        outer = [(half * math.cos(t), half * math.sin(t)) for t in turns]
    inner = [(0.0, height + y * 0.78) for _, y in outer]
    plate = [(x, height + y, 0.0) for x, y in outer]
    inside = [(x * 0.78, y, 0.0) for (x, _), (_, y) in zip(outer, inner, strict=True)]
    parts: list[Part] = [("fill", plate, MAIN, 1.0, 0.0), ("fill", inside, SECOND, 1.0, 0.0)]
    return parts + _glyph(rng, height, half)


def _glyph(rng: np.random.Generator, height: float, half: float) -> list[Part]:
    parts: list[Part] = []
    for _ in range(int(rng.integers(1, 4))):
        (x0, x1), (y0, y1) = rng.uniform(-0.45, 0.45, (2, 2)).tolist()
        ends = [(x0 * half, height + y0 * half, 0.0), (x1 * half, height + y1 * half, 0.0)]
        parts.append(("line", ends, THIRD, 1.0, 0.1))
    return parts


def _traffic_light(rng: np.random.Generator, height: float) -> list[Part]:
    box = [(-0.24, height - 0.6, 0.0), (0.24, height - 0.6, 0.0)]
    box += [(0.24, height + 0.6, 0.0), (-0.24, height + 0.6, 0.0)]
    parts: list[Part] = [("fill", box, DARK, 0.7, 0.0)]
    shining = int(rng.integers(0, 3))
    for k in range(3):
        y = height - 0.38 + 0.38 * k
        slot, shade = ((SECOND, MAIN, THIRD)[k], 1.3) if k == shining else (DARK, 1.2)
        parts.append(("disc", [(-0.15, y + 0.15, 0.0), (0.15, y - 0.15, 0.0)], slot, shade, 0.0))
    return parts


def fence(rng: np.random.Generator, length: float, height: float) -> list[Part]:
    """Railings, planks, wire mesh or guard rails along z; gaps are labelled with the rest."""
    kind = str(rng.choice(["bars", "planks", "mesh", "rails"], p=[0.35, 0.35, 0.1, 0.2]))
    whole = _rectangle(0.0, 0.0, length, height)
    parts: list[Part] = [("mark", whole, MAIN, 1.0, 0.0)]
    posts = np.arange(0.0, length + 0.1, rng.uniform(1.6, 2.6)).tolist()
    if kind == "planks":
        edges = np.arange(0.0, length, 0.38).tolist()
        for z in edges:
            shade = float(rng.uniform(0.75, 1.15))
            parts.append(("fill", _rectangle(z, 0.0, 0.34, height), MAIN, shade, 0.0))
    elif kind == "bars":
        for z in np.arange(0.0, length, 0.36).tolist():
            parts.append(("line", [(0, 0, z), (0, height, z)], MAIN, 1.0, 0.1))
    elif kind == "mesh":
        for z in np.arange(-height, length, 0.4).tolist():
            low, high = float(max(z, 0.0)), float(min(z + height, length))
            rise: list[Point] = [(0, low - z, low), (0, high - z, high)]
            fall: list[Point] = [(0, height - low + z, low), (0, height - high + z, high)]
            parts += [("line", rise, MAIN, 1.1, 0.035), ("line", fall, MAIN, 0.9, 0.035)]
    levels = (0.35, 0.62, 0.92) if kind == "rails" else (0.12, 0.97)
    for share in levels:
        rail = [(0.0, share * height, 0.0), (0.0, share * height, length)]
        parts.append(("line", rail, MAIN, 0.9, 0.16 if kind == "rails" else 0.08))
    parts += [("line", [(0, 0, z), (0, height, z)], MAIN, 0.7, 0.12) for z in posts]
    return parts
