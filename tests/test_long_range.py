"""What `inspect` says of how far a pixel reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from inspected import drawn, left_as_it_was, one_stage, street
from mfpnet.studies.long_range import long_range
from mfpnet.studies.reach import (
    WAYS,
    attraction,
    distances,
    gradients,
    last_column_seen,
    radius_of,
    sample_pixels,
    strip_of,
    weights_of,
)

PIXEL = (16, 21)


def beyond(way: str, **changes: Any) -> float:
    """Weight of a strip's pixels beyond the field of the convolutions of one pixel."""
    network = one_stage(**changes)
    strip = strip_of(network.config, street((32, 64)).image)
    (gradient,) = gradients(network, strip.image, [PIXEL], way)
    first = last_column_seen(network.config, PIXEL[1]) + 1
    assert strip.image.shape[3] >= first + strip.columns
    return float(weights_of(gradient)[:, first:].sum())


def test_convolutions_alone_reach_no_further_than_their_field() -> None:
    assert beyond("convolutions") == 0
    assert beyond("convolutions_and_graphs", sgcn=(None,)) == 0


@pytest.mark.parametrize("form", ["simple", "glore", "pool"])
def test_graphs_reach_further(form: str) -> None:
    assert beyond("convolutions_and_graphs", sgcn=(form,)) > 0


def test_attention_and_pooling_reach_further_without_a_graph() -> None:
    assert beyond("all_ways", sgcn=(None,)) > 0
    assert beyond("all_ways", sgcn=(None,), attention=False, aspp=False) == 0


def test_the_field_is_no_wider_than_it_has_to_be() -> None:
    network = one_stage()
    image = street((32, 192)).image
    (gradient,) = gradients(network, image, [PIXEL], "convolutions")
    columns = np.flatnonzero(weights_of(gradient).sum(axis=0))
    assert columns[-1] == last_column_seen(network.config, PIXEL[1])


def test_all_ways_are_the_plain_gradient() -> None:
    network, image = one_stage(), street().image.requires_grad_()
    logits = network(image)[0, :, 3, 4]
    (plain,) = torch.autograd.grad(logits.max(), image)
    with left_as_it_was(network):
        found = {way: next(gradients(network, image, [(3, 4)], way)) for way in WAYS}
    torch.testing.assert_close(found["all_ways"], plain[0])
    assert not torch.allclose(found["convolutions"], found["convolutions_and_graphs"])


def test_radius_and_distances() -> None:
    far = distances((1, 2), (3, 4))
    assert far.tolist() == [[2, 1, 1, 1], [2, 1, 0, 1], [2, 1, 1, 1]]
    weights = np.zeros((3, 4))
    weights[1, 2], weights[0, 1], weights[0, 0] = 0.5, 0.4, 0.1
    assert [radius_of(weights, far, share) for share in (0.5, 0.9, 0.95)] == [0, 1, 2]


def test_attraction() -> None:
    classes = np.array([[0, 0, 0, 1, 2, 2]])
    weights = np.array([[0.1, 0.1, 0.1, 0.3, 0.4, 0.0]])
    there = np.array([[True, True, True, True, False, False]])
    # Class 1 has half of the weight that is there, on a quarter of the pixels.
    assert attraction(weights, there, classes, 3) == pytest.approx([2 / 3, 2, None])
    assert attraction(0 * weights, there, classes, 3) == [None] * 3
    assert attraction(weights, there, classes, 1) == [1.0]


def test_pixels_are_taken_in_turn_from_each_class() -> None:
    classes = np.array([[0] * 50 + [1] * 2 + [3] * 20])
    predicted = np.array([[0] * 50 + [1] * 2 + [0] * 10 + [3] * 10])
    pixels = sample_pixels(predicted, classes, 3, 6)
    assert [int(classes[pixel]) for pixel in pixels] == [0, 1, 0, 1, 0, 0]
    assert len(set(pixels)) == 6
    assert pixels == sample_pixels(predicted, classes, 3, 6)
    assert len(sample_pixels(np.full_like(classes, 2), classes, 3, 6)) == 6


def test_a_strip_is_mirrored() -> None:
    picture = street((288, 64))
    strip = strip_of(one_stage().config, picture.image)
    assert strip.rows == (16, 272)
    assert torch.equal(strip.image[..., :64], picture.image[..., 16:272, :])
    assert torch.equal(strip.image[..., 64:128].flip(3), strip.image[..., :64])
    assert picture.labels is not None
    labels = strip.repeated(picture.labels.astype(np.int64))
    assert labels.shape == strip.image.shape[2:]
    assert np.array_equal(labels[:, 64:128][:, ::-1], picture.labels[16:272])


@pytest.mark.parametrize("sgcn", ["simple", None])
def test_the_study(sgcn: str | None) -> None:
    network = one_stage(sgcn=(sgcn,))
    with left_as_it_was(network):
        study = long_range(network, street((32, 64)), pixels=4, strip_pixels=2)
    near, far = study.numbers["effective_field"], study.numbers["theoretical_field"]
    assert near["ways"]["convolutions"]["share_beyond"]["mean"] <= 0.05
    assert far["ways"]["convolutions"]["share_beyond"]["mean"] == 0
    with_graphs = far["ways"]["convolutions_and_graphs"]
    assert (with_graphs["share_beyond"]["mean"] > 0) == study.numbers["has_graphs"] == bool(sgcn)
    assert (with_graphs["attraction_to_own_class"]["mean"] is None) == (sgcn is None)
    assert ("no graph" in study.lines[-1]) == (sgcn is None)
    assert "convolutions alone" in drawn(study)
