"""Branches beside kernels: the same function, other steps, and nothing of them in what is saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfpnet.checkpoint import load_model, save_weights
from mfpnet.layers import convolution
from mfpnet.train import train
from mfpnet.training.branches import with_branches, without_branches
from mfpnet.training.optim import EMA, build_optimizer
from mfpnet.training.replicas import Replicas
from mfpnet.variants import count_parameters
from samples import INFO, RUN, quiet, small_and_fast, tiny_network


@pytest.fixture(autouse=True, scope="module")
def _tiny() -> Iterator[None]:
    with small_and_fast() as patch:
        patch.setattr("mfpnet.train.training_curves", lambda records, path: None)
        yield


def some_images(count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, 64, 64, generator=generator, dtype=torch.float64)


def branches_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: each for name, each in model.named_parameters() if "parametrizations" in name}


def test_a_network_with_branches_computes_what_it_did() -> None:
    network = tiny_network().double().eval()
    before, names = network(some_images()), sorted(network.state_dict())
    count = count_parameters(network)
    with_branches(network)
    torch.testing.assert_close(network(some_images()), before)
    assert count_parameters(network) > count
    folded = without_branches(network)
    torch.testing.assert_close(folded(some_images()), before)
    assert sorted(folded.state_dict()) == names
    assert count_parameters(folded) == count


@pytest.mark.parametrize(
    ("kernel", "shapes"),
    [
        ((3, 3), [(3, 3), (1, 3), (3, 1), (1, 1)]),
        ((3, 1), [(3, 1), (1, 1)]),
        ((1, 5), [(1, 5), (1, 1)]),
    ],
)
def test_branches_side_by_side_give_what_their_sum_gives(
    kernel: tuple[int, int], shapes: list[tuple[int, int]]
) -> None:
    """By another way: a convolution each, with its own padding, and the sum of what comes out."""
    layer = with_branches(convolution(4, 6, kernel, dilation=2).double())
    own = branches_of(layer)
    factors = own.pop("parametrizations.weight.0.factors")
    torch.nn.init.uniform_(factors, 0.5, 2)
    assert [tuple(each.shape[2:]) for each in own.values()] == shapes
    features = torch.randn(2, 4, 12, 13, dtype=torch.float64)
    apart = [
        F.conv2d(
            features,
            branch,
            padding=(branch.shape[2] // 2 * 2, branch.shape[3] // 2 * 2),
            dilation=2,
        )
        * factor.view(1, -1, 1, 1)
        for branch, factor in zip(own.values(), factors, strict=True)
    ]
    torch.testing.assert_close(layer(features), torch.stack(apart).sum(dim=0))
    assert all(branch.std() > 0.01 for branch in own.values())


def test_kernels_of_one_pixel_and_of_even_ones_stay_as_they_are() -> None:
    for size in (1, 2, (3, 2)):
        layer = nn.Conv2d(4, 6, size)
        assert with_branches(layer) is layer
        assert not branches_of(layer)
        assert without_branches(layer) is layer


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_every_branch_learns_and_the_sum_is_what_was_learnt(optimizer: str) -> None:
    network = with_branches(tiny_network().double())
    before = {name: each.detach().clone() for name, each in network.named_parameters()}
    step = build_optimizer(network, optimizer, learning_rate=0.01, weight_decay=0.1, momentum=0.9)
    (network(some_images()) * some_images(1)[:, :1]).square().mean().backward()
    step.step()
    learnt = branches_of(network)
    assert learnt
    assert not [name for name, each in learnt.items() if torch.equal(each, before[name])]
    folded = without_branches(network.eval())
    torch.testing.assert_close(folded(some_images()), network(some_images()))
    averaged = without_branches(EMA(network, 0.9).model)
    assert count_parameters(averaged) == count_parameters(folded)


def test_copies_with_a_thread_each_learn_the_branches_too() -> None:
    network = with_branches(tiny_network())
    replicas = Replicas(network, 2)

    def work(copy: nn.Module, images: Tensor, _: Tensor) -> Tensor:
        loss: Tensor = copy(images).square().mean()
        loss.backward()
        return loss.detach()

    replicas.learn(work, some_images(4).float(), torch.zeros(4))
    assert all(each.grad is not None for each in branches_of(network).values())


def test_somebody_elses_parametrization_stays_theirs() -> None:
    network = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)))
    assert without_branches(network) is network
    both = nn.Sequential(network, nn.Conv2d(4, 4, 3)).double().eval()
    names, before = sorted(both.state_dict()), both(some_images())
    with_branches(both)
    assert len(branches_of(both[0])) == 2
    folded = without_branches(both)
    assert sorted(folded.state_dict()) == names
    for each in (both, folded):
        torch.testing.assert_close(each(some_images()), before)


def test_a_frozen_encoder_keeps_its_kernels_to_the_bit(tmp_path: Path) -> None:
    start = tiny_network().eval()
    save_weights(tmp_path / "start.safetensors", start, INFO)
    recipe = dataclasses.replace(RUN.recipe, branches=True, ema=0.9)
    frozen = dataclasses.replace(
        RUN, recipe=recipe, init=str(tmp_path / "start.safetensors"), freeze="encoder"
    )
    train(frozen, tmp_path / "run", console=quiet())
    for name, value in load_model(tmp_path / "run").encoder.state_dict().items():
        assert torch.equal(value, start.encoder.state_dict()[name]), name


def test_what_a_run_saves_has_none(tmp_path: Path) -> None:
    def trained(name: str, *, branches: bool) -> nn.Module:
        recipe = dataclasses.replace(RUN.recipe, branches=branches, ema=0.9, auxiliary=0.4)
        train(dataclasses.replace(RUN, recipe=recipe), tmp_path / name, console=quiet())
        return load_model(tmp_path / name)

    ours, plain = trained("branches", branches=True), trained("plain", branches=False)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }
    assert not torch.equal(next(ours.parameters()), next(plain.parameters()))
