"""DeepLabV3+ (Chen et al. 2018) on any backbone: the atrous pyramid, and a decoder with a skip."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mfpnet.layers import convolution, resize, spatial_size

# Of the paper's figures 3 to 5: what the decoder works in, and what it takes of the skip.
WIDTH = 256
SKIP_WIDTH = 48
# For features at a sixteenth of the picture's size.
DILATIONS = (6, 12, 18)

Backbone = Callable[[Tensor], tuple[Tensor, Tensor]]


def _conv_bn_relu(*convolutions: nn.Module) -> nn.Sequential:
    *_, last = convolutions
    assert isinstance(last, nn.Conv2d)
    return nn.Sequential(*convolutions, nn.BatchNorm2d(last.out_channels), nn.ReLU())


def _separable(in_channels: int, out_channels: int, dilation: int = 1) -> nn.Sequential:
    """A depth-wise 3x3 and a 1x1, as the paper puts into both of its parts."""
    return _conv_bn_relu(
        convolution(in_channels, in_channels, 3, dilation=dilation, groups=in_channels),
        convolution(in_channels, out_channels, 1),
    )


class _Pooled(nn.Sequential):
    """The picture's mean at each pixel: (B, in_channels, H, W) -> (B, WIDTH, H, W)."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1), *_conv_bn_relu(convolution(in_channels, WIDTH, 1))
        )

    def forward(self, features: Tensor) -> Tensor:
        pooled = features
        for layer in self:
            pooled = layer(pooled)
        return pooled.expand(-1, -1, *spatial_size(features))


class AtrousPyramid(nn.Module):
    """ASPP: (B, in_channels, H, W) -> (B, WIDTH, H, W), seen at five widths."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                _conv_bn_relu(convolution(in_channels, WIDTH, 1)),
                *(_separable(in_channels, WIDTH, dilation) for dilation in DILATIONS),
                _Pooled(in_channels),
            ]
        )
        joined = _conv_bn_relu(convolution(len(self.branches) * WIDTH, WIDTH, 1))
        self.join = nn.Sequential(joined, nn.Dropout(0.1))

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        joined: Tensor = self.join(torch.cat([branch(features) for branch in self.branches], dim=1))
        return joined


class DeepLabV3Plus(nn.Module):
    """(B, C, H, W) -> (B, num_classes, H / 4, W / 4) logits.

    Args:
        backbone: gives features at a fourth and at a sixteenth of the picture's size.
        channels: of the two.
        num_classes: channels of the logits.
    """

    def __init__(self, backbone: nn.Module, channels: tuple[int, int], num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.skip = _conv_bn_relu(convolution(channels[0], SKIP_WIDTH, 1))
        self.pyramid = AtrousPyramid(channels[1])
        self.decoder = nn.Sequential(
            _separable(WIDTH + SKIP_WIDTH, WIDTH),
            _separable(WIDTH, WIDTH),
            nn.Conv2d(WIDTH, num_classes, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        fine, coarse = self.backbone(image)
        skip = self.skip(fine)
        context = resize(self.pyramid(coarse), spatial_size(skip))
        logits: Tensor = self.decoder(torch.cat((context, skip), dim=1))
        return logits
