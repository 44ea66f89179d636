from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfpnet.errors import MfpnetError
from mfpnet.evaluate import MAX_BLOCKS, Evaluation, evaluate, with_scores
from mfpnet.files import read_json, write_json
from mfpnet.info import ModelInfo
from mfpnet.labels import CAMVID, LabelSet
from mfpnet.model import MFPNet
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.predict import Predictor
from mfpnet.prediction import Prediction
from mfpnet.synthetic.streets import SyntheticStreets
from samples import INFO, tiny_network

SIZE = (12, 16)


@dataclass
class Marked:
    """Frames whose first channel is what `Reader` answers; the target is given."""

    answers: list[Labels]
    targets: list[Labels]
    drives: str = ""
    labels: LabelSet = CAMVID
    name: str = "marked"
    split: str = "val"

    def __len__(self) -> int:
        return len(self.targets)

    def frame_name(self, index: int) -> str:
        return f"frame{index}"

    def sequence(self, index: int) -> str:
        return self.drives[index] if self.drives else "a"

    def load(self, index: int) -> tuple[Image, Labels]:
        answer = self.answers[index].astype(np.uint8)
        return np.repeat(answer[..., None], 3, axis=2), self.targets[index]

    def describe(self, index: int) -> str:
        return f"mask of {self.frame_name(index)}"


class Reader(Predictor):
    """Predicts the number that stands in each pixel's red."""

    def predict(self, image: object) -> Prediction:
        assert isinstance(image, np.ndarray)
        return Prediction(image[..., 0], self.info.classes)


@pytest.fixture(scope="module")
def model() -> MFPNet:
    network = tiny_network()
    network.info = dataclasses.replace(INFO, input_size=(48, 64))
    return network


@pytest.fixture(scope="module")
def reader(model: MFPNet) -> Reader:
    return Reader(model, device="cpu")


def random_maps(count: int, seed: int, highest: int) -> list[Labels]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, highest + 1, SIZE, dtype=np.uint8) for _ in range(count)]


def manual_confusion(answers: list[Labels], targets: list[Labels]) -> list[list[int]]:
    counts = [[0] * 11 for _ in range(11)]
    for answer, target in zip(answers, targets, strict=True):
        for seen, true in zip(answer.ravel().tolist(), target.ravel().tolist(), strict=True):
            if true != 11:
                counts[true][seen] += 1
    return counts


def test_confusion_is_counted_over_all_frames(reader: Reader) -> None:
    answers, targets = random_maps(3, 0, 10), random_maps(3, 1, 11)
    done: list[int] = []
    result = evaluate(reader, Marked(answers, targets), on_frame=done.append)
    assert result.counts.tolist() == manual_confusion(answers, targets)
    assert (result.data, result.split, result.frames) == ("marked", "val", 3)
    assert result.classes == CAMVID.classes
    assert done == [1, 2, 3]


def test_scores_of_a_small_case(reader: Reader) -> None:
    target = np.full(SIZE, 3, dtype=np.uint8)
    target[:, 8:], target[0] = 5, 11
    answer = target.copy()
    answer[0], answer[1:, 12:] = 7, 3  # what is said about void does not count
    result = evaluate(reader, Marked([answer], [target]))
    road, tree = 11 * 8 / (11 * 12), 11 * 4 / (11 * 8)
    assert result.scores.iou_per_class[3] == pytest.approx(road)
    assert result.scores.iou_per_class[5] == pytest.approx(tree)
    assert result.scores.miou == pytest.approx((road + tree) / 2)
    assert result.scores.pixel_accuracy == pytest.approx(12 / 16)
    assert all(result.scores.iou_per_class[c] is None for c in range(11) if c not in (3, 5))


def test_network_is_scored_like_its_predictions(model: MFPNet) -> None:
    predictor, dataset = Predictor(model, device="cpu"), SyntheticStreets("val", 2, (48, 64))
    answers = [predictor.predict(dataset.load(index)[0]).labels for index in range(2)]
    targets = [dataset.load(index)[1] for index in range(2)]
    assert evaluate(predictor, dataset).counts.tolist() == manual_confusion(answers, targets)


