"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): steps that are orthogonal matrices.

A kernel's gradient is dominated by few directions, and Adam follows them; Muon replaces the step
by the nearest matrix whose singular values are all alike, so that every direction is learned.
PyTorch has it for matrices and from 2.9 on; this one takes convolutions, and kernels of one shape
all at once. What is no such matrix (norms, slopes, biases, depth-wise kernels, graphs) moves by
AdamW.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from operator import not_
from typing import Any

import torch
from torch import Tensor

# Of a quintic polynomial that brings singular values of 0.01 to 1 near 1 within five steps.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5
# With this factor a matrix moves as far as under Adam at the same rate (Liu et al. 2025, arXiv
# 2502.16982); here eight to ten times Adam's rate was best (docs/log.md).
_AS_FAR_AS_ADAM = 0.2
_BETAS = (0.9, 0.999)
_EPS = 1e-8


class Muon(torch.optim.Optimizer):
    """Muon for dense kernels, AdamW for everything else, in one optimiser.

    Args:
        groups: parameter groups, each with a `weight_decay` and whether they are `kernels`.
        lr: learning rate of both, the size of an Adam step.
        momentum: of the orthogonal steps (Nesterov's form); Adam keeps its usual two averages.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], *, lr: float, momentum: float = 0.95
    ) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            moved: list[Tensor] = [each for each in group["params"] if each.grad is not None]
            if group["weight_decay"] and moved:
                torch._foreach_mul_(moved, 1 - group["lr"] * group["weight_decay"])
            dense = [group["kernels"] and is_dense(each) for each in moved]
            self._orthogonal_step(list(compress(moved, dense)), group["lr"], group["momentum"])
            self._adam_step(list(compress(moved, map(not_, dense))), group["lr"])
        return loss

    def _orthogonal_step(self, kernels: Sequence[Tensor], lr: float, momentum: float) -> None:
        alike: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
        for kernel in kernels:
            alike[len(kernel), kernel[0].numel()].append(kernel)
        for (rows, columns), members in alike.items():
            gradients = [_gradient(each) for each in members]
            averages = self._averages("average", members)
            torch._foreach_lerp_(averages, gradients, 1 - momentum)
            ahead = torch._foreach_lerp(gradients, averages, momentum)
            steps = orthogonalise(torch.stack([each.reshape(rows, columns) for each in ahead]))
            shaped = [step.view(each.shape) for step, each in zip(steps, members, strict=True)]
            size = _AS_FAR_AS_ADAM * math.sqrt(max(rows, columns))
            torch._foreach_add_(members, shaped, alpha=-lr * size)

    def _adam_step(self, parameters: Sequence[Tensor], lr: float) -> None:
        # Parameters that began at different steps (thawed ones) have different corrections.
        ages: dict[int, list[Tensor]] = defaultdict(list)
        for each in parameters:
            self.state[each]["age"] = self.state[each].get("age", 0) + 1
            ages[self.state[each]["age"]].append(each)
        for age, members in ages.items():
            gradients = [_gradient(each) for each in members]
            means, squares = (self._averages(name, members) for name in ("average", "square"))
            torch._foreach_lerp_(means, gradients, 1 - _BETAS[0])
            torch._foreach_mul_(squares, _BETAS[1])
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - _BETAS[1])
            spread = torch._foreach_sqrt(squares)
            torch._foreach_div_(spread, math.sqrt(1 - _BETAS[1] ** age))
            torch._foreach_add_(spread, _EPS)
            torch._foreach_addcdiv_(members, means, spread, -lr / (1 - _BETAS[0] ** age))

    def _averages(self, name: str, parameters: Sequence[Tensor]) -> list[Tensor]:
        for each in parameters:
            if name not in self.state[each]:
                self.state[each][name] = torch.zeros_like(each)
        return [self.state[each][name] for each in parameters]


def is_dense(kernel: Tensor) -> bool:
    """Whether a kernel (out, in, ...) mixes channels; a depth-wise one has nothing to mix."""
    return min(kernel.shape[:2]) > 1


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest matrices with all singular values near 1 (0.7 to 1.2): (B, M, N) -> (B, M, N).

    Newton-Schulz iterations; bfloat16 on a GPU, where it is enough and far faster.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    if wide.is_cuda:
        wide = wide.bfloat16()
    # The Frobenius norm bounds the largest singular value.
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_STEPS):
        gram = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return (wide.mT if tall else wide).to(matrices.dtype)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
