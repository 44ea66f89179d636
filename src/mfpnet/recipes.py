"""What a training set-up is; those that have a name stand in `known_recipes`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mfpnet.errors import MfpnetError

Precision = Literal["auto", "fp32", "bf16", "fp16"]
OptimizerName = Literal["adam", "adamw", "muon", "sgd"]

# Names, what is allowed of them, and how to say it; infinity passes none.
_RULES: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
    (
        ("epochs", "batch_size", "accumulate", "learning_rate", "loss_stride", "temperature"),
        lambda value: 0 < value < math.inf,
        "above 0",
    ),
    (
        (
            "colour",
            "blur",
            "noise",
            "warmup_epochs",
            "full_frame_epochs",
            "weight_decay",
            "lovasz",
            "power",
        ),
        lambda value: 0 <= value < math.inf,
        "0 or more",
    ),
    (
        ("lovasz_from", "auxiliary", "rare_crops", "class_mix", "distillation"),
        lambda value: 0 <= value <= 1,
        "0 to 1",
    ),
    (("ema", "momentum"), lambda value: 0 <= value < 1, "0 (off) or below 1"),
)


@dataclass(frozen=True)
class Recipe:
    """Everything about training but the network, the data and the machine.

    Attributes:
        epochs: passes over the training frames.
        batch_size: frames a step.
        accumulate: steps whose gradients are summed before the weights move.
        crop_size: (H, W) of a training crop.
        input_size: (H, W) to which frames are brought before anything else, and to which larger
            pictures are when it predicts; None for their own size.
        shorter_side: frames whose shorter side is longer are scaled down to it before anything
            else, where there is no `input_size`.
        full_frame_epochs: the last epochs train on crops of the whole frame's size: far taps of
            the dilated convolutions lie outside a small crop and would stay untrained.
        scale: smallest and largest factor on a frame.
        flip: mirror every second frame.
        colour: strength of the colour changes, 0 for none.
        blur: largest standard deviation of a lens's blur on every second crop, in pixels.
        noise: likewise of a sensor's noise, in 0 to 1 of the brightest value.
        optimizer: adam, adamw, muon (`training.muon`) or sgd.
        learning_rate: its peak.
        weight_decay: on kernels only.
        momentum: of SGD.
        power: of the poly schedule.
        warmup_epochs: linear rise at the start.
        class_weights: weigh the classes by 1 / ln(1.10 + p).
        ohem_threshold: count only pixels whose true class is less likely than this; None for all.
        lovasz: weight of the Lovasz-softmax loss beside the cross-entropy, 0 for none.
        lovasz_from: it counts once this share of the training is over, 0 to 1.
        auxiliary: weight of each auxiliary head's loss, 0 for no such heads.
        branches: train each kernel as the sum of several (`training.branches`), which are one when
            it is saved.
        rare_crops: share of the crops that are aimed at a class with less than half an even share
            of the pixels.
        class_mix: share of the crops onto which classes of another are pasted (`mixing`).
        distillation: share of the teachers' opinion in the loss, where there are teachers.
        temperature: of the teachers' opinion, above 1 for softer ones.
        ema: decay of the averaged weights, 0 for none; the averaged ones are evaluated and saved.
        precise_bn: in the end measure the batch norms' statistics anew, on the training frames as
            they are, or on crops that fit into all (`training.precise_bn`).
        loss_stride: the loss looks at every n-th row and column of the logits; 1 for all of them.
        precision: auto is bf16 on a GPU that has it, fp32 elsewhere.
    """

    epochs: int
    batch_size: int
    crop_size: tuple[int, int]
    input_size: tuple[int, int] | None = None
    shorter_side: int | None = None
    full_frame_epochs: int = 0
    accumulate: int = 1
    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    colour: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    optimizer: OptimizerName = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    power: float = 0.9
    warmup_epochs: float = 0.0
    class_weights: bool = True
    ohem_threshold: float | None = None
    lovasz: float = 0.0
    lovasz_from: float = 0.5
    auxiliary: float = 0.0
    branches: bool = False
    rare_crops: float = 0.0
    class_mix: float = 0.0
    distillation: float = 0.5
    temperature: float = 1.0
    ema: float = 0.0
    precise_bn: bool = False
    loss_stride: int = 1
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        """Refuse values that cannot train."""
        for names, allowed, rule in _RULES:
            for name in names:
                if not allowed(getattr(self, name)):
                    raise MfpnetError(f"{name} is {getattr(self, name)}: it must be {rule}.")
        for name, size in (("crop_size", self.crop_size), ("input_size", self.input_size)):
            if size and min(size) < 32:
                raise MfpnetError(f"{name} {size} is too small: at least 32x32.")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise MfpnetError(f"scale is {self.scale}: smallest and largest factor, above 0.")
        if self.ohem_threshold is not None and not 0 < self.ohem_threshold <= 1:
            raise MfpnetError(f"ohem_threshold is {self.ohem_threshold}: above 0, at most 1.")
