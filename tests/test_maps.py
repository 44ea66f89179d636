from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from mfpnet.evaluate import FrameScore
from mfpnet.evaluating.maps import error_maps, label_maps
from mfpnet.labels import CAMVID, LabelSet
from mfpnet.pixels.draw import colour_labels, side_by_side
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.predict import Predictor
from mfpnet.prediction import Prediction
from samples import INFO, tiny_network

SIZE = (40, 60)
RED, BLACK = (214, 32, 64), (0, 0, 0)


@dataclass
class Halves:
    """Road below, sky above, and a void column on the left; frame i has i wrong rows."""

    count: int
    labels: LabelSet = CAMVID
    name: str = "halves"
    split: str = "test"

    def __len__(self) -> int:
        return self.count

    def frame_name(self, index: int) -> str:
        return f"frame{index}"

    def sequence(self, index: int) -> str:
        return "a"

    def load(self, index: int) -> tuple[Image, Labels]:
        target = np.full(SIZE, 3, dtype=np.uint8)
        target[:20], target[:, 0] = 0, 11
        return np.full((*SIZE, 3), index, dtype=np.uint8), target

    def describe(self, index: int) -> str:
        return self.frame_name(index)


class Answers(Predictor):
    """All road and sky but as many rows of tree as the picture's red says."""

    def predict(self, image: object) -> Prediction:
        assert isinstance(image, np.ndarray)
        labels = np.full(SIZE, 3, dtype=np.uint8)
        labels[:20] = 0
        labels[: image[0, 0, 0]] = 5
        return Prediction(labels, self.info.classes)


@pytest.fixture(scope="module")
def predictor() -> Answers:
    network = tiny_network()
    network.info = INFO
    return Answers(network, device="cpu")


def cells_of(sheet: Image, columns: int, rows: int) -> list[Image]:
    """The pictures of a grid that `side_by_side` drew."""
    blank = [np.full((*SIZE, 3), 77, dtype=np.uint8)] * (columns * rows)
    template = side_by_side(blank, ["" for _ in blank], columns=columns)
    grey = (template == 77).all(axis=2)
    tops = np.flatnonzero(np.diff(grey.any(axis=1).astype(int)) == 1) + 1
    lefts = np.flatnonzero(np.diff(grey.any(axis=0).astype(int)) == 1) + 1
    assert (len(tops), len(lefts)) == (rows, columns)
    return [sheet[y : y + SIZE[0], x : x + SIZE[1]] for y in tops for x in lefts]


def test_label_maps_show_target_and_prediction(predictor: Answers) -> None:
    data = Halves(9)
    cells = cells_of(label_maps(predictor, data, count=2), columns=4, rows=1)
    target = data.load(0)[1]
    wrong = target.copy()
    wrong[:8, 1:] = 5
    for cell, labels in zip(cells, (target, target, target, wrong), strict=True):
        assert np.array_equal(cell, colour_labels(labels, CAMVID.palette))


def test_error_maps_mark_what_is_wrong(predictor: Answers) -> None:
    data = Halves(9)
    worst = [FrameScore(index, f"frame{index}", 0.5) for index in (8, 3)]
    sheet = error_maps(predictor, data, worst)
    cells = cells_of(sheet, columns=3, rows=2)
    for row, wrong_rows in enumerate((8, 3)):
        target, errors = data.load(0)[1], cells[3 * row + 2]
        assert np.array_equal(cells[3 * row], colour_labels(target, CAMVID.palette))
        red = (errors == RED).all(axis=2)
        assert red[:wrong_rows, 1:].all()
        assert red.sum() == wrong_rows * (SIZE[1] - 1)
        assert (errors[:, 0] == BLACK).all(), "void is neither right nor wrong"
        right = errors[30, 30].astype(int)
        assert (right > 150).all(), "what is right is pale"
        assert (np.argsort(right) == np.argsort(CAMVID.palette[3])).all()


def test_error_maps_have_a_legend(predictor: Answers) -> None:
    worst = [FrameScore(3, "frame3", 0.5)]
    sheet = error_maps(predictor, Halves(9), worst)
    below = sheet[side_by_side(cells_of(sheet, 3, 1), ["", "", ""]).shape[0] :]
    for colour in (CAMVID.palette[0], CAMVID.palette[3], CAMVID.palette[5], RED):
        assert (below == colour).all(axis=2).sum() > 20
    assert not (below == CAMVID.palette[8]).all(axis=2).any()
