"""Textures and outlines of the drawn shapes, as functions of coordinates; true is inside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Pattern = Callable[[Floats, Floats], Mask]


def _odd(values: Floats) -> Mask:
    return (np.floor(values).astype(np.int32) & 1).astype(bool)


def _part(values: Floats) -> Floats:
    part: Floats = values - np.floor(values)
    return part


def _dots(y: Floats, x: Floats) -> Mask:
    """Rows of dots, every second one moved by half."""
    column = x + 0.5 * _odd(y)
    inside: Mask = (_part(y) - 0.5) ** 2 + (_part(column) - 0.5) ** 2 < 0.1
    return inside


def _bricks(y: Floats, x: Floats) -> Mask:
    joints: Mask = (_part(y) < 0.3) | (_part(0.5 * (x + _odd(y))) < 0.15)
    return joints


def _zigzag(y: Floats, x: Floats) -> Mask:
    return _odd(2 * (y + np.abs(_part(0.5 * x) - 0.5)))


def _speckles(y: Floats, x: Floats) -> Mask:
    """One cell in three, by a hash of its place."""
    row, column = (np.floor(2 * each).astype(np.int64) for each in (y, x))
    mixed = (row * 73856093 ^ column * 19349663) & 0xFFFFFF
    inside: Mask = ((mixed * mixed >> 12) % 3) == 0
    return inside


# Of coordinates (y, x), one period a unit.
PATTERNS: dict[str, Pattern] = {
    "plain": lambda y, x: np.zeros(np.broadcast(y, x).shape, bool),
    "ruled": lambda y, x: _odd(2 * y + 0 * x),
    "barred": lambda y, x: _odd(2 * x + 0 * y),
    "slanted": lambda y, x: _odd(1.41 * (y + x)),
    "checked": lambda y, x: _odd(2 * y) ^ _odd(2 * x),
    "dotted": _dots,
    "gridded": lambda y, x: (_part(y) < 0.25) | (_part(x) < 0.25),
    "bricked": _bricks,
    "waved": lambda y, x: _odd(2 * (y + 0.25 * np.sin(3.14 * x))),
    "zigzag": _zigzag,
    "speckled": _speckles,
    "hatched": lambda y, x: (_part(0.7 * (y + x)) < 0.25) | (_part(0.7 * (y - x)) < 0.25),
}


def _star(y: Floats, x: Floats) -> Mask:
    angle: Floats = np.arctan2(x, -y) * np.float32(5 / (2 * np.pi))
    point = np.abs(_part(angle + np.float32(0.5)) - 0.5) * 2
    inside: Mask = np.hypot(y, x) < 1.0 - 0.58 * point
    return inside


def _triangle(y: Floats, x: Floats) -> Mask:
    inside: Mask = (y < 0.8) & (np.abs(x) < 0.5 * (y + 1.0))
    return inside


def _post(y: Floats, x: Floats) -> Mask:
    inside: Mask = (np.abs(x) < 0.12) & (y > -0.5) & (y < 0.9) | (np.abs(x) < 0.3) & (
        np.abs(y - 0.85) < 0.12
    )
    return inside


# Of coordinates (y down, x) within -1 to 1.
OUTLINES: dict[str, Pattern] = {
    "disc": lambda y, x: y * y + x * x < 0.85,
    "square": lambda y, x: (np.abs(y) < 0.78) & (np.abs(x) < 0.78),
    "triangle": _triangle,
    "star": _star,
    "ring": lambda y, x: np.abs(np.hypot(y, x) - 0.68) < 0.28,
    "cross": lambda y, x: (
        (np.minimum(np.abs(y), np.abs(x)) < 0.32) & (np.maximum(np.abs(y), np.abs(x)) < 0.92)
    ),
    "crescent": lambda y, x: (y * y + x * x < 0.95) & (y * y + (x - 0.55) ** 2 > 0.5),
    "hourglass": lambda y, x: (np.abs(y) < 0.9) & (np.abs(x) < 0.12 + 0.8 * np.abs(y)),
    "post": _post,
}

# What looks the same whatever its class: an outline, and which part of it is white.
SIGNS: dict[str, tuple[Pattern, Pattern]] = {
    "key": (
        lambda y, x: np.maximum(np.abs(y), np.abs(x)) < 0.85,
        lambda y, x: np.abs(np.maximum(np.abs(y), np.abs(x)) - 0.4) > 0.17,
    ),
    "flag": (
        lambda y, x: (
            (np.abs(x + 0.6) < 0.2) & (np.abs(y) < 0.95)
            | (np.abs(y + 0.4) < 0.3 * (1.0 - x)) & (np.abs(x) < 0.9)
        ),
        lambda y, x: x > -0.4,
    ),
    "token": (lambda y, x: y * y + x * x < 0.85, lambda y, x: y * y + x * x < 0.25),
}
