"""The picture of `inspect`'s long range: where a pixel's gradient lies, way by way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpnet.views.canvas import GRID, INK, PALE_INK, SERIES, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches: of the whole, and of the means below the examples.
_WIDTH, _MEANS = 13.0, 3.2
_NAMES = {
    "convolutions": "convolutions alone",
    "convolutions_and_graphs": "convolutions and graphs",
    "graphs_part": "the graphs' part of that",
    "all_ways": "attention and pooling too",
}
_MAPS = ("convolutions", "convolutions_and_graphs", "graphs_part")
# Below this share of an even spread, a pixel's weight is drawn as nothing.
_FAINT, _STRONG = 1e-2, 1e2


@dataclass(frozen=True)
class Example:
    """One pixel's gradients.

    Attributes:
        name: of the class that wins there.
        pixel: its row and column.
        maps: its weights (H, W) in each way.
    """

    name: str
    pixel: tuple[int, int]
    maps: Mapping[str, npt.NDArray[np.float64]]


def figure_size(view: npt.NDArray[np.uint8], examples: int) -> tuple[float, float]:
    """Width and height in inches, for so many examples in a picture (H, W, 3)."""
    return _WIDTH, examples * _row_height(view) + _MEANS


def _row_height(view: npt.NDArray[np.uint8]) -> float:
    height, width = view.shape[0], view.shape[1]
    return _WIDTH / 4.6 * float(height / width) + 0.25


def draw_long_range(
    figure: Any,
    numbers: Mapping[str, Any],
    examples: Sequence[Example],
    view: npt.NDArray[np.uint8],
) -> None:
    """Fill a figure with what `long_range` found: examples, then the means."""
    above = max(len(examples), 0.1) * _row_height(view)
    upper, lower = figure.subfigures(2, 1, height_ratios=(above, _MEANS))
    if examples:
        _draw_examples(upper, examples, view)
    left, right = lower.subplots(1, 2)
    _draw_curves(left, numbers["effective_field"])
    _draw_pulls(right, numbers)


def _draw_examples(figure: Any, examples: Sequence[Example], view: npt.NDArray[np.uint8]) -> None:
    from matplotlib.colors import LogNorm

    norm = LogNorm(_FAINT, _STRONG, clip=True)
    grid = figure.subplots(len(examples), 1 + len(_MAPS), squeeze=False)
    shown = None
    for row, example in zip(grid, examples, strict=True):
        row[0].imshow(view)
        row[0].set_ylabel(example.name, fontsize=10, color=INK)
        for axes, weights in zip(row[1:], (example.maps[way] for way in _MAPS), strict=True):
            shown = axes.imshow(weights * weights.size, cmap="magma", norm=norm)
        for axes in row:
            axes.plot(*example.pixel[::-1], "+", color=SERIES[4], markersize=9, markeredgewidth=2)
            axes.set_xticks([])
            axes.set_yticks([])
    for axes, title in zip(grid[0], ("a pixel", *(_NAMES[way] for way in _MAPS)), strict=True):
        axes.set_title(title, fontsize=10, color=INK, loc="left")
    bar = figure.colorbar(shown, ax=grid[:, -1], shrink=0.8)
    bar.set_label("gradient, 1 = an even spread", fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8)


def _draw_curves(axes: Axes, effective: Mapping[str, Any]) -> None:
    for colour, (way, name) in zip(SERIES, _NAMES.items(), strict=False):
        shares = [100 * share for share in effective["ways"][way]["share_beyond_distance"]]
        axes.plot(effective["distance_pixels"], shares, color=colour, linewidth=1.8, label=name)
    radius = effective["radius_pixels"]["mean"]
    axes.axvline(radius, color=PALE_INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(" effective field", (radius, 60), color=PALE_INK, fontsize=8.5)
    tidy(axes, "share of the gradient beyond a distance, in %", grid="both")
    axes.set_xlabel("distance in pixels", color=INK)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
    axes.legend(loc="upper right", frameon=False, fontsize=8.5, labelcolor=INK)


def _draw_pulls(axes: Axes, numbers: Mapping[str, Any]) -> None:
    """Own class against others, for each way and field in which there is any gradient."""
    fields = {"effective_field": "effective field", "theoretical_field": "theoretical field"}
    rows = [
        (f"{_NAMES[way]},\nbeyond the {title}", numbers[field]["ways"][way])
        for field, title in fields.items()
        for way in _MAPS
        if _known(numbers[field]["ways"].get(way))
    ]
    kinds = {"own_class": "own class", "other_sampled_classes": "other classes"}
    for number, (kind, label) in enumerate(kinds.items()):
        spreads = [row[f"attraction_to_{kind}"] for _, row in rows]
        places = np.arange(len(rows)) + 0.4 * number - 0.2
        means, errors = _column(spreads, "mean"), _column(spreads, "std")
        axes.barh(places, means, 0.38, color=SERIES[number], label=label)
        axes.errorbar(means, places, xerr=errors, fmt="none", ecolor=INK, elinewidth=0.8)
    axes.axvline(1, color=PALE_INK, linewidth=1, linestyle=(0, (4, 3)))
    tidy(axes, "gradient on a class by its share of the pixels (1 = no attraction)", grid="x")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.spines["left"].set_color(GRID)
    if rows:
        axes.legend(loc="lower right", frameon=False, fontsize=8.5, labelcolor=INK)


def _known(way: Mapping[str, Any] | None) -> bool:
    return way is not None and way["attraction_to_own_class"]["mean"] is not None


def _column(spreads: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [spread[name] or 0.0 for spread in spreads]
