"""The chart of a calibration: how often a network is right against how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpnet.views.canvas import INK, PALE_INK, SERIES, new_figure, save_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A bin of a handful of pixels says nothing and would draw a spike.
_MIN_SHARE = 1e-3


def reliability_picture(curves: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw accuracy against confidence, and below it the pixels of each confidence.

    A curve is what `Reliability.as_dict` gives, under its name. Bins with less than one pixel in
    1,000 are left out above. The suffix of ``path`` chooses the format (png, svg, pdf).

    Raises:
        MfpnetError: matplotlib is missing, or the file cannot be written.
    """
    figure = new_figure(6.2, 7.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 100], [0, 100], color=PALE_INK, linewidth=1.0, linestyle=(0, (4, 3)))
    upper.annotate("as sure as right", (3, 6), color=PALE_INK, fontsize=8.5, rotation=45)
    for colour, (name, curve) in zip(SERIES, curves.items(), strict=False):
        _draw_curve(upper, curve, colour, name)
        _draw_shares(lower, curve["pixels"], colour)
    upper.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=INK)
    tidy(upper, "pixels that are right, in %", grid="both")
    tidy(lower, "share of the pixels, in %", grid="both")
    upper.set_ylim(0, 102)
    lower.set_xlim(0, 100)
    lower.set_ylim(bottom=0)
    lower.set_xlabel("confidence in %", color=INK)
    save_figure(figure, path)


def _draw_curve(axes: Axes, curve: Mapping[str, Any], colour: str, name: str) -> None:
    total = sum(curve["pixels"])
    points = [
        (100 * confidence, 100 * accuracy)
        for pixels, confidence, accuracy in zip(
            curve["pixels"], curve["confidence"], curve["accuracy"], strict=True
        )
        if pixels > _MIN_SHARE * total
    ]
    x, y = [point[0] for point in points], [point[1] for point in points]
    axes.plot(x, y, color=colour, linewidth=1.8, marker="o", markersize=4.5, label=name)


def _draw_shares(axes: Axes, pixels: Sequence[int], colour: str) -> None:
    edges = np.linspace(0, 100, len(pixels) + 1)
    axes.stairs(100 * np.array(pixels) / max(sum(pixels), 1), edges, color=colour, linewidth=1.8)
