"""The latencies of a benchmark as bars, backend by backend, against the machine's ceilings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfpnet.errors import MfpnetError
from mfpnet.views.benchmark_view import backend_of
from mfpnet.views.canvas import INK, PALE_INK, SERIES, new_figure, save_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR = 0.22  # inches
_TICK = "the least time at this machine's ceilings"
# Characters that fit into a line of the legend, and that the sign before a name takes.
_LINE, _KEY = 96, 7


def latency_bars(record: Mapping[str, Any], path: Path) -> None:
    """Draw the median of each network in each backend, and a tick at the least time it can take.

    One panel for each size and batch size of the record (see `benchmark.benchmark`). The suffix of
    `path` chooses the format (png, svg, pdf).

    Raises:
        MfpnetError: nothing was measured, matplotlib is missing, or the file cannot be written.
    """
    panels = [each for each in record["comparisons"] if each["rows"]]
    if not panels:
        raise MfpnetError("there is nothing to draw: no backend was measured.")
    heights = [_height(panel["rows"]) for panel in panels]
    figure = new_figure(8.0, 0.6 + sum(heights))
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    networks = list(dict.fromkeys(row["network"] for panel in panels for row in panel["rows"]))
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        _draw_panel(axes, panel, networks)
    _name_networks(figure, networks)
    save_figure(figure, path)


def _height(rows: Sequence[Mapping[str, Any]]) -> float:
    groups = len(set(map(backend_of, rows)))
    return 0.7 + _BAR * len(rows) + 0.12 * groups


def _draw_panel(axes: Axes, panel: Mapping[str, Any], networks: Sequence[str]) -> None:
    """Bars under one another, as many for a backend as there are networks in it."""
    position, middles, backends = 0.0, [], list(dict.fromkeys(map(backend_of, panel["rows"])))
    longest = max(row["median_ms"] for row in panel["rows"])
    for backend in backends:
        rows = [row for row in panel["rows"] if backend_of(row) == backend]
        middles.append(position + (len(rows) - 1) / 2)
        for row in rows:
            _draw_bar(axes, row, position, SERIES[networks.index(row["network"]) % len(SERIES)])
            position += 1
        position += 0.6
    axes.set_yticks(middles, backends)
    axes.set_ylim(position - 0.9, -0.8)
    axes.set_xlim(0, 1.1 * longest)
    size = "x".join(map(str, panel["size"]))
    tidy(axes, f"{size}, batch {panel['batch_size']}: median in ms", grid="x")
    axes.spines["left"].set_color(PALE_INK)


def _draw_bar(axes: Axes, row: Mapping[str, Any], position: float, colour: str) -> None:
    median, least = row["median_ms"], row["roofline_ms"]
    axes.barh(position, median, height=0.86, color=colour)
    label = f"{median:.1f}" if median >= 10 else f"{median:.2f}"
    axes.annotate(
        label,
        (median, position),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        color=INK,
        fontsize=8,
    )
    if least:
        axes.plot([least, least], [position - 0.43, position + 0.43], color=INK, linewidth=1.6)


def _name_networks(figure: Figure, networks: Sequence[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colours = [SERIES[number % len(SERIES)] for number in range(len(networks))]
    entries: list[Any] = [
        Patch(color=c, label=name.rpartition(":")[2])
        for c, name in zip(colours, networks, strict=True)
    ]
    tick = Line2D(
        [], [], color=INK, marker="|", markersize=11, markeredgewidth=1.6, linestyle="none"
    )
    tick.set_label(_TICK)
    longest = max(len(entry.get_label()) for entry in [*entries, tick])
    figure.legend(
        handles=[*entries, tick],
        loc="outside upper left",
        ncols=max(1, min(len(entries) + 1, int(_LINE / (longest + _KEY)))),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
