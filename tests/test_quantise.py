"""int8 files: written with their score, or refused with what was tried."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mfpnet import quantise as module
from mfpnet.checkpoint import save_weights
from mfpnet.cli import main
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import evaluate
from mfpnet.exporting.deployed import Deployed
from mfpnet.exporting.onnx_writer import to_onnx
from mfpnet.exporting.qdq import Plan
from mfpnet.exporting.sensitivity import Found, Try
from mfpnet.model import MFPNet
from mfpnet.predict import Predictor
from mfpnet.quantise import Target, quantise
from mfpnet.runtimes.backends import open_backend
from mfpnet.runtimes.manifest import Manifest
from mfpnet.runtimes.openvino_backend import openvino_core
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.synthetic.streets import SyntheticStreets
from samples import INFO, short_network

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
SIZE = (64, 96)
TRAINING = SyntheticStreets("train", 20, SIZE)
UNSEEN = SyntheticStreets("val", 2, SIZE)
_MANIFEST = Manifest(INFO, "uint8", "logits", "int8", SIZE)


@pytest.fixture(scope="module")
def network() -> MFPNet:
    return short_network()


@pytest.fixture(scope="module")
def traced(network: MFPNet) -> Any:
    return to_onnx(Deployed(network, pixels="uint8", output="logits"), _MANIFEST)


@pytest.fixture(autouse=True)
def traced_once(traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "to_onnx", lambda *_: traced)


def searched(drop: float = 0.0) -> Any:
    """A search that takes the first plan and says that it costs so much."""

    def search(plans: Mapping[str, Plan], *others: object) -> Found:
        outcome = Try("all int8, ranges: extremes", 0.4, drop, 0.97)
        return Found(plans["extremes"], outcome, "extremes", (), (outcome,), {"head": 0.01})

    return search


def refusal(network: MFPNet, path: Path, **changes: Any) -> str:
    with pytest.raises(MfpnetError) as caught:
        quantise(network, Target(path, "onnx", SIZE), TRAINING, UNSEEN, frames=16, **changes)
    assert not list(path.parent.glob("*")), "nothing is left"
    return str(caught.value)


def test_a_file_with_its_score_and_a_report(
    network: MFPNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "search", searched())
    path = tmp_path / "small.onnx"
    target = Target(path, "onnx", SIZE)
    told: list[str] = []
    report = quantise(
        network, target, TRAINING, UNSEEN, frames=20, max_drop=5, threads=1, told=told.append
    )
    manifest = open_backend(path).manifest
    assert manifest is not None
    assert (manifest.precision, manifest.size) == ("int8", SIZE)
    facts = report["quantisation"]
    assert manifest.info.score == facts["miou_after"]
    assert manifest.info.score_on == "synthetic val"
    assert facts["drop"] == pytest.approx(100 * (facts["miou_before"] - facts["miou_after"]))
    assert facts["calibrated_on"] == "synthetic train"
    assert facts["frames"] == 20
    assert "calibrating on 16 frames" in told, "a fifth judges"
    assert report["equal_labels"] > 0.85
    assert report["bytes"] == path.stat().st_size
    assert json.loads((tmp_path / "small.onnx.report.json").read_text()) == json.loads(
        json.dumps(report)
    )
    assert Predictor(path).predict(draw_scene(9, SIZE).image).labels.shape == SIZE


def test_both_sides_are_scored_at_the_size_of_the_file(
    network: MFPNet, traced: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "search", searched())
    large = copy.deepcopy(network)
    large.info = replace(INFO, input_size=(128, 160))
    unseen = SyntheticStreets("val", 2, (128, 160))
    path = tmp_path / "small.onnx"
    target = Target(path, "onnx", SIZE)
    report = quantise(large, target, TRAINING, unseen, frames=16, max_drop=50, threads=1)
    facts, as_float = report["quantisation"], tmp_path / "float.onnx"
    as_float.write_bytes(traced.SerializeToString())
    before, usual = (evaluate(Predictor(each), unseen).scores.miou for each in (as_float, large))
    assert facts["miou_before"] == pytest.approx(before, abs=1e-4)
    assert abs(usual - before) > 1e-3, "or the size would not matter"
    assert facts["miou_after"] == evaluate(Predictor(path), unseen).scores.miou
    manifest = open_backend(path).manifest
    assert manifest is not None
    assert manifest.precision == "int8"


def test_the_same_for_openvino(
    network: MFPNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr(module, "search", searched())
    path = tmp_path / "small.xml"
    quantise(network, Target(path, "openvino", SIZE), TRAINING, UNSEEN, frames=16, max_drop=5)
    assert {each.name for each in tmp_path.iterdir()} == {
        "small.xml",
        "small.bin",
        "small.xml.report.json",
    }
    assert int8_kernels(path) > 20


def int8_kernels(path: Path) -> int:
    """Convolutions that OpenVINO really computes in 8 bits."""
    # Not as our own runtime asks for it: on some processors the default is bfloat16, which has
    # kernels for less, and who runs the file without this package gets the default.
    nodes = openvino_core().compile_model(path, "CPU").get_runtime_model().get_ops()
    facts = [node.get_rt_info() for node in nodes]
    kinds = [(each["layerType"].astype(str), each["primitiveType"].astype(str)) for each in facts]
    return sum("Convolution" in layer and kernel.endswith("I8") for layer, kernel in kinds)


def test_too_much_lost_on_training_frames_is_refused_with_the_table(
    network: MFPNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "search", searched(drop=3.21))
    text = refusal(network, tmp_path / "out" / "small.onnx")
    assert "int8 costs 3.21 points of mIoU on training frames, more than --max-drop 0.5" in text
    assert "40.00   +3.21    97.00  all int8, ranges: extremes" in text


def test_too_much_lost_on_unseen_frames_is_refused_too(
    network: MFPNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [SimpleNamespace(scores=SimpleNamespace(miou=value)) for value in (0.5, 0.48)]
    monkeypatch.setattr(module, "search", searched())
    monkeypatch.setattr(module, "_scored", lambda *_: scores)
    (tmp_path / "out").mkdir()
    text = refusal(network, tmp_path / "out" / "small.onnx", max_drop=1.5)
    assert "costs 2.00 points of mIoU on synthetic val, more than --max-drop 1.5" in text
    assert "all int8, ranges: extremes" in text


def test_bad_input(network: MFPNet, tmp_path: Path) -> None:
    def complaint(target: Target, training: SyntheticStreets, **changes: Any) -> str:
        with pytest.raises(MfpnetError) as caught:
            quantise(network, target, training, UNSEEN, **changes)
        return str(caught.value)

    target = Target(tmp_path / "a.onnx", "onnx", SIZE)
    few = SyntheticStreets("train", 15, SIZE)
    assert "calibration with 15 images is too few" in complaint(target, few)
    assert "calibration with 3 images is too few" in complaint(target, TRAINING, frames=3)
    with pytest.raises(MfpnetError, match=r"is calibrated on too: --split and --calibrate-split"):
        quantise(network, target, TRAINING, TRAINING)
    assert "--max-drop is -1" in complaint(target, TRAINING, max_drop=-1)
    for path, format in (("a.pt2", "torch-export"), ("a.tflite", "litert")):
        text = complaint(Target(tmp_path / path, format, SIZE), TRAINING)
        assert "int8 is made for --format onnx and openvino" in text
    assert "files of format onnx end in .onnx" in complaint(
        Target(tmp_path / "a.xml", "onnx", SIZE), TRAINING
    )
    assert not list(tmp_path.iterdir())


def test_the_verb(
    network: MFPNet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "search", searched())
    weights, out = tmp_path / "w.safetensors", tmp_path / "w.onnx"
    assert network.info is not None
    save_weights(weights, network, replace(network.info, data="synthetic"))
    scenes = ["--scenes", "16", "--scene-size", "64x96", "--threads", "1", "--max-drop", "9"]
    arguments = ["export", str(weights), "--precision", "int8", *scenes, "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json", str(tmp_path / "r.json")])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert out.is_file()
    assert "tried on training frames" in printed
    assert "mIoU on synthetic test:" in printed
    assert json.loads((tmp_path / "r.json").read_text())["precision"] == "int8"
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--calibrate", "9"])
    assert ended.value.code == 2
    assert "calibration with 9 images is too few" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("trained_on", "options", "text"),
    [
        ("camvid", (), "trained on camvid, not on synthetic: give --data camvid --root DIR."),
        ("synthetic", ("--data", "camvid", "--root", "."), "not on camvid: give --data synthetic."),
        ("unknown", (), "do not say what that was: give --data camvid --root DIR if"),
        ("cityscapes", (), "not on synthetic: give --data cityscapes --root DIR."),
        ("farm", (), "trained on farm: give --data and the folder of that name"),
        ("camvid", ("--root", "."), "not on synthetic: give --data camvid --root DIR."),
    ],
)
def test_it_is_fitted_to_the_training_data_only(
    network: MFPNet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    trained_on: str,
    options: tuple[str, ...],
    text: str,
) -> None:
    weights = tmp_path / "w.safetensors"
    assert network.info is not None
    save_weights(weights, network, replace(network.info, data=trained_on))
    with pytest.raises(SystemExit) as ended:
        main(["export", str(weights), "--precision", "int8", *options])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [weights]


@pytest.mark.slow
def test_the_whole_search(network: MFPNet, tmp_path: Path) -> None:
    target = Target(tmp_path / "small.onnx", "onnx", SIZE)
    report = quantise(network, target, TRAINING, UNSEEN, frames=20, max_drop=5, threads=1)
    facts = report["quantisation"]
    parts = {"initial.0", "entries.0", "encoder.0", "graphs.0", "decoder.0", "head", "classifier"}
    assert parts < set(facts["labels_changed_by_each_alone"])
    assert len(facts["tried_on_training_frames"]) >= 4, "three ways to draw ranges, one thing kept"
    assert facts["kept_in_float"]
    best = max(facts["tried_on_training_frames"], key=lambda each: each["agreement"])
    assert all(part in best["what"] for part in facts["kept_in_float"])
