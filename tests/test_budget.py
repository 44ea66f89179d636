"""What the time of a step is measured with: teachers, mixed frames, parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mfpnet import mixing
from mfpnet.checkpoint import save_weights
from mfpnet.labels import CAMVID
from mfpnet.pixels.format import PixelFormat
from mfpnet.training.budget import step_seconds
from mfpnet.training.replicas import Replicas
from mfpnet.training.teachers import Teachers
from samples import INFO, RUN, small_and_fast, tiny_network


@pytest.fixture(autouse=True, scope="module")
def _tiny() -> Iterator[None]:
    with small_and_fast():
        yield


def test_teachers_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_weights(tmp_path / "teacher.safetensors", tiny_network(), INFO)
    config = dataclasses.replace(RUN, teachers=(str(tmp_path / "teacher.safetensors"),))
    asked: list[Tensor] = []
    ask = Teachers.__call__

    def noting(teachers: Teachers, images: Tensor, stride: int = 1) -> Tensor:
        asked.append(ask(teachers, images, stride))
        return asked[-1]

    monkeypatch.setattr(Teachers, "__call__", noting)
    assert step_seconds(RUN, CAMVID) > 0
    assert not asked
    assert step_seconds(config, CAMVID) > 0
    assert asked[-1].shape[:2] == (RUN.recipe.batch_size, len(CAMVID.classes))


def test_frames_are_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    mix = mixing.mix_classes

    def noting(*given: Tensor, **options: float) -> tuple[Tensor, Tensor]:
        shares.append(options["share"])
        return mix(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("mfpnet.transforms.mix_classes", noting)
    recipe = dataclasses.replace(RUN.recipe, class_mix=0.7)
    assert step_seconds(dataclasses.replace(RUN, recipe=recipe), CAMVID) > 0
    assert set(shares) == {0.7}


def test_parts_have_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    learn = Replicas.learn

    def noting(replicas: Replicas, work: object, images: Tensor, targets: Tensor) -> Tensor:
        given.append(images.shape)
        return learn(replicas, work, images, targets)  # type: ignore[arg-type]

    monkeypatch.setattr(Replicas, "learn", noting)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    recipe = dataclasses.replace(RUN.recipe, batch_size=8)
    try:
        five = dataclasses.replace(RUN, recipe=recipe)
        assert step_seconds(five, CAMVID, PixelFormat(5, 16)) > 0
    finally:
        torch.set_num_threads(threads)
    assert given[-1][:2] == (8, 5)
