"""Scores of a label map: confusion matrix, mean IoU and boundary IoU.

There is one definition of mean IoU in this package and it stands here: all frames are counted into
one confusion matrix, void pixels are left out, and the mean is taken over the classes that occur in
the target or in the prediction. Numpy only, so that scoring needs no network library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError

LabelMap = npt.NDArray[np.integer[Any]]
Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BOUNDARY_SHARE = 0.02


class ConfusionMatrix:
    """Pixel counts of every (target, prediction) pair; memory does not grow with the frames.

    Attributes:
        num_classes: how many classes are counted.
        ignore_index: target label that is never counted, whatever is predicted there.
        counts: (num_classes, num_classes) int64, row = target, column = prediction.
    """

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        if num_classes < 1:
            raise MfpnetError(f"a score needs at least one class, num_classes is {num_classes}.")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts: Counts = np.zeros((num_classes, num_classes), dtype=np.int64)

    def update(self, prediction: LabelMap, target: LabelMap) -> None:
        """Count one frame, or any stack of frames: two integer arrays of the same shape.

        Raises MfpnetError, and counts nothing, where shapes differ or a counted pixel holds a label
        outside 0 .. num_classes - 1. Predictions at void pixels are not looked at.
        """
        counted = _counted_pixels(prediction, target, self.num_classes, self.ignore_index)
        pairs = target[counted].astype(np.intp) * self.num_classes
        pairs += prediction[counted].astype(np.intp)
        counts = np.bincount(pairs, minlength=self.num_classes**2)
        self.counts += counts.reshape(self.counts.shape)

    def __add__(self, other: ConfusionMatrix) -> ConfusionMatrix:
        """The matrix of the frames of both; the two stay as they are."""
        mine = (self.num_classes, self.ignore_index)
        theirs = (other.num_classes, other.ignore_index)
        if mine != theirs:
            raise MfpnetError(
                f"cannot add confusion matrices of different label sets: {mine} and {theirs} "
                "(num_classes, ignore_index). Score each label set on its own."
            )
        total = ConfusionMatrix(*mine)
        total.counts = self.counts + other.counts
        return total


@dataclass(frozen=True)
class Scores:
    """What a confusion matrix comes to; every number is between 0 and 1.

    Attributes:
        miou: mean of ``iou_per_class`` over the classes that are present.
        iou_per_class: IoU of each class, None where target and prediction both lack it.
        pixel_accuracy: share of the counted pixels that are right.
    """

    miou: float
    iou_per_class: tuple[float | None, ...]
    pixel_accuracy: float


def scores(counts: Counts, scored: int | None = None) -> Scores:
    """Scores of (C, C) counts, row = target. MfpnetError where not a single pixel was counted.

    Of the classes only the first ``scored`` count, where that is given; the others are wrong
    wherever they are predicted.
    """
    intersection, union = intersection_and_union(counts)
    per_class = iou_per_class(intersection[:scored], union[:scored])
    return Scores(
        miou=mean_iou(per_class),
        iou_per_class=per_class,
        pixel_accuracy=float(intersection.sum() / counts.sum()),
    )


def intersection_and_union(counts: Counts) -> tuple[Counts, Counts]:
    """(..., C, C) counts to the pixels of each class in target and prediction, and in either."""
    intersection: Counts = np.diagonal(counts, axis1=-2, axis2=-1)
    return intersection, counts.sum(axis=-1) + counts.sum(axis=-2) - intersection


def most_confused(counts: Counts, number: int) -> list[tuple[int, int, int]]:
    """Target, prediction and pixels of the largest (C, C) counts off the diagonal, largest first.

    At most ``number`` of them; pairs that never occur are left out.
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    flat = wrong.ravel()
    largest = np.argsort(-flat, kind="stable")[:number].tolist()
    return [(*divmod(place, len(counts)), int(flat[place])) for place in largest if flat[place]]


def iou_per_class(intersection: Counts, union: Counts) -> tuple[float | None, ...]:
    """(C,) pixel counts to the IoU of each class, None where the class does not occur."""
    pairs = zip(intersection.tolist(), union.tolist(), strict=True)
    return tuple(both / either if either else None for both, either in pairs)


def mean_iou(per_class: Sequence[float | None]) -> float:
    """Mean over the classes that are present. MfpnetError where none is."""
    present = [iou for iou in per_class if iou is not None]
    if not present:
        raise MfpnetError(
            "nothing to score: no target pixel holds a class, all are void. "
            "Check ignore_index and that the masks belong to this label set."
        )
    return math.fsum(present) / len(present)


