"""Panoptic quality (Kirillov et al. 2019), added up over the pictures of a data set.

A segment is an object of a class of things, or all pixels of another class. One that was predicted
and one that is there match where they are of one class and share more than half of their union.
Of each class, SQ is the mean IoU of its matches, RQ the F1 score of finding its segments, and PQ
their product. Void counts in no union, and segments of which more than half is void not at all; as
in torchmetrics, that goes for void that is predicted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Map = npt.NDArray[np.integer[Any]]
# Segments of a class are counted in steps of it.
_OBJECTS = 1 << 20


@dataclass(frozen=True)
class PanopticScores:
    """Panoptic scores in 0 to 1; None for a class that neither side has.

    Attributes:
        classes: name of class i.
        things: which of them have objects.
        pq: of each class.
        sq: likewise, the mean IoU of what was found.
        rq: likewise, the F1 score of finding.
        found: segments of each class that match.
        missed: segments of each class that are there and match none.
        wrong: segments of each class that were predicted and match none.
    """

    classes: tuple[str, ...]
    things: tuple[str, ...]
    pq: tuple[float | None, ...]
    sq: tuple[float | None, ...]
    rq: tuple[float | None, ...]
    found: tuple[int, ...]
    missed: tuple[int, ...]
    wrong: tuple[int, ...]

    def mean(self, of: Sequence[float | None], *, things: bool | None = None) -> float | None:
        """The mean over the classes that occur: all, those of things, or the others."""
        chosen = [
            value
            for name, value in zip(self.classes, of, strict=True)
            if value is not None and things in (None, name in self.things)
        ]
        return sum(chosen) / len(chosen) if chosen else None

    def as_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        rows = zip(self.pq, self.sq, self.rq, self.found, self.missed, self.wrong, strict=True)
        names = ("pq", "sq", "rq", "found", "missed", "wrong")
        return {
            **{name: self._means(things) for name, things in _GROUPS.items()},
            "things_classes": list(self.things),
            "per_class": {
                name: dict(zip(names, row, strict=True))
                for name, row in zip(self.classes, rows, strict=True)
            },
        }

    def _means(self, things: bool | None) -> dict[str, float | None]:
        parts = {"pq": self.pq, "sq": self.sq, "rq": self.rq}
        return {name: self.mean(of, things=things) for name, of in parts.items()}


_GROUPS: dict[str, bool | None] = {"all": None, "things": True, "stuff": False}


class PanopticQuality:
    """Counts the segments of pictures, one at a time.

    Args:
        classes: name of class i; larger labels are void.
        things: which of them have objects; of the others instances are not looked at.
    """

    def __init__(self, classes: Sequence[str], things: Sequence[str]) -> None:
        self.classes, self.things = tuple(classes), tuple(things)
        self._has_objects = np.isin(np.arange(len(classes) + 1), [*map(classes.index, things)])
        self.shared = np.zeros(len(classes))
        self.found, self.missed, self.wrong = (np.zeros(len(classes), np.int64) for _ in range(3))

    def update(self, predicted: tuple[Map, Map], target: tuple[Map, Map]) -> None:
        """Count a picture: its labels and instances, each (H, W), on both sides.

        Pixels of a class of things without an instance (0) are an object together.
        """
        own, own_areas, own_of = self._segments(*predicted)
        there, there_areas, there_of = self._segments(*target)
        joint = np.bincount(own * len(there_of) + there, minlength=len(own_of) * len(there_of))
        joint = joint.reshape(len(own_of), len(there_of))
        void = len(self.classes)
        own_void, there_void = joint[:, there_of == void].sum(1), joint[own_of == void].sum(0)
        union = (own_areas - own_void)[:, None] + (there_areas - there_void) - joint
        iou = joint / np.maximum(union, 1)
        matched = (iou > 0.5) & (own_of[:, None] == there_of) & (there_of != void)
        rows, columns = np.nonzero(matched)
        np.add.at(self.shared, own_of[rows], iou[rows, columns])
        np.add.at(self.found, own_of[rows], 1)
        self._add(self.wrong, own_of, ~matched.any(axis=1), own_void, own_areas)
        self._add(self.missed, there_of, ~matched.any(axis=0), there_void, there_areas)

    def _segments(self, labels: Map, instances: Map) -> tuple[Counts, Counts, Counts]:
        """The segment of each pixel (H * W), and the pixels and the class of each segment."""
        classes = np.minimum(labels.ravel(), len(self.classes)).astype(np.int64)
        objects = instances.ravel() * self._has_objects[classes]
        codes, segments, areas = np.unique(
            classes * _OBJECTS + objects, return_inverse=True, return_counts=True
        )
        return segments.reshape(-1), areas, codes // _OBJECTS

    def _add(
        self,
        counts: Counts,
        classes: Counts,
        unmatched: npt.NDArray[np.bool_],
        void: Counts,
        areas: Counts,
    ) -> None:
        """Count segments without a match, but for those that are void or mostly hidden by it."""
        counted = unmatched & (classes != len(self.classes)) & (void * 2 <= areas)
        np.add.at(counts, classes[counted], 1)

    def scores(self) -> PanopticScores:
        """What has been counted comes to."""
        total = self.found + (self.missed + self.wrong) / 2
        found = np.where(self.found > 0, self.found, 1)
        sq, rq = self.shared / found, self.found / np.where(total > 0, total, 1)
        pq, sq_list, rq_list = (
            tuple(float(v) if t > 0 else None for v, t in zip(values, total, strict=True))
            for values in (sq * rq, sq, rq)
        )
        counts = (tuple(map(int, each)) for each in (self.found, self.missed, self.wrong))
        return PanopticScores(self.classes, self.things, pq, sq_list, rq_list, *counts)
