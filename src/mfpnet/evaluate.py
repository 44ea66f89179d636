"""One confusion matrix over a data set, and every score that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import nsmallest
from operator import attrgetter

import numpy as np

from mfpnet import metrics
from mfpnet.bootstrap import (
    Interval,
    block_bootstrap,
    block_bootstrap_per_class,
    consecutive_blocks,
)
from mfpnet.datasets import Dataset, load_checked
from mfpnet.errors import MfpnetError
from mfpnet.info import ModelInfo
from mfpnet.metrics import ConfusionMatrix, Counts
from mfpnet.predict import Predictor

# Frames of one drive resemble their neighbours: a block of them is one draw of the bootstrap.
BLOCK_FRAMES = 10
MAX_BLOCKS = 64
WORST_FRAMES = 3


@dataclass(frozen=True)
class FrameScore:
    """What one frame comes to.

    Attributes:
        index: its place in the data set.
        name: its own.
        miou: mean IoU of its own confusion matrix, 0 to 1.
    """

    index: int
    name: str
    miou: float


@dataclass(frozen=True)
class Evaluation:
    """Scores of one network on one split, all in 0 to 1.

    Attributes:
        data: name of the data.
        split: which part of it.
        frames: how many.
        classes: name of class i.
        counts: (C, C) int64 confusion matrix, rows target, columns prediction.
        scores: mIoU, IoU of each class (None where absent), pixel accuracy.
        interval: 95 % interval of the mIoU by block bootstrap, None with fewer than two blocks.
        interval_per_class: likewise for each class's IoU, None also where it is absent.
        boundary_iou: IoU of each class within 2 % of the diagonal from its outline.
        worst: the frames with the lowest mIoU, the lowest first.
        flip: whether the mirrored frame was looked at too.
        scales: the factors at which each frame was looked at.
    """

    data: str
    split: str
    frames: int
    classes: tuple[str, ...]
    counts: Counts
    scores: metrics.Scores
    interval: Interval | None
    interval_per_class: tuple[Interval | None, ...]
    boundary_iou: tuple[float | None, ...]
    worst: tuple[FrameScore, ...]
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)

    def as_dict(self) -> dict[str, object]:
        """Plain types only, ready for JSON."""
        return {
            "data": self.data,
            "split": self.split,
            "frames": self.frames,
            "test_time": {"flip": self.flip, "scales": list(self.scales)},
            "miou": self.scores.miou,
            "miou_interval_95": self.interval,
            "pixel_accuracy": self.scores.pixel_accuracy,
            "iou_per_class": dict(zip(self.classes, self.scores.iou_per_class, strict=True)),
            "iou_interval_95_per_class": dict(
                zip(self.classes, self.interval_per_class, strict=True)
            ),
            "boundary_miou": metrics.mean_iou(self.boundary_iou),
            "boundary_iou_per_class": dict(zip(self.classes, self.boundary_iou, strict=True)),
            "worst_frames": [{"name": frame.name, "miou": frame.miou} for frame in self.worst],
            "confusion_matrix": self.counts.tolist(),
        }


def evaluate(
    predictor: Predictor, dataset: Dataset, *, on_frame: Callable[[int], None] | None = None
) -> Evaluation:
    """Score a network on every frame of a data set.

    Args:
        predictor: the network.
        dataset: frames with targets; its classes must be the network's.
        on_frame: called with the number of frames done after each.

    Raises:
        MfpnetError: other classes, an empty data set, a broken frame, or nothing but void.
    """
    _check_classes(predictor, dataset)
    classes = dataset.labels.num_classes
    blocks = _block_of_frames(dataset)
    counts = np.zeros((max(blocks) + 1, classes, classes), dtype=np.int64)
    rims = np.zeros((2, classes), dtype=np.int64)
    worst: list[FrameScore] = []
    for index, block in enumerate(blocks):
        frame, rim = _count_frame(predictor, dataset, index)
        counts[block] += frame
        rims += rim
        if frame.any():
            score = FrameScore(index, dataset.frame_name(index), metrics.scores(frame).miou)
            worst = nsmallest(WORST_FRAMES, [*worst, score], key=attrgetter("miou"))
        if on_frame:
            on_frame(index + 1)
    total = counts.sum(axis=0)
    return Evaluation(
        data=dataset.name,
        split=dataset.split,
        frames=len(dataset),
        classes=dataset.labels.classes,
        counts=total,
        scores=metrics.scores(total),
        interval=block_bootstrap(counts),
        interval_per_class=block_bootstrap_per_class(counts),
        boundary_iou=metrics.iou_per_class(rims[0], rims[1]),
        worst=tuple(worst),
        flip=predictor.flip,
        scales=predictor.scales,
    )


def with_scores(info: ModelInfo, evaluation: Evaluation) -> ModelInfo:
    """The facts of the weights, with these scores in the place of any others.

    Raises:
        MfpnetError: each frame was looked at more than once: a card states the plain score.
    """
    if evaluation.flip or evaluation.scales != (1.0,):
        raise MfpnetError("a card states the plain score: evaluate without --flip and --scales.")
    return replace(
        info,
        score=evaluation.scores.miou,
        score_on=f"{evaluation.data} {evaluation.split}",
        score_frames=evaluation.frames,
        score_interval=evaluation.interval,
        iou=evaluation.scores.iou_per_class,
        iou_interval=evaluation.interval_per_class,
    )


def _count_frame(predictor: Predictor, dataset: Dataset, index: int) -> tuple[Counts, Counts]:
    """A frame's confusion matrix (C, C), and intersection and union of its outlines (2, C)."""
    image, target = load_checked(dataset, index)
    prediction = predictor.predict(image).labels
    classes, void = dataset.labels.num_classes, dataset.labels.ignore_index
    matrix = ConfusionMatrix(classes, void)
    matrix.update(prediction, target)
    return matrix.counts, np.stack(metrics.boundary_counts(prediction, target, classes, void))


def _check_classes(predictor: Predictor, dataset: Dataset) -> None:
    if len(dataset) == 0:
        raise MfpnetError(f"{dataset.name} {dataset.split} has no frames.")
    known, wanted = predictor.info.classes, dataset.labels.classes
    if known != wanted:
        raise MfpnetError(
            f"the weights know {len(known)} classes ({', '.join(known[:4])}, ...), the data has "
            f"{len(wanted)} ({', '.join(wanted[:4])}, ...): they must be the same, in one order."
        )


def _block_of_frames(dataset: Dataset) -> list[int]:
    """Blocks of neighbouring frames, few enough that their matrices take constant memory."""
    drives = [dataset.sequence(index) for index in range(len(dataset))]
    blocks = consecutive_blocks(drives, BLOCK_FRAMES)
    number = max(blocks) + 1
    return [block * MAX_BLOCKS // number for block in blocks] if number > MAX_BLOCKS else blocks
