"""What the graphs of a network do: who their nodes stand for, and what changes without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfpnet import graph as maths
from mfpnet.layers import convolution, initialise
from mfpnet.model import SGCN, MFPNet
from mfpnet.studies import assignment as divisions
from mfpnet.studies.effects import Effect, Subject, average, change_line, subject
from mfpnet.studies.graph_anatomy import (
    Change,
    Graph,
    Parts,
    changed,
    graphs_of,
    removed,
    stages_without,
    take_apart,
)
from mfpnet.studies.graph_chart import draw_graphs, figure_size
from mfpnet.studies.study import Picture, Study, nothing_to_see

# Standard deviations of what is added to the logarithm of each weight of an adjacency.
NOISE = (0.5, 1.0, 2.0)
DRAWS = 3
# Fewer nodes than this in effect, of four times as many, is a collapse.
_COLLAPSED = 2.0
_NOTHING = 0.001


def graph_study(network: MFPNet, picture: Picture) -> Study:
    """Nodes, adjacency and effect of every graph of a network on one picture.

    Args:
        network: in eval mode, with `info`; left as it is.
        picture: what it looks at; the nodes are compared with its labels where it has any, else
            with what the network predicts.
    """
    found, without = graphs_of(network), stages_without(network)
    if not found:
        each = "; ".join(f"{name}: {why}" for name, why in without.items())
        return nothing_to_see("graph", f"This network has no graph ({each}).")
    looked_at = subject(network, picture.image, picture.labels, network.config.num_classes)
    parts = take_apart(network, found, picture.image)
    names = network.info.classes if network.info else ()
    numbers = {
        "picture": picture.name,
        "information_about": looked_at.classes[1],
        **looked_at.as_it_is(),
        "all_removed": looked_at.effect_within(removed(*(g.box for g in found))).as_dict(),
        "graphs": [
            _one(looked_at, graph, part, network.config.strides, names)
            for graph, part in zip(found, parts, strict=True)
        ],
        "without": without,
    }
    draw = partial(draw_graphs, numbers=numbers, parts=parts, view=picture.view)
    size = figure_size(picture.view, [len(a) for each in parts for a in each.assignments])
    return Study("graph", numbers, _warnings(numbers), _lines(numbers), draw, size)


def _one(
    looked_at: Subject, graph: Graph, parts: Parts, strides: Sequence[int], names: Sequence[str]
) -> dict[str, Any]:
    """Everything about one graph."""
    box = graph.box
    return {
        "graph": graph.name,
        "form": box.form if isinstance(box, SGCN) else "simple",
        "nodes": sum(len(each) for each in parts.assignments),
        "removed": looked_at.effect_within(removed(box)).as_dict(),
        "scales": [
            _scale(looked_at, stage, strides[stage - 1], features, each)
            for stage, features, each in zip(
                graph.stages, parts.features, parts.assignments, strict=True
            )
        ],
        "nodes_off": _nodes_off(looked_at, graph, parts, names),
        "adjacency": _adjacency(looked_at, graph, parts.adjacency),
    }


def _scale(
    looked_at: Subject, stage: int, stride: int, features: Tensor, assignment: Tensor
) -> dict[str, Any]:
    """How the nodes of one stage divide the picture."""
    maps = assignment.double().numpy()
    whole, pixel = divisions.effective_number(maps)
    classes, _ = looked_at.classes
    known = partial(divisions.information, classes=classes, num_classes=looked_at.num_classes)
    chosen = divisions.chosen_nodes(maps, classes.shape)
    occurring = len(np.unique(chosen))

    def grid(cells: int) -> float:
        return known(divisions.grid_cells(cells, classes.shape))["share"]

    untrained = [
        known(divisions.chosen_nodes(each.numpy(), classes.shape))["share"]
        for each in _untrained(features, len(assignment))
    ]
    return {
        "stage": stage,
        "stride": stride,
        "effective_nodes_of_the_picture": whole,
        "effective_nodes_of_a_pixel": pixel,
        "nodes_that_are_some_pixels_first": occurring,
        "information": known(chosen)
        | {
            "share_of_a_plain_grid": grid(len(assignment)),
            "share_of_a_plain_grid_of_as_many_cells": grid(occurring),
            "share_untrained_mean": float(np.mean(untrained)),
        },
    }


def _untrained(features: Tensor, nodes: int) -> list[Tensor]:
    """What random assignments make of the same features: (N, h, w) each."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        scores = [convolution(features.shape[1], nodes, 1, bias=True) for _ in range(DRAWS)]
        return [maths.assign(score.apply(initialise)(features))[0] for score in scores]


