"""A batch in parts, each with a thread of its own: what keeps several CPU cores at work.

Threads within an operator wait for each other at its end, which for the small ones of a small
network takes as long as the work as soon as anything else runs on the machine (docs/log.md). So
copies of the network, with the weights in common, go forward and backward side by side. As under
PyTorch's `DistributedDataParallel` each part has its own loss and its own batch statistics;
gradients are summed in the order of the parts, so that a run can be repeated bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Barrier
from typing import cast

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
    """Copies of a network that share its weights, each with threads of its own.

    Args:
        model: gets the sum of what the copies learn, and the mean of what their batch norms count.
        count: of copies, among which PyTorch's threads are divided.
        compiled: run the copies through `torch.compile`.
    """

    def __init__(self, model: nn.Module, count: int, *, compiled: bool = False) -> None:
        self.model, self.copies = model, [_sharing_weights(model) for _ in range(count)]
        self._runners = [compile_steps(each) if compiled else each for each in self.copies]
        # Of the batches that compiled code is there for.
        self._known: set[torch.Size] | None = set() if compiled else None
        threads = torch.get_num_threads()
        started = Barrier(count)
        self._pool = ThreadPoolExecutor(count, "part", _with_threads, (threads // count, started))
        wait([self._pool.submit(int) for _ in range(count)])
        # What a thread sets for itself becomes the default of all that come later, too.
        torch.set_num_threads(threads)

    def learn(self, work: Learn, images: Tensor, targets: Tensor) -> Tensor:
        """Give each copy its part of a batch; the model ends with what all have learnt.

        Args:
            work: called with each copy, compiled or not, and its part.
            images: (B, C, H, W), B at least the number of parts.
            targets: (B, H, W).

        Returns:
            The sum of the losses.

        Raises:
            Exception: the work's, of the first part that fails; the model has learnt nothing.
        """
        self._follow()
        parts = (each.tensor_split(len(self.copies)) for each in (images, targets))
        learning = []
        for given in zip(self._runners, *parts, strict=True):
            learning.append(self._pool.submit(work, *given))
            if self._compiles(images.shape):
                wait(learning)  # the others use what the first compiles
        wait(learning)
        if self._known is not None:
            self._known.add(images.shape)
        try:
            losses = [each.result() for each in learning]
            self._gather()
        finally:
            for each in self.copies:
                each.zero_grad(set_to_none=True)
        return torch.stack(losses).sum()

    def _compiles(self, shape: torch.Size) -> bool:
        return self._known is not None and shape not in self._known

    def _follow(self) -> None:
        for each in self.copies:
            for ours, theirs in zip(self.model.modules(), each.modules(), strict=True):
                theirs.training = ours.training
            for mean, own in zip(self.model.buffers(), each.buffers(), strict=True):
                own.copy_(mean)

    @torch.no_grad()
    def _gather(self) -> None:
        for number, each in enumerate(self.copies, 1):
            for mean, own in zip(self.model.buffers(), each.buffers(), strict=True):
                if mean.is_floating_point():
                    # Step by step to the mean, which leaves alone what is alike in all of them.
                    mean.lerp_(own, 1 / number)
                else:
                    mean.copy_(own)  # a counter
            for ours, theirs in zip(self.model.parameters(), each.parameters(), strict=True):
                if theirs.grad is not None:
                    ours.grad = theirs.grad if ours.grad is None else ours.grad.add_(theirs.grad)


def compile_steps(model: nn.Module) -> nn.Module:
    """Its forward and backward through `torch.compile`, anew for each shape of a batch.

    Code for any shape is slower, and a training has two: of crops and of whole frames.
    """
    return cast("nn.Module", torch.compile(model, dynamic=False))


def _with_threads(threads: int, started: Barrier) -> None:
    """What a thread begins with: so many threads within operators, once all others are there."""
    torch.get_num_threads()  # what takes the default, once, and would take it later
    torch.set_num_threads(max(1, threads))
    started.wait()


def _sharing_weights(model: nn.Module) -> nn.Module:
    """A copy whose parameters have the values of the model's, and gradients of their own."""
    shared = {
        id(each): nn.Parameter(each.detach(), requires_grad=each.requires_grad)
        for each in model.parameters()
    }
    return copy.deepcopy(model, shared)
