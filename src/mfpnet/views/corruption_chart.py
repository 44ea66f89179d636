"""The chart of what corruptions cost. matplotlib is the extra `plot`, imported when it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mfpnet.views.canvas import INK, SERIES, new_figure, save_figure, tidy

_MARKS = ("o", "s", "^")


def corruption_picture(
    clean: float, mious: Mapping[str, Sequence[float]], path: Path, what: str = "mIoU"
) -> None:
    """Draw the mIoU against the severity, from the clean frames at 0: one line per corruption.

    Args:
        clean: mIoU of the frames as they are, 0 to 1.
        mious: of each corruption, at severity 1, 2, ..., 0 to 1.
        path: its suffix chooses the format (png, svg, pdf).
        what: name of the score.

    Raises:
        MfpnetError: matplotlib is missing, or the file cannot be written.
    """
    figure = new_figure(8.0, 4.6)
    axes = figure.subplots()
    for index, (name, values) in enumerate(mious.items()):
        axes.plot(
            range(len(values) + 1),
            [100 * value for value in (clean, *values)],
            color=SERIES[index % len(SERIES)],
            linestyle=("-", "--")[index // len(SERIES) % 2],
            marker=_MARKS[index % len(_MARKS)],
            markersize=4.5,
            linewidth=1.6,
            label=name.replace("_", " "),
        )
    axes.set_xticks(range(1 + max(map(len, mious.values()), default=0)))
    axes.set_xlabel("severity; 0: the frames as they are", color=INK)
    axes.set_ylim(bottom=0)
    tidy(axes, f"{what} in %", grid="both")
    axes.legend(
        frameon=False, fontsize=9, labelcolor=INK, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    save_figure(figure, path)
