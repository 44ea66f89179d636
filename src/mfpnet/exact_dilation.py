"""Dilated convolutions whose gradients are right in bfloat16 on a CPU too.

oneDNN's bfloat16 kernels for the gradient of a dilated kernel read outside of their input: with
PyTorch 2.13 on processors with AMX, depth-wise kernels get gradients that have nothing to do with
the right ones, dense ones of some widths get NaN, and now and then the process dies. The values and
the gradient of the input are right. So these layers alone are computed in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ExactDilatedConv2d(nn.Conv2d):
    """`nn.Conv2d` that leaves bfloat16 autocast while it trains on a CPU."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> as `nn.Conv2d`, in autocast's type."""
        if not (self.training and _in_bf16(features)):
            return super().forward(features)
        with torch.autocast("cpu", enabled=False):
            return super().forward(features.float()).bfloat16()


def with_exact_dilation(model: nn.Module) -> nn.Module:
    """The model, each plain dilated convolution of it changed in place.

    The class of a layer is replaced and nothing else: weights keep their names, a copy stays exact,
    and it is somebody else's network that this can be done to as well.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d and max(module.dilation) > 1:
            module.__class__ = ExactDilatedConv2d
    return model


def _in_bf16(features: Tensor) -> bool:
    on_cpu = features.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    return on_cpu and torch.get_autocast_dtype("cpu") == torch.bfloat16
