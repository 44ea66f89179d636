"""The picture of `inspect`'s attention: each layer's gates, and what holding them changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mfpnet.views.canvas import INK, PALE_INK, SERIES, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WAYS = {
    "each_gate_at_its_mean": "each gate at its own mean",
    "all_gates_at_the_layer_mean": "all gates of the layer at one value",
}


def draw_attention(figure: Any, numbers: Mapping[str, Any]) -> None:
    """Fill a figure with what `studies.attention` found."""
    rows = numbers["layers"]
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    _draw_gates(left, rows)
    _draw_held(right, rows)
    left.set_yticks(range(len(rows)), [row["layer"] for row in rows])
    left.set_ylim(len(rows) - 0.5, -0.5)


def _draw_gates(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    shares = np.array([row["histogram_shares"] for row in rows])
    extent = (0, 1, len(rows) - 0.5, -0.5)
    axes.imshow(shares, cmap="Blues", aspect="auto", extent=extent, vmin=0, interpolation="nearest")
    axes.plot([row["mean"] for row in rows], range(len(rows)), "|", color=SERIES[5], markersize=11)
    axes.axvline(0.1, color=PALE_INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(" 0.1", (0.1, -0.4), color=PALE_INK, fontsize=8, va="top")
    tidy(axes, "gates of each layer, darker = more of them; mark = mean", grid="x")
    axes.grid(visible=False)
    axes.set_xlabel("gate (0 switches a channel off, 1 passes it on)", color=INK)


def _draw_held(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    places = np.arange(len(rows))
    for number, (way, label) in enumerate(_WAYS.items()):
        changed = [100 * row[way]["labels_changed_share"] for row in rows]
        axes.barh(places + 0.4 * number - 0.2, changed, 0.38, color=SERIES[number], label=label)
    tidy(axes, "labels that change when they are held, in %", grid="x")
    axes.legend(loc="best", fontsize=8, frameon=True, framealpha=0.9, edgecolor="none")
    axes.set_xlim(left=0)
