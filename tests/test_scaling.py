from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mfpnet.commands.scaling_steps import scale, show_scaling
from mfpnet.errors import MfpnetError
from mfpnet.measuring import scaling as measured
from mfpnet.measuring.contenders import requested
from mfpnet.measuring.runners import Job
from mfpnet.measuring.scaling import FRAME, SIZES, TILE, Sweep, doubling, scaling
from mfpnet.measuring.subjects import subjects_of
from mfpnet.options.deploy import BenchmarkOptions
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.views.scaling_chart import scaling_picture
from samples import refused_without_bf16

CPU = torch.device("cpu")


def row(axis: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "network": "mfpnet_fast",
        "backend": "inference",
        "axis": axis,
        "size": [360, 480],
        "batch_size": 1,
        "threads": 1,
        "tile": None,
        "median_ms": 50.0,
        "spread": 0.0,
        "memory_mib": 100,
        "gpu_memory_mib": None,
        "error": None,
    }
    return plain | changes


def test_one_thing_varies_at_a_time() -> None:
    sweep = Sweep([(64, 96), (96, 128)], [2], [1, 3], rounds=1)
    points = list(sweep.points(Job(FRAME, 1, "labels", CPU, 2)))
    assert [axis for axis, _ in points] == ["size", "size", "batch", "threads", "threads"]
    assert [(job.size, job.batch, job.threads) for _, job in points] == [
        ((64, 96), 1, 2),
        ((96, 128), 1, 2),
        (FRAME, 2, 2),
        (FRAME, 1, 1),
        (FRAME, 1, 3),
    ]


def test_threads_vary_unless_they_are_given_or_a_gpu_computes() -> None:
    assert Sweep.of().threads
    assert Sweep.of(threads=2).threads == ()
    assert Sweep.of(on_gpu=True).threads == ()
    assert Sweep.of().sizes == SIZES
    assert Sweep.of(sizes=[(64, 64)]).sizes == [(64, 64)]


@pytest.mark.parametrize(("most", "expected"), [(1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6))])
def test_threads_double_up_to_the_last(most: int, expected: tuple[int, ...]) -> None:
    assert doubling(most) == expected


def test_a_point_is_measured_in_a_process_of_its_own_and_one_that_fails_has_a_reason() -> None:
    sweep = Sweep([(64, 96)], [], [], rounds=2)
    record = scaling(subjects_of(["mfpnet_fast"]), ["inference", "graphs"], sweep, device=CPU)
    good, bad = record["rows"]
    assert good["error"] is None
    assert good["median_ms"] > 0
    assert good["memory_mib"] > 0
    assert bad["median_ms"] is None
    assert "graphs" in bad["error"]


@pytest.mark.parametrize(
    ("backend", "precision"), [("onnxruntime", "fp32"), ("openvino-bf16", "bf16")]
)
def test_a_file_predicts_tiles_with_the_threads_and_the_precision_that_are_asked_for(
    backend: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "TILE", (64, 96))
    (subject,) = subjects_of(["mfpnet_fast"])
    job = Job((64, 96), 1, "logits", CPU, 1)
    request = requested(subject, backend, job, tmp_path)
    with refused_without_bf16(backend):
        predictor = measured._tiling_predictor(request)
        assert predictor.engine.where()["threads"] == 1
        assert predictor.engine.precision == precision
        labels = predictor.predict(np.zeros((100, 200, 3), np.uint8)).labels
        assert labels.shape == (100, 200)


def test_pictures_are_streets_however_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "_DRAWN", (64, 96))
    seen = []

    def keep(module: str, request: dict[str, Any]) -> dict[str, Any]:
        seen.append(measured._picture(request))
        return {}

    monkeypatch.setattr(measured, "in_fresh_process", keep)
    (subject,) = subjects_of(["mfpnet_fast"])
    street = draw_scene(0, (64, 96)).image
    for size, pixels in (((64, 96), 10_000), ((130, 200), 10_000), ((130, 200), 100_000)):
        monkeypatch.setattr(measured, "WHOLE_PIXELS", pixels)
        job = Job(size, 1, "labels", CPU, 1)
        found = measured._found(subject, "inference", job, 1, tmp_path)
        assert found["error"] is None
        repeated = np.tile(street, (3, 3, 1))[: size[0], : size[1]]
        np.testing.assert_array_equal(seen[-1], repeated)


def test_the_picture_has_a_column_for_each_axis(tmp_path: Path) -> None:
    large = row("size", size=[10_000, 10_000], tile=list(TILE), median_ms=9e4)
    rows = [row("size"), large, row("batch"), row("batch", batch_size=4), row("threads")]
    failed = row("batch", median_ms=None, memory_mib=None, error="out of memory")
    path = tmp_path / "scaling.svg"
    scaling_picture({"device": "cpu", "rows": [*rows, failed]}, path)
    drawn = path.read_text()
    for tick in ("0.173", "100", "MiB of memory"):  # 360 x 480 is 172,800
        assert f"<!-- {tick} -->" in drawn
    assert drawn.startswith("<?xml")
    assert len(drawn) > 10_000
    with pytest.raises(MfpnetError, match="no point was measured"):
        scaling_picture({"device": "cpu", "rows": [failed]}, path)


def test_rows_and_reasons_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    tiled = row("size", size=[10_000, 10_000], tile=[720, 960])
    failed = row("batch", batch_size=64, median_ms=None, error="killed by signal 9")
    show_scaling({"rows": [row("size"), tiled, failed]})
    shown = capsys.readouterr()
    assert "360x480" in shown.out
    assert re.search(r"ms +. +MiB ", shown.out)
    assert "in tiles of 720x960" in shown.out
    assert "batch 64, 1 thread: killed by signal 9" in shown.err


def test_nothing_but_reasons_is_an_error() -> None:
    failed = row("size", median_ms=None, error="killed by signal 9")
    with pytest.raises(MfpnetError, match="nothing was measured:\nkilled by signal 9"):
        show_scaling({"rows": [failed, failed]})


def test_an_option_of_another_benchmark_is_refused() -> None:
    with pytest.raises(MfpnetError, match="--model-only is not for --scaling"):
        scale(BenchmarkOptions(scaling=True, model_only=True), ())
