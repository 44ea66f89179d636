"""Training throughput: what a row says is what was measured."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from mfpnet.errors import MfpnetError
from mfpnet.measuring import throughput
from mfpnet.measuring.throughput import ON_CPU, ON_GPU, REFERENCE, training_throughput
from mfpnet.measuring.trainee import CLASSES, PHASES, Setting, Trainee, WallClock
from mfpnet.model_config import MFPNetConfig
from mfpnet.suites import VARIANTS

TINY = MFPNetConfig(
    stem_channels=8,
    stem_convs=1,
    channels=(8, 12),
    strides=(4, 8),
    dilations=((1,), (2,)),
    sgcn=("simple", None),
    nodes=4,
    head_channels=8,
    aspp_dilations=(2,),
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(VARIANTS):
        monkeypatch.delitem(VARIANTS, name)
    for name in ("tiny", "tinier"):
        monkeypatch.setitem(VARIANTS, name, TINY)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trainee(setting: Setting | None = None) -> Trainee:
    return Trainee("tiny", setting or Setting(), size=(32, 48), batch_size=2, device=CPU)


def measure(**options: Any) -> dict[str, Any]:
    small: dict[str, Any] = {"size": (32, 48), "batch_sizes": (2,), "device": "cpu", "rounds": 1}
    return training_throughput(**small | {"threads": 1, "compiled": False} | options)


def test_each_network_and_batch_size_meets_each_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [REFERENCE, "channels last, loss stride 2, bf16"]
    compiled = {"compiled": Setting(compiled="default")}
    monkeypatch.setattr(throughput, "ON_CPU", {name: ON_CPU[name] for name in names} | compiled)
    record = measure(batch_sizes=(2, 4))
    found = [(row["variant"], row["batch_size"], row["setting"]) for row in record["rows"]]
    assert found == list(itertools.product(["tinier", "tiny"], [2, 4], names))
    assert record["failed"] == []
    assert record["size"] == [32, 48]
    assert record["environment"]["threads"] == 1


def test_a_row_agrees_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    milliseconds = {REFERENCE: 50.0, "channels last": 20.0}
    settings = {name: ON_CPU[name] for name in milliseconds}
    monkeypatch.setattr(throughput, "ON_CPU", settings)
    monkeypatch.setattr(throughput, "interleaved_medians", lambda *_, **__: milliseconds)
    rows = measure(only=("tiny",))["rows"]
    assert [row["images_per_second"] for row in rows] == [40, 100]
    assert [row["against_eager_fp32"] for row in rows] == [1, 2.5]
    assert [row["minutes_estimated"] for row in rows] == [195, 78]  # 468,000 frames
    assert [row["peak_memory_mib"] for row in rows] == [None, None]
    for row in rows:
        assert sum(row[f"{phase}_share"] for phase in PHASES) == pytest.approx(1, abs=0.002)


def test_the_shares_are_of_the_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = trainee()
    times = iter([0.0, 0.1, 0.4, 1.0, 5.0, 5.1, 5.4, 6.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    shares = learner.phase_shares(2)
    monkeypatch.undo()
    assert shares == pytest.approx({"input": 0.1, "forward": 0.3, "backward": 0.6})


def test_the_marks_lie_between_the_phases() -> None:
    learner, seen = trainee(), []
    parameter = next(learner.stepper.model.parameters())

    def mark() -> None:
        seen.append((learner.stepper.step, parameter.detach().clone()))

    learner.step(mark)
    assert [step for step, _ in seen] == [0, 0, 0, 1]
    assert torch.equal(seen[2][1], seen[0][1])
    assert not torch.equal(seen[3][1], seen[0][1])


def test_of_parts_side_by_side_the_input_alone_can_be_told() -> None:
    torch.set_num_threads(2)
    learner = Trainee("tiny", Setting(parted=True), size=(32, 48), batch_size=8, device=CPU)
    assert learner.stepper.parts == 2
    shares = learner.phase_shares(2)
    assert shares["input"] is not None
    assert 0 < shares["input"] < 1
    assert shares["forward"] is shares["backward"] is None


def test_a_trainee_learns_from_what_a_trainer_would_see() -> None:
    learner = trainee(Setting(dtype=torch.bfloat16))
    images, targets = learner._batch()
    assert images.shape == (2, 3, 32, 48)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert targets.shape == (2, 32, 48)
    assert 0 <= targets.min() <= targets.max() <= CLASSES
    assert learner.step().isfinite()
    assert learner.stepper.ema is not None


def test_a_clock_tells_milliseconds() -> None:
    clock = WallClock()
    for _ in range(2):
        clock.mark()
        time.sleep(0.05)
    clock.mark()
    assert all(50 <= duration < 1000 for duration in clock.durations())
    assert len(clock.durations()) == 2


def test_a_setting_that_cannot_be_had_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Setting(compiled="no such mode")
    settings = {REFERENCE: ON_CPU[REFERENCE], "broken": broken}
    monkeypatch.setattr(throughput, "ON_CPU", settings)
    record = measure(only=("tiny",), compiled=True)
    assert [row["setting"] for row in record["rows"]] == [REFERENCE]
    (fault,) = record["failed"]
    assert (fault["variant"], fault["batch_size"], fault["setting"]) == ("tiny", 2, "broken")
    assert "no such mode" in fault["reason"]


def test_settings_of_a_gpu_begin_with_the_same_reference() -> None:
    assert ON_GPU[REFERENCE] == ON_CPU[REFERENCE]
    assert [s.dtype for s in ON_GPU.values()] == [None] + 4 * [torch.bfloat16]


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(MfpnetError, match=r"unknown variant 'tinny'\. Did you mean 'tiny'"):
        measure(only=("tinny",))
