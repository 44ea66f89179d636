"""What all charts share: colours, an empty figure, its axes and its file.

matplotlib is the extra `plot`, imported when a figure is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mfpnet.errors import MfpnetError, missing_extra
from mfpnet.files import atomic_path, check_writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#20242c"
PALE_INK = "#767c86"
GRID = "#e4e7eb"
# Told apart by people with any colour vision (Okabe and Ito 2008), the bright yellow left out.
SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, without pyplot and its global state.

    Raises:
        MfpnetError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("plot", "drawing a chart") from error
    figure = Figure(figsize=(width, height), facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure atomically; the suffix of the path chooses the format.

    Raises:
        MfpnetError: an unknown suffix, or the file cannot be written.
    """
    kind = _kind(figure, path)
    _as_spelt(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=150)


def _as_spelt(figure: Figure) -> None:
    """Take no text for a formula but the powers on a logarithmic axis.

    A class or a file may be called `$x_$`, which matplotlib cannot parse, or `$5 to $9`.
    """
    from matplotlib.text import Text

    powers = [
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        if axis.get_scale() == "log"
        for label in axis.get_ticklabels(which="both")
    ]
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in powers:
            text.set_parse_math(False)


def check_drawable(path: Path) -> None:
    """Make sure, before minutes of work, that a chart can be drawn as this file.

    Raises:
        MfpnetError: matplotlib is missing, the suffix is unknown, or the file cannot be written.
    """
    _kind(new_figure(1, 1), path)
    check_writable(path)


def _kind(figure: Figure, path: Path) -> str:
    kind = path.suffix.lower().removeprefix(".")
    if kind not in figure.canvas.get_supported_filetypes():
        raise MfpnetError(f"cannot draw '{path}': give a name that ends in .png, .svg or .pdf.")
    return kind


def tidy(axes: Axes, title: str, *, grid: Literal["both", "x"]) -> None:
    """A title on the left, pale lines, no frame."""
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(PALE_INK)
    axes.tick_params(colors=PALE_INK, labelcolor=INK, labelsize=9, length=0)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