def written(result: Evaluation, path: Path) -> dict[str, object]:
    write_json(path, result.as_dict())
    data = read_json(path)
    assert isinstance(data, dict)
    return data


def test_record_is_json_without_nan(reader: Reader, tmp_path: Path) -> None:
    target = np.full(SIZE, 11, dtype=np.uint8)
    target[3:6, 3:6] = 4
    answers = [target.clip(max=10), target.clip(max=10)]
    data = written(evaluate(reader, Marked(answers, [target, target])), tmp_path / "r.json")
    assert "NaN" not in json.dumps(data)
    assert data["iou_per_class"] == {
        name: 1.0 if name == "pavement" else None for name in CAMVID.classes
    }
    assert data["boundary_iou_per_class"] == data["iou_per_class"]
    assert data["miou"] == data["boundary_miou"] == data["pixel_accuracy"] == 1.0
    assert data["miou_interval_95"] is None
    assert np.array(data["confusion_matrix"]).sum() == 18


def test_interval_needs_two_blocks_and_holds_the_score(reader: Reader) -> None:
    answers, targets = random_maps(6, 0, 10), random_maps(6, 1, 11)
    for index in range(3):
        answers[index] = targets[index].clip(max=10)
    assert evaluate(reader, Marked(answers, targets)).interval is None
    result = evaluate(reader, Marked(answers, targets, drives="aaabbb"))
    assert result.interval is not None
    low, high = result.interval
    assert low <= result.scores.miou <= high
    assert high - low > 0.1
    for bounds, iou in zip(result.interval_per_class, result.scores.iou_per_class, strict=True):
        assert bounds is not None
        assert iou is not None
        assert bounds[0] <= iou <= bounds[1]


def test_neighbours_are_told_by_their_names_however_they_are_listed(reader: Reader) -> None:
    """Of a drive that is right at first and then wrong; a frame has its place in its name."""

    @dataclasses.dataclass
    class Listed(Marked):
        order: tuple[int, ...] = ()

        def frame_name(self, index: int) -> str:
            return f"{self.sequence(index)}_{self.order[index]}"

    targets = random_maps(60, 1, 10)
    answers = [*targets[:30], *random_maps(30, 0, 10)]
    listed = [*range(60)]
    shuffled = np.random.default_rng(0).permutation(60).tolist()
    straight, mixed = (
        evaluate(
            reader,
            Listed(
                [answers[i] for i in order],
                [targets[i] for i in order],
                drives="a" * 60,
                order=tuple(order),
            ),
        )
        for order in (listed, shuffled)
    )
    assert straight.interval == mixed.interval
    assert straight.interval_per_class == mixed.interval_per_class


def test_record_has_an_interval_for_each_class_that_two_blocks_have(
    reader: Reader, tmp_path: Path
) -> None:
    maps: list[Labels] = [np.full(SIZE, 3, dtype=np.uint8) for _ in range(2)]
    maps[0][0] = 5
    data = written(evaluate(reader, Marked(maps, maps, drives="ab")), tmp_path / "r.json")
    assert data["iou_interval_95_per_class"] == {
        name: [1.0, 1.0] if name == "road" else None for name in CAMVID.classes
    }
    assert data["test_time"] == {"flip": False, "scales": [1.0]}


def test_worst_frames_are_those_with_the_lowest_score_of_their_own(
    reader: Reader, tmp_path: Path
) -> None:
    targets: list[Labels] = [np.full(SIZE, 3, dtype=np.uint8) for _ in range(6)]
    answers = [target.copy() for target in targets]
    for index, wrong_rows in enumerate((1, 6, 0, 9, 3, 12)):
        answers[index][:wrong_rows] = 5
    targets[5][:] = 11  # nothing of it is scored
    result = evaluate(reader, Marked(answers, targets))
    assert [(frame.index, frame.name) for frame in result.worst] == [
        (3, "frame3"),
        (1, "frame1"),
        (4, "frame4"),
    ]
    # Road is right in the rows left, tree is never right: the mean of both.
    assert [frame.miou for frame in result.worst] == [3 / 24, 6 / 24, 9 / 24]
    data = written(result, tmp_path / "r.json")
    assert data["worst_frames"] == [
        {"name": "frame3", "miou": 3 / 24},
        {"name": "frame1", "miou": 6 / 24},
        {"name": "frame4", "miou": 9 / 24},
    ]


