"""What corruptions of the frames cost a network: one evaluation for each of them and severity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mfpnet.data.datasets import Dataset
from mfpnet.data.derived import Derived
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.evaluate import Evaluation, evaluate
from mfpnet.evaluating.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from mfpnet.evaluating.grouped import Sides
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels
from mfpnet.pixels.rgb_view import rgb_view

ALL = "all"


@dataclass(frozen=True)
class Robustness:
    """Scores on the frames as they are and on corrupted ones.

    Attributes:
        clean: on the frames as they are.
        corrupted: on each corruption, at severity 1 to 5.
    """

    clean: Evaluation
    corrupted: Mapping[str, tuple[Evaluation, ...]]

    def as_dict(self) -> dict[str, object]:
        """Plain types only, ready for JSON."""
        return {
            **self.clean.as_dict(),
            "severities": list(SEVERITIES),
            "corruptions": {name: _scores(found) for name, found in self.corrupted.items()},
            "corrupted_miou": self.mean_miou,
        }

    @property
    def mean_miou(self) -> float:
        """Over all corruptions and severities, 0 to 1."""
        mious = [each.scores.miou for found in self.corrupted.values() for each in found]
        return sum(mious) / len(mious)


def chosen_corruptions(names: Iterable[str]) -> tuple[str, ...]:
    """The corruptions that `--corruptions` names, each once, in the order of `CORRUPTIONS`.

    Raises:
        MfpnetError: there is none of such a name.
    """
    given = set(names)
    for name in sorted(given - {ALL}):
        if name not in CORRUPTIONS:
            raise unknown_name("corruption", name, (*CORRUPTIONS, ALL))
    return tuple(name for name in CORRUPTIONS if ALL in given or name in given)


def corrupted(dataset: Dataset, name: str, severity: int) -> Dataset:
    """The data with its frames corrupted; its targets stay as they are."""

    def change(image: Raster, target: Labels, frame: str) -> tuple[Raster, Labels]:
        return corrupt(rgb_view(image), name, severity, frame), target

    return Derived(dataset, change)


def robustness(
    sides: Sides,
    names: Iterable[str],
    *,
    on_frame: Callable[[int], None] | None = None,
    on_condition: Callable[[str, Evaluation], None] | None = None,
) -> Robustness:
    """Score a network on clean and on corrupted frames.

    Args:
        sides: the network and the data.
        names: of the corruptions.
        on_frame: called after each frame of each condition.
        on_condition: called with the name of each condition and its scores.

    Raises:
        MfpnetError: no corruption is named, or as `evaluate`.
    """
    conditions = [(name, severity) for name in names for severity in SEVERITIES]
    if not conditions:
        raise MfpnetError(f"no corruption is named: give one of {', '.join(CORRUPTIONS)}, or all.")

    def score(dataset: Dataset, title: str) -> Evaluation:
        found = evaluate(sides.predictor, dataset, scored=sides.scored, on_frame=on_frame)
        if on_condition:
            on_condition(title, found)
        return found

    clean = score(sides.dataset, "as they are")
    scored = {
        (name, severity): score(corrupted(sides.dataset, name, severity), f"{name} {severity}")
        for name, severity in conditions
    }
    return Robustness(
        clean,
        {
            name: tuple(scored[name, severity] for severity in SEVERITIES)
            for name in dict.fromkeys(name for name, _ in conditions)
        },
    )


def _scores(found: tuple[Evaluation, ...]) -> dict[str, object]:
    """Of one corruption, severity by severity."""
    return {
        "miou": [each.scores.miou for each in found],
        "pixel_accuracy": [each.scores.pixel_accuracy for each in found],
        "iou_per_class": {
            name: [each.scores.iou_per_class[index] for each in found]
            for index, name in enumerate(found[0].classes)
        },
    }
