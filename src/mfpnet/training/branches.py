"""Branches beside each kernel while it is trained, one kernel once it is saved.

A 3x3 kernel is the sum of a full one, its middle row, its middle column and its centre (Ding et al.
2019, 2021), each with a factor a channel (Hu et al. 2022): the same function with more ways to
move it. It is kernels that are added, not what comes out of them, so a step costs what it did.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

Trained = TypeVar("Trained", bound=nn.Module)


class BranchSum(nn.Module):
    """The kernel that its branches add up to: `parametrize` puts it in the place of a weight.

    Args:
        kernel: (out, in, height, width), odd in height and width: what the sum is at first.
    """

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        height, width = kernel.shape[2:]
        self.size = height, width
        count = len(_parts_of(self.size))
        self.factors = nn.Parameter(torch.ones(count, len(kernel), dtype=kernel.dtype))

    def forward(self, *branches: Tensor) -> Tensor:
        """The branches, the full one first -> (out, in, height, width)."""
        scaled = [
            self._padded(branch * factor.view(-1, 1, 1, 1))
            for branch, factor in zip(branches, self.factors, strict=True)
        ]
        return torch.stack(scaled).sum(dim=0)

    def right_inverse(self, kernel: Tensor) -> tuple[Tensor, ...]:
        """Random branches that add up to a kernel: the full one makes up for the others."""
        deviation = kernel.std()
        smaller = [
            torch.randn(*kernel.shape[:2], *size).to(kernel) * deviation
            for size in _parts_of(self.size)[1:]
        ]
        others = torch.stack([self._padded(each) for each in smaller]).sum(dim=0)
        return kernel - others, *smaller

    def _padded(self, branch: Tensor) -> Tensor:
        rows, columns = ((a - b) // 2 for a, b in zip(self.size, branch.shape[2:], strict=True))
        return F.pad(branch, (columns, columns, rows, rows))


def _parts_of(size: tuple[int, int]) -> list[tuple[int, int]]:
    """(height, width) of the full kernel, then of each branch beside it."""
    height, width = size
    return list(dict.fromkeys([(height, width), (1, width), (height, 1), (1, 1)]))


def with_branches(model: Trained, *, kept: Sequence[nn.Module] = ()) -> Trained:
    """The model, its kernels of several pixels as sums of branches, in place; computes what it did.

    Args:
        model: kernels of even sizes, and those that are made of something already, stay.
        kept: parts of it that stay too, as of what does not learn a sum would be a rounding.
    """
    keep = {id(each) for part in kept for each in part.modules()}
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d) and id(module) not in keep and _has_branches(module):
            parametrize.register_parametrization(module, "weight", BranchSum(module.weight))
    return model


def _has_branches(layer: nn.Conv2d) -> bool:
    odd = all(each % 2 for each in layer.kernel_size)
    return odd and max(layer.kernel_size) > 1 and not parametrize.is_parametrized(layer)


def without_branches(model: Trained) -> Trained:
    """The model with one kernel where branches were: a copy if it has any, else itself."""
    if not any(map(_is_branched, model.modules())):
        return model
    folded = copy.deepcopy(model)
    for module in filter(_is_branched, folded.modules()):
        # PyTorch's own removal changes the layer's class, which the original shares.
        kernel = module.weight
        assert isinstance(kernel, Tensor)
        del module.parametrizations
        module.__class__ = parametrize.type_before_parametrizations(module)
        module.weight = nn.Parameter(kernel.detach(), requires_grad=kernel.requires_grad)
    return folded


def _is_branched(module: nn.Module) -> bool:
    """Whether it has branches of ours: somebody else's network may have other parametrizations."""
    if not parametrize.is_parametrized(module, "weight"):
        return False
    made_of: Any = module.parametrizations
    return isinstance(made_of.weight[0], BranchSum)
