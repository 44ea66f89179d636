"""What travels with trained weights, so that nobody has to remember it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from mfpnet.errors import MfpnetError
from mfpnet.pixels.format import PixelFormat


@dataclass(frozen=True)
class ModelInfo:
    """The facts a prediction needs, and where the weights come from.

    Attributes:
        variant: name of the network.
        classes: name of class i.
        palette: RGB colour of class i, each channel 0 to 255.
        mean: per-channel mean of the images the network expects, in 0 to 1; of RGB, or of as many
            channels as the network takes.
        std: per-channel standard deviation, likewise.
        ignore_index: the label that was never counted.
        input_size: (H, W) of the frames it was trained on; larger images are scaled down to it.
        data: name of the training data.
        split: which part of it was trained on.
        recipe: name of the training recipe, and what was changed of it.
        epochs: passes over the training data.
        started_from: name and score of the weights that the training went on from, empty for random
            ones.
        taught_by: names and scores of the teachers' weights.
        score: test mIoU in 0 to 1, or None where it has not been measured.
        score_on: what the score was measured on.
        score_frames: how many frames that were.
        score_interval: 95 % interval of the score by block bootstrap, or None.
        iou: test IoU of each class, None where it is absent; empty where it was not measured.
        iou_interval: 95 % interval of each, or None; empty likewise.
        licence: the limit that the training data puts on the weights.
        bits: 8 or 16, of a pixel's values: 1 stands for 255 or 65535.
        things: names of the classes whose objects the network tells apart; empty for none.
    """

    variant: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ignore_index: int
    input_size: tuple[int, int]
    data: str = "unknown"
    split: str = "unknown"
    recipe: str = "unknown"
    epochs: int = 0
    started_from: str = ""
    taught_by: tuple[str, ...] = ()
    score: float | None = None
    score_on: str = ""
    score_frames: int = 0
    score_interval: tuple[float, float] | None = None
    iou: tuple[float | None, ...] = ()
    iou_interval: tuple[tuple[float, float] | None, ...] = ()
    licence: str = "unknown"
    bits: int = 8
    things: tuple[str, ...] = ()

    @property
    def format(self) -> PixelFormat:
        """The pixels that the network takes."""
        return PixelFormat(len(self.mean), self.bits)

    def unscored(self) -> ModelInfo:
        """The same facts without scores: those that a network shares with a file made of it."""
        return replace(
            self,
            score=None,
            score_on="",
            score_frames=0,
            score_interval=None,
            iou=(),
            iou_interval=(),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelInfo:
        """The inverse of `as_dict`; JSON's lists become tuples again."""
        known = {field.name for field in fields(cls)}
        if unknown := set(values) - known:
            raise MfpnetError(f"the weights come from a newer mfpnet (fields {sorted(unknown)}).")
        info = cls(**frozen(values))
        for name, fits in _FITS.items():
            if not fits(info):
                raise MfpnetError(f"{name} is {getattr(info, name)!r}, which cannot be.")
        return info


def _numbers(values: Any, count: int, kinds: type | tuple[type, ...] = (int, float)) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == count > 0
        and all(isinstance(value, kinds) for value in values)
    )


# What the facts without which nothing can be predicted have to be.
_FITS: dict[str, Callable[[ModelInfo], bool]] = {
    "classes": lambda info: (
        isinstance(info.classes, tuple) and all(isinstance(name, str) for name in info.classes)
    ),
    "palette": lambda info: (
        isinstance(info.palette, tuple)
        and len(info.palette) == len(info.classes)
        and all(_numbers(colour, 3, int) for colour in info.palette)
        and all(0 <= value <= 255 for colour in info.palette for value in colour)
    ),
    "mean": lambda info: isinstance(info.mean, tuple) and _numbers(info.mean, len(info.mean)),
    "std": lambda info: _numbers(info.std, len(info.mean)) and all(info.std),
    "input_size": lambda info: _numbers(info.input_size, 2, int) and min(info.input_size) > 0,
    "bits": lambda info: info.bits in (8, 16),
    "things": lambda info: set(info.things) <= set(info.classes),
}


def frozen(value: Any) -> Any:
    """JSON's lists, at any depth, as the tuples they were."""
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    return tuple(frozen(item) for item in value) if isinstance(value, list | tuple) else value
