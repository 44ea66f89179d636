"""The trained network as a faster graph with the same outputs: `to_inference_form`.

Nothing here approximates. Batch norms go into the convolution before them. A PReLU with a known
slope is a leaky ReLU, which runtimes merge into the convolution before it; a PReLU they do not.
A depth-wise pair of 3x1 and 1x3 is one 3x3 whose kernel is their product: one pass over memory
instead of two. All matrices of the graph convolution are applied to its few nodes instead of to
every pixel, which linear maps allow. What is constant over the image (the pooled branch of the
head) is added as a bias instead of being spread out and multiplied at each pixel.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mfpnet.instances.head import InstanceHead
from mfpnet.layers import (
    ChannelAttention,
    FactorisedConv,
    Gathered,
    PReLU,
    convolution,
    resize,
    spatial_size,
)
from mfpnet.model import ASPP, Downsampling, MFPNet
from mfpnet.runtimes.inference_graph import inference_graphs
from mfpnet.variants import Network


def to_inference_form(model: Network) -> nn.Module:
    """A copy that gives the same logits, faster: normalised RGB (B, C, H, W) -> (B, K, H, W).

    The difference is rounding, below 1e-4 in float32. Somebody else's network is copied as it is.

    Args:
        model: a trained network; it is left alone.

    Returns:
        A module in eval mode without gradients, on the device of the model.
    """
    trained = copy.deepcopy(model).eval()
    form = InferenceMFPNet(trained) if isinstance(trained, MFPNet) else trained
    return form.requires_grad_(False).eval()


class InferenceMFPNet(nn.Module):
    """`MFPNet` with each box in its inference form."""

    def __init__(self, model: MFPNet) -> None:
        super().__init__()
        self.initial = nn.Sequential(*(_folded(layer) for layer in model.initial))
        self.entries = nn.ModuleList(_entry(entry) for entry in model.entries)
        self.encoder = nn.ModuleList(_Block(block) for block in model.encoder)
        self.graphs = inference_graphs(model.graphs)
        self.decoder = nn.ModuleList(_Block(block) for block in model.decoder)
        self.exits = nn.ModuleList(_folded(layer) for layer in model.exits)
        self.head = _Head(model.head) if isinstance(model.head, ASPP) else _folded(model.head)
        self.classifier = model.classifier
        self.instances = _instances(model.instances)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised (B, C, H, W) -> logits (B, K, H, W)."""
        return resize(self.coarse_logits(image), spatial_size(image))

    def coarse_logits(self, image: Tensor) -> Tensor:
        """Logits before their enlargement, at the first stage's stride."""
        logits: Tensor = self.classifier(self._features(image))
        return logits

    def with_instances(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `MFPNet.with_instances`."""
        assert self.instances is not None
        features, size = self._features(image), spatial_size(image)
        centres, offsets = self.instances(features)
        logits = resize(self.classifier(features), size)
        return logits, resize(centres, size), resize(offsets, size)

    def _features(self, image: Tensor) -> Tensor:
        skips = []
        hidden = self.initial(image)
        for enter, block in zip(self.entries, self.encoder, strict=True):
            hidden = block(enter(hidden))
            skips.append(hidden)
        skips = self.graphs(skips)
        hidden = self.decoder[-1](skips.pop())
        for leave, block in zip(reversed(self.exits), reversed(self.decoder[:-1]), strict=True):
            skip = skips.pop()
            hidden = block(skip + resize(leave(hidden), spatial_size(skip)))
        features: Tensor = self.head(hidden)
        return features


def _instances(head: InstanceHead | None) -> InstanceHead | None:
    """In place."""
    if head is not None:
        head.reduce, head.mix = _folded(head.reduce), _folded(head.mix)
    return head


def _parts(layer: nn.Module) -> Any:
    """What a sequence of layers is made of, in order."""
    return tuple(layer.children())


def _leaky(activation: PReLU) -> nn.LeakyReLU:
    """A PReLU with one slope, which is a constant now."""
    return nn.LeakyReLU(activation.weight.item())


def _folded(layer: nn.Module) -> nn.Sequential:
    """Convolution + batch norm + PReLU -> convolution + leaky ReLU."""
    conv, norm, activation = _parts(layer)
    return nn.Sequential(fuse_conv_bn_eval(conv, norm), _leaky(activation))


def _entry(layer: nn.Module) -> nn.Module:
    return _Downsampling(layer) if isinstance(layer, Downsampling) else _folded(layer)


class _Downsampling(nn.Module):
    """The strided half takes its part of the batch norm; the pooled half keeps a scale and shift.

    It is written as batch norm, which runtimes know how to merge.
    """

    def __init__(self, box: Downsampling) -> None:
        super().__init__()
        norm, activation = _parts(box.norm)
        strided = box.conv.out_channels
        self.conv = fuse_conv_bn_eval(box.conv, _part_of(norm, slice(0, strided)))
        self.pool = box.pool if box.pooled else None
        self.affine = _part_of(norm, slice(strided, None)) if box.pooled else nn.Identity()
        self.activation = _leaky(activation)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H/2, W/2), rounded up."""
        reduced: Tensor = self.conv(features)
        if self.pool is not None:
            pooled = self.affine(self.pool(features))
            # Two activations, so that the one of the convolution can be merged into it.
            return torch.cat((self.activation(reduced), self.activation(pooled)), dim=1)
        return cast("Tensor", self.activation(reduced))


def _part_of(norm: nn.BatchNorm2d, channels: slice) -> nn.BatchNorm2d:
    """The batch norm of some of the channels, in eval mode."""
    tensors = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    weight, bias, mean, variance = (cast("Tensor", t).detach()[channels].clone() for t in tensors)
    part = nn.BatchNorm2d(len(weight), eps=norm.eps)
    part.weight, part.bias = nn.Parameter(weight), nn.Parameter(bias)
    part.running_mean, part.running_var = mean, variance
    return part.eval()


class _Block(nn.Module):
    """A `BRMBlock` of inference BRMs."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.residual = block.residual
        self.brms = nn.Sequential(*(_BRM(brm) for brm in block.brms))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        transformed: Tensor = self.brms(features)
        return features + transformed if self.residual else transformed


class _BRM(nn.Module):
    """A `BRM` with folded convolutions."""

    def __init__(self, brm: Any) -> None:
        super().__init__()
        self.residual = brm.residual
        self.reduce = _folded(brm.reduce)
        self.local = _dense_pair(brm.local)
        attention = brm.attention
        self.attention = (
            _Attention(attention) if isinstance(attention, ChannelAttention) else nn.Identity()
        )
        pair = brm.dilated
        self.dilated = _depthwise_pair(pair) if isinstance(pair, FactorisedConv) else nn.Identity()
        self.expand = fuse_conv_bn_eval(*_parts(brm.expand))
        self.activation = _leaky(brm.activation)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        inner = self.dilated(self.attention(self.local(self.reduce(features))))
        expanded = self.expand(inner)
        return cast("Tensor", self.activation(expanded + features if self.residual else expanded))


def _dense_pair(pair: FactorisedConv) -> nn.Sequential:
    column, between, row, norm, activation = _parts(pair)
    return nn.Sequential(column, _leaky(between), fuse_conv_bn_eval(row, norm), _leaky(activation))


def _depthwise_pair(pair: FactorisedConv) -> nn.Sequential:
    """One 3x3 kernel a channel, the product of the column's and the row's."""
    column, _, row, norm, activation = _parts(pair)
    merged = convolution(
        column.in_channels,
        column.in_channels,
        3,
        dilation=column.dilation[0],
        groups=column.groups,
    ).to(column.weight.device)
    merged.weight.data = column.weight.data * row.weight.data
    return nn.Sequential(fuse_conv_bn_eval(merged.eval(), norm), _leaky(activation))


class _Attention(nn.Module):
    """The gates by a column convolution over channels: views instead of transpositions."""

    def __init__(self, attention: ChannelAttention) -> None:
        super().__init__()
        taps = attention.conv.weight.data
        self.conv = convolution(1, 1, (taps.shape[2], 1)).to(taps.device)
        self.conv.weight.data = taps[..., None].clone()
        self.gathered = Gathered()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), each channel scaled by its gate."""
        batch, channels = features.shape[:2]
        pooled = self.gathered(features.mean(dim=(2, 3), keepdim=True))
        pooled = pooled.view(batch, 1, channels, 1)
        return features * torch.sigmoid(self.conv(pooled)).view(batch, channels, 1, 1)


class _Head(nn.Module):
    """An `ASPP` whose pooled branch reaches its projection as a bias."""

    def __init__(self, head: ASPP) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_folded(branch) for branch in head.branches)
        self.gathered = Gathered()
        conv, activation = _parts(head.pooled)
        self.pooled = nn.Sequential(conv, _leaky(activation))
        project, norm, activation = _parts(head.project)
        project = fuse_conv_bn_eval(project, norm)
        spatial = sum(branch[0].out_channels for branch in map(_parts, self.branches))
        self.project = _columns(project, slice(0, spatial), bias=True)
        self.project_pooled = _columns(project, slice(spatial, None), bias=False)
        self.activation = _leaky(activation)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, head, H, W)."""
        pooled = self.pooled(self.gathered(features.mean(dim=(2, 3), keepdim=True)))
        views = torch.cat([branch(features) for branch in self.branches], dim=1)
        return cast("Tensor", self.activation(self.project(views) + self.project_pooled(pooled)))


def _columns(conv: nn.Conv2d, inputs: slice, *, bias: bool) -> nn.Conv2d:
    """The 1x1 convolution of some of the input channels."""
    weight = conv.weight.data[:, inputs].clone()
    part = convolution(weight.shape[1], weight.shape[0], 1, bias=bias).to(weight.device)
    part.weight.data = weight
    if bias:
        part.bias = conv.bias
    return part
