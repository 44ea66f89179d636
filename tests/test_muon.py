from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from mfpnet.model import SGCN
from mfpnet.training.muon import Muon, orthogonalise
from mfpnet.training.optim import build_optimizer, parameter_groups


class Wired(nn.Module):
    """A kernel, a wide and a tall one, a depth-wise one, norms and biases."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.wide = nn.Conv2d(4, 6, 3, padding=1)
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.last = nn.Conv2d(6, 20, 1)

    def forward(self, image: Tensor) -> Tensor:
        hidden = torch.tanh(self.wide(torch.tanh(self.first(image))))
        out: Tensor = self.last(self.norm(self.depthwise(hidden)))
        return out


def muon_of(model: nn.Module, weight_decay: float) -> torch.optim.Optimizer:
    return build_optimizer(
        model, "muon", learning_rate=0.01, weight_decay=weight_decay, momentum=0.9
    )


def gradients_of(model: nn.Module, step: int) -> None:
    image = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(step))
    model.zero_grad()
    model(image).square().mean().backward()


@pytest.mark.parametrize("shape", [(2, 5, 9), (1, 9, 5), (3, 6, 6)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-4
    done = orthogonalise(matrices)
    assert done.shape == matrices.shape
    values = torch.linalg.svdvals(done)
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    inside = left.mT @ done @ right.mT
    off = inside - torch.diag_embed(torch.diagonal(inside, dim1=1, dim2=2))
    assert off.abs().max() < 1e-4


def test_nothing_to_learn_from_stays_nothing() -> None:
    assert torch.equal(orthogonalise(torch.zeros(1, 3, 4)), torch.zeros(1, 3, 4))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has Muon from 2.9 on")
def test_a_kernel_moves_as_pytorchs_muon_moves_its_matrix() -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.randn(6, 4, 3, 3))
    matrix = nn.Parameter(kernel.detach().reshape(6, 36).clone())
    ours = Muon([{"params": [kernel], "weight_decay": 0.1, "kernels": True}], lr=0.02)
    # PyTorch adjusts by the matrix's sides, as the paper has it for convolutions taken as one.
    theirs = torch.optim.Muon([matrix], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        kernel.grad = torch.randn(6, 4, 3, 3)
        matrix.grad = kernel.grad.reshape(6, 36).clone()
        before = matrix.detach().clone()
        ours.step()
        theirs.step()
        moved = (matrix.detach() - before).norm()
        # PyTorch iterates in bfloat16, three digits.
        assert (kernel.detach().reshape(6, 36) - matrix.detach()).norm() < 0.05 * moved * 5


def test_what_is_no_matrix_moves_as_adamw_moves_it() -> None:
    torch.manual_seed(0)
    model = Wired()
    twin = copy.deepcopy(model)
    ours = muon_of(model, 0.1)
    theirs = torch.optim.AdamW(parameter_groups(twin, 0.1), lr=0.01)
    for step in range(4):
        gradients_of(model, step)
        for mine, its in zip(model.parameters(), twin.parameters(), strict=True):
            its.grad = None if mine.grad is None else mine.grad.clone()
        ours.step()
        theirs.step()
    names = {"depthwise.weight", "norm.weight", "norm.bias", "first.bias", "wide.bias", "last.bias"}
    for (name, mine), its in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert torch.allclose(mine, its, atol=1e-6) == (name in names), name


def test_kernels_of_one_shape_move_together_as_they_do_alone() -> None:
    torch.manual_seed(0)
    kernels = [nn.Parameter(torch.randn(4, 3, 3, 3)) for _ in range(3)]
    alone = [copy.deepcopy(each) for each in kernels]
    together = Muon([{"params": kernels, "weight_decay": 0.0, "kernels": True}], lr=0.1)
    singly = [
        Muon([{"params": [each], "weight_decay": 0.0, "kernels": True}], lr=0.1) for each in alone
    ]
    for mine, its in zip(kernels, alone, strict=True):
        mine.grad = torch.randn(4, 3, 3, 3)
        its.grad = mine.grad.clone().to(memory_format=torch.channels_last)
    together.step()
    for optimizer in singly:
        optimizer.step()
    for mine, its in zip(kernels, alone, strict=True):
        assert torch.allclose(mine, its, atol=1e-6)


def test_a_linear_layer_is_a_matrix_and_a_graph_is_none() -> None:
    layers = nn.ModuleList([nn.Linear(4, 3), SGCN(8, 4, form="simple", steps=2)])
    kernels, others = parameter_groups(layers, 0.1)
    names = {id(parameter): name for name, parameter in layers.named_parameters()}
    taken = {names[id(each)] for each in kernels["params"]}  # type: ignore[attr-defined]
    left = {names[id(each)] for each in others["params"]}  # type: ignore[attr-defined]
    assert taken == {"0.weight", "1.score.weight", "1.embed.weight", "1.fuse.0.weight"}
    assert {"1.adjacency", "1.weight", "0.bias"} <= left


def test_it_goes_on_from_its_state_as_if_it_had_never_stopped() -> None:
    torch.manual_seed(0)
    model = Wired()
    optimizer = muon_of(model, 0.1)
    for step in range(2):
        gradients_of(model, step)
        optimizer.step()
    twin = copy.deepcopy(model)
    resumed = muon_of(twin, 0.1)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for network, moved_by in ((model, optimizer), (twin, resumed)):
        gradients_of(network, 2)
        moved_by.step()
    for mine, its in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_it_learns() -> None:
    torch.manual_seed(0)
    model = Wired()
    optimizer = muon_of(model, 0.0)
    image, wanted = torch.randn(2, 3, 8, 8), torch.randn(2, 20, 8, 8)
    losses = []
    for _ in range(40):
        loss = (model(image) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
