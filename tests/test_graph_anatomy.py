"""A graph taken apart is the graph that the network computes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inspected import left_as_it_was, one_stage, street, watched
from mfpnet import graph
from mfpnet.model import MFPNet
from mfpnet.studies.graph import noisy
from mfpnet.studies.graph_anatomy import (
    Change,
    changed,
    graphs_of,
    removed,
    stages_without,
    take_apart,
)

FORMS: dict[str, dict[str, Any]] = {
    "simple": {},
    "glore": {"sgcn": ("glore",)},
    "data": {"adjacency": "data"},
    "none": {"adjacency": "none"},
}
TWO = {"channels": (8, 12), "strides": (4, 8), "dilations": ((1,), (2,))}
JOINT = {**TWO, "sgcn": ("simple", "simple"), "joint_graph": True}


def stirred(network: MFPNet) -> MFPNet:
    """With graphs that are not what they begin as."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, values in network.named_parameters():
            if name.startswith("graphs") and name.endswith(("adjacency", "weight")):
                values.add_(0.3 * torch.randn(values.shape, generator=generator))
    return network


@pytest.mark.parametrize("form", [*FORMS, "joint"])
def test_unchanged_it_computes_the_same(form: str) -> None:
    network = stirred(watched(**JOINT) if form == "joint" else one_stage(**FORMS[form]))
    image = street().image
    with left_as_it_was(network), torch.no_grad():
        expected = network(image)
        (found,) = graphs_of(network)
        with changed(found.box, Change()):
            torch.testing.assert_close(network(image), expected)
        with changed(found.box, Change(moved=torch.zeros_like)):
            assert not torch.allclose(network(image), expected)


@pytest.mark.parametrize("form", [*FORMS, "joint"])
def test_the_parts(form: str) -> None:
    network = stirred(watched(**JOINT) if form == "joint" else one_stage(**FORMS[form]))
    with left_as_it_was(network):
        (parts,) = take_apart(network, graphs_of(network), street((48, 64)).image)
    assert [each.shape for each in parts.assignments] == (
        [(4, 12, 16), (4, 6, 8)] if form == "joint" else [(4, 12, 16)]
    )
    for each in parts.assignments:
        torch.testing.assert_close(each.sum(0), torch.ones(each.shape[1:]))
    if parts.adjacency is None:
        assert form == "none"
    else:
        size = 8 if form == "joint" else 4
        torch.testing.assert_close(parts.adjacency.sum(1), torch.ones(size))


def test_a_silent_node_by_hand() -> None:
    network = stirred(one_stage())
    (found,) = graphs_of(network)
    features = torch.randn(1, 8, 3, 5, generator=torch.Generator().manual_seed(2))

    def mute(nodes: Tensor) -> Tensor:
        return nodes * torch.tensor([1.0, 1, 0, 1])[:, None]

    with torch.no_grad(), changed(found.box, Change(nodes=mute, moved=mute)):
        given = found.box(features)
    known, pixels = dict(found.box.named_parameters()), features[0].flatten(1)
    with torch.no_grad():
        scores = known["score.weight"].flatten(1) @ pixels + known["score.bias"][:, None]
        q = scores.softmax(0)
        v = q @ (known["embed.weight"].flatten(1) @ pixels).T / q.sum(1, keepdim=True)
        v[2] = 0
        a = known["adjacency"].softmax(1)
        z = a @ (a @ v) @ known["weight"]
        z[2] = 0
        context = (z.T @ q).view(1, -1, 3, 5)
        torch.testing.assert_close(
            given, features + network.get_submodule("graphs.0.fuse")(context)
        )


def test_removed_is_what_a_fuse_of_nothing_gives() -> None:
    network, image = one_stage(), street().image
    (found,) = graphs_of(network)
    with torch.no_grad():
        with removed(found.box):
            without = network(image)
        for name in ("weight", "bias"):
            nn.init.zeros_(network.get_parameter(f"graphs.0.fuse.1.{name}"))
        torch.testing.assert_close(network(image), without)


def test_stages_without_a_graph_are_named() -> None:
    network = watched(sgcn=(None, "pool", "glore"))
    assert [(each.name, each.stages) for each in graphs_of(network)] == [("graph 3", (3,))]
    why = stages_without(network)
    assert why["graph 1"] == "no graph here"
    assert "mean over the picture" in why["graph 2"]
    joint = watched(**JOINT)
    assert graphs_of(joint)[0].stages == (1, 2)
    assert stages_without(joint) == {}


def test_noise_keeps_rows_that_sum_to_one() -> None:
    start = graph.row_stochastic(graph.self_loops(5))
    torch.testing.assert_close(noisy(start, 0.0, 0), start)
    loud = partial(noisy, start, 2.0)
    torch.testing.assert_close(loud(1).sum(1), torch.ones(5))
    assert torch.equal(loud(1), loud(1))
    assert not np.allclose(loud(1), loud(2))
