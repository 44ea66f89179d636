"""Gradients with and without residual connections, and what blocks add to their input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mfpnet.views.canvas import INK, PALE_INK, SERIES, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WAYS = {"with_residuals": "with residuals", "without_residuals": "without any"}


def draw_residuals(figure: Any, numbers: Mapping[str, Any]) -> None:
    """Fill a figure; `numbers` is that of the study of residuals."""
    above, below = figure.subfigures(2, 1, height_ratios=(6.2, 3.2))
    trainings = numbers["trainings"]
    grid = above.subplots(2, len(trainings), squeeze=False, sharey="row")
    for column, row in enumerate(trainings):
        _draw_layers(grid[0, column], row)
        _draw_steps(grid[1, column], row)
    grid[0, 0].set_ylabel("gradient norm", color=INK, fontsize=9)
    grid[1, 0].set_ylabel("first / last BRM", color=INK, fontsize=9)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    above.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=4,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    panels = below.subplots(1, 2, width_ratios=(2, 3))
    _draw_losses(panels[0], trainings, numbers["steps"])
    _draw_changes(panels[1], numbers["blocks"])


def _plain(values: Sequence[float | None]) -> list[float]:
    """What is not finite is left out of a line."""
    return [math.nan if value is None else value for value in values]


def _draw_layers(axes: Axes, row: Mapping[str, Any]) -> None:
    """The norm of each BRM, in order of depth, before and after the training."""
    for (way, label), colour in zip(_WAYS.items(), (SERIES[0], SERIES[5]), strict=True):
        for when, style in (("at_start", ":"), ("after", "-")):
            norms = _plain(row[way][f"gradient_norm_per_brm_{when}"])
            name = f"{label}, {'at the start' if when == 'at_start' else 'at the end'}"
            axes.plot(range(1, len(norms) + 1), norms, style, color=colour, label=name)
    axes.set_yscale("log")
    _titled(axes, row, "BRM, in order of depth")


def _draw_steps(axes: Axes, row: Mapping[str, Any]) -> None:
    """The ratio of the first BRM's norm to the last one's over the steps."""
    for way, colour in zip(_WAYS, (SERIES[0], SERIES[5]), strict=True):
        ratios = _plain(row[way]["first_over_last_per_step"])
        axes.plot(range(1, len(ratios) + 1), ratios, color=colour)
    axes.axhline(1, color=PALE_INK, linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    _titled(axes, row, "training step")


def _titled(axes: Axes, row: Mapping[str, Any], below: str) -> None:
    count = row["brms_per_block"]
    axes.set_xlabel(below, color=INK, fontsize=9)
    axes.locator_params(axis="x", integer=True)
    tidy(axes, f"{count} BRM{'s' * (count != 1)} a block", grid="both")


def _draw_losses(axes: Axes, trainings: Sequence[Mapping[str, Any]], steps: int) -> None:
    places = range(len(trainings))
    for index, (way, label) in enumerate(_WAYS.items()):
        values = _plain([row[way]["loss_after"] for row in trainings])
        shifted = [place + 0.4 * (index - 0.5) for place in places]
        bars = axes.bar(shifted, values, width=0.38, color=SERIES[5 * index], label=label)
        labels = [f"{value:.2f}" for value in values]
        axes.bar_label(bars, labels, fontsize=7.5, color=INK, padding=1)
    axes.set_xticks(places, [str(row["brms_per_block"]) for row in trainings])
    axes.set_xlabel("BRMs a block", color=INK, fontsize=9)
    axes.margins(y=0.15)
    tidy(axes, f"training loss after {steps} steps", grid="both")


def _draw_changes(axes: Axes, blocks: Sequence[Mapping[str, Any]]) -> None:
    """A bar for each BRM of the network itself, and a mark for each block."""
    place, middles = 0.0, []
    for index, block in enumerate(blocks):
        values = [brm["f_over_x"] for brm in block["brms"]]
        places = [place + number for number in range(len(values))]
        label = "each BRM" if index == 0 else None
        bars = axes.bar(places, values, width=0.85, color=SERIES[2], label=label)
        axes.bar_label(bars, [f"{v:.2f}" for v in values], fontsize=6.5, color=INK, padding=1)
        ends, change = [places[0] - 0.45, places[-1] + 0.45], block["change"]
        name = "the block: |F(x) - x| / |x|" if index == 0 else None
        axes.plot(ends, [change, change], color=INK, linewidth=1.6, label=name)
        middles.append(sum(places) / len(places))
        place = places[-1] + 1.6
    axes.set_xticks(middles, [block["block"] for block in blocks], fontsize=8)
    axes.margins(y=0.3)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left", ncols=2)
    tidy(axes, "these weights: |F(x)| / |x|, 0 is the identity", grid="both")
