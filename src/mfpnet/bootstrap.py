"""How far scores would move on other frames of the same kind: a block bootstrap of IoU.

Frames of one drive look alike, so blocks of neighbours are resampled, not frames. Numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError
from mfpnet.metrics import Counts, iou_per_class, mean_iou

Interval = tuple[float, float]
Samples = npt.NDArray[np.float64]


def consecutive_blocks(sequences: Sequence[str], length: int) -> list[int]:
    """Cut every sequence into blocks of ``length`` frames; the block number of each frame.

    ``sequences`` holds the sequence of each frame, in order of time; a block never holds two
    sequences, and the last block of a sequence may be shorter. Blocks are numbered from 0 in the
    order in which they first occur.
    """
    if length < 1:
        raise MfpnetError(f"a block needs at least one frame, its length is {length}.")
    seen: dict[str, int] = {}
    numbers: dict[tuple[str, int], int] = {}
    blocks = []
    for sequence in sequences:
        position = seen.get(sequence, 0)
        seen[sequence] = position + 1
        blocks.append(numbers.setdefault((sequence, position // length), len(numbers)))
    return blocks


def block_bootstrap(
    areas_per_block: Counts, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval | None:
    """Percentile interval of the mean IoU, from blocks of frames drawn with replacement.

    ``areas_per_block`` is (blocks, 2, C), the pixels of each class's intersection and union, as
    `metrics.intersection_and_union` has them. The interval is widened to hold the mean IoU of all
    blocks where the resamples, which miss rare classes, all fall to one side of it. None where
    fewer than two blocks hold a counted pixel: one block says nothing about how blocks differ.
    """
    iou = _resampled_iou(areas_per_block, resamples, seed, level)
    if iou is None:
        return None
    point = mean_iou(iou_per_class(*areas_per_block.sum(axis=0)))
    return _interval(np.nanmean(iou, axis=1), point, level)


def block_bootstrap_per_class(
    areas_per_block: Counts, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[Interval | None, ...]:
    """The same for the IoU of each class, over the resamples in which the class occurs.

    None for a class that is absent, or that occurs in one block only.
    """
    iou = _resampled_iou(areas_per_block, resamples, seed, level)
    if iou is None:
        return (None,) * int(areas_per_block.shape[2])
    points = iou_per_class(*areas_per_block.sum(axis=0))
    blocks = (areas_per_block[:, 1] > 0).sum(axis=0)
    return tuple(
        None if point is None or blocks[index] < 2 else _interval(iou[:, index], point, level)
        for index, point in enumerate(points)
    )


def _resampled_iou(
    areas_per_block: Counts, resamples: int, seed: int, level: float
) -> Samples | None:
    """(resamples, C) IoU, NaN where a class does not occur; None with fewer than two blocks."""
    _check(areas_per_block, resamples, level)
    filled = areas_per_block[areas_per_block.any(axis=(1, 2))]
    if len(filled) < 2:
        return None
    generator = np.random.default_rng(seed)
    # How often each block is drawn is all that matters: the counts of a draw are a sum.
    draws = generator.multinomial(len(filled), np.full(len(filled), 1 / len(filled)), resamples)
    both, either = draws @ filled[:, 0], draws @ filled[:, 1]
    samples: Samples = np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
    return samples


def _interval(samples: Samples, point: float, level: float) -> Interval:
    tail = (1 - level) / 2
    low, high = np.nanquantile(samples, (tail, 1 - tail)).tolist()
    return min(low, point), max(high, point)


def _check(areas_per_block: Counts, resamples: int, level: float) -> None:
    shape = areas_per_block.shape
    if len(shape) != 3 or shape[1] != 2:
        raise MfpnetError(f"areas_per_block must be (blocks, 2, C), found {shape}.")
    if resamples < 1 or not 0 < level < 1:
        raise MfpnetError(
            "the bootstrap needs resamples >= 1 and 0 < level < 1, "
            f"found resamples={resamples} and level={level}."
        )
