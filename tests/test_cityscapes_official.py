"""Scores beside those of the official evaluator, `cityscapesscripts`, on the same predictions."""

from __future__ import annotations

import dataclasses
import io
import math
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from cityscapes_tree import street, write_frame
from mfpnet.data.cityscapes import Cityscapes
from mfpnet.data.cityscapes_labels import CITYSCAPES
from mfpnet.evaluate import Evaluation, evaluate
from mfpnet.evaluating.submission import submission
from mfpnet.pixels.pictures import Image
from mfpnet.predict import Predictor
from mfpnet.prediction import Prediction
from mfpnet.transforms import normalise
from samples import INFO, tiny_network

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    official = import_module("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")

FULL = (1024, 2048)


def nineteen_classes() -> Predictor:
    """Random weights that find many classes: each class's logits are as often the highest."""
    network = tiny_network(num_classes=19).eval()
    network.info = dataclasses.replace(
        INFO, classes=CITYSCAPES.classes, palette=CITYSCAPES.palette, ignore_index=255
    )
    seen = torch.from_numpy(np.stack([street(seed)[0] for seed in range(4)])).permute(0, 3, 1, 2)
    with torch.no_grad():
        logits = network(normalise(seen, torch.tensor(INFO.mean), torch.tensor(INFO.std)))
        assert network.classifier.bias is not None
        spread, mean = torch.std_mean(logits, dim=(0, 2, 3))
        network.classifier.weight /= spread[:, None, None, None]
        network.classifier.bias -= mean
        network.classifier.bias /= spread
    return Predictor(network, device="cpu")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One city of small frames."""
    for number in range(3):
        write_frame(tmp_path, "val", f"lindau_000000_{number:06d}", street(number, (96, 192)))
    return tmp_path


@pytest.fixture
def large_tree(tree: Path) -> Path:
    """Another city beside it, with a frame of the official size."""
    image, ids = street(7, (128, 256))
    large = tuple(np.kron(part, _ones(part)) for part in (image, ids))
    assert large[0].shape[:2] == FULL
    write_frame(tree, "val", "munster_000001_000019", (large[0], large[1]))
    return tree


def _ones(part: Image) -> Image:
    return np.ones((8, 8, 1) if part.ndim == 3 else (8, 8), dtype=np.uint8)


def official_scores(tree: Path, predictions: Path) -> Mapping[str, Any]:
    """What the official script says of label-id pictures."""
    args = SimpleNamespace(
        evalInstLevelScore=False,
        evalPixelAccuracy=False,
        evalLabels=[],
        JSONOutput=False,
        quiet=True,
        predictionPath=str(predictions),
        predictionWalk=None,
    )
    truth = sorted(map(str, tree.glob("gtFine/val/*/*_gtFine_labelIds.png")))
    with redirect_stdout(io.StringIO()):
        found = [official.getPrediction(args, path) for path in truth]
        scores: Mapping[str, Any] = official.evaluateImgLists(found, truth, args)
    return scores


def both_scores(
    predictor: Predictor, tree: Path, folder: Path
) -> tuple[Evaluation, Mapping[str, Any]]:
    """Ours, and the official ones of the pictures in the submission."""
    data = Cityscapes(tree, "val")
    with submission(folder / "out.zip", data) as add:
        ours = evaluate(predictor, data, on_labels=add)
    with ZipFile(folder / "out.zip") as archive:
        archive.extractall(folder / "results")
    return ours, official_scores(tree, folder / "results")


def assert_equal(ours: Evaluation, theirs: Mapping[str, Any]) -> None:
    for name, iou in zip(ours.classes, ours.scores.iou_per_class, strict=True):
        official_iou = theirs["classScores"][name]
        if iou is None:
            assert math.isnan(official_iou)
        else:
            assert iou == pytest.approx(official_iou, abs=1e-6)
    assert ours.scores.miou == pytest.approx(theirs["averageScoreClasses"], abs=1e-6)


def test_scores_are_those_of_the_official_evaluator(large_tree: Path, tmp_path: Path) -> None:
    ours, theirs = both_scores(nineteen_classes(), large_tree, tmp_path / "found")
    assert_equal(ours, theirs)
    # The test is worth something only if many classes are found, right and wrong.
    per_class = [iou for iou in ours.scores.iou_per_class if iou]
    assert len(per_class) >= 4
    assert np.count_nonzero(ours.counts.sum(axis=0)) >= 8
    # What is not scored lies in the targets, and in no count of ours.
    ignored = [theirs["labels"][name] for name in ("ego vehicle", "out of roi", "dynamic")]
    matrix = np.array(theirs["confMatrix"])
    assert (matrix[ignored].sum(axis=1) > 0).all()
    assert ours.counts.sum() < matrix.sum()


class Fixed(Predictor):
    """Finds the same class everywhere, whatever it is shown."""

    def __init__(self, label: int) -> None:
        super().__init__(nineteen_classes().network, device="cpu")
        self.label = label

    def predict(self, image: Any) -> Prediction:
        labels = np.full(np.asarray(image).shape[:2], self.label, dtype=np.uint8)
        return Prediction(labels, self.info.classes)


def test_a_class_that_is_only_predicted_counts_as_zero_in_both(tree: Path, tmp_path: Path) -> None:
    train = CITYSCAPES.classes.index("train")
    ours, theirs = both_scores(Fixed(train), tree, tmp_path / "found")
    assert theirs["classScores"]["train"] == 0.0
    assert ours.scores.iou_per_class[train] == 0.0
    # A class that neither has is nan there and None here, and in no mean.
    assert ours.scores.iou_per_class[CITYSCAPES.classes.index("bus")] is None
    assert_equal(ours, theirs)


def test_official_arguments_still_have_the_names_that_are_given_here() -> None:
    known = vars(official.args)
    for name in ("evalInstLevelScore", "JSONOutput", "quiet", "predictionPath", "predictionWalk"):
        assert name in known