def _nodes_off(
    looked_at: Subject, graph: Graph, parts: Parts, names: Sequence[str]
) -> list[dict[str, Any]]:
    """What each node's silence changes: it tells the others nothing, and pixels get nothing."""
    means = torch.cat([each.mean(dim=(1, 2)) for each in parts.assignments]).tolist()
    rows = []
    for node, share in enumerate(means):
        mute = partial(_muted, node)
        effect = looked_at.effect_within(changed(graph.box, Change(nodes=mute, moved=mute)))
        rows.append(
            {"node": node, "share_of_pixels": share, **_with_class(looked_at, effect, names)}
        )
    return rows


def _muted(node: int, nodes: Tensor) -> Tensor:
    silent = nodes.clone()
    silent[:, node] = 0
    return silent


def _with_class(looked_at: Subject, effect: Effect, names: Sequence[str]) -> dict[str, Any]:
    """An effect, and the class that changes most."""
    most = looked_at.most_changed(effect)
    named = None if most is None else (names[most] if names else str(most))
    share = None if most is None else effect.by_class[most]
    return effect.as_dict() | {
        "class_that_changes_most": named,
        "changed_share_of_that_class": share,
    }


def _adjacency(looked_at: Subject, graph: Graph, adjacency: Tensor | None) -> dict[str, Any]:
    """What an adjacency is, and what changes with another one."""
    if adjacency is None:
        return {"absent": "the nodes of this graph exchange nothing"}
    known = adjacency.double().numpy()
    size = len(known)
    learned = not isinstance(graph.box, SGCN) or graph.box.kind == "learned"
    start = maths.row_stochastic(maths.self_loops(size)).double().numpy()
    uniform = np.full((size, size), 1 / size)
    return {
        "kind": "learned" if learned else "made of the nodes of this picture",
        "weights": known.tolist(),
        "weight_to_itself_mean": float(known.diagonal().mean()),
        "distance_to_identity": divisions.row_distance(known, np.eye(size)),
        "distance_to_uniform": divisions.row_distance(known, uniform),
        "distance_to_its_start": divisions.row_distance(known, start) if learned else None,
        "identity_instead": _with(looked_at, graph, torch.eye(size)),
        "uniform_instead": _with(looked_at, graph, torch.full((size, size), 1 / size)),
        "noise": [_noise(looked_at, graph, level) for level in NOISE],
    }


def _with(looked_at: Subject, graph: Graph, adjacency: Tensor) -> dict[str, float | None]:
    """Effect of another adjacency in a graph's place."""
    change = Change(adjacency=lambda own: adjacency.to(own).expand_as(own))
    return looked_at.effect_within(changed(graph.box, change)).as_dict()


def _noise(looked_at: Subject, graph: Graph, level: float) -> dict[str, Any]:
    """The mean effect of a few draws of noise."""
    effects = []
    for seed in range(DRAWS):
        change = Change(adjacency=partial(noisy, level=level, seed=seed))
        effects.append(looked_at.effect_within(changed(graph.box, change)))
    return {
        "std_of_log_weight": level,
        "draws": DRAWS,
        "labels_changed_share": average(effects, lambda effect: effect.changed),
        "miou": average(effects, lambda effect: effect.miou),
        "pixel_accuracy": average(effects, lambda effect: effect.pixel_accuracy),
    }


