"""Batch-norm statistics measured in the end: of which frames, and what stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfpnet.checkpoint import load_model, read_info, save_weights
from mfpnet.sources import open_dataset
from mfpnet.train import train
from mfpnet.training import session
from mfpnet.training.precise_bn import measure_statistics
from mfpnet.training.runs import RunConfig
from mfpnet.transforms import Augmentation, normalise
from mfpnet.views.runlog import read_metrics
from samples import INFO, RUN, UNSEEN, quiet, small_and_fast, tiny_network


class Branches(nn.Module):
    """A batch norm that is used, one for training only, and one behind the first."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.after, self.aside = (nn.BatchNorm2d(3, momentum=0.3) for _ in range(3))

    def forward(self, images: Tensor) -> Tensor:
        normed: Tensor = self.after(torch.relu(self.used(images)))
        return normed + self.aside(images) if self.training else normed


@pytest.fixture(autouse=True, scope="module")
def _tiny() -> Iterator[None]:
    with small_and_fast() as patch:
        patch.setattr("mfpnet.train.training_curves", lambda records, path: None)
        yield


def some_batches(count: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(4, 3, 8, 9, generator=generator) * (1 + number) + number
        for number in range(count)
    ]


def state_of(module: nn.Module) -> dict[str, Any]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_statistics_are_the_mean_over_the_batches() -> None:
    network = Branches()
    network(torch.randn(2, 3, 8, 8) * 40)
    measure_statistics(network, iter(some_batches()))
    for norm, seen in (
        (network.used, some_batches()),
        (
            network.after,
            [F.relu(F.batch_norm(b, None, None, training=True)) for b in some_batches()],
        ),
    ):
        means = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in seen])
        variances = torch.stack([batch.var(dim=(0, 2, 3)) for batch in seen])
        torch.testing.assert_close(norm.running_mean, means.mean(dim=0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var, variances.mean(dim=0), rtol=1e-4, atol=1e-5)


def test_what_no_batch_comes_by_and_what_is_kept_stays() -> None:
    network = Branches()
    for batch in some_batches(2):
        network(batch)
    aside, after = state_of(network.aside), state_of(network.after)
    measure_statistics(network, some_batches(), kept=[network.after])
    for part, state in ((network.aside, aside), (network.after, after)):
        assert all(torch.equal(state[name], value) for name, value in part.state_dict().items())
    assert network.used.num_batches_tracked == 5


def test_weights_and_the_way_it_averages_stay() -> None:
    network = Branches().train()
    before = [each.clone() for each in network.parameters()]
    measure_statistics(network, some_batches())
    assert not any(each.training for each in network.modules())
    assert [norm.momentum for norm in (network.used, network.after, network.aside)] == 3 * [0.3]
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def trained(folder: Path, config: RunConfig = RUN, **recipe: Any) -> nn.Module:
    changed = dataclasses.replace(config.recipe, **recipe)
    train(dataclasses.replace(config, recipe=changed), folder, console=quiet())
    return load_model(folder)


def test_a_run_measures_them_on_whole_frames_as_they_are(tmp_path: Path) -> None:
    """By another way: the frames of the data set, in one batch as large as the set."""
    plain: dict[str, Any] = {"flip": False, "batch_size": len(open_dataset(RUN.data)), "epochs": 1}
    network = trained(tmp_path / "run", **plain, scale=(0.5, 0.6), noise=0.3, precise_bn=True)
    without = trained(tmp_path / "without", **plain, scale=(0.5, 0.6), noise=0.3)
    for ours, theirs in zip(network.parameters(), without.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    info, frames = read_info(tmp_path / "run"), open_dataset(RUN.data)
    images = torch.stack([torch.tensor(frames.load(i)[0]) for i in range(len(frames))])
    seen = normalise(images.permute(0, 3, 1, 2), torch.tensor(info.mean), torch.tensor(info.std))
    expected = without.train()
    for norm in expected.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
    expected(seen)
    measured = network.state_dict()
    for name, value in expected.state_dict().items():
        if "running" in name:
            torch.testing.assert_close(measured[name], value, rtol=1e-3, atol=1e-4)


def test_it_is_the_averaged_network_that_is_measured(tmp_path: Path) -> None:
    """With heads for training only around it, and evaluated on the way: each time on a copy."""
    config = dataclasses.replace(RUN, evaluate_on=UNSEEN, evaluate_every=1)
    recipe: dict[str, Any] = {"ema": 0.9, "auxiliary": 0.4}
    measured = trained(tmp_path / "run", config, **recipe, precise_bn=True)
    averaged = trained(tmp_path / "averaged", config, **recipe)
    for ours, theirs in zip(measured.parameters(), averaged.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    scores = [
        [each["miou"] for each in read_metrics(tmp_path / name / "metrics.jsonl")]
        for name in ("run", "averaged")
    ]
    assert scores[0][0] != scores[1][0]
    assert scores[0][1] != scores[1][1]


def test_weights_are_there_if_measuring_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("no memory for whole frames")

    monkeypatch.setattr("mfpnet.train.measure_statistics", failing)
    with pytest.raises(RuntimeError, match="no memory"):
        trained(tmp_path / "run", precise_bn=True)
    load_model(tmp_path / "run")


def test_of_frames_of_several_sizes_it_sees_what_all_have(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def noting(run: Any, raw: object, options: Augmentation, first: int) -> None:
        seen.append(options.crop_size)
        assert options.scale == (1, 1)

    monkeypatch.setattr(session, "_augmented", noting)
    for sizes in ([[40, 90], [70, 50]], [[40, 90], [40, 90]]):
        store = SimpleNamespace(
            smallest=tuple(torch.tensor(sizes).amin(dim=0).tolist()),
            largest=tuple(torch.tensor(sizes).amax(dim=0).tolist()),
        )
        run = SimpleNamespace(config=RUN, store=store, batch_size=2, steps_per_epoch=1)
        session.plain_batches(run)  # type: ignore[arg-type]
    assert seen == [(40, 50), (40, 90)]


def test_a_frozen_encoder_keeps_its_statistics(tmp_path: Path) -> None:
    start = tiny_network().eval()
    save_weights(tmp_path / "start.safetensors", start, INFO)
    frozen = dataclasses.replace(RUN, init=str(tmp_path / "start.safetensors"), freeze="encoder")
    measured = trained(tmp_path / "run", frozen, precise_bn=True).state_dict()
    without = trained(tmp_path / "without", frozen).state_dict()
    changed = {
        name.split(".")[0]
        for name, value in measured.items()
        if "running" in name and not torch.equal(value, without[name])
    }
    assert changed
    assert not changed & {"initial", "entries", "encoder"}
