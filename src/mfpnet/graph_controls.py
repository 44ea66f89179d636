"""What the SGCN is measured against: no graph at all, and one graph over all scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mfpnet import graph
from mfpnet.layers import convolution


class GlobalPooling(nn.Module):
    """The mean over the picture in place of a graph: (B, C, H, W) -> (B, C, H, W), added.

    Every pixel gets the same context. It has the SGCN's matrices and spends what the SGCN spends on
    each pixel but for the assignment: what this reaches, the graph has no part in.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        features = channels // 2
        self.embed = convolution(channels, features, 1)
        self.weight = nn.Parameter(torch.eye(features))
        self.fuse = nn.Sequential(convolution(features, channels, 1), nn.BatchNorm2d(channels))

    def context(self, features: Tensor) -> Tensor:
        """What is known of the picture, at each pixel: (B, C, H, W) -> (B, S, H, W)."""
        known: Tensor = self.embed(features).mean(dim=(2, 3)) @ self.weight
        return known[:, :, None, None].expand(-1, -1, *features.shape[2:])

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        fused: Tensor = self.fuse(self.context(features))
        return features + fused


class JointSGCN(nn.Module):
    """One simple graph convolution over the nodes of all stages together.

    Features (B, C_i, H_i, W_i) of each stage -> the same shapes, context added. Each stage has N
    nodes of its own, which are brought to as many features as those of the widest stage have, so
    that all I x N of them can exchange what they know.
    """

    def __init__(self, channels: Sequence[int], nodes: int, steps: int) -> None:
        super().__init__()
        features = max(channels) // 2
        self.steps = steps
        self.score = nn.ModuleList(convolution(c, nodes, 1, bias=True) for c in channels)
        self.embed = nn.ModuleList(convolution(c, features, 1) for c in channels)
        self.adjacency = nn.Parameter(graph.self_loops(nodes * len(channels)))
        self.weight = nn.Parameter(torch.eye(features))
        self.fuse = nn.ModuleList(
            nn.Sequential(convolution(features, c, 1), nn.BatchNorm2d(c)) for c in channels
        )

    def context(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """What the graph gives each pixel: each (B, C_i, H_i, W_i) -> (B, S, H_i, W_i)."""
        assignments = [
            graph.assign(score(each).flatten(2))
            for score, each in zip(self.score, stages, strict=True)
        ]
        nodes = [
            graph.project(assignment, embed(each).flatten(2))
            for assignment, embed, each in zip(assignments, self.embed, stages, strict=True)
        ]
        adjacency = graph.row_stochastic(self.adjacency)
        moved = graph.propagate_simple(torch.cat(nodes, 1), adjacency, self.weight, self.steps)
        return [
            graph.reproject(assignment, part).view(each.shape[0], -1, *each.shape[2:])
            for assignment, part, each in zip(
                assignments, moved.chunk(len(stages), 1), stages, strict=True
            )
        ]

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """See the class."""
        contexts = self.context(stages)
        return [
            each + fuse(context)
            for each, fuse, context in zip(stages, self.fuse, contexts, strict=True)
        ]
