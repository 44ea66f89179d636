"""How far a pixel's logit reaches, by convolutions and by graphs, and whether to its own class.

The gradient of a pixel's winning logit is followed through convolutions alone, through convolutions
and graphs, and through everything: attention and the head's pooled branch gather over the whole
picture too. What is computed is the same each time; only the ways of the gradient differ, so that
the second less the first is what comes through the graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from mfpnet.model import MFPNet
from mfpnet.studies.effects import Subject, subject
from mfpnet.studies.field import field_side
from mfpnet.studies.graph_anatomy import graphs_of
from mfpnet.studies.long_range_chart import Example, draw_long_range, figure_size
from mfpnet.studies.reach import (
    WAYS,
    Labels,
    Map,
    Mask,
    Pixel,
    attraction,
    distances,
    gradients,
    last_column_seen,
    radius_of,
    sample_pixels,
    strip_of,
    weights_of,
)
from mfpnet.studies.study import Picture, Study

PIXELS = 24
STRIP_PIXELS = 8
# What comes through the graphs: the gradient with them less that without.
GRAPHS = "graphs_part"
SHOWN = ("convolutions", "convolutions_and_graphs", GRAPHS, "all_ways")
# Of the gradient through convolutions alone, that the effective field holds.
EFFECTIVE = 0.95
_EXAMPLES = 3
_CURVE_STEP = 8

Ratios = list[float | None]


@dataclass(frozen=True)
class Look:
    """What one pixel's gradient comes to in one way.

    Attributes:
        own: the pixel's class.
        beyond: share of the gradient beyond the field, 0 to 1.
        pulls: see `reach.attraction`, beyond the field.
        curve: share of the gradient beyond each distance.
    """

    own: int
    beyond: float
    pulls: Ratios
    curve: Map


def long_range(
    network: MFPNet, picture: Picture, pixels: int = PIXELS, strip_pixels: int = STRIP_PIXELS
) -> Study:
    """Share of a pixel's gradient beyond the convolutions' field, and on its own class there.

    Args:
        network: in eval mode, with `info`; left as it is.
        picture: what it looks at; a pixel's class is that of its labels where it has any, else
            what the network predicts.
        pixels: how many are averaged, of each class in turn.
        strip_pixels: likewise, in a strip that is wider than the theoretical field.
    """
    looked_at = subject(network, picture.image, picture.labels, network.config.num_classes)
    classes, known = looked_at.classes
    chosen = sample_pixels(looked_at.predicted, classes, looked_at.num_classes, pixels)
    effective, maps = _in_picture(network, looked_at, chosen)
    numbers = {
        "picture": picture.name,
        "classes_are_those_of_the": known,
        "has_graphs": bool(graphs_of(network)) or "pool" in network.config.sgcn,
        "effective_field": effective,
        "theoretical_field": _in_strip(network, looked_at, strip_pixels),
    }
    names = network.info.classes if network.info else [str(c) for c in range(looked_at.num_classes)]
    examples = [
        Example(names[looked_at.predicted[pixel]], pixel, found)
        for pixel, found in zip(chosen, maps, strict=False)
    ]
    draw = partial(draw_long_range, numbers=numbers, examples=examples, view=picture.view)
    size = figure_size(picture.view, len(examples))
    return Study("long-range", numbers, (), _lines(numbers), draw, size)


def _in_picture(
    network: MFPNet, looked_at: Subject, pixels: Sequence[Pixel]
) -> tuple[dict[str, Any], list[dict[str, Map]]]:
    """Beyond the field that holds 95 % of the gradient of convolutions; and some gradients."""
    classes, size = looked_at.classes[0], looked_at.predicted.shape
    radii: list[int] = []
    maps: list[dict[str, Map]] = []
    looks: dict[str, list[Look]] = {way: [] for way in SHOWN}
    for pixel, weights in zip(pixels, _every_way(network, looked_at.image, pixels), strict=True):
        far, own = distances(pixel, size), int(looked_at.predicted[pixel])
        radii.append(radius_of(weights["convolutions"], far, EFFECTIVE))
        if len(maps) < _EXAMPLES:
            maps.append(weights)
        for way, each in weights.items():
            looks[way].append(_look(each, far > radii[-1], far, classes, own, looked_at))
    numbers = {
        "holds_share_of_convolutions": EFFECTIVE,
        "pixels": len(pixels),
        "radius_pixels": _spread(radii),
        "distance_pixels": list(range(0, max(size), _CURVE_STEP)),
        "ways": {way: _summary(each) for way, each in looks.items()},
    }
    return numbers, maps


def _every_way(network: MFPNet, image: Tensor, pixels: Sequence[Pixel]) -> Iterator[dict[str, Map]]:
    """For each pixel, the weights in each way, and of what comes through the graphs."""
    # A list of each way in turn: what a pass keeps for its gradients is more than these are.
    found_by_way = [list(gradients(network, image, pixels, way)) for way in WAYS]
    for found in zip(*found_by_way, strict=True):
        by_way = dict(zip(WAYS, found, strict=True))
        by_way[GRAPHS] = by_way["convolutions_and_graphs"] - by_way["convolutions"]
        yield {way: weights_of(by_way[way]) for way in SHOWN}


def _in_strip(network: MFPNet, looked_at: Subject, number: int) -> dict[str, Any]:
    """Beyond the field that convolutions can reach at all, in mirror images side by side."""
    config = network.config
    strip = strip_of(config, looked_at.image)
    classes = strip.repeated(looked_at.classes[0])
    seen = subject(network, strip.image, None, looked_at.num_classes)
    first = slice(0, strip.columns)
    pixels = sample_pixels(seen.predicted[:, first], classes[:, first], seen.num_classes, number)
    looks: dict[str, list[Look]] = {way: [] for way in WAYS}
    # Nothing of the convolutions' own gradient lies there: one pixel is enough to show it.
    for way, some in zip(WAYS, (pixels[:1], pixels, pixels), strict=True):
        for pixel, gradient in zip(some, gradients(network, strip.image, some, way), strict=True):
            beyond = np.zeros(classes.shape, dtype=np.bool_)
            beyond[:, last_column_seen(config, pixel[1]) + 1 :] = True
            far, own = distances(pixel, classes.shape), int(seen.predicted[pixel])
            weights = weights_of(gradient)
            looks[way].append(_look(weights, beyond, far, classes, own, looked_at))
    return {
        "side_pixels": field_side(config, "head"),
        "strip_size": list(classes.shape),
        "strip": "the picture and its mirror image in turn, side by side",
        "pixels": len(pixels),
        "ways": {way: _summary(each, curve=False) for way, each in looks.items()},
    }


def _look(
    weights: Map, beyond: Mask, far: Labels, classes: Labels, own: int, looked_at: Subject
) -> Look:
    within = np.cumsum(np.bincount(far.ravel(), weights=weights.ravel()))
    steps = np.arange(0, max(classes.shape), _CURVE_STEP)
    return Look(
        own=own,
        beyond=float(weights[beyond].sum()),
        pulls=attraction(weights, beyond, classes, looked_at.num_classes),
        curve=np.asarray(1 - within[np.minimum(steps, len(within) - 1)], dtype=np.float64),
    )


def _summary(looks: Sequence[Look], *, curve: bool = True) -> dict[str, Any]:
    """Means and spreads over the pixels, in one way."""
    sampled = {look.own for look in looks}
    own = [look.pulls[look.own] for look in looks]
    others = [[look.pulls[c] for c in sampled - {look.own}] for look in looks]
    numbers: dict[str, Any] = {
        "share_beyond": _spread([look.beyond for look in looks]),
        "attraction_to_own_class": _spread(own),
        "attraction_to_other_sampled_classes": _spread([_mean(each) for each in others]),
    }
    if curve:
        numbers["share_beyond_distance"] = np.mean([look.curve for look in looks], axis=0).tolist()
    return numbers


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _spread(values: Sequence[float | None]) -> dict[str, float | int | None]:
    """Mean, standard deviation and number of the values that there are."""
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "std": None, "count": 0}
    return {"mean": float(np.mean(known)), "std": float(np.std(known)), "count": len(known)}


def _lines(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    effective, theoretical = numbers["effective_field"], numbers["theoretical_field"]
    radius = effective["radius_pixels"]
    lines = [
        f"95 % of a pixel's gradient through convolutions alone lies within {radius['mean']:.0f} "
        f"+- {radius['std']:.0f} pixels (their theoretical field is "
        f"{theoretical['side_pixels']} wide).",
        _reach_line("Beyond that effective field", effective["ways"], effective["pixels"]),
        _reach_line(
            "Beyond the theoretical field (mirror images side by side)",
            theoretical["ways"],
            theoretical["pixels"],
        ),
        _pull_line("beyond the effective field", effective["ways"], SHOWN[:3]),
        _pull_line("beyond the theoretical field", theoretical["ways"], WAYS[1:2]),
    ]
    if not numbers["has_graphs"]:
        lines.append("This network has no graph: with and without are the same.")
    return tuple(lines)


def _reach_line(where: str, ways: Mapping[str, Any], pixels: int) -> str:
    shares = [ways[way]["share_beyond"] for way in WAYS]
    alone, graphs, everything = (f"{100 * s['mean']:.1f} +- {100 * s['std']:.1f} %" for s in shares)
    return (
        f"{where}: {alone} of the gradient by convolutions, {graphs} with the graphs, {everything} "
        f"with attention and pooling too ({pixels} pixels)."
    )


def _pull_line(where: str, ways: Mapping[str, Any], shown: Sequence[str]) -> str:
    parts = [
        f"{_times(ways[way]['attraction_to_own_class'])} ({way.replace('_', ' ')}; other classes "
        f"{_times(ways[way]['attraction_to_other_sampled_classes'])})"
        for way in shown
    ]
    return (
        f"Gradient on a pixel's own class {where}, by that class's share there: {', '.join(parts)}."
    )


def _times(spread: Mapping[str, Any]) -> str:
    if spread["mean"] is None:
        return "unknown"
    return f"{spread['mean']:.2f} +- {spread['std']:.2f}"
