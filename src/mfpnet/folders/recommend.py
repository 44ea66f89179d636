"""A training set-up for frames that nobody has a recipe for."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.pixels.pictures import opened, readable
from mfpnet.recipes import Recipe

RECOMMENDED = "recommended"
# Frames and crops of so many pixels: what a processor of two cores learns from in minutes, and what
# a GPU does. The shorter side decides how large frames are kept.
CPU_SIDE, CPU_CROP = 256, 192 * 256
GPU_SIDE, GPU_CROP = 512, 512 * 512
# Logits of a batch, at the stride of the loss: a third of a gigabyte with their gradient.
MAX_LOGITS = 40_000_000
STRIDE = 16
MANY_CLASSES = 40


@dataclass(frozen=True)
class Facts:
    """What is known of the frames.

    Attributes:
        frames: how many there are to train on.
        sizes: (H, W) of each, or of many of them.
        num_classes: how many are counted.
    """

    frames: int
    sizes: Sequence[tuple[int, int]]
    num_classes: int


def recommend(facts: Facts, *, gpu: bool = False) -> Recipe:
    """A recipe for frames of one's own; its epochs are those of a short run, see `with_epochs`.

    Muon, moving average, weighted classes, Lovasz in the second half and crops aimed at rare
    classes. Large frames are scaled down, crops keep the frames' shape.
    """
    side, area = (GPU_SIDE, GPU_CROP) if gpu else (CPU_SIDE, CPU_CROP)
    typical = _typical(facts.sizes)
    side = min(side, min(typical))
    scale = side / min(typical)
    crop = _crop((typical[0] * scale, typical[1] * scale), area)
    batch = min(8, facts.frames)
    recipe = Recipe(
        epochs=1,
        batch_size=batch,
        crop_size=crop,
        shorter_side=max(side, 32),
        scale=(0.6, 1.6),
        colour=0.2,
        optimizer="muon",
        learning_rate=1.6e-2,
        weight_decay=3e-2,
        warmup_epochs=1,
        ema=0.99,
        # It sorts all pixels once for each class.
        lovasz=0.5 if facts.num_classes <= MANY_CLASSES else 0.0,
        rare_crops=0.3,
        loss_stride=_loss_stride(batch * facts.num_classes * crop[0] * crop[1]),
    )
    return with_epochs(recipe, facts.frames, 40)


def with_epochs(recipe: Recipe, frames: int, epochs: int) -> Recipe:
    """The same for so many passes over so many frames: warm-up and average fit their length.

    A recipe without either stays without.
    """
    epochs = max(epochs, 1)
    steps = epochs * max(frames // min(recipe.batch_size, frames), 1)
    return replace(
        recipe,
        epochs=epochs,
        warmup_epochs=round(min(epochs / 20, 5), 2) if recipe.warmup_epochs else 0.0,
        # The average looks back over the last twentieth of the training.
        ema=round(min(max(1 - 20 / steps, 0.9), 0.999), 4) if recipe.ema else 0.0,
    )


def _typical(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    heights, widths = zip(*sizes, strict=True)
    return int(statistics.median(heights)), int(statistics.median(widths))


def _crop(size: tuple[float, float], area: int) -> tuple[int, int]:
    """The frame's shape with at most so many pixels, in whole strides of the network."""
    factor = min(1.0, math.sqrt(area / (size[0] * size[1])))
    height, width = (max(round(side * factor / STRIDE) * STRIDE, 32) for side in size)
    return height, width


def _loss_stride(logits: int) -> int:
    """At least 2, which costs no accuracy worth the time; more where there are many classes."""
    return max(2, math.ceil(math.sqrt(logits / MAX_LOGITS)))


def facts_of_pairs(pairs: Sequence[Pair], num_classes: int) -> Facts:
    """What a folder's masks say: their headers tell the sizes, of a thousand at most.

    Raises:
        MfpnetError: no pairs at all, or a mask that is no picture.
    """
    if not pairs:
        raise MfpnetError("there is no frame to train on: see `mfpnet data check`.")
    looked_at = pairs[:: -(-len(pairs) // 1000)]
    return Facts(len(pairs), [_size(pair.mask) for pair in looked_at], num_classes)


def _size(mask: Path) -> tuple[int, int]:
    with readable(mask), opened(mask) as picture:
        return picture.height, picture.width
