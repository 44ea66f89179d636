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
from mfpnet.data.datasets import Dataset, load_checked
from mfpnet.data.map_file import fitting_maps
from mfpnet.errors import MfpnetError
from mfpnet.folders.names import natural
from mfpnet.info import ModelInfo
from mfpnet.instance_scores import panoptic_tally
from mfpnet.instances.panoptic import PanopticScores
from mfpnet.labels import LabelSet
from mfpnet.metrics import ConfusionMatrix, Counts
from mfpnet.pixels.pictures import Labels
from mfpnet.predict import Predictor

# Frames of one drive resemble their neighbours: a block of them is one draw of the bootstrap.
BLOCK_FRAMES = 10
MAX_BLOCKS = 64
WORST_FRAMES = 3
# A matrix of more classes is megabytes of JSON; the largest confusions stand in its place.
MATRIX_CLASSES = 100
MOST_CONFUSED = 20


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
        counts: (C, C) int64 confusion matrix, rows target, columns prediction; with those of
            `unscored` behind them.
        scores: mIoU, IoU of each class (None where absent), pixel accuracy.
        interval: 95 % interval of the mIoU by block bootstrap, None with fewer than two blocks.
        interval_per_class: likewise for each class's IoU, None also where it is absent.
        boundary_iou: IoU of each class within 2 % of the diagonal from its outline.
        worst: the frames with the lowest mIoU, the lowest first.
        flip: whether the mirrored frame was looked at too.
        scales: the factors at which each frame was looked at.
        unscored: names of more classes, which no target has: predicted they are wrong.
        panoptic: scores of the objects, where network and data tell them apart.
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
    unscored: tuple[str, ...] = ()
    panoptic: PanopticScores | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rows and columns of `counts`."""
        return self.classes + self.unscored

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
            "most_confused": self._most_confused(),
            "confusion_matrix": self.counts.tolist() if self._matrix_is_small else None,
            **({"panoptic": self.panoptic.as_dict()} if self.panoptic else {}),
        }

    @property
    def _matrix_is_small(self) -> bool:
        return len(self.classes) <= MATRIX_CLASSES

    def _most_confused(self) -> list[dict[str, object]]:
        """The pairs of classes with the most wrong pixels, the largest first."""
        return [
            {"target": self.names[row], "prediction": self.names[column], "pixels": pixels}
            for row, column, pixels in metrics.most_confused(self.counts, MOST_CONFUSED)
        ]


def evaluate(
    predictor: Predictor,
    dataset: Dataset,
    *,
    on_frame: Callable[[int], None] | None = None,
    on_labels: Callable[[int, Labels], None] | None = None,
    scored: int | None = None,
) -> Evaluation:
    """Score a network on every frame of a data set.

    Args:
        predictor: the network.
        dataset: frames with targets; its classes must be the network's.
        on_frame: called with the number of frames done after each.
        on_labels: called with each frame's index and the labels that were predicted.
        scored: only the first so many classes are; None for all.

    Raises:
        MfpnetError: other classes, an empty data set, a broken frame, or nothing but void.
    """
    check_classes(predictor, dataset)
    tally = _Tally(dataset, scored or dataset.labels.num_classes)
    segments = panoptic_tally(dataset) if predictor.finds_instances else None
    for index in range(len(dataset)):
        image, target = load_checked(dataset, index)
        prediction = predictor.predict(image)
        tally.add(index, prediction.labels, target)
        if segments:
            segments.add(index, prediction, target)
        if on_labels:
            on_labels(index, prediction.labels)
        if on_frame:
            on_frame(index + 1)
    evaluation = tally.evaluation(predictor)
    return replace(evaluation, panoptic=segments.scores()) if segments else evaluation


class _Tally:
    """What is counted of the frames: its memory grows with the classes, not with the frames."""

    def __init__(self, dataset: Dataset, scored: int) -> None:
        self.dataset, self.scored, classes = dataset, scored, dataset.labels.num_classes
        self.blocks = _block_of_frames(dataset)
        self.counts: Counts = np.zeros((classes, classes), dtype=np.int64)
        # Intersection and union are all that scores need of a block: a matrix of each would take
        # half a gigabyte with a thousand classes.
        self.areas: Counts = np.zeros((max(self.blocks) + 1, 2, scored), dtype=np.int64)
        self.rims: Counts = np.zeros((2, scored), dtype=np.int64)
        self.worst: list[FrameScore] = []

    def add(self, index: int, prediction: Labels, target: Labels) -> None:
        """Count a frame."""
        counts, rims = _count_frame(prediction, target, self.dataset.labels)
        areas = np.stack(metrics.intersection_and_union(counts))[:, : self.scored]
        self.counts += counts
        self.areas[self.blocks[index]] += areas
        self.rims += rims[:, : self.scored]
        if areas.any():
            miou = metrics.mean_iou(metrics.iou_per_class(*areas))
            score = FrameScore(index, self.dataset.frame_name(index), miou)
            self.worst = nsmallest(WORST_FRAMES, [*self.worst, score], key=attrgetter("miou"))

    def evaluation(self, predictor: Predictor) -> Evaluation:
        """What all of it comes to."""
        return Evaluation(
            data=self.dataset.name,
            split=self.dataset.split,
            frames=len(self.dataset),
            classes=self.dataset.labels.classes[: self.scored],
            counts=self.counts,
            scores=metrics.scores(self.counts, self.scored),
            interval=block_bootstrap(self.areas),
            interval_per_class=block_bootstrap_per_class(self.areas),
            boundary_iou=metrics.iou_per_class(self.rims[0], self.rims[1]),
            worst=tuple(self.worst),
            flip=predictor.flip,
            scales=predictor.scales,
            unscored=self.dataset.labels.classes[self.scored :],
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


def _count_frame(prediction: Labels, target: Labels, labels: LabelSet) -> tuple[Counts, Counts]:
    """A frame's confusion matrix (C, C), and intersection and union of its outlines (2, C)."""
    classes, void = labels.num_classes, labels.ignore_index
    matrix = ConfusionMatrix(classes, void)
    matrix.update(prediction, target)
    return matrix.counts, np.stack(metrics.boundary_counts(prediction, target, classes, void))


