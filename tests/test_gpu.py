"""What only a GPU can show; skipped where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mfpnet.checkpoint import load_model
from mfpnet.datasets import DataSource
from mfpnet.predict import Predictor
from mfpnet.recipes import Precision, Recipe
from mfpnet.runlog import read_metrics
from mfpnet.runs import RunConfig, read_config
from mfpnet.scenes import draw_scene
from mfpnet.train import TrainingStoppedError, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

CONFIG = RunConfig(
    variant="mfpnet_fast",
    recipe_name="custom",
    recipe=Recipe(
        epochs=2, batch_size=4, crop_size=(64, 96), ema=0.9, colour=0.2, ohem_threshold=0.7
    ),
    data=DataSource("synthetic", "train", count=16, size=(64, 96)),
    evaluate_on=DataSource("synthetic", "val", count=2, size=(64, 96)),
    device="cuda",
)


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16", "fp16"])
def test_it_trains_in_every_precision(precision: Precision, tmp_path: Path) -> None:
    recipe = replace(CONFIG.recipe, precision=precision, epochs=4)
    result = train(replace(CONFIG, recipe=recipe), tmp_path / "run")
    records = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert records[-1]["loss"] < records[0]["loss"]
    assert result["environment"]["device"] == "cuda"
    assert result["environment"]["gpu"]


def test_a_deterministic_run_resumes_bit_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, deterministic=True, recipe=replace(CONFIG.recipe, precision="fp32"))
    train(config, tmp_path / "whole")
    monkeypatch.setattr("mfpnet.train._on_step", lambda run, *_: run.losses.append(_[0]) or True)
    with pytest.raises(TrainingStoppedError):
        train(config, tmp_path / "parts")
    monkeypatch.undo()
    train(read_config(tmp_path / "parts" / "config.yaml"), tmp_path / "parts", resume=True)
    torch.use_deterministic_algorithms(False)
    whole, parts = (load_model(tmp_path / name).state_dict() for name in ("whole", "parts"))
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_it_sees_what_a_cpu_sees() -> None:
    image = draw_scene(3).image
    on_gpu, on_cpu = (Predictor("mfpnet_fast_camvid", device=d) for d in ("cuda", "cpu"))
    same = on_gpu.predict(image).labels == on_cpu.predict(image).labels
    assert same.mean() > 0.999
