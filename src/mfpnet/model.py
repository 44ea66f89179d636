"""MFPNet (Xu, Jia, Wu, Chen, arXiv 2309.04914), one class for each box of the paper's figure.

InitialBlock -> BRMBlock x 3 (encoder) -> SGCN -> BRMBlock x 3 (decoder) -> ASPP -> logits.
BRM, the bottleneck residual module: 3x3, factorised pair, attention, dilated factorised pair.
BRMBlock: three BRMs and a residual connection around all of them.
SGCN: pixels -> nodes -> graph convolution -> pixels; on both skips and between the two halves.
Unusual: the graph's assignment is a softmax over *nodes*, so its output does not fade with size.
Ours, where the paper's text leaves it open: kinds and widths of the convolutions, dilations,
strides, the initial block, how a decoder stage joins its skip, the width of the head.
`docs/paper-notes.md` lists each of these choices and why it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from mfpnet import graph
from mfpnet.graph_controls import GlobalPooling, JointSGCN
from mfpnet.info import ModelInfo
from mfpnet.instances.head import InstanceHead
from mfpnet.layers import (
    ChannelAttention,
    FactorisedConv,
    PReLU,
    conv_bn_prelu,
    convolution,
    initialise,
    resize,
    spatial_size,
    strided_size,
)
from mfpnet.model_config import Adjacency, GraphForm, MFPNetConfig


class InitialBlock(nn.Sequential):
    """3x3 convolutions, the first strided: (B, C_in, H, W) -> (B, C, H/2, W/2), rounded up."""

    def __init__(self, in_channels: int, channels: int, convs: int) -> None:
        first = conv_bn_prelu(in_channels, channels, 3, stride=2)
        super().__init__(first, *(conv_bn_prelu(channels, channels, 3) for _ in range(convs - 1)))


class Downsampling(nn.Module):
    """Strided convolution beside max-pooling: (B, C_in, H, W) -> (B, C, H/2, W/2), rounded up."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.pooled = channels > in_channels
        width = channels - in_channels if self.pooled else channels
        self.conv = convolution(in_channels, width, 3, stride=2)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), PReLU())

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        reduced = self.conv(features)
        if self.pooled:
            reduced = torch.cat((reduced, self.pool(features)), dim=1)
        normed: Tensor = self.norm(reduced)
        return normed


class BRM(nn.Module):
    """Bottleneck residual module: (B, C, H, W) -> (B, C, H, W), working on C/2 channels."""

    def __init__(
        self, channels: int, dilation: int, *, attention: bool, residual: bool = True
    ) -> None:
        super().__init__()
        half = channels // 2
        self.residual = residual
        self.reduce = conv_bn_prelu(channels, half, 3)
        self.local = FactorisedConv(half)
        self.attention = ChannelAttention() if attention else nn.Identity()
        self.dilated = (
            FactorisedConv(half, dilation=dilation, depthwise=True) if dilation else nn.Identity()
        )
        self.expand = nn.Sequential(convolution(half, channels, 1), nn.BatchNorm2d(channels))
        self.activation = PReLU()

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        inner = self.expand(self.dilated(self.attention(self.local(self.reduce(features)))))
        activated: Tensor = self.activation(features + inner if self.residual else inner)
        return activated


