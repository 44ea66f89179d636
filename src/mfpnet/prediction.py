"""What a network sees in a picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mfpnet.instances.grouping import Objects
from mfpnet.pixels.pictures import Instances, Labels
from mfpnet.pixels.strips import count_labels


@dataclass(frozen=True)
class Prediction:
    """What a network sees in a picture.

    Attributes:
        labels: (H, W) class of each pixel at the picture's own size; uint8, uint16 beyond 255
            classes.
        classes: name of class i.
        objects: what is told apart in it; None of a network that tells nothing apart, or that has
            looked at tiles.
    """

    labels: Labels
    classes: tuple[str, ...]
    objects: Objects | None = None

    @property
    def instances(self) -> Instances | None:
        """(H, W) 0 where there is no object, else the number of each; None as `objects`."""
        return None if self.objects is None else self.objects.instances

    @property
    def counts(self) -> dict[str, int] | None:
        """Objects of each class that has any, in class order; None as `objects`."""
        if self.objects is None:
            return None
        numbers = Counter(self.objects.classes)
        return {self.classes[label]: numbers[label] for label in sorted(numbers)}

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the pixels of each class, 0 to 1, in class order, absent ones left out."""
        counts = count_labels(self.labels, len(self.classes))
        return {
            name: float(count / self.labels.size)
            for name, count in zip(self.classes, counts, strict=True)
            if count
        }
