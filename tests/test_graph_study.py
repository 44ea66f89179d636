"""What `inspect` says of graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from inspected import drawn, left_as_it_was, one_stage, street, watched
from mfpnet.studies.assignment import grid_cells, information
from mfpnet.studies.effects import subject
from mfpnet.studies.graph import graph_study

TWO: dict[str, Any] = {"channels": (8, 12), "strides": (4, 8), "dilations": ((1,), (2,))}


@pytest.mark.parametrize("form", ["simple", "glore"])
def test_one_graph(form: str) -> None:
    network, picture = one_stage(sgcn=(form,)), street()
    with left_as_it_was(network):
        study = graph_study(network, picture)
    (graph,) = study.numbers["graphs"]
    assert (graph["graph"], graph["form"], graph["nodes"]) == ("graph 1", form, 4)
    assert study.numbers["information_about"] == "target"
    assert sum(row["share_of_pixels"] for row in graph["nodes_off"]) == pytest.approx(1)
    (scale,) = graph["scales"]
    assert 1 <= scale["effective_nodes_of_a_pixel"] <= scale["effective_nodes_of_the_picture"] <= 4
    assert 0 <= scale["information"]["share"] <= 1
    adjacency = graph["adjacency"]
    # As it begins: half the weight to itself, the other half to the three others.
    assert adjacency["weight_to_itself_mean"] == pytest.approx(0.5)
    assert adjacency["distance_to_identity"] == pytest.approx(0.5)
    assert adjacency["distance_to_uniform"] == pytest.approx(0.25)
    assert adjacency["distance_to_its_start"] == pytest.approx(0, abs=1e-6)
    assert [row["std_of_log_weight"] for row in adjacency["noise"]] == [0.5, 1.0, 2.0]
    assert any("graph 1, stage 1 (stride 4" in text for text in drawn(study))


def test_nodes_are_compared_with_a_grid_of_as_many_cells_as_nodes_occur() -> None:
    network, picture = one_stage(nodes=8), street()
    with torch.no_grad():
        network.get_parameter("graphs.0.score.bias")[:3] = -100
    study = graph_study(network, picture)
    (scale,) = study.numbers["graphs"][0]["scales"]
    occurring = scale["nodes_that_are_some_pixels_first"]
    assert 2 <= occurring <= 5
    assert picture.labels is not None
    grid = grid_cells(occurring, picture.labels.shape)
    assert len(np.unique(grid)) == occurring
    told = information(grid, picture.labels.astype(np.int64), 11)["share"]
    assert scale["information"]["share_of_a_plain_grid_of_as_many_cells"] == told
    line = next(each for each in study.lines if "in effect" in each)
    cells = f"of {occurring} cells, as many as nodes that are some pixel's first,"
    assert f"{cells} {100 * told:.0f} %" in line


def test_a_joint_graph_has_scales() -> None:
    network = watched(**TWO, sgcn=("simple", "simple"), joint_graph=True)
    with left_as_it_was(network):
        study = graph_study(network, street(target=False))
    (graph,) = study.numbers["graphs"]
    assert graph["nodes"] == len(graph["nodes_off"]) == len(graph["adjacency"]["weights"]) == 8
    assert [scale["stride"] for scale in graph["scales"]] == [4, 8]
    assert study.numbers["information_about"] == "prediction"
    assert len([text for text in drawn(study) if text.startswith("joint graph, stage")]) == 2


@pytest.mark.parametrize("kind", ["data", "none"])
def test_other_adjacencies(kind: str) -> None:
    network = one_stage(adjacency=kind)
    with left_as_it_was(network):
        study = graph_study(network, street())
    adjacency = study.numbers["graphs"][0]["adjacency"]
    if kind == "none":
        assert adjacency == {"absent": "the nodes of this graph exchange nothing"}
    else:
        assert adjacency["kind"] == "made of the nodes of this picture"
        assert adjacency["distance_to_its_start"] is None
    assert drawn(study)


def test_stages_without_a_graph() -> None:
    study = graph_study(watched(**TWO, sgcn=(None, "simple")), street())
    assert [graph["graph"] for graph in study.numbers["graphs"]] == ["graph 2"]
    assert "graph 1: no graph here." in study.lines
    absent = graph_study(watched(**TWO, sgcn=(None, "pool")), street())
    assert "graph 2: the mean over the picture stands in its place" in absent.lines[0]
    assert drawn(absent) == [absent.lines[0]]


def test_a_collapse_is_told() -> None:
    network = one_stage(nodes=8)
    with torch.no_grad():
        network.get_parameter("graphs.0.score.bias")[3] = 100
        for values in network.get_submodule("graphs.0.fuse.1").parameters():
            values.zero_()
    study = graph_study(network, street())
    assert len(study.warnings) == 2
    assert study.warnings[0].startswith("Without graph 1 less than 0.1 % of the labels change")
    assert study.warnings[1].startswith("The nodes of graph 1 have collapsed: 1.0 in effect")
    assert any("No single node changes any class" in line for line in study.lines)


def test_the_class_that_changes_most() -> None:
    picture = street()
    network = one_stage()
    looked_at = subject(network, picture.image, picture.labels, 11)
    bias = network.classifier.bias
    assert bias is not None
    first = int(looked_at.predicted[0, 0])
    with torch.no_grad():
        bias[first] -= 1e6
        effect = looked_at.effect()
        bias[first] += 1e6
    assert effect.by_class[first] == 1
    assert looked_at.most_changed(effect) == first
    assert effect.changed == pytest.approx((looked_at.predicted == first).mean())