class BRMBlock(nn.Module):
    """A chain of BRMs, one for each dilation, with a residual connection around all of it."""

    def __init__(
        self,
        channels: int,
        dilations: Sequence[int],
        *,
        attention: bool,
        residual: bool,
        brm_residual: bool = True,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.brms = nn.Sequential(
            *(BRM(channels, d, attention=attention, residual=brm_residual) for d in dilations)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        transformed: Tensor = self.brms(features)
        return features + transformed if self.residual else transformed


class SGCN(nn.Module):
    """Simple graph convolution over a few nodes: (B, C, H, W) -> (B, C, H, W), added to its input.

    The maths is in `mfpnet.graph`; N nodes of S = C/2 features.
    """

    def __init__(
        self,
        channels: int,
        nodes: int,
        *,
        form: GraphForm,
        steps: int,
        adjacency: Adjacency = "learned",
    ) -> None:
        super().__init__()
        features = channels // 2
        self.form, self.steps, self.kind = form, steps, adjacency
        self.score = convolution(channels, nodes, 1, bias=True)
        self.embed = convolution(channels, features, 1)
        if adjacency == "learned":
            self.adjacency = nn.Parameter(graph.self_loops(nodes))
        self.weight = nn.Parameter(torch.eye(features))
        self.fuse = nn.Sequential(convolution(features, channels, 1), nn.BatchNorm2d(channels))

    def propagate(self, nodes: Tensor) -> Tensor:
        """(B, N, S) -> (B, N, S) in the configured form."""
        if self.kind == "none":
            return nodes @ self.weight
        learned = self.kind == "learned"
        adjacency = graph.row_stochastic(self.adjacency) if learned else graph.likeness(nodes)
        if self.form == "simple":
            return graph.propagate_simple(nodes, adjacency, self.weight, self.steps)
        return graph.propagate_glore(nodes, adjacency, self.weight)

    def context(self, features: Tensor) -> Tensor:
        """What the graph gives each pixel: (B, C, H, W) -> (B, S, H, W)."""
        assignment = graph.assign(self.score(features).flatten(2))
        nodes = self.propagate(graph.project(assignment, self.embed(features).flatten(2)))
        return graph.reproject(assignment, nodes).view(features.shape[0], -1, *features.shape[2:])

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        fused: Tensor = self.fuse(self.context(features))
        return features + fused


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: (B, C, H, W) -> (B, head, H, W).

    Parallel 1x1, dilated 3x3 and image-pooling branches. The pooled branch has no batch norm, so
    that a batch of one trains.
    """

    def __init__(self, in_channels: int, channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        dilated = [conv_bn_prelu(in_channels, channels, 3, dilation=d) for d in dilations]
        self.branches = nn.ModuleList([conv_bn_prelu(in_channels, channels), *dilated])
        self.pooled = nn.Sequential(convolution(in_channels, channels, 1, bias=True), PReLU())
        self.project = conv_bn_prelu(channels * (len(dilations) + 2), channels)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        pooled = self.pooled(features.mean(dim=(2, 3), keepdim=True))
        views = [branch(features) for branch in self.branches]
        # Spread out without memory of its own it would cost the others their layout.
        spread = pooled.expand_as(views[0]).contiguous(memory_format=torch.channels_last)
        projected: Tensor = self.project(torch.cat((*views, spread), dim=1))
        return projected


class MFPNet(nn.Module):
    """The network: (B, in_channels, H, W) normalised -> (B, num_classes, H, W) logits.

    Any size from 32x32 up. `info` is set on trained weights by `mfpnet.load_model`.
    """

    info: ModelInfo | None = None

    def __init__(self, config: MFPNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        self.initial = InitialBlock(config.in_channels, config.stem_channels, config.stem_convs)
        self.entries = nn.ModuleList(_entries(config))
        self.encoder = nn.ModuleList(_block(config, stage) for stage in range(len(widths)))
        # A list of boxes, or the control that is one box for all stages.
        joint = JointSGCN(widths, config.nodes, config.steps) if config.joint_graph else None
        self.graphs: Any = joint or _Graphs(config)
        self.decoder = nn.ModuleList(_block(config, stage) for stage in range(len(widths)))
        self.exits = nn.ModuleList(
            conv_bn_prelu(deep, shallow) for shallow, deep in pairwise(widths)
        )
        self.head = _head(config)
        self.classifier = convolution(config.head_channels, config.num_classes, 1, bias=True)
        self.instances = InstanceHead(config.head_channels) if config.instances else None
        self.apply(initialise)

    def forward_features(self, image: Tensor) -> dict[str, Tensor]:
        """Each stage's features by name, stage i at `config.strides[i - 1]`.

        `initial`, `stage1..n` (encoder), `graph1..n` (after the SGCN), `decoder n..1`, `head`.
        """
        features = {"initial": self.initial(image)}
        hidden = features["initial"]
        for number, (enter, block) in enumerate(zip(self.entries, self.encoder, strict=True), 1):
            hidden = features[f"stage{number}"] = block(enter(hidden))
        stages = [features[f"stage{number}"] for number in range(1, len(self.encoder) + 1)]
        for number, hidden in enumerate(self.graphs(stages), 1):
            features[f"graph{number}"] = hidden
        for number in range(len(self.decoder), 0, -1):
            hidden = features[f"decoder{number}"] = self.decoder[number - 1](hidden)
            if number > 1:
                skip = features[f"graph{number - 1}"]
                hidden = skip + resize(self.exits[number - 2](hidden), spatial_size(skip))
        features["head"] = self.head(hidden)
        return features

    def forward(self, image: Tensor, stride: int = 1) -> Tensor:
        """See the class; always one tensor. With a stride, (H, W) is divided by it, rounded up.

        A loss that looks at every second row and column has no use for the others, and on a CPU
        making them and their gradient takes a fifth of a step.
        """
        logits = self.classifier(self.forward_features(image)["head"])
        return resize(logits, strided_size(image, stride))

    def with_instances(self, image: Tensor, stride: int = 1) -> tuple[Tensor, Tensor, Tensor]:
        """The logits of `forward`, and `InstanceHead`'s maps, all of one (H, W)."""
        assert self.instances is not None
        head, size = self.forward_features(image)["head"], strided_size(image, stride)
        centres, offsets = self.instances(head)
        return resize(self.classifier(head), size), resize(centres, size), resize(offsets, size)


def _entries(config: MFPNetConfig) -> list[nn.Module]:
    """What leads into each encoder stage: a downsampling, or a 1x1 where the stride stays."""
    widths = (config.stem_channels, *config.channels)
    strides = (2, *config.strides)
    return [
        Downsampling(widths[i], widths[i + 1])
        if strides[i + 1] > strides[i]
        else conv_bn_prelu(widths[i], widths[i + 1])
        for i in range(len(config.channels))
    ]


def _block(config: MFPNetConfig, stage: int) -> BRMBlock:
    return BRMBlock(
        config.channels[stage],
        config.dilations[stage],
        attention=config.attention,
        residual=config.block_residual,
        brm_residual=config.residual,
    )


class _Graphs(nn.ModuleList):
    """A graph for each stage: features of each in, of each out."""

    def __init__(self, config: MFPNetConfig) -> None:
        super().__init__(_graph(config, stage) for stage in range(len(config.channels)))

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Each (B, C, H, W) -> the same shapes."""
        return [box(features) for box, features in zip(self, stages, strict=True)]


def _graph(config: MFPNetConfig, stage: int) -> nn.Module:
    form = config.sgcn[stage]
    if form is None:
        return nn.Identity()
    channels = config.channels[stage]
    if form == "pool":
        return GlobalPooling(channels)
    return SGCN(channels, config.nodes, form=form, steps=config.steps, adjacency=config.adjacency)


def _head(config: MFPNetConfig) -> nn.Module:
    if config.aspp:
        return ASPP(config.channels[0], config.head_channels, config.aspp_dilations)
    return conv_bn_prelu(config.channels[0], config.head_channels)
