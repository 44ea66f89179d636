"""The network's graphs in their inference form: all matrices work on the nodes."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mfpnet import graph
from mfpnet.layers import Gathered
from mfpnet.model import SGCN


def inference_graphs(boxes: nn.Module) -> nn.Module:
    """In place, each box in its inference form; a joint graph stays as it is."""
    if isinstance(boxes, nn.ModuleList):
        for index, box in enumerate(boxes):
            boxes[index] = _graph(box)
    return boxes


def _graph(box: nn.Module) -> nn.Module:
    """Controls and graphs that the nodes decide about are seldom deployed: they stay as they are.

    Of the latter the matrices cannot be merged, because the adjacency is made between them.
    """
    return _Graph(box) if isinstance(box, SGCN) and box.kind != "data" else box


class _Graph(nn.Module):
    """An `SGCN` whose matrices work on the nodes.

    Projecting and reprojecting are linear, so the 1x1 convolutions on either side of them can be
    applied to the N nodes instead of the HW pixels. A pixel's assignment sums to 1 over the nodes,
    so the bias can be added there too.
    """

    def __init__(self, box: SGCN) -> None:
        super().__init__()
        self.form, self.score, self.gathered = box.form, box.score, Gathered()
        conv, norm = cast("tuple[nn.Conv2d, nn.BatchNorm2d]", tuple(box.fuse.children()))
        fuse = fuse_conv_bn_eval(conv, norm)
        embed = box.embed.weight.data.flatten(1).T
        expand = fuse.weight.data.flatten(1).T
        mixing = _mixing(box)
        if box.form == "simple":
            first, second = embed @ box.weight.data @ expand, torch.empty(0)
        else:
            first, second = embed @ box.weight.data, expand
        for name, value in (("mixing", mixing), ("first", first), ("second", second)):
            self.register_buffer(name, value.contiguous())
        self.register_buffer("bias", cast("Tensor", fuse.bias).data.clone())

    def propagate(self, nodes: Tensor) -> Tensor:
        """Nodes of the input's features (B, N, C) -> what each adds to its pixels (B, N, C)."""
        mixing, first = cast("Tensor", self.mixing), cast("Tensor", self.first)
        if self.form == "simple":
            moved = torch.matmul(mixing, torch.matmul(nodes, first))
        else:
            values = torch.matmul(nodes, first)
            moved = torch.relu(values - torch.matmul(mixing, values)) @ cast("Tensor", self.second)
        return moved + cast("Tensor", self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        pixels = features.flatten(2)
        assignment = graph.assign(self.score(features).flatten(2))
        nodes = self.propagate(self.gathered(graph.project(assignment, pixels)))
        return features + graph.reproject(assignment, nodes).view_as(features)


def _mixing(box: SGCN) -> Tensor:
    """What the nodes are multiplied by, (N, N)."""
    if box.kind == "none":
        return torch.eye(box.score.out_channels, device=box.weight.device)
    adjacency = graph.row_stochastic(box.adjacency.data)
    simple = box.form == "simple"
    return torch.linalg.matrix_power(adjacency, box.steps) if simple else adjacency
