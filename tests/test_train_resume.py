"""A run that was stopped and goes on ends exactly like one that was not."""

from __future__ import annotations

import dataclasses
import io
import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from torch import Tensor, nn

from mfpnet.checkpoint import load_checkpoint
from mfpnet.errors import MfpnetError
from mfpnet.files import read_json
from mfpnet.recipes import Recipe
from mfpnet.suites import VARIANTS
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.train import TrainingStoppedError, train
from mfpnet.training.objective import Objective
from mfpnet.training.runs import RunConfig, read_config
from mfpnet.views.runlog import read_metrics
from samples import TINY, UNSEEN, small_and_fast, with_recipe

# Three steps an epoch and two an update: gradients wait at the end of every second epoch.
CONFIG = dataclasses.replace(
    with_recipe(
        epochs=3,
        accumulate=2,
        colour=0.2,
        optimizer="adamw",
        warmup_epochs=0.5,
        ema=0.9,
        ohem_threshold=0.7,
        lovasz=0.5,
        auxiliary=0.4,
        branches=True,
        rare_crops=0.5,
        class_mix=0.5,
        precise_bn=True,
    ),
    evaluate_on=dataclasses.replace(UNSEEN, count=2),
    evaluate_every=1,
)
SIMPLE = dataclasses.replace(
    CONFIG,
    recipe=Recipe(2, 2, crop_size=(64, 64), optimizer="sgd", learning_rate=0.01),
    evaluate_on=None,
    seed=5,
)


@pytest.fixture(autouse=True, scope="module")
def _tiny() -> Iterator[None]:
    with small_and_fast() as patch:
        patch.setattr("mfpnet.train.training_curves", lambda records, path: None)
        patch.setattr("mfpnet.train.SECONDS_BETWEEN_CHECKPOINTS", 0)
        yield


def go(config: RunConfig, folder: Path, *, resume: bool = False) -> str:
    """Train; what the run printed."""
    out = io.StringIO()
    train(config, folder, resume=resume, console=Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    go(CONFIG, folder)
    return folder


def assert_same_run(folder: Path, expected: Path) -> None:
    name = "weights.safetensors"
    assert metrics(folder) == metrics(expected)
    assert (folder / name).read_bytes() == (expected / name).read_bytes()


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The records without what depends on the clock."""
    records = read_metrics(folder / "metrics.jsonl")
    return [{k: v for k, v in r.items() if "second" not in k} for r in records]


def at_loss(patch: pytest.MonkeyPatch, number: int, action: Callable[[Tensor], Tensor]) -> None:
    """Have `action` change the n-th loss that is computed, counted from 1."""
    calls = itertools.count(1)
    compute = Objective.__call__

    def loss(objective: Objective, logits: Any, target: Tensor, images: Tensor) -> Tensor:
        mine = next(calls)
        value = compute(objective, logits, target, images)
        return action(value) if mine == number else value

    patch.setattr(Objective, "__call__", loss)


def press_ctrl_c(loss: Tensor) -> Tensor:
    signal.raise_signal(signal.SIGINT)
    return loss


def lose_power(loss: Tensor) -> Tensor:
    raise RuntimeError("power cut")


def stop_at(config: RunConfig, folder: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Press Ctrl-C in the n-th step; what the run said."""
    with monkeypatch.context() as patch:
        at_loss(patch, number, press_ctrl_c)
        with pytest.raises(TrainingStoppedError) as caught:
            go(config, folder, resume=(folder / "checkpoint.pt").exists())
    return str(caught.value)


@pytest.mark.parametrize(
    ("number", "step"),
    [(1, 2), (3, 3), (4, 4), (6, 6), (7, 8)],
    ids=[
        "waits for the update",
        "end of an epoch, gradients waiting",
        "middle of an epoch",
        "end of an epoch, all updated",
        "middle of the last epoch",
    ],
)
def test_stopped_and_resumed_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path, number: int, step: int
) -> None:
    text = stop_at(CONFIG, tmp_path, number, monkeypatch)
    assert f"stopped at step {step} of 9" in text
    assert f"mfpnet train --resume {tmp_path}" in text
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == step
    assert not (tmp_path / "weights.safetensors").exists()
    assert metrics(tmp_path) == metrics(straight)[: step // 3]
    go(read_config(tmp_path / "config.yaml"), tmp_path, resume=True)
    assert_same_run(tmp_path, straight)


def test_stopped_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path) -> None:
    stop_at(CONFIG, tmp_path, 2, monkeypatch)
    stop_at(CONFIG, tmp_path, 3, monkeypatch)
    go(CONFIG, tmp_path, resume=True)
    assert_same_run(tmp_path, straight)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_without_average_and_accumulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    go(SIMPLE, tmp_path / "straight")
    stop_at(SIMPLE, tmp_path / "stopped", number, monkeypatch)
    go(SIMPLE, tmp_path / "stopped", resume=True)
    assert_same_run(tmp_path / "stopped", tmp_path / "straight")