def noisy(adjacency: Tensor, level: float, seed: int) -> Tensor:
    """Weights times e to the power of normal noise, rows summing to 1 again."""
    noise = torch.randn(adjacency.shape, generator=torch.Generator().manual_seed(seed))
    return torch.softmax(adjacency.log() + level * noise.to(adjacency), dim=-1)


def _warnings(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    warnings = []
    for graph in numbers["graphs"]:
        if graph["removed"]["labels_changed_share"] < _NOTHING:
            warnings.append(
                f"Without {graph['graph']} less than 0.1 % of the labels change: it does next to "
                f"nothing here; train with sgcn=None at this stage and compare."
            )
        for scale in graph["scales"]:
            used, nodes = scale["effective_nodes_of_the_picture"], graph["nodes"]
            if used < _COLLAPSED and nodes >= 4 * _COLLAPSED * len(graph["scales"]):
                warnings.append(
                    f"The nodes of {graph['graph']} have collapsed: {used:.1f} in effect at stage "
                    f"{scale['stage']}; train longer, or with fewer nodes."
                )
    return tuple(warnings)


def _lines(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    lines = [change_line("Without any graph", numbers["all_removed"], numbers)]
    for graph in numbers["graphs"]:
        lines += [*_scale_lines(graph, numbers["information_about"]), _effect_line(graph, numbers)]
        if line := _adjacency_line(graph):
            lines.append(line)
    return (*lines, *(f"{name}: {why}." for name, why in numbers["without"].items()))


def _scale_lines(graph: Mapping[str, Any], about: str) -> list[str]:
    count = graph["nodes"] // len(graph["scales"])
    return [
        f"{graph['graph']} ({graph['form']}, stride {scale['stride']}): "
        f"{scale['effective_nodes_of_the_picture']:.1f} of {count} nodes in effect, "
        f"{scale['effective_nodes_of_a_pixel']:.1f} at a pixel; they tell "
        f"{100 * scale['information']['share']:.0f} % of what there is to know of the classes "
        f"({about}); a plain grid of {count} cells "
        f"{100 * scale['information']['share_of_a_plain_grid']:.0f} %, of "
        f"{scale['nodes_that_are_some_pixels_first']} cells, as many as nodes that are some "
        f"pixel's first, "
        f"{100 * scale['information']['share_of_a_plain_grid_of_as_many_cells']:.0f} %, "
        f"untrained nodes {100 * scale['information']['share_untrained_mean']:.0f} %."
        for scale in graph["scales"]
    ]


def _effect_line(graph: Mapping[str, Any], numbers: Mapping[str, Any]) -> str:
    line = change_line(f"Without {graph['graph']}", graph["removed"], numbers)
    most = max(graph["nodes_off"], key=lambda row: row["labels_changed_share"])
    if not most["class_that_changes_most"]:
        return f"{line} No single node changes any class."
    return (
        f"{line} Of its nodes, {most['node']} changes most: "
        f"{100 * most['labels_changed_share']:.2f} % of the labels, above all "
        f"{most['class_that_changes_most']} ({100 * most['changed_share_of_that_class']:.0f} % of "
        f"it)."
    )


def _adjacency_line(graph: Mapping[str, Any]) -> str:
    adjacency = graph["adjacency"]
    if "absent" in adjacency:
        return f"{graph['graph']}: {adjacency['absent']}."
    start = adjacency["distance_to_its_start"]
    moved = "" if start is None else f", {start:.2f} from its start"
    noise = adjacency["noise"][1]
    changed_by = [
        f"{100 * effect['labels_changed_share']:.2f} %"
        for effect in (adjacency["identity_instead"], adjacency["uniform_instead"], noise)
    ]
    return (
        f"{graph['graph']}'s adjacency ({adjacency['kind']}) is "
        f"{adjacency['distance_to_identity']:.2f} from the identity, "
        f"{adjacency['distance_to_uniform']:.2f} from uniform{moved} (0 to 1). Labels that change "
        f"with the identity instead: {changed_by[0]}, uniform: {changed_by[1]}, noise of a factor "
        f"e: {changed_by[2]}."
    )
