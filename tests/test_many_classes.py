"""From 150 to a thousand classes: 16-bit masks, bounded memory, and results that can be read."""

from __future__ import annotations

import dataclasses
import io
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from mfpnet.cli import main
from mfpnet.evaluate import MATRIX_CLASSES, MOST_CONFUSED, evaluate
from mfpnet.labels import LabelSet
from mfpnet.metrics import most_confused, scores
from mfpnet.pixels.pictures import Image, Labels, read_labels, write_png
from mfpnet.predict import Predictor
from mfpnet.prediction import Prediction
from mfpnet.runtimes import eager
from mfpnet.training import lovasz
from mfpnet.transforms import Augmentation, augment
from mfpnet.views import show
from mfpnet.views.condensed import best_and_worst, listed, with_others
from samples import INFO, modest_network, small_and_fast, tiny_network

VOID = 65535
SIZE = (64, 96)


def label_set(classes: int) -> LabelSet:
    return LabelSet(
        name="many",
        classes=tuple(f"thing {index}" for index in range(classes)),
        palette=tuple((index % 256, index // 256, 90) for index in range(classes)),
        ignore_index=VOID,
    )


def tiles_of(seed: int, classes: int) -> Labels:
    """Squares of 16 pixels, each of another class, void at the top."""
    ids = np.random.default_rng(seed).integers(0, classes, (SIZE[0] // 16, SIZE[1] // 16))
    labels: Labels = np.kron(ids, np.ones((16, 16))).astype(np.uint16)
    labels[:4] = VOID
    return labels


def picture_of(labels: Labels) -> Image:
    """Colours that tell the classes apart."""
    values = labels.astype(np.int64)
    picture: Image = np.stack([values * 37 % 256, values * 91 % 256, values // 2 % 256], axis=2)
    return picture.astype(np.uint8)


@dataclasses.dataclass
class Tiles:
    """Frames of squares of many classes."""

    labels: LabelSet
    count: int
    name: str = "tiles"
    split: str = "val"

    def __len__(self) -> int:
        return self.count

    def frame_name(self, index: int) -> str:
        return f"frame{index}"

    def sequence(self, index: int) -> str:
        return self.frame_name(index)

    def load(self, index: int) -> tuple[Image, Labels]:
        labels = tiles_of(index, self.labels.num_classes)
        return picture_of(labels), labels

    def describe(self, index: int) -> str:
        return self.frame_name(index)


class Knowing(Predictor):
    """Says what the next frame of the data is, with every fourth row a class too high."""

    def __init__(self, data: Tiles) -> None:
        network = tiny_network()
        network.info = dataclasses.replace(
            INFO, classes=data.labels.classes, palette=data.labels.palette, ignore_index=VOID
        )
        super().__init__(network, device="cpu")
        self.data, self.next = data, 0

    def predict(self, image: object) -> Prediction:
        classes = self.data.labels.num_classes
        labels = tiles_of(self.next, classes)
        labels[labels == VOID] = 0
        labels[::4] = (labels[::4] + 1) % classes
        self.next += 1
        return Prediction(labels, self.info.classes)


@contextmanager
def peak_of_python() -> Iterator[list[int]]:
    """Bytes that were allocated at most in the block, numpy's included."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def test_a_thousand_classes_are_scored_in_bounded_memory() -> None:
    data = Tiles(label_set(1000), 70)
    predictor = Knowing(data)
    with peak_of_python() as peak:
        result = evaluate(predictor, data)
    # A matrix for each of 64 blocks would be half a gigabyte; one is 8 MB.
    assert peak[0] < 100e6
    assert result.scores.pixel_accuracy == pytest.approx(0.75)
    assert result.counts.sum() == 70 * (SIZE[0] - 4) * SIZE[1]
    assert result.interval is not None
    assert result.interval[0] <= result.scores.miou <= result.interval[1]


def test_the_record_of_many_classes_stays_small() -> None:
    few, many = MATRIX_CLASSES, MATRIX_CLASSES + 1
    for classes, whole in ((few, True), (many, False)):
        data = Tiles(label_set(classes), 2)
        record = evaluate(Knowing(data), data).as_dict()
        assert (record["confusion_matrix"] is not None) == whole
        confused = record["most_confused"]
        assert isinstance(confused, list)
        assert len(confused) == MOST_CONFUSED
        assert len(json.dumps(record)) < 60_000
        first = confused[0]
        assert (
            int(first["prediction"].split()[1]) == (int(first["target"].split()[1]) + 1) % classes
        )


def test_the_largest_confusions_come_first() -> None:
    counts = np.array([[9, 5, 0], [7, 9, 0], [1, 0, 0]])
    assert most_confused(counts, 2) == [(1, 0, 7), (0, 1, 5)]
    assert most_confused(counts, 9) == [(1, 0, 7), (0, 1, 5), (2, 0, 1)]
    assert counts[0, 0] == 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 classes in 16-bit masks, as somebody's own folder; every class occurs."""
    root = tmp_path_factory.mktemp("own") / "things"
    for number in range(10):
        labels = (np.arange(30 * 8 * 8).reshape(30, 8, 8) // 64 + 30 * number).astype(np.uint16)
        mask = np.block([[labels[row * 6 + column] for column in range(6)] for row in range(5)])
        write_png(root / "images" / f"{number:03d}.png", picture_of(mask))
        write_png(root / "masks" / f"{number:03d}.png", mask)
    return root


def mfpnet(*arguments: object) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_300_classes_in_16_bits_from_end_to_end(folder: Path, tmp_path: Path) -> None:
    run, record = tmp_path / "run", tmp_path / "e.json"
    sizes = ("--batch-size", 2, "--crop-size", "32x48", "--set", "loss_stride=2", "lovasz_from=0")
    given = ("--data", folder, "--epochs", 1, "--threads", 1, *sizes)
    with small_and_fast():
        assert mfpnet("train", "--variant", "tiny", *given, "--out", run) == 0
        drawn = ("--picture", tmp_path / "m.svg")
        data = ("--data", folder, "--split", "all")
        assert mfpnet("evaluate", run, *data, *drawn, "--json", record) == 0
        assert mfpnet("predict", run, folder / "images", "--out", tmp_path / "p") == 0
    scored = json.loads(record.read_text())
    assert len(scored["iou_per_class"]) == 300
    assert scored["confusion_matrix"] is None
    assert "<!-- 261 others -->" in (tmp_path / "m.svg").read_text()
    labels = read_labels(tmp_path / "p" / "003_labels.png")
    assert labels.dtype == np.uint16
    assert labels.shape == (40, 48)
    assert labels.max() < 300


def test_a_prediction_beyond_255_keeps_its_number() -> None:
    network = tiny_network(num_classes=400).eval()
    network.info = dataclasses.replace(
        INFO, classes=label_set(400).classes, palette=label_set(400).palette, ignore_index=VOID
    )
    with torch.no_grad():
        assert network.classifier.bias is not None
        network.classifier.bias[321] += 1e6
    labels = Predictor(network, device="cpu").predict(picture_of(tiles_of(0, 400))).labels
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) == {321}


def test_labels_of_many_classes_need_no_logits_at_full_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = modest_network(num_classes=200)
    network.info = dataclasses.replace(
        INFO, classes=label_set(200).classes, palette=label_set(200).palette, ignore_index=VOID
    )
    predictor, picture = Predictor(network, device="cpu"), picture_of(tiles_of(0, 200))
    plain = predictor.predict(picture).labels
    monkeypatch.setattr(eager, "MOST_VALUES", 0)
    monkeypatch.setattr(predictor.engine, "logits", None)
    bounded = predictor.predict(picture).labels
    assert len(np.unique(plain)) > 3
    # Two ways to add up the same four neighbours: a pixel may fall on either side of a tie.
    assert (bounded == plain).mean() > 0.999
    larger = predictor.predict(np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1)).labels
    assert larger.shape == (128, 192)
    assert (larger[::2, ::2] == plain).mean() > 0.9


def scored_record(ious: list[float | None]) -> dict[str, Any]:
    names = [f"thing {index}" for index in range(len(ious))]
    return {
        **{"data": "many", "split": "val", "frames": 1, "pixel_accuracy": 0.5},
        **{"miou": 0.5, "miou_interval_95": None, "boundary_miou": 0.5},
        "iou_per_class": dict(zip(names, ious, strict=True)),
        "iou_interval_95_per_class": dict.fromkeys(names),
        "boundary_iou_per_class": dict.fromkeys(names, 0.5),
        "confusion_matrix": None,
    }


def test_a_table_of_150_classes_shows_the_extremes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(show, "OUT", Console(file=stream, width=200))
    show.show_scores(scored_record([None, *(index / 149 for index in range(149))]))
    text = stream.getvalue()
    assert "shown are 40 of 150 classes, the best and the worst; 1 are absent" in text
    for name, there in (("149", True), ("130", True), ("1", True), ("75", False), ("0", False)):
        assert (f" thing {name} " in text) == there
    assert len(text.splitlines()) < 60


def test_few_classes_are_shown_in_their_own_order() -> None:
    assert best_and_worst([0.5, None, 0.9], 3) == [0, 1, 2]
    assert best_and_worst([0.5, None, 0.9, 0.1], 3) == [2, 0, 3]
    assert best_and_worst([0.5, 0.2, 0.9, 0.1, 0.3], 3) == [2, 0, 3]
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listed(["a", "b"], 2) == "a, b"


def test_the_others_keep_the_pixels_of_a_confusion_matrix() -> None:
    matrix = np.random.default_rng(0).integers(0, 50, (9, 9)).astype(np.float64)
    matrix[[2, 5, 7]] += 1000
    merged, names = with_others(matrix, [str(index) for index in range(9)], 4)
    assert names == ["2", "5", "7", "6 others"]
    assert merged.sum() == matrix.sum()
    kept = [2, 5, 7]
    rest = [0, 1, 3, 4, 6, 8]
    assert np.array_equal(merged[:3, :3], matrix[np.ix_(kept, kept)])
    assert np.array_equal(merged[3, :3], matrix[np.ix_(rest, kept)].sum(axis=0))
    assert merged[3, 3] == matrix[np.ix_(rest, rest)].sum()


def test_lovasz_leaves_out_only_what_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 100, 6, 7, generator=generator, requires_grad=True)
    target = torch.randint(0, 5, (2, 6, 7), generator=generator) * 7
    target[0, :2] = VOID
    found = []
    labels = target.flatten().where(target.flatten() != VOID, -1)
    for many in (64, 1000):
        monkeypatch.setattr(lovasz, "MANY_CLASSES", many)
        loss = lovasz._all_at_once(logits.softmax(dim=1).transpose(0, 1).flatten(1), labels)
        found.append((loss, torch.autograd.grad(loss, logits)[0]))
    assert found[0][0].item() == pytest.approx(found[1][0].item(), abs=1e-6)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-7)


def test_crops_are_aimed_at_one_of_a_thousand_classes() -> None:
    targets = torch.zeros(4, 40, 50, dtype=torch.int32)
    targets[:, :20] = VOID
    for number in range(4):
        targets[number, 10 * number, 12 * number] = 900 + number
    sought = tuple(range(1, 1000))
    options = Augmentation((8, 8), flip=False, sought=sought, sought_share=1.0)
    pixels = torch.zeros(4, 3, 40, 50, dtype=torch.uint8)
    _, cropped = augment(
        pixels,
        targets,
        options,
        mean=torch.zeros(3),
        std=torch.ones(3),
        ignore_index=VOID,
        generator=torch.Generator().manual_seed(0),
    )
    for number in range(4):
        assert (cropped[number] == 900 + number).any()


def test_scores_of_one_matrix_and_of_areas_are_the_same() -> None:
    data = Tiles(label_set(300), 5)
    result = evaluate(Knowing(data), data)
    assert scores(result.counts) == result.scores