def dropping(num_classes: int) -> nn.Module:
    """Somebody else's network, that draws numbers while it is trained."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Dropout(), nn.Conv2d(8, num_classes, 1))


def test_a_network_that_draws_numbers_goes_on_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(SIMPLE, variant=f"{__name__}:dropping")
    go(config, tmp_path / "straight")
    stop_at(config, tmp_path / "stopped", 3, monkeypatch)
    go(config, tmp_path / "stopped", resume=True)
    assert_same_run(tmp_path / "stopped", tmp_path / "straight")


def test_a_run_in_parts_goes_on_in_as_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches whoever waits for the parts; whoever goes on does not choose their number."""
    parted = dataclasses.replace(CONFIG, threads=2, parts=2)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    go(parted, straight)
    assert read_json(straight / "result.json")["parts"] == 2
    stop_at(parted, stopped, 5, monkeypatch)  # a part of the third step's or of the second's
    go(dataclasses.replace(parted, parts=None), stopped, resume=True)
    assert_same_run(stopped, straight)
    assert read_json(stopped / "result.json")["parts"] == 2


@pytest.mark.parametrize("number", [5, 8])
def test_power_cut_costs_an_epoch_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path, number: int
) -> None:
    with monkeypatch.context() as patch:
        at_loss(patch, number, lose_power)
        with pytest.raises(RuntimeError, match="power cut"):
            go(CONFIG, tmp_path)
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == number // 3 * 3
    go(CONFIG, tmp_path, resume=True)
    assert_same_run(tmp_path, straight)


def test_short_epochs_share_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path
) -> None:
    monkeypatch.setattr("mfpnet.train.SECONDS_BETWEEN_CHECKPOINTS", 3600)
    with monkeypatch.context() as patch:
        at_loss(patch, 8, lose_power)
        with pytest.raises(RuntimeError, match="power cut"):
            go(CONFIG, tmp_path)
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 3
    go(CONFIG, tmp_path, resume=True)
    assert_same_run(tmp_path, straight)


def test_power_cut_between_the_two_records_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path
) -> None:
    def lose_power_later(path: Path, state: Any) -> None:
        raise RuntimeError("power cut")

    stop_at(CONFIG, tmp_path, 2, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr("mfpnet.checkpoint.save_checkpoint", lose_power_later)
        with pytest.raises(RuntimeError, match="power cut"):
            go(CONFIG, tmp_path, resume=True)
    go(CONFIG, tmp_path, resume=True)
    assert_same_run(tmp_path, straight)


def test_ctrl_c_in_the_last_step_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path
) -> None:
    at_loss(monkeypatch, 9, press_ctrl_c)
    go(CONFIG, tmp_path)
    assert_same_run(tmp_path, straight)


def test_finished_run_resumes_to_itself(straight: Path) -> None:
    before = (straight / "weights.safetensors").read_bytes()
    lines = metrics(straight)
    go(CONFIG, straight, resume=True)
    assert (straight / "weights.safetensors").read_bytes() == before
    assert metrics(straight) == lines


def test_diverging_run_keeps_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: Path
) -> None:
    with monkeypatch.context() as patch:
        at_loss(patch, 5, lambda loss: loss * float("nan"))
        with pytest.raises(MfpnetError, match=r"became nan at step 4 \(learning rate .*lower"):
            go(CONFIG, tmp_path)
    assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 3
    go(CONFIG, tmp_path, resume=True)
    assert_same_run(tmp_path, straight)


def test_another_number_of_threads_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(SIMPLE, tmp_path, 1, monkeypatch)
    said = go(dataclasses.replace(SIMPLE, threads=2), tmp_path, resume=True)
    assert "--threads 1 makes it so" in said


def test_nothing_to_resume_from(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="nothing to resume from"):
        go(SIMPLE, tmp_path, resume=True)


@pytest.mark.parametrize(("masks", "changed"), [(True, "other masks"), (False, "other pictures")])
def test_data_that_has_changed_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masks: bool, changed: str
) -> None:
    stop_at(SIMPLE, tmp_path, 1, monkeypatch)
    load = SyntheticStreets.load

    def other(self: SyntheticStreets, index: int) -> tuple[Any, Any]:
        image, target = load(self, index)
        return (image, target[::-1] * 0) if masks else (255 - image, target)

    monkeypatch.setattr(SyntheticStreets, "load", other)
    with pytest.raises(MfpnetError, match=f"{changed} than .*--init {tmp_path}"):
        go(SIMPLE, tmp_path, resume=True)


def test_checkpoint_of_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(SIMPLE, tmp_path, 1, monkeypatch)
    monkeypatch.setitem(VARIANTS, "tiny", dataclasses.replace(TINY, head_channels=4))
    with pytest.raises(MfpnetError, match="another network's"):
        go(SIMPLE, tmp_path, resume=True)
