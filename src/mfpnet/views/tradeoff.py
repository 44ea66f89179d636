"""What a comparison's networks reach against what they cost, as one picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mfpnet.errors import MfpnetError
from mfpnet.views.canvas import INK, SERIES, new_figure, save_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import BboxBase

_WIDE = 8  # from this factor on, latencies would crowd at the left of an even axis
_REACH = 6  # pixels between a point or a bar and what must not touch it
# Offsets from the point, best first, and which side of the text comes to lie there.
_Place = tuple[
    tuple[float, float], Literal["left", "center", "right"], Literal["bottom", "center", "top"]
]
_PLACES: tuple[_Place, ...] = (
    ((8, 0), "left", "center"),
    ((-8, 0), "right", "center"),
    ((0, 8), "center", "bottom"),
    ((0, -8), "center", "top"),
)


def accuracy_against_latency(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the mIoU of each network against its OpenVINO latency, one labelled point each.

    A row is one of `ablate`'s record: `variant`, `miou` and `miou_per_seed` (0 to 1) and
    `openvino_ms`. With several seeds a bar reaches from the worst to the best of them. Networks of
    others have a colour of their own. The suffix of `path` chooses the format (png, svg, pdf).

    Raises:
        MfpnetError: no row, matplotlib is missing, or the file cannot be written.
    """
    if not rows:
        raise MfpnetError("there is nothing to draw: the comparison has no network.")
    figure = new_figure(7.0, 4.6)
    axes = figure.subplots()
    for row in rows:
        _draw_point(axes, row)
    several = any(len(row["miou_per_seed"]) > 1 for row in rows)
    bars = ", bars from the worst seed to the best" if several else ""
    tidy(axes, f"mIoU in %{bars}", grid="both")
    axes.set_xlabel("OpenVINO, ms an image", color=INK)
    _scale_latency(axes, [row["openvino_ms"] for row in rows])
    axes.margins(y=0.15)
    figure.draw_without_rendering()  # the labels need to know where their points come to lie
    _label_points(axes, rows)
    save_figure(figure, path)


def _scale_latency(axes: Axes, latencies: Sequence[float]) -> None:
    """From 0 on, or logarithmic where they are far apart; room at the right for a name."""
    from matplotlib.ticker import LogLocator

    least, most = min(latencies), max(latencies)
    if most < _WIDE * least:
        axes.set_xlim(0, 1.15 * most)
        return
    axes.set_xscale("log")
    axes.set_xlim(least / 1.3, 1.3 * most)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()


def _draw_point(axes: Axes, row: Mapping[str, Any]) -> None:
    mean, each = 100 * row["miou"], [100 * value for value in row["miou_per_seed"]]
    reach = [[mean - min(each)], [max(each) - mean]] if len(each) > 1 else None
    axes.errorbar(
        row["openvino_ms"],
        mean,
        yerr=reach,
        fmt="o",
        markersize=7,
        color=_colour(row["variant"]),
        linewidth=1.4,
        capsize=3,
    )


def _colour(variant: str) -> str:
    return SERIES[1] if ":" in variant else SERIES[0]


def _label_points(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    points = [(row["openvino_ms"], 100 * row["miou"]) for row in rows]
    taken = [_occupied(axes, row) for row in rows]
    names = _labels([row["variant"] for row in rows])
    for name, point in zip(names, points, strict=True):
        text = axes.annotate(
            name, point, xytext=(0, 0), textcoords="offset points", color=INK, fontsize=9
        )
        taken.append(_place(text, axes.bbox, taken))


def _place(text: Annotation, inside: BboxBase, taken: Sequence[BboxBase]) -> BboxBase:
    """Put a label where it hides nothing, or to the right where there is no such place."""
    for offset, side, edge in (*_PLACES, _PLACES[0]):
        text.set_position(offset)
        text.set_horizontalalignment(side)
        text.set_verticalalignment(edge)
        box = text.get_window_extent()
        within = inside.x0 <= box.x0 and box.x1 <= inside.x1
        if within and not any(box.overlaps(other) for other in taken):
            break
    return box


def _occupied(axes: Axes, row: Mapping[str, Any]) -> BboxBase:
    """What a point and its bar cover of the picture."""
    from matplotlib.transforms import Bbox

    ends = [100 * value for value in (min(row["miou_per_seed"]), max(row["miou_per_seed"]))]
    corners = axes.transData.transform([(row["openvino_ms"], end) for end in ends])
    return Bbox(corners).padded(_REACH)


def _labels(variants: Sequence[str]) -> list[str]:
    """The factory's name alone where no other network has the same."""
    short = [name.rpartition(":")[2] for name in variants]
    often = Counter(short)
    return [s if often[s] == 1 else full for s, full in zip(short, variants, strict=True)]
