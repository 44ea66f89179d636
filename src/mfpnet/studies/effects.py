"""What a change inside of a network does to the labels of a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mfpnet.errors import MfpnetError
from mfpnet.metrics import ConfusionMatrix, scores

Labels = npt.NDArray[np.int64]

# A class with fewer of the picture's pixels is not called the one that changes most.
_LEAST_SHARE = 0.005


@dataclass(frozen=True)
class Effect:
    """How the labels with a change differ from those without.

    Attributes:
        changed: share of the picture's pixels that have another label, 0 to 1.
        by_class: for each class, the share of the pixels predicted as it that have another label
            now; None where it was predicted nowhere.
        miou: against the target with the change, 0 to 1; None without a target. Of one picture it
            jumps where a class comes or goes by a few pixels.
        pixel_accuracy: likewise, 0 to 1; does not jump.
    """

    changed: float
    by_class: tuple[float | None, ...]
    miou: float | None
    pixel_accuracy: float | None

    def as_dict(self) -> dict[str, float | None]:
        """Plain types only, ready for JSON."""
        return {
            "labels_changed_share": self.changed,
            "miou": self.miou,
            "pixel_accuracy": self.pixel_accuracy,
        }


@dataclass(frozen=True)
class Subject:
    """A network in eval mode, a picture, and what it predicts of it as it is.

    Attributes:
        network: (1, C, H, W) -> (1, num_classes, H, W).
        image: (1, C, H, W), normalised.
        target: (H, W), the number of classes where a pixel is not counted; None without a target.
        predicted: (H, W) class of each pixel.
        num_classes: how many there are.
    """

    network: nn.Module
    image: Tensor
    target: Labels | None
    predicted: Labels
    num_classes: int

    def as_it_is(self) -> dict[str, float | None]:
        """Its own `miou` and `pixel_accuracy`, 0 to 1; None without a target."""
        miou, accuracy = self._scores(self.predicted)
        return {"miou": miou, "pixel_accuracy": accuracy}

    @property
    def classes(self) -> tuple[Labels, str]:
        """What each pixel is as far as is known, and whether that is 'target' or 'prediction'."""
        return (self.predicted, "prediction") if self.target is None else (self.target, "target")

    def effect(self) -> Effect:
        """Of whatever has been changed in the network at this moment."""
        now = predict(self.network, self.image)
        differs = now != self.predicted
        size = self.num_classes
        of_class = np.bincount(self.predicted.ravel(), minlength=size)
        changed = np.bincount(self.predicted[differs], minlength=size)
        shares = tuple(c / n if n else None for c, n in zip(changed, of_class, strict=True))
        return Effect(float(differs.mean()), shares, *self._scores(now))

    def effect_within(self, change: AbstractContextManager[Any]) -> Effect:
        """Of a change that ends with its context."""
        with change:
            return self.effect()

    def most_changed(self, effect: Effect) -> int | None:
        """The class that loses most of its own pixels, of those with 0.5 % of the picture."""
        shares = np.bincount(self.predicted.ravel(), minlength=self.num_classes)
        large = shares >= _LEAST_SHARE * self.predicted.size
        lost = [
            share if share and fits else 0.0
            for share, fits in zip(effect.by_class, large, strict=True)
        ]
        return int(np.argmax(lost)) if max(lost) > 0 else None

    def _scores(self, labels: Labels) -> tuple[float | None, float | None]:
        if self.target is None:
            return None, None
        counts = ConfusionMatrix(self.num_classes, self.num_classes)
        counts.update(labels, self.target)
        found = scores(counts.counts)
        return found.miou, found.pixel_accuracy


def subject(
    network: nn.Module, image: Tensor, labels: npt.NDArray[Any] | None, num_classes: int
) -> Subject:
    """Look at a picture once.

    Args:
        network: in eval mode; left as it is.
        image: (1, C, H, W), normalised.
        labels: (H, W) target, anything from `num_classes` on not counted; None where there is none.
            A target without a single counted pixel is none.
        num_classes: of the network.

    Raises:
        MfpnetError: the target has another size than the picture.
    """
    if labels is not None and labels.shape != tuple(image.shape[2:]):
        raise MfpnetError(
            f"the target is {labels.shape} and the picture {tuple(image.shape[2:])} (H, W): give "
            f"the mask of this picture, at the size at which it is looked at."
        )
    target = None if labels is None else np.minimum(labels.astype(np.int64), num_classes)
    if target is not None and (target == num_classes).all():
        target = None
    return Subject(network, image, target, predict(network, image), num_classes)


def predict(network: nn.Module, image: Tensor) -> Labels:
    """(1, C, H, W) -> (H, W) class of each pixel."""
    with torch.no_grad():
        labels: Labels = network(image)[0].argmax(0).cpu().numpy()
    return labels


def average(effects: Sequence[Effect], of: Callable[[Effect], float | None]) -> float | None:
    """Mean of one number over several effects; None where it is unknown."""
    values = [of(effect) for effect in effects]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def change_line(what: str, effect: Mapping[str, float | None], before: Mapping[str, Any]) -> str:
    """A sentence on an effect, as `Effect.as_dict` and `Subject.as_it_is` give it."""
    score = ""
    if effect["miou"] is not None:
        names = {"miou": "mIoU", "pixel_accuracy": "pixel accuracy"}
        pairs = [(name, before[key], effect[key] or 0) for key, name in names.items()]
        score = "".join(f", {name} {100 * old:.1f} -> {100 * new:.1f}" for name, old, new in pairs)
    return (
        f"{what}: {100 * (effect['labels_changed_share'] or 0):.2f} % of the labels change{score}."
    )
