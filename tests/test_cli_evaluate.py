"""`mfpnet evaluate` end to end, on a network with random weights and streets of 64x64."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mfpnet.checkpoint import load_model, save_weights
from mfpnet.cli import main
from mfpnet.labels import CAMVID
from mfpnet.pixels.pictures import read_image
from samples import INFO, small_and_fast, tiny_network

SCENES = ("--scenes", "3", "--scene-size", "64x64", "--device", "cpu")


@pytest.fixture(autouse=True, scope="module")
def _fast() -> Iterator[None]:
    with small_and_fast():
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    network = tiny_network()
    with torch.no_grad():  # random features are far from unit size, and so are their logits
        network.classifier.weight *= 0.01
    save_weights(path, network, INFO)
    return path


def evaluate(folder: Path, *arguments: object) -> Any:
    """The record of an evaluation that ends well."""
    given = ["evaluate", *arguments, *SCENES, "--json", folder / "record.json"]
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in given])
    assert end.value.code == 0
    return json.loads((folder / "record.json").read_text("utf-8"), parse_constant=pytest.fail)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as end:
        main(["evaluate", *map(str, arguments), *SCENES])
    assert end.value.code == 2
    return capsys.readouterr().err


def test_views_are_noted_and_change_the_scores(weights: Path, tmp_path: Path) -> None:
    plain = evaluate(tmp_path, weights)
    views = evaluate(tmp_path, weights, "--flip", "--scales", 0.75, 1, 1.25)
    assert plain["test_time"] == {"flip": False, "scales": [1.0]}
    assert views["test_time"] == {"flip": True, "scales": [0.75, 1.0, 1.25]}
    assert views["confusion_matrix"] != plain["confusion_matrix"]
    assert np.sum(views["confusion_matrix"]) == np.sum(plain["confusion_matrix"])


def test_calibration_is_told_and_drawn(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "reliability.png"
    record = evaluate(tmp_path, weights, "--reliability", picture)
    found = record["calibration"]
    assert set(found) == {
        *("ece_before", "ece_after", "nll_before", "nll_after"),
        *("temperature_per_drive", "reliability_before", "reliability_after"),
    }
    assert list(found["temperature_per_drive"]) == [f"test_{index:05d}" for index in range(3)]
    assert sum(found["reliability_after"]["pixels"]) == np.sum(record["confusion_matrix"])
    assert found["nll_after"] < found["nll_before"]
    printed = capsys.readouterr()
    assert f"calibration error {100 * found['ece_before']:.1f} % (NLL" in printed.out
    assert "calibrating synthetic test  100%" in printed.err
    assert min(read_image(picture).shape[:2]) > 300
    assert "calibration" not in evaluate(tmp_path, weights)


def test_the_record_is_written_before_anything_is_shown(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown can fail too: a pipe that is closed, a terminal of another encoding."""

    def closed(_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("mfpnet.commands.verbs.show_scores", closed)
    record = tmp_path / "record.json"
    with pytest.raises((SystemExit, BrokenPipeError)):
        main(["evaluate", str(weights), *SCENES, "--json", str(record)])
    assert "miou" in json.loads(record.read_text("utf-8"))


def test_worst_frames_are_drawn(weights: Path, tmp_path: Path) -> None:
    record = evaluate(tmp_path, weights, "--worst", tmp_path / "worst.png")
    scores = [frame["miou"] for frame in record["worst_frames"]]
    assert scores == sorted(scores)
    assert len(scores) == 3
    height, width = read_image(tmp_path / "worst.png").shape[:2]
    assert height > 3 * 64
    assert 3 * 64 < width < 5 * 64


def test_saved_weights_carry_these_scores(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "scored.safetensors"
    record = evaluate(tmp_path, weights, "--save", path)
    assert f"weights: {path}\n" in capsys.readouterr().out
    saved, given = load_model(path), load_model(weights)
    assert saved.info is not None
    assert saved.info.score == record["miou"]
    assert saved.info.iou == tuple(record["iou_per_class"].values())
    assert (saved.info.score_on, saved.info.score_frames) == ("synthetic test", 3)
    assert saved.info.recipe == INFO.recipe
    assert record["weights"]["score"] is None, "the record has the weights as they were given"
    state = given.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in saved.state_dict().items())
    with pytest.raises(SystemExit):
        main(["info", str(path), "--json", str(tmp_path / "info.json")])
    printed = capsys.readouterr().out
    assert f"{100 * record['miou']:.1f} %" in printed
    assert all(name in printed for name in CAMVID.classes)
    assert max(map(len, printed.splitlines())) <= 80
    facts = json.loads((tmp_path / "info.json").read_text("utf-8"))
    assert facts["iou"] == list(record["iou_per_class"].values())
    assert facts["score_interval"] == record["miou_interval_95"]


def test_half_weights_are_scored_as_they_are_saved(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights.read_bytes())
    record = evaluate(tmp_path, path, "--half", "--save", path)  # over the file that is read
    assert record["half"] is True
    assert path.stat().st_size < 0.75 * weights.stat().st_size  # the header is no smaller
    again = evaluate(tmp_path, path)
    assert again["confusion_matrix"] == record["confusion_matrix"]
    assert again["weights"]["score"] == record["miou"]
    assert again["half"] is False


def test_what_could_not_be_saved_is_refused_at_once(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.safetensors"
    for views in (("--flip",), ("--scales", 1, 2)):
        text = complaint(capsys, weights, "--save", path, *views)
        assert f"--save cannot stand beside {views[0]}: a card states" in text
        assert "evaluating" not in text
    text = complaint(capsys, weights, "--save", tmp_path / "w.bin")
    assert f"--save is '{tmp_path / 'w.bin'}': give a name that ends in .safetensors." in text
    assert list(tmp_path.iterdir()) == []


def test_no_output_takes_the_place_of_another(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    path, same = tmp_path / "a.png", tmp_path / "folder" / ".." / "a.png"
    text = " ".join(complaint(capsys, weights, "--bars", path, "--maps", same).split())
    assert f"--bars and --maps are both '{same}': give two names." in text
    text = complaint(capsys, weights, "--picture", path, "--json", path)
    assert "--picture and --json are both" in text
    text = complaint(capsys, weights, "--corruptions", "fog", "--picture", path, "--maps", path)
    assert "--picture and --maps are both" in text
    assert not path.exists()


@pytest.mark.parametrize("named", ["", "weights.safetensors"], ids=["a run", "a file"])
def test_the_weights_are_not_replaced_by_their_record(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weights.read_bytes())
    text = complaint(capsys, tmp_path / named, "--json", path)
    assert f"--json is '{path}', the weights themselves: give another name." in text
    assert path.read_bytes() == weights.read_bytes()


@pytest.mark.parametrize("scales", [("0",), ("1", "-1"), ("nan",), ("100",)])
def test_bad_scales_are_refused(
    weights: Path, capsys: pytest.CaptureFixture[str], scales: tuple[str, ...]
) -> None:
    text = complaint(capsys, weights, "--scales", *scales)
    assert "give one or more numbers above 0 and up to 4, as in --scales 0.75 1 1.25" in text