def test_scores_travel_with_the_weights(reader: Reader) -> None:
    targets = random_maps(2, 1, 9)
    result = evaluate(reader, Marked(targets, targets, drives="ab"))
    before = dataclasses.replace(reader.info, score=0.1, score_on="old", licence="none")
    info = with_scores(before, result)
    assert (info.score, info.score_on, info.score_frames) == (1.0, "marked val", 2)
    assert info.score_interval == (1.0, 1.0)
    assert info.iou == (*[1.0] * 10, None)
    assert info.iou_interval == (*[(1.0, 1.0)] * 10, None)
    assert (info.variant, info.licence) == ("tiny", "none")
    assert ModelInfo.from_dict(json.loads(json.dumps(info.as_dict()))) == info


@pytest.mark.parametrize("views", [{"flip": True}, {"scales": (1.0, 1.5)}], ids=["flip", "scales"])
def test_scores_of_several_views_go_on_no_card(
    model: MFPNet, views: dict[str, Any], tmp_path: Path
) -> None:
    maps = random_maps(1, 0, 10)
    result = evaluate(Reader(model, device="cpu", **views), Marked(maps, maps))
    expected = {"flip": False, "scales": [1.0]} | json.loads(json.dumps(views))
    assert written(result, tmp_path / "r.json")["test_time"] == expected
    assert model.info is not None
    with pytest.raises(MfpnetError, match="states the plain score: evaluate without --flip"):
        with_scores(model.info, result)


def test_many_drives_do_not_cost_memory(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    count, shapes = 2 * MAX_BLOCKS + 3, []
    maps: list[Labels] = [np.full((4, 4), index % 11, dtype=np.uint8) for index in range(count)]

    def remember(areas: np.ndarray[tuple[int, int, int], np.dtype[np.int64]]) -> None:
        shapes.append(areas.shape)
        assert areas.sum(axis=(1, 2)).min() > 0

    monkeypatch.setattr("mfpnet.evaluate.block_bootstrap", remember)
    drives = "".join(chr(1000 + index) for index in range(count))
    evaluate(reader, Marked(maps, maps, drives=drives))
    assert shapes == [(MAX_BLOCKS, 2, 11)]


def test_other_classes_are_refused(reader: Reader) -> None:
    maps = random_maps(1, 0, 3)
    fewer = dataclasses.replace(CAMVID, classes=("road", "sky"), palette=CAMVID.palette[:2])
    with pytest.raises(MfpnetError, match=r"know 11 classes \(sky, .* the data has 2 \(road, sky"):
        evaluate(reader, Marked(maps, maps, labels=fewer))
    swapped = dataclasses.replace(CAMVID, classes=CAMVID.classes[::-1])
    with pytest.raises(MfpnetError, match="in one order"):
        evaluate(reader, Marked(maps, maps, labels=swapped))


def test_data_that_cannot_be_scored(reader: Reader) -> None:
    with pytest.raises(MfpnetError, match="marked val has no frames"):
        evaluate(reader, Marked([], []))
    void = np.full(SIZE, 11, dtype=np.uint8)
    with pytest.raises(MfpnetError, match="all are void"):
        evaluate(reader, Marked([void.clip(max=10)], [void]))
    with pytest.raises(MfpnetError, match=r"mask of frame0: labels \[200\]"):
        evaluate(reader, Marked([void.clip(max=10)], [np.full(SIZE, 200, dtype=np.uint8)]))
