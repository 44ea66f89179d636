"""Sheets of label maps: what was asked, what was answered, and where the answer is wrong.

The frames themselves are left out: most data may not be passed on, its label maps say enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mfpnet.data.datasets import Dataset, load_checked
from mfpnet.evaluate import FrameScore
from mfpnet.pixels.draw import (
    Colour,
    LegendEntry,
    colour_labels,
    legend,
    legend_entries,
    side_by_side,
)
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.predict import Predictor

_WRONG: Colour = (214, 32, 64)
_VOID: Colour = (0, 0, 0)
# How much of its colour a right pixel keeps: enough to find one's way, too little to be looked at.
_PALE = 0.3


def label_maps(predictor: Predictor, dataset: Dataset, count: int = 6) -> Image:
    """Target and prediction of some frames, evenly spaced, as label maps beside each other."""
    cells, titles = [], []
    palette = dataset.labels.palette
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int):
        target, shown = _target_and_prediction(predictor, dataset, index)
        cells += [colour_labels(target, palette), colour_labels(shown, palette)]
        titles += [f"{dataset.frame_name(index)}: target", "prediction"]
    return side_by_side(cells, titles, columns=4)


def one_frame(predictor: Predictor, datasets: Mapping[str, Dataset], index: int = 0) -> Image:
    """Target and predictions of one frame, whose pixels differ from data set to data set.

    Args:
        predictor: the network.
        datasets: title -> data; of the same frames, targets and classes.
        index: of the frame.
    """
    first = next(iter(datasets.values()))
    palette = first.labels.palette
    cells = [colour_labels(load_checked(first, index)[1], palette)]
    for dataset in datasets.values():
        cells.append(colour_labels(_target_and_prediction(predictor, dataset, index)[1], palette))
    return side_by_side(cells, [f"{first.frame_name(index)}: target", *datasets], columns=4)


def error_maps(predictor: Predictor, dataset: Dataset, frames: Sequence[FrameScore]) -> Image:
    """Target, prediction and error map of each frame, one frame a row, above a legend.

    In an error map the wrong pixels are red, the right ones pale in their class's colour. The
    legend has each class's share of targets and predictions together.
    """
    cells, titles, maps, errors = [], [], [], []
    palette, void = dataset.labels.palette, dataset.labels.ignore_index
    for frame in frames:
        target, shown = _target_and_prediction(predictor, dataset, frame.index)
        wrong = (target != shown)[target != void]
        cells += [colour_labels(target, palette), colour_labels(shown, palette)]
        cells.append(_errors(target, shown, palette))
        titles += [f"{frame.name}: target", f"prediction: mIoU {100 * frame.miou:.1f} %"]
        titles.append(f"errors: {100 * wrong.mean():.0f} % of the pixels")
        maps += [target.ravel(), shown.ravel()]
        errors.append(wrong)
    sheet = side_by_side(cells, titles, columns=3)
    entries = legend_entries(np.concatenate(maps)[None], palette, dataset.labels.classes)
    entries.append(LegendEntry(_WRONG, "wrong", float(np.concatenate(errors).mean())))
    strip = legend(entries, width=sheet.shape[1], size=max(sheet.shape[1] // 90, 9))
    return np.concatenate([sheet, strip], axis=0)


def _target_and_prediction(
    predictor: Predictor, dataset: Dataset, index: int
) -> tuple[Labels, Labels]:
    image, target = load_checked(dataset, index)
    labels = predictor.predict(image).labels
    # Void is not scored, so it is drawn out of the prediction too.
    return target, np.where(target == dataset.labels.ignore_index, target, labels)


def _errors(target: Labels, shown: Labels, palette: Sequence[Colour]) -> Image:
    pale = 255 - _PALE * (255 - colour_labels(target, palette).astype(np.float32))
    drawn: Image = np.rint(pale).astype(np.uint8)
    drawn[target >= len(palette)] = _VOID
    wrong: npt.NDArray[np.bool_] = target != shown
    drawn[wrong] = _WRONG
    return drawn
