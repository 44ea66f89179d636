"""What `mfpnet inspect` finds about one mechanism, and the picture that it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Study:
    """One mechanism of a network, looked at.

    Attributes:
        name: of the study, as in `--only attention`; also the name of its picture.
        numbers: plain JSON data; each name says its unit where it has one.
        warnings: one sentence each: what is wrong, and what to do.
        lines: what a terminal says: a few short sentences with figures.
        draw: fills the matplotlib figure that it is handed; `size` is made for it.
        size: width and height of that figure in inches, drawn at 150 pixels an inch.
    """

    name: str
    numbers: dict[str, Any]
    warnings: tuple[str, ...]
    lines: tuple[str, ...]
    draw: Callable[[Any], None]
    size: tuple[float, float] = (8.0, 5.0)


@dataclass(frozen=True)
class Picture:
    """A picture as a network sees it, and what is to be seen on it.

    Attributes:
        name: of its file, or what was drawn.
        view: (H, W, 3) uint8 RGB to be looked at.
        image: (1, C, H, W) float32, normalised: what the network takes.
        labels: (H, W) class of each pixel; anything from the number of classes on is not counted.
            None where nothing of the network's classes is known.
        unlabelled: why `labels` is None, as a clause: "no target was given (--target MASK)".
    """

    name: str
    view: npt.NDArray[np.uint8]
    image: Tensor
    labels: npt.NDArray[np.uint8 | np.uint16] | None
    unlabelled: str = ""


def nothing_to_see(name: str, why: str) -> Study:
    """The study of a mechanism that the network does not have: one sentence, also as a picture."""

    def draw(figure: Any) -> None:
        figure.text(0.5, 0.5, why, ha="center", va="center", fontsize=11)

    return Study(name, {"absent": why}, (), (why,), draw, (6.0, 1.6))
