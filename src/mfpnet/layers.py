"""The convolutions that every box of the network is made of."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = int | tuple[int, int]


def pair(value: Size) -> tuple[int, int]:
    """An (H, W) pair from one number or two."""
    return (value, value) if isinstance(value, int) else value


class _FastPReLU(torch.autograd.Function):
    """PReLU with one slope, by the vectorised leaky-ReLU kernels.

    PyTorch's own CPU backward of PReLU takes a fifth of a training step; this one a twentieth.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(features, slope)
        return F.leaky_relu(features, slope.item())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,) = gradients
        features, slope = ctx.saved_tensors
        to_features = torch.ops.aten.leaky_relu_backward(gradient, features, slope.item(), False)
        to_slope = (gradient * features.clamp(max=0)).sum().view(1).to(slope.dtype)
        return to_features, to_slope


class PReLU(nn.PReLU):
    """Leaky ReLU with one learned slope for the whole layer, shapes unchanged.

    One slope, not one a channel: each backend has a fast kernel for it.
    """

    def __init__(self) -> None:
        super().__init__(num_parameters=1, init=0.25)

    def forward(self, features: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        if self.training and features.device.type == "cpu" and not torch.compiler.is_compiling():
            activated: Tensor = _FastPReLU.apply(features, self.weight)  # type: ignore[no-untyped-call]
            return activated
        return super().forward(features)


def convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    *,
    stride: int = 1,
    dilation: Size = 1,
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """A convolution padded so that stride 1 keeps the size and stride 2 halves it, rounding up."""
    kernel, spread = pair(kernel_size), pair(dilation)
    padding = (spread[0] * (kernel[0] // 2), spread[1] * (kernel[1] // 2))
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=padding,
        dilation=spread,
        groups=groups,
        bias=bias,
    )


def conv_bn_prelu(
    in_channels: int,
    out_channels: int,
    kernel_size: Size = 1,
    *,
    stride: int = 1,
    dilation: Size = 1,
) -> nn.Sequential:
    """Convolution + batch norm + PReLU, what the paper's family calls "conv"."""
    return nn.Sequential(
        convolution(in_channels, out_channels, kernel_size, stride=stride, dilation=dilation),
        nn.BatchNorm2d(out_channels),
        PReLU(),
    )


class FactorisedConv(nn.Sequential):
    """A 3x3 convolution as a 3x1 and a 1x3: two thirds of the weights, or a depth-wise pair.

    Input and output: (B, channels, H, W).
    """

    def __init__(self, channels: int, *, dilation: int = 1, depthwise: bool = False) -> None:
        groups = channels if depthwise else 1
        # A depth-wise pair is one separable filter a channel; only the dense pair mixes channels
        # twice and gains from a non-linearity in between.
        between = nn.Identity() if depthwise else PReLU()
        super().__init__(
            convolution(
                channels,
                channels,
                (3, 1),
                dilation=(dilation, 1),
                groups=groups,
                bias=not depthwise,
            ),
            between,
            convolution(channels, channels, (1, 3), dilation=(1, dilation), groups=groups),
            nn.BatchNorm2d(channels),
            PReLU(),
        )


class ChannelAttention(nn.Module):
    """Efficient channel attention (ECA, Wang et al. 2020): one gate a channel, from its neighbours.

    Global average, a 1-D convolution of three taps across the channels, a sigmoid.
    Input and output: (B, C, H, W).
    """

    def __init__(self, kernel_size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def gates(self, features: Tensor) -> Tensor:
        """(B, C, 1, 1), each gate in 0 to 1."""
        pooled = features.mean(dim=(2, 3)).unsqueeze(1)
        return torch.sigmoid(self.conv(pooled)).transpose(1, 2).unsqueeze(-1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), each channel scaled by its gate."""
        return features * self.gates(features)


class Gathered(nn.Identity):
    """Passes on what was gathered over the picture; `whole_picture` mixes in more of it here."""


def resize(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, corners not aligned: (B, C, h, w) -> (B, C, *size)."""
    if spatial_size(features) == size:
        return features
    return F.interpolate(features, size=size, mode="bilinear", align_corners=False)


def spatial_size(features: Tensor) -> tuple[int, int]:
    """(H, W) of (..., H, W)."""
    return features.shape[-2], features.shape[-1]


def strided_size(image: Tensor, stride: int) -> tuple[int, int]:
    """(H, W) of every n-th row and column of (..., H, W)."""
    height, width = spatial_size(image)
    return -(-height // stride), -(-width // stride)


def initialise(module: nn.Module) -> None:
    """He initialisation of a convolution; anything else keeps its own. For `nn.Module.apply`."""
    # PyTorch's default is made for a leaky slope of sqrt(5); these layers begin at 0.25.
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.25, mode="fan_in", nonlinearity="leaky_relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
