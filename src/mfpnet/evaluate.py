"""One confusion matrix over a data set, and every score that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpnet import metrics
from mfpnet.datasets import Dataset, load_checked
from mfpnet.draw import colour_labels, side_by_side
from mfpnet.errors import MfpnetError
from mfpnet.pictures import Image
from mfpnet.predict import Predictor

# Frames of one drive resemble their neighbours: a block of them is one draw of the bootstrap.
BLOCK_FRAMES = 10
MAX_BLOCKS = 64


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
        boundary_iou: IoU of each class within 2 % of the diagonal from its outline.
    """

    data: str
    split: str
    frames: int
    classes: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    scores: metrics.Scores
    interval: tuple[float, float] | None
    boundary_iou: tuple[float | None, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain types only, ready for JSON."""
        return {
            "data": self.data,
            "split": self.split,
            "frames": self.frames,
            "miou": self.scores.miou,
            "miou_interval_95": self.interval,
            "pixel_accuracy": self.scores.pixel_accuracy,
            "iou_per_class": dict(zip(self.classes, self.scores.iou_per_class, strict=True)),
            "boundary_miou": metrics.mean_iou(self.boundary_iou),
            "boundary_iou_per_class": dict(zip(self.classes, self.boundary_iou, strict=True)),
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
    for index, block in enumerate(blocks):
        image, target = load_checked(dataset, index)
        prediction = predictor.predict(image).labels
        matrix = metrics.ConfusionMatrix(classes, dataset.labels.ignore_index)
        matrix.update(prediction, target)
        counts[block] += matrix.counts
        rims += np.stack(
            metrics.boundary_counts(prediction, target, classes, dataset.labels.ignore_index)
        )
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
        interval=metrics.block_bootstrap(counts),
        boundary_iou=metrics.iou_per_class(rims[0], rims[1]),
    )


def label_maps(predictor: Predictor, dataset: Dataset, count: int = 6) -> Image:
    """Target and prediction of some frames, evenly spaced, as label maps beside each other.

    The frames themselves are left out: most data may not be passed on, its label maps say enough.
    """
    cells, titles = [], []
    palette = dataset.labels.palette
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int):
        image, target = load_checked(dataset, index)
        labels = predictor.predict(image).labels
        # Void is not scored, so it is drawn out of the prediction too.
        shown = np.where(target == dataset.labels.ignore_index, target, labels)
        cells += [colour_labels(target, palette), colour_labels(shown, palette)]
        titles += [f"{dataset.frame_name(index)}: target", "prediction"]
    return side_by_side(cells, titles, columns=4)


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
    blocks = metrics.consecutive_blocks(drives, BLOCK_FRAMES)
    number = max(blocks) + 1
    return [block * MAX_BLOCKS // number for block in blocks] if number > MAX_BLOCKS else blocks