def boundary_counts(
    prediction: LabelMap,
    target: LabelMap,
    num_classes: int,
    ignore_index: int,
    width: int | None = None,
) -> tuple[Counts, Counts]:
    """Pixels for the boundary IoU of one (H, W) frame: intersection and union, (C,) int64 each.

    Boundary IoU (Cheng et al., "Boundary IoU", CVPR 2021) compares only the pixels of a mask that
    lie at most ``width`` pixels (in the larger of dy and dx) from the outside of that mask. As in
    the authors' code the outside of the image is outside of every mask, and the default width is
    2 % of the image diagonal, at least 1. Void is cut out of both maps, so its rim is a rim of
    both, and void pixels are never counted. Sum both results over the frames before dividing.
    """
    if target.ndim != 2:
        raise MfpnetError(f"a boundary needs one (H, W) map, found shape {target.shape}.")
    if width is None:
        width = max(1, round(BOUNDARY_SHARE * math.hypot(*target.shape)))
    if width < 1:
        raise MfpnetError(f"the boundary width is {width} pixels, it must be at least 1.")
    counted = _counted_pixels(prediction, target, num_classes, ignore_index)
    predicted, true = (_void_last(labels, counted, num_classes) for labels in (prediction, target))
    predicted_rim, true_rim = _rim(predicted, width), _rim(true, width)
    both = predicted_rim & true_rim & (predicted == true)
    intersection = _count_classes(true[both], num_classes)
    either = _count_classes(true[true_rim], num_classes)
    either += _count_classes(predicted[predicted_rim], num_classes)
    return intersection, either - intersection


def _counted_pixels(
    prediction: LabelMap, target: LabelMap, num_classes: int, ignore_index: int
) -> Mask:
    """Where the target is not void, once both maps are known to be fit to be counted."""
    if prediction.shape != target.shape:
        raise MfpnetError(
            f"prediction is {prediction.shape} and target is {target.shape}: "
            "bring the prediction to the size of the target first."
        )
    counted: Mask = np.not_equal(target, ignore_index)
    for what, labels in (("prediction", prediction), ("target", target)):
        _check_labels(what, labels, counted, num_classes)
    return counted


def _check_labels(what: str, labels: LabelMap, counted: Mask, num_classes: int) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        raise MfpnetError(f"{what} holds {labels.dtype}, labels are integers: take the argmax.")
    wrong = counted & ((labels < 0) | (labels >= num_classes))
    if wrong.any():
        raise MfpnetError(
            f"{what} holds label {labels[wrong][0]} in a counted pixel, but the classes are 0 to "
            f"{num_classes - 1}. Check that network, masks and ignore_index share one label set."
        )


def _void_last(labels: LabelMap, counted: Mask, num_classes: int) -> LabelMap:
    """Labels in the smallest type that fits, with ``num_classes`` as the label of void."""
    mapped: LabelMap = labels.astype(np.min_scalar_type(num_classes))
    mapped[~counted] = num_classes
    return mapped


def _rim(labels: LabelMap, width: int) -> Mask:
    """Pixels whose (2 width + 1)^2 window leaves the image or holds a second label.

    That is each class's mask minus its erosion, for all classes in one pass.
    """
    height, breadth = labels.shape
    rim: Mask = np.ones(labels.shape, dtype=np.bool_)
    if min(height, breadth) > 2 * width:
        side = 2 * width + 1
        inner = rim[width : height - width, width : breadth - width]
        inner[:] = _windows(np.minimum, labels, side) != _windows(np.maximum, labels, side)
    return rim


def _windows(extreme: np.ufunc, labels: LabelMap, side: int) -> LabelMap:
    """Minimum or maximum over every side x side window inside the map, one axis after the other."""
    return _spans(extreme, _spans(extreme, labels, side).T, side).T


def _spans(extreme: np.ufunc, values: LabelMap, side: int) -> LabelMap:
    """The same over ``side`` neighbouring rows, in log2(side) steps of overlapping spans."""
    span = 1
    while span < side:
        step = min(span, side - span)
        values = extreme(values[:-step], values[step:])
        span += step
    return values


def _count_classes(labels: LabelMap, num_classes: int) -> Counts:
    counts: Counts = np.bincount(labels, minlength=num_classes + 1)[:num_classes]
    return counts.astype(np.int64)
