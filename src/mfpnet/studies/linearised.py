"""A network reduced to its paths: what is left is linear, and every tap of it counts once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mfpnet.layers import ChannelAttention


def linearised(module: nn.Module) -> nn.Module:
    """The module itself, changed for good, in float64: no activation, norm or attention is left.

    Each tap of a convolution takes the mean over its input channels, so that an input of equal
    channels stays one and the gradient, summed over the channels, counts paths. Max-pooling becomes
    the mean of its pixels.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            nn.init.constant_(child.weight, 1 / child.weight.shape[1])
            if child.bias is not None:
                nn.init.zeros_(child.bias)
        elif isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(2, ceil_mode=True))
        elif isinstance(child, nn.PReLU | nn.BatchNorm2d | ChannelAttention):
            setattr(module, name, nn.Identity())
        else:
            linearised(child)
    return module.double()


def centre_gradient(function: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """Of the first channel of the middle pixel of f(image), by each pixel: (1, C, H, W) -> (H, W).

    Summed over the image's channels.
    """
    image = image.detach().requires_grad_()
    output = function(image)
    value = output[0, 0, output.shape[2] // 2, output.shape[3] // 2]
    (gradient,) = torch.autograd.grad(value, image)
    return gradient[0].sum(dim=0)
