"""Parts of a recipe beyond cross-entropy, from the set-up to the saved weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mfpnet.checkpoint import load_model, save_weights
from mfpnet.errors import MfpnetError
from mfpnet.train import train
from mfpnet.training.runs import RunConfig
from mfpnet.transforms import Augmentation
from samples import INFO, UNSEEN, quiet, small_and_fast, tiny_network, with_recipe


@pytest.fixture(autouse=True, scope="module")
def _tiny() -> Iterator[None]:
    with small_and_fast():
        yield


def go(config: RunConfig, folder: Path) -> dict[str, Any]:
    return train(config, folder, console=quiet())


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    """A wider network that has learnt a little."""
    config = with_recipe(epochs=6, optimizer="adamw")
    go(config, tmp_path / "teacher")
    return str(tmp_path / "teacher")


def test_auxiliary_heads_do_not_travel_with_the_weights(tmp_path: Path) -> None:
    for name, changes in (("plain", {}), ("taught", {"auxiliary": 0.4, "ema": 0.9})):
        result = go(with_recipe(**changes), tmp_path / name)
        names = set(load_model(tmp_path / name).state_dict())
        assert names == set(tiny_network().state_dict())
        assert result["parameters"] == sum(p.numel() for p in tiny_network().parameters())
    plain, taught = (load_model(tmp_path / name) for name in ("plain", "taught"))
    assert not torch.equal(
        plain.get_parameter("classifier.weight"), taught.get_parameter("classifier.weight")
    )


def test_a_pupil_comes_to_agree_with_its_teacher(tmp_path: Path, teacher: str) -> None:
    image = torch.randn(2, 3, 64, 96)
    opinion = load_model(teacher)(image).softmax(dim=1)
    distance = {}
    for name, share in (("alone", 0.0), ("taught", 1.0)):
        config = with_recipe(epochs=6, optimizer="adamw", distillation=share, class_weights=False)
        go(dataclasses.replace(config, seed=1, teachers=(teacher,)), tmp_path / name)
        own = load_model(tmp_path / name)(image).softmax(dim=1)
        distance[name] = (own - opinion).abs().mean().item()
    assert distance["taught"] < distance["alone"]


def test_several_teachers_and_a_coarse_loss_train(tmp_path: Path, teacher: str) -> None:
    config = dataclasses.replace(with_recipe(loss_stride=2), teachers=(teacher, teacher))
    assert go(config, tmp_path / "run")["steps"] == 6


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    info = dataclasses.replace(INFO, classes=("a", "b"), palette=((0, 0, 0), (1, 1, 1)))
    path = tmp_path / "other.safetensors"
    save_weights(path, tiny_network(num_classes=2), info)
    config = dataclasses.replace(with_recipe(), teachers=(str(path),))
    with pytest.raises(MfpnetError, match=r"other\.safetensors' knows 2 classes \(a, b"):
        go(config, tmp_path / "run")


def test_rare_classes_are_those_with_less_than_half_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Augmentation] = []

    def remember(*values: Any, **options: Any) -> Augmentation:
        seen.append(Augmentation(*values, **options))
        return seen[-1]

    monkeypatch.setattr("mfpnet.training.building.Augmentation", remember)
    go(with_recipe(epochs=1, rare_crops=0.5), tmp_path / "run")
    assert seen[0].sought_share == 0.5
    names = {INFO.classes[label] for label in seen[0].sought}
    assert {"sign", "pedestrian"} <= names
    assert not names & {"sky", "building", "road"}


def test_the_best_of_the_last_epochs_is_recorded_as_optimistic(tmp_path: Path) -> None:
    config = dataclasses.replace(
        with_recipe(epochs=4, optimizer="adamw"), evaluate_on=UNSEEN, evaluate_last=3
    )
    result = go(config, tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    scores = [json.loads(line).get("miou") for line in lines]
    assert [score is not None for score in scores] == [False, True, True, True]
    assert result["optimistic"]["miou"] == max(scores[1:])
    assert result["optimistic"]["epoch"] == 2 + scores[1:].index(max(scores[1:]))
    assert "chosen on the data it is scored on" in result["optimistic"]["protocol"]
    # What travels with the weights is the last epoch's score, not the best one.
    info = load_model(tmp_path / "run").info
    assert info is not None
    assert info.score == result["evaluation"]["miou"] == scores[-1]


def test_nothing_is_called_optimistic_that_was_not_asked_for(tmp_path: Path) -> None:
    config = dataclasses.replace(with_recipe(epochs=1), evaluate_on=UNSEEN)
    assert go(config, tmp_path / "run")["optimistic"] is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch's own, of itself
def test_compiled_training_learns_the_same(tmp_path: Path) -> None:
    losses = []
    for compiled in (False, True):
        config = dataclasses.replace(with_recipe(ema=0.9), compile=compiled)
        losses.append(go(config, tmp_path / str(compiled))["loss"])
        assert set(load_model(tmp_path / str(compiled)).state_dict()) == set(
            tiny_network().state_dict()
        )
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


def test_what_a_network_learnt_from_limits_its_licence(tmp_path: Path) -> None:
    older = tmp_path / "older.safetensors"
    save_weights(older, tiny_network(), dataclasses.replace(INFO, licence="research use only"))
    for name, changes in (
        ("went on", {"init": str(older)}),
        ("taught", {"teachers": (str(older),)}),
    ):
        go(dataclasses.replace(with_recipe(epochs=1), **changes), tmp_path / name)
        info = load_model(tmp_path / name).info
        assert info is not None
        assert info.licence == "research use only"
        assert "older.safetensors" in (info.started_from, *info.taught_by)


def test_a_run_goes_on_when_what_it_started_from_is_gone(tmp_path: Path) -> None:
    older = tmp_path / "older.safetensors"
    save_weights(older, tiny_network(), dataclasses.replace(INFO, licence="research use only"))
    config = dataclasses.replace(with_recipe(epochs=1), init=str(older))
    result = go(config, tmp_path / "run")
    assert result["config"]["init"] == "older.safetensors"
    older.unlink()
    train(config, tmp_path / "run", resume=True, console=quiet())
    info = load_model(tmp_path / "run").info
    assert info is not None
    assert info.licence == "research use only"


def test_an_evaluation_that_was_cut_off_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(with_recipe(epochs=3), evaluate_on=UNSEEN, evaluate_last=3)
    expected = go(config, tmp_path / "straight")["optimistic"]

    def lose_power(*_: Any, **__: Any) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("mfpnet.train.evaluate", lose_power)
        with pytest.raises(RuntimeError, match="power cut"):
            go(config, tmp_path / "cut")
    resumed = train(config, tmp_path / "cut", resume=True, console=quiet())
    assert resumed["optimistic"] == expected
