"""A network in which nothing but convolutions carries a gradient from pixel to pixel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from mfpnet.layers import ChannelAttention
from mfpnet.model import ASPP, MFPNet


@contextmanager
def convolutions_alone(network: MFPNet, *, graphs: bool = False) -> Iterator[None]:
    """Within it, what is gathered over the whole picture is a constant to the gradient.

    That is the gates of the attention, what the graphs add, and the head's pooled branch; the
    features themselves stay what they are.

    Args:
        network: in eval mode; left as it is afterwards.
        graphs: let them carry a gradient too.
    """
    gates = [module for module in network.modules() if isinstance(module, ChannelAttention)]
    hooks = [module.register_forward_hook(_fixed_gates) for module in gates]
    if not graphs:
        hooks.append(network.graphs.register_forward_hook(_fixed_context))
    if isinstance(network.head, ASPP):
        hooks.append(network.head.pooled.register_forward_hook(_fixed))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _fixed_gates(module: Any, given: tuple[Tensor], output: Tensor) -> Tensor:
    gated: Tensor = given[0] * module.gates(given[0]).detach()
    return gated


def _fixed_context(module: Any, given: tuple[list[Tensor]], output: list[Tensor]) -> list[Tensor]:
    """What enters each graph plus what was added to it, from which no gradient comes."""
    return [
        entered + (left - entered).detach() for entered, left in zip(given[0], output, strict=True)
    ]


def _fixed(module: Any, given: tuple[Tensor], output: Tensor) -> Tensor:
    return output.detach()
