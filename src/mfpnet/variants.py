"""Every network as data: a variant is an entry in a table, never a subclass."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.foreign import ForeignNetwork, foreign_network, is_foreign
from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.suites import VARIANTS, find_network, fixed_names

# What is trained, saved and predicted with.
Network = MFPNet | ForeignNetwork


def list_models() -> list[str]:
    """Names that `create_model` takes."""
    return sorted(VARIANTS)


def variant_config(
    name: str, *, num_classes: int = 19, in_channels: int = 3, instances: bool = False
) -> MFPNetConfig:
    """The named entry of the table for this many classes and channels.

    Raises:
        MfpnetError: no variant has this name.
    """
    known = find_network(name)
    if known is None:
        raise unknown_name("variant", name, fixed_names())
    return replace(known, num_classes=num_classes, in_channels=in_channels, instances=instances)


def create_model(
    name: str = "mfpnet", *, num_classes: int = 19, in_channels: int = 3, instances: bool = False
) -> MFPNet:
    """A network with random weights, in training mode; reads no file.

    With `instances` it has a second head, that tells objects apart.

    Raises:
        MfpnetError: no variant has this name.
    """
    config = variant_config(
        name, num_classes=num_classes, in_channels=in_channels, instances=instances
    )
    return MFPNet(config)


def create_network(
    variant: str, num_classes: int, in_channels: int = 3, *, instances: bool = False
) -> Network:
    """`create_model`, or somebody else's network where the name is a `package.module:factory`.

    Raises:
        MfpnetError: no variant has this name, the factory is none (see `foreign_network`), or
            somebody else's network is to tell objects apart.
    """
    if is_foreign(variant):
        if instances:
            raise MfpnetError(f"--instances is of mfpnet's own networks, and {variant} is none.")
        return foreign_network(variant, num_classes, in_channels)
    return create_model(
        variant, num_classes=num_classes, in_channels=in_channels, instances=instances
    )


def count_parameters(model: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_macs(model: nn.Module, size: tuple[int, int], in_channels: int = 3) -> int:
    """Multiply-accumulates of one image of (H, W): convolutions and matrix products."""
    parameter = next(model.parameters())
    image = torch.zeros(1, in_channels, *size, dtype=parameter.dtype, device=parameter.device)
    training = model.training
    model.eval()
    # Attention in one kernel would go uncounted.
    plain = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), plain, FlopCounterMode(display=False) as counter:
        model(image)
    model.train(training)
    return int(counter.get_total_flops()) // 2
