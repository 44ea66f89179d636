"""Charts of a run and of its result. matplotlib is the extra `plot`, imported when one is drawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError
from mfpnet.views.canvas import INK, PALE_INK, SERIES, new_figure, save_figure, tidy
from mfpnet.views.condensed import best_and_worst, with_others

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ABSENT = "#eceef1"
# Rows of a chart that one can still read.
MOST_ROWS = 40
_SMOOTH_FROM = 60  # points; fewer than this are readable as they are
_PANELS = (
    ("loss", "training loss", 1.0, 1.4),
    ("lr", "learning rate", 1.0, 0.8),
    ("miou", "mIoU in %", 100.0, 1.4),
)


def training_curves(records: Sequence[Mapping[str, object]], path: Path) -> None:
    """Draw the loss, the learning rate and, where it was measured, the mIoU over the epochs.

    A record has ``epoch`` and any of ``loss``, ``lr`` and ``miou`` (0 to 1). Several records of
    one epoch, as when every step is recorded, are spread evenly over it; a long loss is drawn
    pale with a moving average on top. The suffix of ``path`` chooses the format (png, svg, pdf).

    Raises:
        MfpnetError: there is nothing to draw, a value is no number, matplotlib is missing, or
            the file cannot be written.
    """
    where = _positions(records)
    curves = {key: _curve(records, where, key) for key, *_ in _PANELS}
    panels = [panel for panel in _PANELS if curves[panel[0]][0]]
    if not panels:
        raise MfpnetError("there is nothing to draw: no record has 'loss', 'lr' or 'miou'.")
    figure = new_figure(8.0, 1.0 + 1.7 * sum(height for *_, height in panels))
    heights = [height for *_, height in panels]
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)
    for index, (axes, (key, title, factor, _)) in enumerate(zip(grid[:, 0], panels, strict=True)):
        x, y = curves[key]
        _draw_curve(axes, x, [value * factor for value in y], SERIES[index], key)
        tidy(axes, title, grid="both")
    grid[-1, 0].set_xlabel("epoch", color=INK)
    grid[-1, 0].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    save_figure(figure, path)


def confusion_picture(counts: npt.ArrayLike, classes: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix (C, C), rows = target, as a heat map of the share of each row.

    The numbers are percent of the row's pixels; a class that the target does not have is grey. Of
    more than 40 classes those with the fewest target pixels are drawn as one. The suffix of
    ``path`` chooses the format.

    Raises:
        ValueError: ``counts`` is not C x C for C ``classes``.
        MfpnetError: matplotlib is missing, or the file cannot be written.
    """
    matrix = np.asarray(counts, dtype=np.float64)
    size = len(classes)
    if matrix.shape != (size, size):
        raise ValueError(f"{size} classes need counts of {size} x {size}, not {matrix.shape}")
    matrix, names = with_others(matrix, classes, MOST_ROWS)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full_like(matrix, np.nan), where=totals > 0)
    side = max(1.8 + 0.46 * len(names), 4.6)
    figure = new_figure(side, side)
    axes = figure.subplots()
    _draw_heat(axes, shares)
    _name_both_axes(axes, names)
    _write_shares(axes, shares)
    save_figure(figure, path)


def iou_bars(
    classes: Sequence[str], series: Mapping[str, Sequence[float | None]], path: Path
) -> None:
    """Draw the IoU of every class, 0 to 1, as one bar for each of the named series.

    None means that the class is absent, and is written so. Of more than 40 classes the best and the
    worst of the first series are drawn. The suffix of ``path`` chooses the format.

    Raises:
        ValueError: no series, or one whose length is not that of ``classes``.
        MfpnetError: matplotlib is missing, or the file cannot be written.
    """
    lengths = {name: len(values) for name, values in series.items()}
    if not series or set(lengths.values()) != {len(classes)}:
        raise ValueError(f"{len(classes)} classes need series of that length, not {lengths}")
    shown = best_and_worst(next(iter(series.values())), MOST_ROWS)
    row = 0.24 * len(series) + 0.14
    figure = new_figure(8.0, 1.3 + row * len(shown))
    axes = figure.subplots()
    thickness = 0.8 / len(series)
    for index, (name, values) in enumerate(series.items()):
        offset = (index - (len(series) - 1) / 2) * thickness
        chosen = [values[place] for place in shown]
        _draw_bars(axes, chosen, offset, thickness, SERIES[index % len(SERIES)], name)
    axes.set_yticks(range(len(shown)), [classes[place] for place in shown])
    axes.set_ylim(len(shown) - 0.45, -0.55)
    axes.set_xlim(0, 107)
    few = f", {len(shown)} of {len(classes)} classes: the best and the worst"
    tidy(axes, "IoU in %" + (few if len(shown) < len(classes) else ""), grid="x")
    axes.spines["left"].set_color(PALE_INK)
    if len(series) > 1:
        _legend_above(figure, len(series))
    save_figure(figure, path)


