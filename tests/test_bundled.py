"""The weights that come with the package: what they say about themselves is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from mfpnet.checkpoint import bundled_weights, load_model
from mfpnet.data.camvid import CamVid
from mfpnet.evaluate import evaluate
from mfpnet.files import read_json
from mfpnet.pixels.pictures import Labels
from mfpnet.predict import Predictor
from mfpnet.runtimes.backends import bundled_files, open_backend
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.variants import count_parameters, list_models

RESULTS = Path(__file__).resolve().parents[1] / "results"
NAMES = sorted(bundled_weights())


def test_there_are_some() -> None:
    assert "mfpnet_fast_camvid" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_they_know_where_they_come_from(name: str) -> None:
    model = load_model(name)
    assert model.info is not None
    assert model.info.variant in list_models()
    assert name == f"{model.info.variant}_{model.info.data}"
    assert count_parameters(model) <= 1_005_000
    assert "research" in model.info.licence or model.info.data == "synthetic"
    assert bundled_weights()[name].stat().st_size < 5_000_000


@pytest.mark.parametrize("name", NAMES)
def test_the_score_they_carry_is_the_one_on_record(name: str) -> None:
    info = load_model(name).info
    assert info is not None
    record = read_json(RESULTS / f"{name}-test.json")
    # Two evaluations with other thread counts round a logit the other way at a handful of pixels.
    assert info.score == pytest.approx(record["miou"], abs=1e-6)
    assert info.score_on == f"{record['data']} {record['split']}"
    assert record["weights"]["split"] == info.split


def test_int8_is_the_megabyte_and_carries_the_score_on_record() -> None:
    pytest.importorskip("onnxruntime")
    path = bundled_files()["mfpnet_fast_camvid_int8"]
    assert path.stat().st_size <= 1_250_000
    manifest = open_backend("mfpnet_fast_camvid_int8").manifest
    assert manifest is not None
    assert (manifest.precision, manifest.size) == ("int8", manifest.info.input_size)
    record = read_json(RESULTS / "mfpnet_fast_camvid-int8.json")
    facts = record["quantisation"]
    assert record["bytes"] == path.stat().st_size
    assert manifest.info.score == facts["miou_after"]
    assert manifest.info.score_on == facts["scored_on"] == "camvid test"
    assert facts["calibrated_on"] == "camvid train"
    assert facts["drop"] <= 0.5
    before = load_model("mfpnet_fast_camvid").info
    assert before is not None
    assert before.score == pytest.approx(facts["miou_before"], abs=1e-4), "of the same weights"


@pytest.mark.parametrize("name", ["mfpnet_fast_camvid", "mfpnet_fast_camvid_int8"])
def test_they_see_sky_above_and_road_below(name: str) -> None:
    labels = Predictor(name).predict(draw_scene(1).image).labels
    rows = np.arange(labels.shape[0])[:, None]
    sky, road = labels == 0, labels == 3
    assert (rows * sky).sum() / sky.sum() < (rows * road).sum() / road.sum()


def test_the_graph_convolutions_matter(camvid_root: Path) -> None:
    frames = CamVid(camvid_root, "test")
    images = [frames.load(index)[0] for index in range(0, len(frames), 40)]

    def labels(predictor: Predictor) -> list[Labels]:
        return [predictor.predict(image).labels for image in images]

    model = load_model("mfpnet_fast_camvid")
    with_graph = labels(Predictor(model))
    for stage in range(len(model.graphs)):
        model.graphs[stage] = nn.Identity()
    without = labels(Predictor(model))
    changed = np.mean([a != b for a, b in zip(with_graph, without, strict=True)])
    assert changed >= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_camvid")])
def test_the_score_can_be_had_again(name: str, camvid_root: Path) -> None:
    record = read_json(RESULTS / f"{name}-test.json")
    again = evaluate(Predictor(name), CamVid(camvid_root, "test"))
    # Another processor may round a logit the other way at a handful of pixels.
    assert again.scores.miou == pytest.approx(record["miou"], abs=1e-4)


@pytest.mark.slow
def test_the_score_of_int8_can_be_had_again(camvid_root: Path) -> None:
    predictor = Predictor("mfpnet_fast_camvid_int8")
    again = evaluate(predictor, CamVid(camvid_root, "test"))
    # Another processor's kernels may round sums otherwise, and 8 bits make more of it.
    assert again.scores.miou == pytest.approx(predictor.info.score, abs=1e-3)
