"""The graphs of a network taken apart, changed for a while, and put back as they were.

What a box computes is repeated here step by step, so that a step can be looked at or replaced; a
test holds the two to the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mfpnet import graph
from mfpnet.graph_controls import GlobalPooling, JointSGCN
from mfpnet.layers import spatial_size
from mfpnet.model import SGCN, MFPNet

Box = SGCN | JointSGCN


@dataclass(frozen=True)
class Graph:
    """One graph of a network.

    Attributes:
        name: `graph 2` for that of the second stage, `joint graph` for one over all.
        box: the module.
        stages: the numbers of its stages, from 1.
    """

    name: str
    box: Box
    stages: tuple[int, ...]


@dataclass(frozen=True)
class Parts:
    """What a graph computes of one picture; N nodes for each of its stages, M in all.

    Attributes:
        features: of each stage, (1, C, h, w).
        assignments: of each stage, (N, h, w), summing to 1 over the nodes.
        adjacency: (M, M), rows summing to 1; None where the nodes exchange nothing.
    """

    features: tuple[Tensor, ...]
    assignments: tuple[Tensor, ...]
    adjacency: Tensor | None


def unchanged(values: Tensor) -> Tensor:
    """Any tensor as it is."""
    return values


@dataclass(frozen=True)
class Change:
    """What is done to a graph's steps.

    Attributes:
        nodes: to the nodes before they exchange anything, (1, M, S); an adjacency made of them is
            that of the nodes as they were.
        adjacency: to the adjacency, (M, M) or (1, M, M).
        moved: to the nodes before pixels read them, (1, M, S).
    """

    nodes: Callable[[Tensor], Tensor] = unchanged
    adjacency: Callable[[Tensor], Tensor] = unchanged
    moved: Callable[[Tensor], Tensor] = unchanged


def graphs_of(network: MFPNet) -> list[Graph]:
    """Its graphs, the shallowest first; stages without one, or with plain pooling, are left out."""
    if isinstance(network.graphs, JointSGCN):
        stages = range(1, len(network.config.channels) + 1)
        return [Graph("joint graph", network.graphs, tuple(stages))]
    numbered = enumerate(network.graphs, 1)
    return [Graph(f"graph {i}", box, (i,)) for i, box in numbered if isinstance(box, SGCN)]


def stages_without(network: MFPNet) -> dict[str, str]:
    """Why a stage has no graph, for each that has none."""
    if isinstance(network.graphs, JointSGCN):
        return {}
    pooled = "the mean over the picture stands in its place: no nodes, no adjacency"
    return {
        f"graph {number}": pooled if isinstance(box, GlobalPooling) else "no graph here"
        for number, box in enumerate(network.graphs, 1)
        if not isinstance(box, SGCN)
    }


def take_apart(network: nn.Module, found: Sequence[Graph], image: Tensor) -> list[Parts]:
    """What each graph computes of an image (1, C, H, W)."""
    seen: dict[nn.Module, Any] = {}

    def note(box: nn.Module, inputs: tuple[Any, ...], _: Any) -> None:
        seen[box] = inputs[0]

    hooks = [each.box.register_forward_hook(note) for each in found]
    try:
        with torch.no_grad():
            network(image)
            return [_parts(each.box, _as_list(seen[each.box])) for each in found]
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def changed(box: Box, change: Change) -> Iterator[None]:
    """Within it, a graph works with some of its steps changed."""

    def redo(_: nn.Module, inputs: tuple[Any, ...], __: Any) -> Any:
        redone = _redone(box, _as_list(inputs[0]), change)
        return redone[0] if isinstance(box, SGCN) else redone

    with box.register_forward_hook(redo):
        yield


@contextmanager
def removed(*boxes: nn.Module) -> Iterator[None]:
    """Within it, the boxes add nothing to the features that they are given."""

    def pass_on(_: nn.Module, inputs: tuple[Any, ...], __: Any) -> Any:
        return inputs[0]

    hooks = [box.register_forward_hook(pass_on) for box in boxes]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _as_list(features: Any) -> list[Tensor]:
    return [features] if isinstance(features, Tensor) else list(features)


def _convolutions(box: Box, kind: str) -> list[nn.Module]:
    """`score`, `embed` or `fuse` of each stage."""
    modules = getattr(box, kind)
    return [modules] if isinstance(box, SGCN) else list(modules)


def _assignments(box: Box, stages: Sequence[Tensor]) -> list[Tensor]:
    """Of each stage, (1, N, P)."""
    pairs = zip(_convolutions(box, "score"), stages, strict=True)
    return [graph.assign(score(each).flatten(2)) for score, each in pairs]


def _nodes(box: Box, stages: Sequence[Tensor], assignments: Sequence[Tensor]) -> Tensor:
    """(1, M, S)."""
    parts = zip(assignments, _convolutions(box, "embed"), stages, strict=True)
    return torch.cat([graph.project(a, embed(each).flatten(2)) for a, embed, each in parts], 1)


def _adjacency(box: Box, nodes: Tensor) -> Tensor | None:
    kind = box.kind if isinstance(box, SGCN) else "learned"
    if kind == "none":
        return None
    return graph.likeness(nodes) if kind == "data" else graph.row_stochastic(box.adjacency)


def _propagated(box: Box, nodes: Tensor, adjacency: Tensor | None) -> Tensor:
    if adjacency is None:
        return nodes @ box.weight
    if isinstance(box, SGCN) and box.form == "glore":
        return graph.propagate_glore(nodes, adjacency, box.weight)
    return graph.propagate_simple(nodes, adjacency, box.weight, box.steps)


def _parts(box: Box, stages: Sequence[Tensor]) -> Parts:
    assignments = _assignments(box, stages)
    adjacency = _adjacency(box, _nodes(box, stages, assignments))
    maps = [a[0].view(-1, *spatial_size(each)) for a, each in zip(assignments, stages, strict=True)]
    if adjacency is not None and adjacency.dim() == 3:
        adjacency = adjacency[0]
    return Parts(tuple(stages), tuple(maps), adjacency)


def _redone(box: Box, stages: Sequence[Tensor], change: Change) -> list[Tensor]:
    """The box's own output, with the change."""
    assignments = _assignments(box, stages)
    nodes = _nodes(box, stages, assignments)
    adjacency = _adjacency(box, nodes)
    adjacency = None if adjacency is None else change.adjacency(adjacency)
    moved = change.moved(_propagated(box, change.nodes(nodes), adjacency)).chunk(len(stages), 1)
    fuses = _convolutions(box, "fuse")
    return [
        each + fuse(graph.reproject(a, part).view(1, -1, *spatial_size(each)))
        for each, fuse, a, part in zip(stages, fuses, assignments, moved, strict=True)
    ]