def _number(record: Mapping[str, object], key: str) -> float:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MfpnetError(f"'{key}' of a metrics record is {value!r}, not a number.")
    return float(value)


def _positions(records: Sequence[Mapping[str, object]]) -> list[float]:
    """Where each record stands on the epoch axis; the last one of epoch 3 stands at 3."""
    epochs = [_number(record, "epoch") for record in records]
    in_all, so_far = Counter(epochs), Counter[float]()
    where = []
    for epoch in epochs:
        so_far[epoch] += 1
        where.append(epoch - 1 + so_far[epoch] / in_all[epoch])
    return where


def _curve(
    records: Sequence[Mapping[str, object]], where: Sequence[float], key: str
) -> tuple[list[float], list[float]]:
    pairs = zip(where, records, strict=True)
    points = [(x, _number(record, key)) for x, record in pairs if record.get(key) is not None]
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    return [x for x, _ in finite], [y for _, y in finite]


def _draw_curve(axes: Axes, x: list[float], y: list[float], colour: str, key: str) -> None:
    if key == "miou":
        axes.plot(x, y, color=colour, linewidth=1.4, marker="o", markersize=4.5)
        _mark_best(axes, x, y)
    elif key == "loss" and len(x) >= _SMOOTH_FROM:
        axes.plot(x, y, color=colour, linewidth=0.8, alpha=0.3)
        axes.plot(x, _moving_average(y), color=colour, linewidth=1.8)
    else:
        axes.plot(x, y, color=colour, linewidth=1.8, marker="o" if len(x) == 1 else None)


def _moving_average(y: list[float]) -> npt.NDArray[np.float64]:
    """The mean of the values around each one; the window shrinks at both ends."""
    half = max(len(y) // 60, 1)
    sums = np.cumsum([0.0, *y])
    index = np.arange(len(y))
    first, last = np.maximum(index - half, 0), np.minimum(index + half + 1, len(y))
    means: npt.NDArray[np.float64] = (sums[last] - sums[first]) / (last - first)
    return means


def _mark_best(axes: Axes, x: list[float], y: list[float]) -> None:
    best = int(np.argmax(y))
    axes.annotate(
        f"{y[best]:.1f}",
        (x[best], y[best]),
        xytext=(0, 6),
        textcoords="offset points",
        ha="center",
        color=INK,
        fontsize=9,
    )
    axes.margins(y=0.18)


def _draw_heat(axes: Axes, shares: npt.NDArray[np.float64]) -> None:
    axes.set_facecolor(_ABSENT)
    axes.imshow(np.ma.masked_invalid(shares * 100), cmap="Blues", vmin=0, vmax=100)
    title = "% of the target's pixels, from white (0) to dark blue (100)"
    axes.set_title(title, loc="left", fontsize=9, color=INK)


def _name_both_axes(axes: Axes, classes: Sequence[str]) -> None:
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, classes)
    axes.set_xlabel("prediction", color=INK)
    axes.set_ylabel("target", color=INK)
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    borders = np.arange(len(classes) + 1) - 0.5
    axes.hlines(borders, -0.5, len(classes) - 0.5, color="white", linewidth=1.5)
    axes.vlines(borders, -0.5, len(classes) - 0.5, color="white", linewidth=1.5)


def _write_shares(axes: Axes, shares: npt.NDArray[np.float64]) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share < 0.005:
            continue  # a zero in every cell would hide the confusions
        text = "–" if math.isnan(share) else f"{share * 100:.0f}"
        colour = "white" if share > 0.55 else INK
        weight = "bold" if row == column else "normal"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8.5)
        axes.texts[-1].set_fontweight(weight)


def _draw_bars(
    axes: Axes,
    values: Sequence[float | None],
    offset: float,
    thickness: float,
    colour: str,
    name: str,
) -> None:
    rows = np.arange(len(values)) + offset
    widths = [0.0 if value is None else value * 100 for value in values]
    axes.barh(rows, widths, height=thickness * 0.9, color=colour, label=name)
    for row, value, width in zip(rows.tolist(), values, widths, strict=True):
        text = "absent" if value is None else f"{width:.1f}"
        ink = PALE_INK if value is None else INK
        axes.text(width + 0.8, row, text, va="center", color=ink, fontsize=8)


def _legend_above(figure: Figure, count: int) -> None:
    figure.legend(
        loc="outside upper right",
        ncols=min(count, 3),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handlelength=1.0,
        handleheight=1.0,
    )