def check_classes(predictor: Predictor, dataset: Dataset) -> None:
    """Make sure that the data has frames, and the classes that the network knows.

    Raises:
        MfpnetError: it has not.
    """
    if len(dataset) == 0:
        raise MfpnetError(f"{dataset.name} {dataset.split} has no frames.")
    known, wanted = predictor.info.classes, dataset.labels.classes
    if known != wanted:
        maps = " or ".join(f"--map {name}" for name in fitting_maps(known, wanted))
        raise MfpnetError(
            f"the weights know {len(known)} classes ({', '.join(known[:4])}, ...), the data has "
            f"{len(wanted)} ({', '.join(wanted[:4])}, ...): they must be the same, in one order; "
            f"or score groups of them, with {maps or 'a --map of your own'}."
        )


def _blocks_in_time(dataset: Dataset) -> list[int]:
    """Neighbours are told by their names: a list of frames may have been shuffled."""
    frames = range(len(dataset))
    drives = [dataset.sequence(index) for index in frames]
    first = {drive: index for index, drive in reversed([*enumerate(drives)])}
    order = sorted(frames, key=lambda i: (first[drives[i]], natural(dataset.frame_name(i))))
    in_order = consecutive_blocks([drives[index] for index in order], BLOCK_FRAMES)
    return [block for _, block in sorted(zip(order, in_order, strict=True))]


def _block_of_frames(dataset: Dataset) -> list[int]:
    """Blocks of neighbouring frames, few enough that what is kept of each takes constant memory."""
    blocks = _blocks_in_time(dataset)
    number = max(blocks) + 1
    return [block * MAX_BLOCKS // number for block in blocks] if number > MAX_BLOCKS else blocks
