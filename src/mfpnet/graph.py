"""The maths of the simple graph convolution (SGCN), as pure functions.

Pixels are gathered into a few nodes, the nodes exchange what they know, and each pixel reads back
from the nodes it belongs to. Symbols: B batch, P pixels (H x W), N nodes, S node features.
Form after Wu et al. 2019 (SGC), Li & Gupta 2018 and Chen et al. 2019 (GloRe).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def assign(scores: Tensor) -> Tensor:
    """How much each pixel belongs to each node: (B, N, P) scores -> (B, N, P), summing to 1 over N.

    The softmax runs over the nodes. Over the pixels, each weight would shrink as the image grows.
    """
    return torch.softmax(scores, dim=1)


def project(assignment: Tensor, features: Tensor) -> Tensor:
    """Node features as the weighted mean of their pixels: (B, N, P), (B, S, P) -> (B, N, S)."""
    # A node that no pixel chose has a sum that rounds to 0, sooner in half precision.
    weights = assignment / assignment.sum(dim=2, keepdim=True).clamp(min=1e-6)
    return torch.bmm(weights, features.transpose(1, 2))


def row_stochastic(scores: Tensor) -> Tensor:
    """An adjacency whose rows are weights of a mean: (N, N) scores -> (N, N), rows summing to 1."""
    return torch.softmax(scores, dim=1)


def self_loops(nodes: int) -> Tensor:
    """(N, N) scores whose rows give half the weight to the node itself, half to all the others.

    A uniform start would hand every node the same mean, and nothing to tell them apart by.
    """
    return torch.eye(nodes) * math.log(max(nodes - 1, 1))


def likeness(nodes: Tensor) -> Tensor:
    """An adjacency made of the nodes themselves: (B, N, S) -> (B, N, N), rows summing to 1.

    The softmax of their scaled inner products, as in self-attention (Vaswani et al. 2017).
    """
    products = nodes @ nodes.transpose(1, 2)
    return torch.softmax(products / math.sqrt(nodes.shape[2]), dim=2)


def propagate_simple(nodes: Tensor, adjacency: Tensor, weight: Tensor, steps: int) -> Tensor:
    """A^K V W without activation (SGC): (B, N, S), (N, N), (S, S) -> (B, N, S).

    The adjacency may be each picture's own: (B, N, N).
    """
    for _ in range(steps):
        nodes = adjacency @ nodes
    return nodes @ weight


def propagate_glore(nodes: Tensor, adjacency: Tensor, weight: Tensor) -> Tensor:
    """relu((V - A V) W), Laplacian smoothing as in GloRe: same shapes as `propagate_simple`."""
    return torch.relu((nodes - adjacency @ nodes) @ weight)


def reproject(assignment: Tensor, nodes: Tensor) -> Tensor:
    """Each pixel's mixture of its nodes: (B, N, P), (B, N, S) -> (B, S, P)."""
    return torch.bmm(nodes.transpose(1, 2), assignment)
