"""A head that tells objects apart, beside the one for classes (Panoptic-DeepLab, Cheng 2020).

One map says where objects have their centres, another how far each pixel is from its own object's.
Much smaller than theirs, which has a decoder of its own: here both heads share all but 11 thousand
of the parameters.
"""

from __future__ import annotations

from torch import Tensor, nn

from mfpnet.layers import conv_bn_prelu, convolution

WIDTH = 32
# What a 1 of the last convolutions stands for, whose first weights make them about that: most of a
# map of centres is 0, and offsets are pixels of the image.
_CENTRE_UNIT, _OFFSET_UNIT = 0.1, 8.0


class InstanceHead(nn.Module):
    """Features (B, C, h, w) -> centres (B, 1, h, w), and offsets (B, 2, h, w) in image pixels.

    Centres are about 1 at the middle of an object and 0 far from any. The offset of a pixel leads
    down and to the right to the middle of its object.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.reduce = conv_bn_prelu(in_channels, WIDTH)
        self.mix = conv_bn_prelu(WIDTH, WIDTH, 3)
        self.centre = convolution(WIDTH, 1, 1, bias=True)
        self.offset = convolution(WIDTH, 2, 1, bias=True)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        hidden = self.mix(self.reduce(features))
        return self.centre(hidden) * _CENTRE_UNIT, self.offset(hidden) * _OFFSET_UNIT
