"""How sure a network is over a data set, as it comes and with a temperature fitted elsewhere.

A temperature that has seen a frame flatters it. So each drive is scored with the temperature that
was fitted on the other drives; where there is one drive only, its halves take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfpnet.data.datasets import Dataset, load_checked
from mfpnet.errors import MfpnetError
from mfpnet.evaluating.calibration import (
    Reliability,
    Values,
    expected_calibration_error,
    fit_temperature,
    mean_nll,
)
from mfpnet.pixels.bands import as_taken
from mfpnet.pixels.enlarge import Logits, enlarged_strips, likeliest, log_softmax
from mfpnet.pixels.pictures import Labels
from mfpnet.pixels.resizing import resize_image
from mfpnet.predict import Predictor

# More drives than this are fitted in groups: a drive is then left out together with its group.
FOLDS = 8
# A temperature is one number: it is fitted to frames spread over the drives, and to so many of
# their logits that they take 4 MB, however many frames there are.
FIT_FRAMES = 96
FIT_VALUES = 1_000_000


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy, before and after temperature scaling.

    Attributes:
        before: of the network as it comes.
        after: with the temperature fitted on the other drives.
        temperature_per_drive: that temperature, for each drive or half of the only one.
    """

    before: Reliability
    after: Reliability
    temperature_per_drive: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        """Plain types only, ready for JSON."""
        return {
            "ece_before": expected_calibration_error(self.before),
            "ece_after": expected_calibration_error(self.after),
            "nll_before": mean_nll(self.before),
            "nll_after": mean_nll(self.after),
            "temperature_per_drive": dict(self.temperature_per_drive),
            "reliability_before": self.before.as_dict(),
            "reliability_after": self.after.as_dict(),
        }


def calibrate(
    predictor: Predictor, dataset: Dataset, *, on_frame: Callable[[], None] | None = None
) -> Calibration:
    """Count reliability over a data set; no pixel meets a temperature that was fitted to it.

    Args:
        predictor: the network; its classes must be the data's.
        dataset: frames with targets.
        on_frame: called each time the network has seen a frame, `network_runs` times in all.

    Raises:
        MfpnetError: a single frame, a broken one, or nothing but void to fit to.
    """
    tell = on_frame or (lambda: None)
    parts = _parts(dataset)
    folds = _folds(parts)
    samples = _samples(predictor, dataset, folds, tell)
    fitted = {fold: _fit_without(fold, samples) for fold in samples}
    before, after = Reliability(), Reliability()
    for index, fold in enumerate(folds):
        for logits, labels in _counted_logits(predictor, dataset, index):
            _count(before, logits, labels)
            _count(after, logits / fitted[fold], labels)
        tell()
    drives = {part: fitted[fold] for part, fold in zip(parts, folds, strict=True)}
    return Calibration(before, after, drives)


def network_runs(dataset: Dataset) -> int:
    """How often `calibrate` runs the network: for every frame, and for those it fits to."""
    return len(dataset) + len(_fitted_frames(_folds(_parts(dataset))))


def _parts(dataset: Dataset) -> list[str]:
    """The drive of each frame, or its half where there is one drive only."""
    drives = [dataset.sequence(index) for index in range(len(dataset))]
    if len(set(drives)) > 1:
        return drives
    half = len(drives) // 2
    return [
        f"{drive}, {'first' if index < half else 'second'} half"
        for index, drive in enumerate(drives)
    ]


def _folds(parts: Sequence[str]) -> list[int]:
    """The group of each frame; groups hold whole parts."""
    names = list(dict.fromkeys(parts))
    if len(names) < 2:
        raise MfpnetError(
            "a calibration needs two frames or more: the temperature that a frame is scored with "
            "is fitted to others."
        )
    groups = min(FOLDS, len(names))
    fold = {name: number * groups // len(names) for number, name in enumerate(names)}
    return [fold[part] for part in parts]


def _fitted_frames(folds: Sequence[int]) -> list[int]:
    """Frames evenly spaced in each fold, as many in each where it has them."""
    chosen: list[int] = []
    for fold in dict.fromkeys(folds):
        frames = np.flatnonzero(np.equal(folds, fold))
        count = min(len(frames), FIT_FRAMES // len(set(folds)))
        chosen += frames[np.linspace(0, len(frames) - 1, count).round().astype(int)].tolist()
    return chosen


def _samples(
    predictor: Predictor, dataset: Dataset, folds: Sequence[int], tell: Callable[[], None]
) -> dict[int, tuple[list[Values], list[Labels]]]:
    """Logits (n, C) and labels (n,) of pixels drawn from some frames of each fold."""
    frames = _fitted_frames(folds)
    wanted = FIT_VALUES // (len(frames) * dataset.labels.num_classes)
    samples: dict[int, tuple[list[Values], list[Labels]]] = {fold: ([], []) for fold in folds}
    for index in frames:
        parts = list(_counted_logits(predictor, dataset, index, most=wanted))
        samples[folds[index]][0].extend(logits.T for logits, _ in parts)
        samples[folds[index]][1].extend(labels for _, labels in parts)
        tell()
    return samples


def _fit_without(fold: int, samples: Mapping[int, tuple[list[Values], list[Labels]]]) -> float:
    others = [sample for number, sample in samples.items() if number != fold]
    logits = np.concatenate([values for sample in others for values in sample[0]])
    labels = np.concatenate([values for sample in others for values in sample[1]])
    return fit_temperature(logits, labels)


def _counted_logits(
    predictor: Predictor, dataset: Dataset, index: int, most: int | None = None
) -> Iterator[tuple[Logits, Labels]]:
    """Logits (C, n) and labels (n,) of a frame's pixels that are not void, strip by strip.

    `most` pixels are drawn where there are more, the same ones each time.
    """
    image, target = load_checked(dataset, index)
    image = as_taken(image, predictor.info.format)
    size = (target.shape[0], target.shape[1])
    logits = predictor.logits(resize_image(image, predictor.network_size(size)))
    counted = target != dataset.labels.ignore_index
    if most is not None and counted.sum() > most:
        drawn = np.random.default_rng(index).choice(np.flatnonzero(counted), most, replace=False)
        counted = np.zeros_like(counted)
        counted.flat[drawn] = True
    for rows, strip in enlarged_strips(predictor.engine.to_numpy(logits)[0], size):
        yield strip[:, counted[rows]], target[rows][counted[rows]]


def _count(reliability: Reliability, logits: Logits, labels: Labels) -> None:
    """Count pixels: (C, n) logits and (n,) labels."""
    log_probability = log_softmax(logits)
    right: npt.NDArray[np.bool_] = likeliest(logits) == labels
    nll = -log_probability[labels, np.arange(len(labels))]
    reliability.update(np.exp(log_probability.max(axis=0)), right, nll)
