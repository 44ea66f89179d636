"""How much of the image each stage sees: what its convolutions span, and what it really uses.

The effective field is measured as by Luo et al. 2016, "Understanding the effective receptive field
in deep convolutional neural networks": the gradient of the middle position of a stage's features by
every pixel of the image. Attention, graphs and the head's pooled branch gather over the whole
picture; the field is measured through all ways and through convolutions alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.studies.convolutions_alone import convolutions_alone
from mfpnet.studies.field import feature_stride, field_side, seen_interval, stage_names
from mfpnet.studies.study import Picture, Study
from mfpnet.views.canvas import INK, PALE_INK, SERIES, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Map = npt.NDArray[np.float64]

# Looks at the picture; each shifts it and weighs the channels in its own way.
LOOKS = 4
_SHARE = 0.95
# Luo et al. count the pixels above 1 - 95.45 % of the middle's gradient: two standard deviations.
_LUO = 1 - 0.9545


def receptive_field(network: MFPNet, picture: Picture, looks: int = LOOKS) -> Study:
    """The effective field of each stage beside the one that its convolutions span.

    Args:
        network: in eval mode.
        picture: what is looked at, shifted around at random.
        looks: how many gradients are averaged.
    """
    names = stage_names(network.config)
    all_ways = effective_fields(network, picture.image, names, looks)
    with convolutions_alone(network):
        own = [name for name in names if not name.startswith("graph")]
        alone = effective_fields(network, picture.image, own, looks)
    # A graph adds what is no convolution: what is left is its stage.
    alone |= {name: alone[f"stage{name[5:]}"] for name in names if name.startswith("graph")}
    height, width = picture.image.shape[2:]
    stages = {
        name: {
            "stride": feature_stride(network.config, name),
            "theoretical_convolutions_pixels": field_side(network.config, name),
            "convolutions": field_sizes(alone[name]),
            "all_ways": field_sizes(all_ways[name]),
            "share_beyond_convolutions": beyond(network.config, name, all_ways[name]),
        }
        for name in all_ways
    }
    numbers = {
        "picture_size": [height, width],
        "whole_picture_pixels": round(math.sqrt(height * width), 1),
        "looks": looks,
        "stages": stages,
    }
    return Study(
        name="receptive-field",
        numbers=numbers,
        warnings=(),
        lines=_lines(numbers),
        draw=lambda figure: _draw(figure, alone, numbers),
        size=(8.0, 8.0),
    )


def effective_fields(
    network: MFPNet, image: Tensor, names: Sequence[str], looks: int = LOOKS
) -> dict[str, Map]:
    """Mean absolute gradient of the middle of each stage by each pixel, summing to 1.

    The channels of a stage are added with random signs, so that none is preferred and the squares
    of their gradients add up on average (as for the trace of a matrix, Hutchinson 1989).

    Args:
        network: in eval mode.
        image: (1, C, H, W), normalised.
        names: of features, see `forward_features`.
        looks: how many gradients are averaged, each of the image shifted around its borders.

    Returns:
        (H, W) for each name.
    """
    generator = torch.Generator().manual_seed(0)
    sums = {name: torch.zeros(image.shape[2:], dtype=torch.float64) for name in names}
    for look in range(looks):
        shifts = [int(torch.randint(side, (1,), generator=generator)) for side in image.shape[2:]]
        shifted = image.roll(shifts, dims=(2, 3)) if look else image
        for name, gradient in _gradients(network, shifted, names, generator):
            sums[name] += gradient / gradient.sum().clamp(min=1e-30)
    return {name: (total / looks).numpy() for name, total in sums.items()}


def _gradients(
    network: MFPNet, image: Tensor, names: Sequence[str], generator: torch.Generator
) -> list[tuple[str, Tensor]]:
    """Absolute gradient of each stage's middle by the image, (H, W), summed over its channels."""
    seen = image.detach().requires_grad_()
    features = network.forward_features(seen)
    found = []
    for name in names:
        middle = features[name][0, :, features[name].shape[2] // 2, features[name].shape[3] // 2]
        signs = torch.randint(2, middle.shape, generator=generator) * 2 - 1
        (gradient,) = torch.autograd.grad((middle * signs).sum(), seen, retain_graph=True)
        found.append((name, gradient[0].double().abs().sum(dim=0)))
    return found


def field_sizes(found: Map) -> dict[str, float]:
    """Sides, in pixels of the image, of the square whose area a field has, measured in two ways.

    Args:
        found: (H, W) from `effective_fields`.

    Returns:
        `effective_95_pixels`: of the least area that holds 95 % of the gradient;
        `effective_luo_pixels`: of the pixels above 4.55 % of the largest gradient.
    """
    ranked = np.sort(found, axis=None)[::-1]
    held = int(np.searchsorted(ranked.cumsum(), _SHARE * ranked.sum())) + 1
    above = int((found > _LUO * found.max()).sum())
    return {
        "effective_95_pixels": round(math.sqrt(min(held, found.size)), 1),
        "effective_luo_pixels": round(math.sqrt(above), 1),
    }


def beyond(config: MFPNetConfig, name: str, found: Map) -> float:
    """Share of a stage's gradient, 0 to 1, that its convolutions alone cannot reach."""
    stride, sides = feature_stride(config, name), found.shape
    ends = [seen_interval(config, name, (middle, middle)) for middle in _middles(sides, stride)]
    rows, columns = (slice(max(first, 0), last + 1) for first, last in ends)
    return round(float(1 - found[rows, columns].sum() / found.sum()), 4)


def _middles(sides: Sequence[int], stride: int) -> list[int]:
    """The middle position of features of that stride, each side halved and rounded up."""
    return [-(-side // stride) // 2 for side in sides]


def _lines(numbers: dict[str, Any]) -> tuple[str, ...]:
    """The encoder and what comes last; all are in the numbers and the figure."""
    stages = numbers["stages"]
    told = [name for name in stages if name.startswith("stage")]
    last = [name for name in stages if name.startswith("decoder")][-1]
    return tuple(_line(name, stages[name]) for name in (*told, last, "head"))


def _line(name: str, stage: dict[str, Any]) -> str:
    span, alone = stage["theoretical_convolutions_pixels"], stage["convolutions"]
    return (
        f"{name.capitalize()}: convolutions span {span} pixels, and 95 % of their gradient lies on"
        f" {_square(alone)} (Luo's measure: {alone['effective_luo_pixels']:.0f}); through all ways"
        f" {_square(stage['all_ways'])}."
    )


def _square(sizes: dict[str, float]) -> str:
    side = f"{sizes['effective_95_pixels']:.0f}"
    return f"{side}x{side}"


def _draw(figure: Any, maps: dict[str, Map], numbers: dict[str, Any]) -> None:
    above, below = figure.subfigures(2, 1, height_ratios=(4.6, 3.4))
    names = [name for name in maps if not name.startswith("graph")]
    columns = -(-len(names) // 2)
    panels = above.subplots(2, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, name in zip(panels.flat, names, strict=False):
        _draw_map(axes, maps[name], name, numbers["stages"][name])
    above.suptitle(
        "gradient of the middle by each pixel of the image, through convolutions alone: dark to"
        " pale over four decades\nbox: a square of the area that holds 95 % of it, its side in"
        " pixels above",
        fontsize=8,
        x=0.01,
        ha="left",
        color=INK,
    )
    _draw_sizes(below.subplots(), numbers)


def _draw_map(axes: Axes, found: Map, name: str, sizes: dict[str, Any]) -> None:
    """Logarithmic, over four decades."""
    from matplotlib.patches import Rectangle

    scale = np.log10(np.maximum(found / found.max(), 1e-4))
    axes.imshow(scale, cmap="Blues", vmin=-4, vmax=0, interpolation="nearest")
    side = sizes["convolutions"]["effective_95_pixels"]
    corner = (found.shape[1] / 2 - side / 2, found.shape[0] / 2 - side / 2)
    box = Rectangle(corner, side, side, fill=False, edgecolor=SERIES[5], linewidth=1.2)
    axes.add_patch(box)
    axes.set_axis_on()
    axes.set_title(f"{name}: {side:.0f}", loc="left", fontsize=9, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(PALE_INK)


def _draw_sizes(axes: Axes, numbers: dict[str, Any]) -> None:
    """Each stage's fields as bars, in order of depth."""
    names, rows = list(numbers["stages"]), list(numbers["stages"].values())
    series = {
        "spanned by convolutions": [row["theoretical_convolutions_pixels"] for row in rows],
        "95 % of the gradient, convolutions alone": _sides(rows, "convolutions", "95"),
        "95 % of the gradient, all ways": _sides(rows, "all_ways", "95"),
        "above 4.55 % of the largest (Luo), alone": _sides(rows, "convolutions", "luo"),
    }
    for index, (label, values) in enumerate(series.items()):
        places = np.arange(len(names)) + 0.21 * (index - 1.5)
        bars = axes.bar(places, values, width=0.2, color=SERIES[index], label=label)
        labels = [f"{value:.0f}" for value in values]
        axes.bar_label(bars, labels, fontsize=7, color=INK, padding=2, rotation=90)
    limit = numbers["whole_picture_pixels"]
    axes.axhline(limit, color=PALE_INK, linewidth=1, linestyle="--", zorder=0)
    axes.text(-0.55, limit * 1.08, "the whole picture", fontsize=8, color=PALE_INK)
    axes.set_xticks(range(len(names)), names)
    axes.set_yscale("log")
    axes.set_ylim(top=30 * max(row["theoretical_convolutions_pixels"] for row in rows))
    tidy(axes, "side of the field, pixels of the image (logarithmic)", grid="both")
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left", ncols=2)


def _sides(rows: Sequence[dict[str, Any]], ways: str, measure: str) -> list[float]:
    return [row[ways][f"effective_{measure}_pixels"] for row in rows]
