"""Gradients with and without residual connections, and what blocks add to their input."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from inspected import drawn, left_as_it_was, street, watched
from mfpnet.model import BRM, MFPNet
from mfpnet.studies.residual_training import (
    History,
    brm_gradients,
    deeper,
    spaced,
    street_batches,
    train_shortly,
)
from mfpnet.studies.residuals import block_changes, residuals
from samples import TINY


def test_dilations_are_spaced_geometrically() -> None:
    assert spaced((4, 8, 16), 3) == (4, 8, 16)
    assert spaced((1, 2, 4), 1) == (2,)
    assert spaced((1, 16), 5) == (1, 2, 4, 8, 16)
    assert spaced((3,), 2) == (3, 3)
    assert spaced((0, 0, 0), 2) == (0, 0)
    assert spaced((0, 2, 8), 3) == (2, 4, 8)


def test_a_deeper_network_is_another_in_its_depth_only() -> None:
    config = deeper(TINY, 3, residual=False)
    assert [len(stage) for stage in config.dilations] == [3, 3, 3]
    assert not config.residual
    assert not config.block_residual
    assert (config.channels, config.strides) == (TINY.channels, TINY.strides)


def test_norms_are_those_of_each_brm_from_the_first_to_the_last() -> None:
    network = watched(dilations=((1,), (2, 3), (4,)))
    network.forward(torch.randn(1, 3, 32, 32)).sum().backward()
    blocks = [*network.encoder, network.decoder[2], network.decoder[1], network.decoder[0]]
    brms = [brm for block in blocks for brm in block.modules() if isinstance(brm, BRM)]
    expected = [
        torch.cat([p.grad.flatten() for p in brm.parameters() if p.grad is not None]).norm().item()
        for brm in brms
    ]
    assert brm_gradients(network) == pytest.approx(expected)
    assert len(expected) == 8


def test_a_history_tells_ratios_and_means_by_hand() -> None:
    history = History(
        (4.0, 3.0, 2.0, 2.0, 1.0, 1.0, 1.0), ((8.0, 1.0, 2.0),) + ((2.0, 1.0, 4.0),) * 6
    )
    told = history.as_dict()
    assert (told["first_over_last_at_start"], told["first_over_last_after"]) == (4, 0.5)
    assert told["least_over_largest_at_start"] == 0.125
    assert (told["loss_at_start"], told["loss_after"]) == (4, 1.4)
    assert told["first_over_last_per_step"] == [4] + [0.5] * 6


def test_what_is_not_finite_is_told_as_nothing() -> None:
    told = History((math.inf, math.nan), ((0.0, 0.0), (math.inf, 1.0))).as_dict()
    assert told["first_over_last_at_start"] is None
    assert told["loss_after"] is None
    assert told["loss_per_step"] == [None, None]


def test_residuals_keep_the_gradient_of_the_first_layer_near_that_of_the_last() -> None:
    """Six BRMs a block: without residuals the gradient grows by orders of magnitude."""
    batches = street_batches(TINY, count=1)
    ratios = [
        train_shortly(deeper(TINY, 6, residual=on), batches, 1).as_dict()[
            "first_over_last_at_start"
        ]
        for on in (True, False)
    ]
    assert ratios[1] > 20 * ratios[0]


def test_a_short_training_learns_and_is_repeatable() -> None:
    batches = street_batches(TINY, count=1)
    first, second = (train_shortly(deeper(TINY, 1, residual=True), batches, 6) for _ in range(2))
    assert first == second
    assert first.losses[-1] < first.losses[0]


def test_a_block_that_adds_nothing_is_the_identity() -> None:
    network = watched(dilations=((1, 1), (2,), (4,)))
    silence(network)
    first, *others = block_changes(network, street().image)
    assert first["block"] == "encoder1"
    assert [brm["f_over_x"] for brm in first["brms"]] == [0, 0]
    # All that is left is the activation, which scales what is negative.
    assert first["f_over_x"] <= 1
    assert first["cosine"] > 0.9
    assert all(brm["f_over_x"] > 0 for block in others for brm in block["brms"])


def silence(network: MFPNet) -> None:
    """Every BRM of the first block adds 0."""
    for brm in network.encoder[0].modules():
        if isinstance(brm, BRM):
            for parameter in brm.expand.parameters():
                torch.nn.init.zeros_(parameter)


def test_ratios_are_those_of_the_features() -> None:
    network, image = watched(), street().image
    with torch.inference_mode():
        entered = network.entries[0](network.initial(image))
        block: Any = network.encoder[0]
        made = block.brms(entered)
    row = block_changes(network, image)[0]
    assert row["f_over_x"] == pytest.approx(float(made.norm() / entered.norm()), abs=1e-3)
    assert row["change"] == pytest.approx(float((made - entered).norm() / entered.norm()), abs=1e-3)


def test_the_study_warns_of_idle_brms_and_draws() -> None:
    network = watched()
    silence(network)
    with left_as_it_was(network):
        study = residuals(network, street(), depths=(1, 2), steps=2)
    assert [row["brms_per_block"] for row in study.numbers["trainings"]] == [1, 2]
    assert "Encoder1, BRM 1: adds less than 5 % of its input" in study.warnings[0]
    assert "2 BRMs a block" in drawn(study)
