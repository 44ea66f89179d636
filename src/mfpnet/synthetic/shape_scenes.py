"""Pictures of drawn shapes in sixty classes: three grounds, and what stands on them.

Colours are random and say nothing of a class, but for the uppermost ground's: it decides what every
flag of the picture is. Every picture follows from its seed.
"""

from __future__ import annotations

import numpy as np

from mfpnet.pixels.pictures import Image, Labels
from mfpnet.synthetic.shape_canvas import COLUMNS, ROWS, Colours, ShapeCanvas, Spot
from mfpnet.synthetic.shape_classes import (
    CLASSES,
    COUNTS,
    FILLS,
    GROUNDS,
    NUMBER,
    OUTLINES,
    SKIES,
    TOWERS,
    WEIGHTS,
    ShapeClass,
)
from mfpnet.synthetic.shape_patterns import OUTLINES as INSIDE
from mfpnet.synthetic.shape_patterns import SIGNS

# In pixels at 144 rows, from the smallest to the largest.
RADII = {"small": (5.5, 7.0), "medium": (9.0, 11.5), "large": (15.0, 20.0)}
SIGN_RADIUS, TOWER_RADIUS = 8.0, 22.0
THINGS = 10
# Shares of the pictures that have flags, a tower with its keys, and tokens.
FLAGGED, TOWERED, COUNTED = 0.6, 0.6, 0.65
# Of the picture's width: what lies between a key and its tower, and between two tokens.
KEY_GAP, TOKEN_GAP = 0.35, 0.25
_BLACK_AND_WHITE: Colours = ((25.0, 25.0, 25.0), (235.0, 235.0, 235.0))


def draw_shapes(seed: int, size: tuple[int, int] = (ROWS, COLUMNS)) -> tuple[Image, Labels]:
    """The picture (H, W, 3) and labels (H, W) of a seed, 0 or more, at `size` = (H, W)."""
    rng = np.random.default_rng((60, seed))
    canvas, sky = ShapeCanvas(rng, size), str(rng.choice(list(SKIES)))
    horizon = _grounds(canvas, SKIES[sky])
    if rng.random() < TOWERED:
        _tower(canvas, str(rng.choice(list(TOWERS))))
    if rng.random() < FLAGGED:
        for _ in range(int(rng.integers(1, 3))):
            _sign(canvas, "flag", f"{sky} flag", canvas.place(SIGN_RADIUS, top=horizon))
    if rng.random() < COUNTED:
        _tokens(canvas)
    _things(canvas)
    return canvas.develop(), canvas.labels


def _grounds(canvas: ShapeCanvas, sky: float) -> float:
    """Three different ones, one below the other, with uneven edges; the row of the lowest edge."""
    rng, (height, width) = canvas.rng, canvas.size
    edges: list[float] = [0.0, *(height * rng.uniform((0.26, 0.58), (0.36, 0.68))).tolist()]
    kinds = rng.choice(len(GROUNDS), 3, replace=False, p=_shares(CLASSES[: len(GROUNDS)])).tolist()
    columns = np.linspace(0, 1, width, dtype=np.float32)
    for place, (number, edge) in enumerate(zip(kinds, edges, strict=True)):
        slow, fast, phase = rng.uniform((6, 15, 0), (12, 30, 6)).tolist()
        rough = np.sin(columns * slow + phase) + np.sin(columns * fast + 2 * phase)
        border = edge + 1.5 * canvas.unit * rough * (place > 0)
        colours = canvas.pair(None if place else sky)
        canvas.band(border, GROUNDS[number], number, colours)
    return edges[-1] + 3 * canvas.unit


def _tower(canvas: ShapeCanvas, name: str) -> None:
    """A post with a head, and far from it one or two keys of its own."""
    spot = canvas.place(TOWER_RADIUS)
    if spot is None:
        return
    colours, number = canvas.pair(), NUMBER[f"{name} tower"]
    canvas.stamp(spot, INSIDE["post"], number, colours)
    head = Spot(spot.y - 0.5 * spot.radius, spot.x, 0.45 * spot.radius)
    canvas.stamp(head, INSIDE[name], number, colours)
    for _ in range(int(canvas.rng.integers(1, 3))):
        gap = KEY_GAP * canvas.size[1]
        _sign(canvas, "key", f"{name} key", canvas.place(SIGN_RADIUS, gap=gap, others=[spot]))


def _tokens(canvas: ShapeCanvas) -> None:
    """One to four; of each number there are as many tokens in all."""
    shares = 1 / np.arange(1, len(COUNTS) + 1)
    found: list[Spot] = []
    for _ in range(1 + int(canvas.rng.choice(len(COUNTS), p=shares / shares.sum()))):
        gap = TOKEN_GAP * canvas.size[1]
        if spot := canvas.place(SIGN_RADIUS, gap=gap, others=found):
            found.append(spot)
    for spot in found:
        _sign(canvas, "token", COUNTS[len(found) - 1], spot)


def _sign(canvas: ShapeCanvas, look: str, name: str, spot: Spot | None) -> None:
    """One that looks as all of its kind do, whatever its class."""
    if spot:
        outline, white = SIGNS[look]
        canvas.stamp(spot, outline, NUMBER[name], _BLACK_AND_WHITE, white=white)


def _things(canvas: ShapeCanvas) -> None:
    """Outlines with textures, the large ones first, as long as there is room."""
    first, rng = len(GROUNDS), canvas.rng
    each = CLASSES[first : first + len(OUTLINES) * len(FILLS)]
    chosen = rng.choice(len(each), THINGS, p=_shares(each)).tolist()
    sizes = {number: RADII[each[number].size] for number in chosen}
    for number in sorted(chosen, key=lambda number: -sizes[number][0]):
        if spot := canvas.place(float(rng.uniform(*sizes[number]))):
            outline, fill = divmod(number, len(FILLS))
            canvas.stamp(
                spot,
                INSIDE[OUTLINES[outline]],
                first + number,
                canvas.pair(),
                fill=FILLS[fill],
                turn=float(rng.uniform(-0.3, 0.3)),
            )


def _shares(classes: tuple[ShapeClass, ...]) -> list[float]:
    weights = [WEIGHTS[each.frequency] for each in classes]
    return [weight / sum(weights) for weight in weights]
