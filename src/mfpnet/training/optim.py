"""Optimisers, the poly schedule and the moving average of the weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from mfpnet.training.muon import Muon


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay on kernels only: biases, norms, slopes, gates and graphs are not shrunk.

    Kernels are those of convolutions and, in somebody else's network, of linear layers; `Muon`
    takes them as matrices. Parameters that need no gradient are left out.
    """
    linear = {id(each.weight) for each in model.modules() if isinstance(each, nn.Linear)}
    kernels: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in filter(lambda each: each.requires_grad, model.parameters()):
        is_kernel = parameter.ndim == 4 or id(parameter) in linear
        (kernels if is_kernel else others).append(parameter)
    return [
        {"params": kernels, "weight_decay": weight_decay, "kernels": True},
        {"params": others, "weight_decay": 0.0, "kernels": False},
    ]


def build_optimizer(
    model: nn.Module, name: str, *, learning_rate: float, weight_decay: float, momentum: float
) -> torch.optim.Optimizer:
    """`adam`, `adamw`, `muon` or `sgd`; momentum is SGD's, the others keep their usual ones."""
    groups = parameter_groups(model, weight_decay)
    if name == "muon":
        return Muon(groups, lr=learning_rate)
    # A launch for each of 450 tensors would cost a GPU more than the maths.
    fused = True if next(model.parameters()).is_cuda else None
    if name == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, fused=fused)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=learning_rate, fused=fused)
    return torch.optim.Adam(groups, lr=learning_rate, fused=fused)


def poly_factor(step: int, total: int, *, warmup: int = 0, power: float = 0.9) -> float:
    """Factor on the learning rate: a linear warm-up, then (1 - t)^power down to 0 at `total`."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    left = 1 - (step - warmup) / max(total - warmup, 1)
    return float(max(left, 0.0) ** power)


class EMA:
    """Exponential moving average of a network's weights and batch-norm statistics.

    `model` is the averaged network. The decay rises from 0.1 towards its final value, so that the
    random start is forgotten in the first steps.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self._followed: nn.Module | None = None
        self._averages = _sorted_tensors(self.model)
        self._values = self._averages

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the weights of `model` after its `step`-th step, counted from 0."""
        if model is not self._followed:
            # Walking through all modules takes longer than the maths.
            self._followed, self._values = model, _sorted_tensors(model)
        decay = min(self.decay, (1 + step) / (10 + step))
        (averages, counters), (values, counts) = self._averages, self._values
        # One fused call: a kernel launch for each tensor would cost a GPU more than the maths.
        torch._foreach_lerp_(averages, values, 1 - decay)
        if counters:
            torch._foreach_copy_(counters, counts)


def _sorted_tensors(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters and buffers: those that can be averaged, and the counters."""
    tensors = [*model.parameters(), *model.buffers()]
    counters = [tensor for tensor in tensors if not tensor.is_floating_point()]
    return [tensor for tensor in tensors if tensor.is_floating_point()], counters
