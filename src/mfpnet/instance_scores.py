"""Panoptic quality of a network on data that tells its objects apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mfpnet.data.datasets import Dataset, instances_of
from mfpnet.instances.grouping import Objects
from mfpnet.instances.panoptic import PanopticQuality, PanopticScores
from mfpnet.pixels.pictures import Instances, Labels
from mfpnet.prediction import Prediction


class PanopticTally:
    """What is counted of the frames' segments.

    Args:
        dataset: the data.
        apart: tells the objects of a frame apart; see `instances_of`.
    """

    def __init__(self, dataset: Dataset, apart: Callable[[int], Instances]) -> None:
        self._apart = apart
        self._quality = PanopticQuality(dataset.labels.classes, dataset.labels.things)

    def add(self, index: int, prediction: Prediction, target: Labels) -> None:
        """Count a frame."""
        assert prediction.objects is not None
        predicted = object_labels(prediction.labels, prediction.objects)
        self._quality.update(
            (predicted, prediction.objects.instances), (target, self._apart(index))
        )

    def scores(self) -> PanopticScores:
        """What all of it comes to."""
        return self._quality.scores()


def panoptic_tally(dataset: Dataset) -> PanopticTally | None:
    """Where to count; None where the data tells no objects apart."""
    apart = instances_of(dataset)
    return PanopticTally(dataset, apart) if apart else None


def object_labels(labels: Labels, objects: Objects) -> Labels:
    """The labels with every object in its one class: (H, W)."""
    classes = np.array((0, *objects.classes), dtype=labels.dtype)
    found: Labels = np.where(objects.instances > 0, classes[objects.instances], labels)
    return found
