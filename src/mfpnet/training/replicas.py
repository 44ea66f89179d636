"""A batch in parts, each with a thread of its own: what makes several CPU cores worth having.

Threads within an operator pay where operators are large, and those of a small network are small:
its training step takes two threads as long as one (docs/log.md). So copies of the network, with
the weights in common, take their parts of a batch forward and backward side by side. As under
PyTorch's `DistributedDataParallel` each part has its own loss and its own batch statistics;
gradients are summed in the order of the parts, so that a run can be repeated bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

# (network, images, targets) to the loss, whose gradients the network has got by then.
Learn = Callable[[nn.Module, Tensor, Tensor], Tensor]
# Batch norms of fewer images are too noisy: a batch of 8 has two parts, however many the cores.
SMALLEST_PART = 4


def count_parts(batch_size: int, device: torch.device) -> int:
    """In how many parts a batch is learnt from: on a CPU, as many as have threads and images."""
    if device.type != "cpu":
        return 1
    return max(1, min(torch.get_num_threads(), batch_size // SMALLEST_PART))


class Replicas:
    """A network and copies of it that share its weights, each with threads of its own.

    Args:
        model: the network; what it learns and counts is the sum and the mean of all parts.
        count: of parts, itself included; they share PyTorch's threads among them.
    """

    def __init__(self, model: nn.Module, count: int) -> None:
        self.models = [model, *(_sharing_weights(model) for _ in range(count - 1))]
        self._parameters = [list(each.parameters()) for each in self.models]
        self._buffers = [_averaged_buffers(each) for each in self.models]
        threads = max(1, torch.get_num_threads() // count)
        # A thread that PyTorch's setting is made in has a setting of its own.
        self._pool = ThreadPoolExecutor(count, "part", torch.set_num_threads, (threads,))

    def learn(self, work: Learn, images: Tensor, targets: Tensor) -> Tensor:
        """Give each network its part of a batch; the first one ends with what all have learnt.

        Args:
            work: called with each network and its part.
            images: (B, C, H, W), B at least the number of parts.
            targets: (B, H, W).

        Returns:
            The sum of the losses.
        """
        self._follow()
        count = len(self.models)
        parts = (images.tensor_split(count), targets.tensor_split(count))
        losses = list(self._pool.map(work, self.models, *parts))
        self._gather()
        return torch.stack(losses).sum()

    def _follow(self) -> None:
        first, *others = self.models
        for other in others:
            for ours, theirs in zip(first.modules(), other.modules(), strict=True):
                theirs.training = ours.training
        for buffers in self._buffers[1:]:
            for mean, own in zip(self._buffers[0], buffers, strict=True):
                own.copy_(mean)

    @torch.no_grad()
    def _gather(self) -> None:
        # Step by step to the mean, which leaves what is alike in all of them as it is.
        for number, buffers in enumerate(self._buffers[1:], 2):
            for mean, own in zip(self._buffers[0], buffers, strict=True):
                mean.lerp_(own, 1 / number)
        for parameters in self._parameters[1:]:
            for ours, theirs in zip(self._parameters[0], parameters, strict=True):
                if theirs.grad is not None:
                    ours.grad = theirs.grad if ours.grad is None else ours.grad.add_(theirs.grad)
                    theirs.grad = None


def _sharing_weights(model: nn.Module) -> nn.Module:
    """A copy whose parameters have the values of the model's, and gradients of their own."""
    shared = {
        id(each): nn.Parameter(each.detach(), requires_grad=each.requires_grad)
        for each in model.parameters()
    }
    return copy.deepcopy(model, shared)


def _averaged_buffers(model: nn.Module) -> list[Tensor]:
    """Running statistics; counters are the same in all parts."""
    return [each for each in model.buffers() if each.is_floating_point()]
