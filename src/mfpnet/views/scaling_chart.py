"""Latency and memory against picture size, batch size and threads, as one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfpnet.errors import MfpnetError
from mfpnet.views.canvas import INK, SERIES, new_figure, save_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Axis:
    """One column of panels: what lies to the right, and how the time is told."""

    name: str
    place: Callable[[Row], float]
    title: str
    time: Callable[[Row], float]
    time_title: str


_AXES = (
    _Axis(
        "size",
        lambda row: row["size"][0] * row["size"][1] / 1e6,
        "megapixels",
        lambda row: float(row["median_ms"]),
        "ms a picture",
    ),
    _Axis(
        "batch",
        lambda row: float(row["batch_size"]),
        "pictures at a time",
        lambda row: 1000 * row["batch_size"] / row["median_ms"],
        "pictures a second",
    ),
    _Axis(
        "threads",
        lambda row: float(row["threads"]),
        "threads",
        lambda row: float(row["median_ms"]),
        "ms a picture",
    ),
)


def scaling_picture(record: Mapping[str, Any], path: Path) -> None:
    """Draw what `scaling.scaling` measured: time above, memory below, a column for each axis.

    A hollow square is a picture in tiles. Memory is the GPU's where one was used. The suffix of
    `path` chooses the format (png, svg, pdf).

    Raises:
        MfpnetError: no point was measured, matplotlib is missing, or the file cannot be written.
    """
    rows = [row for row in record["rows"] if row["median_ms"] is not None]
    drawn = [axis for axis in _AXES if any(row["axis"] == axis.name for row in rows)]
    if not drawn:
        raise MfpnetError("there is nothing to draw: no point was measured.")
    on_gpu = str(record["device"]).startswith("cuda")
    memory = "gpu_memory_mib" if on_gpu else "memory_mib"
    figure = new_figure(3.4 * len(drawn) + 0.4, 5.6)
    grid = figure.subplots(2, len(drawn), squeeze=False)
    for column, axis in enumerate(drawn):
        above, below = grid[:, column]
        _draw(above, rows, axis, axis.time)
        _draw(below, rows, axis, lambda row: float(row[memory] or 0))
        tidy(above, axis.time_title, grid="both")
        tidy(below, f"MiB of {'the GPU' if on_gpu else 'memory'}", grid="both")
        tiled = any(row["tile"] for row in rows if row["axis"] == axis.name)
        below.set_xlabel(axis.title + " (hollow: in tiles)" * tiled, color=INK)
    _name_lines(grid[0, 0])
    save_figure(figure, path)


def _draw(axes: Axes, rows: Sequence[Row], axis: _Axis, value: Callable[[Row], float]) -> None:
    for number, line in enumerate(_lines(rows)):
        colour = SERIES[number % len(SERIES)]
        points = [row for row in rows if row["axis"] == axis.name and _line(row) == line]
        points.sort(key=axis.place)
        axes.plot(
            [axis.place(row) for row in points],
            [value(row) for row in points],
            color=colour,
            linewidth=1.4,
            label=line,
        )
        for row in points:
            _draw_point(axes, row, (axis.place(row), value(row)), colour)
    here = [row for row in rows if row["axis"] == axis.name]
    _scale(axes, axis, [axis.place(row) for row in here], [value(row) for row in here])


def _scale(axes: Axes, axis: _Axis, places: list[float], values: list[float]) -> None:
    """Both ways logarithmic for sizes, which span four powers of ten; else from 0 up."""
    ticks = sorted(set(places))
    if axis.name == "size":
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks], rotation=60)
        axes.yaxis.set_major_formatter("{x:,g}")
    else:
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_ylim(0, 1.1 * max(max(values), 1e-9))
    axes.minorticks_off()


def _draw_point(axes: Axes, row: Row, at: tuple[float, float], colour: str) -> None:
    tiled = row["tile"] is not None
    axes.plot(
        *at,
        marker="s" if tiled else "o",
        markersize=6,
        markerfacecolor="white" if tiled else colour,
        markeredgecolor=colour,
    )


def _lines(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(map(_line, rows)))


def _line(row: Row) -> str:
    return f"{row['network'].rpartition(':')[2]}, {row['backend']}"


def _name_lines(axes: Axes) -> None:
    figure = axes.get_figure()
    assert figure is not None
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=2,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
