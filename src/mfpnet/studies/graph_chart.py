"""The picture of `inspect`'s graph: node by node over the picture, and who tells whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpnet.views.canvas import INK, PALE_INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mfpnet.studies.graph_anatomy import Parts

# Inches.
_WIDTH, _MAP, _TITLE = 16.0, 1.55, 0.4
# Maps that one can still see; of more nodes those with most of the picture are drawn.
MOST = 16
_COLUMNS = 8
_COLOUR = (0.78, 0.21, 0.0)


def figure_size(view: npt.NDArray[np.uint8], nodes: Sequence[int]) -> tuple[float, float]:
    """Width and height in inches for scales of so many nodes each, over a picture (H, W, 3)."""
    lines = sum(-(-min(count, MOST) // _COLUMNS) for count in nodes)
    each = _MAP * view.shape[0] / view.shape[1] + 0.75 * _TITLE
    return _WIDTH, max(lines * each, 2.4 * len(nodes)) + _TITLE * len(nodes)


def draw_graphs(
    figure: Any,
    numbers: Mapping[str, Any],
    parts: Sequence[Parts],
    view: npt.NDArray[np.uint8],
) -> None:
    """Fill a figure with what `studies.graph` found: a row of panels for each scale."""
    scales = [
        (graph, index, part)
        for graph, part in zip(numbers["graphs"], parts, strict=True)
        for index in range(len(graph["scales"]))
    ]
    rows = np.atleast_1d(figure.subfigures(len(scales), 1, hspace=0.02))
    for row, (graph, index, part) in zip(rows, scales, strict=True):
        left, right = row.subfigures(1, 2, width_ratios=(4, 1))
        _draw_nodes(left, graph, index, part, view)
        _draw_adjacency(right.subplots(), graph["adjacency"])


def _draw_nodes(
    figure: Any,
    graph: Mapping[str, Any],
    index: int,
    part: Parts,
    view: npt.NDArray[np.uint8],
) -> None:
    """A small map for each node: the more a pixel is its own, the stronger the colour."""
    scale, maps = graph["scales"][index], part.assignments[index].numpy()
    first = sum(len(each) for each in part.assignments[:index])
    figure.suptitle(_title(graph, scale, len(maps)), fontsize=11, color=INK, x=0.01, ha="left")
    order = np.sort(np.argsort(-maps.mean(axis=(1, 2)), kind="stable")[:MOST])
    columns = min(_COLUMNS, len(order))
    grid = figure.subplots(-(-len(order) // columns), columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, node in zip(grid, order, strict=False):
        _draw_node(axes, maps[node], view, graph["nodes_off"][first + node])


def _title(graph: Mapping[str, Any], scale: Mapping[str, Any], count: int) -> str:
    left_out = f", the largest {MOST} drawn" if count > MOST else ""
    return (
        f"{graph['graph']}, stage {scale['stage']} (stride {scale['stride']}, {graph['form']}): "
        f"{scale['effective_nodes_of_the_picture']:.1f} of {count} nodes in effect, "
        f"{scale['effective_nodes_of_a_pixel']:.1f} at a pixel{left_out}. Each map: the node, its "
        f"share of the picture, the labels that change with it off"
    )


def _draw_node(
    axes: Axes, share: npt.NDArray[np.floating[Any]], view: npt.NDArray[np.uint8], row: Any
) -> None:
    height, width = view.shape[:2]
    colour = np.empty((*share.shape, 4))
    colour[..., :3], colour[..., 3] = _COLOUR, share
    # A pale picture, over which a full share is opaque.
    axes.imshow(0.45 * view.mean(axis=2) + 140, cmap="gray", vmin=0, vmax=255)
    axes.imshow(colour, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="nearest")
    axes.set_title(
        f"{row['node']}: {100 * row['share_of_pixels']:.0f} %, "
        f"off: {100 * row['labels_changed_share']:.1f} %",
        fontsize=8.5,
        color=INK,
        pad=3,
    )


def _draw_adjacency(axes: Axes, adjacency: Mapping[str, Any]) -> None:
    if "absent" in adjacency:
        axes.set_axis_off()
        axes.text(0.5, 0.5, adjacency["absent"], ha="center", fontsize=9, color=PALE_INK, wrap=True)
        return
    from matplotlib.colors import PowerNorm

    weights = np.array(adjacency["weights"])
    shown = axes.imshow(weights, cmap="viridis", norm=PowerNorm(0.5, vmin=0, vmax=1))
    axes.set_title(f"adjacency ({adjacency['kind']})", loc="left", fontsize=9, color=INK)
    axes.set_xlabel("node that tells", fontsize=8.5, color=INK)
    axes.set_ylabel("node that is told", fontsize=8.5, color=INK)
    axes.tick_params(labelsize=7, length=0)
    ticks = range(0, len(weights), max(1, len(weights) // 8))
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    colours = axes.figure.colorbar(shown, ax=axes, shrink=0.7)
    colours.ax.tick_params(labelsize=7, length=0)
