"""What each change does to a baseline, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfpnet.ablations.rows import RESOLVED
from mfpnet.views.canvas import GRID, INK, PALE_INK, SERIES, new_figure, save_figure, tidy
from mfpnet.views.show import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES_A_ROW = 0.3


def differences(rows: Sequence[Mapping[str, Any]], baseline: str, path: Path) -> None:
    """Draw each network's mIoU less the baseline's mean: a dot a seed, a line for the mean.

    The band is twice the baseline's spread: what stays within it is not resolved, and is drawn
    pale. The suffix of `path` chooses the format (png, svg, pdf).

    Args:
        rows: of `ablate`'s record, the baseline among them.
        baseline: its name.
        path: the picture.

    Raises:
        MfpnetError: matplotlib is missing, or the file cannot be written.
    """
    base = next(row for row in rows if row["variant"] == baseline)
    figure = new_figure(8.0, 1.2 + _INCHES_A_ROW * len(rows))
    axes = figure.subplots()
    reach = 100 * RESOLVED * (base["spread"] or 0)
    axes.axvspan(-reach, reach, color=GRID, linewidth=0)
    axes.axvline(0, color=PALE_INK, linewidth=0.8)
    for place, row in enumerate(rows):
        _draw_row(axes, place, row, base["miou"])
    labels = [row["variant"].removeprefix(f"{baseline}-") for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    seeds = counted(len(base["seeds"]), "seed")
    tidy(axes, f"mIoU less that of {baseline}, {100 * base['miou']:.1f} %, in points", grid="x")
    axes.set_xlabel(
        f"a dot a seed, a line for their mean; grey: twice the baseline's spread, {seeds}",
        color=INK,
        fontsize=9,
    )
    save_figure(figure, path)


def _draw_row(axes: Axes, place: int, row: Mapping[str, Any], base: float) -> None:
    strong = row["resolved"] is not False
    colour = SERIES[0] if strong else PALE_INK
    each = [100 * (score - base) for score in row["miou_per_seed"]]
    axes.plot(each, [place] * len(each), "o", color=colour, markersize=4, alpha=0.6)
    mean = 100 * (row["miou"] - base)
    axes.plot([mean, mean], [place - 0.3, place + 0.3], color=colour, linewidth=2)
