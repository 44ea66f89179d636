"""The field that convolutions span, exactly; and the one that a network uses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from inspected import drawn, left_as_it_was, one_stage, street, watched
from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.studies.convolutions_alone import convolutions_alone
from mfpnet.studies.field import feature_stride, field_side, seen_interval, stage_names
from mfpnet.studies.linearised import linearised
from mfpnet.studies.receptive_field import beyond, effective_fields, field_sizes, receptive_field
from mfpnet.variants import variant_config
from samples import TINY, tiny_network

SMALL = replace(
    TINY,
    stem_channels=2,
    stem_convs=2,
    channels=(2, 4),
    strides=(2, 4),
    dilations=((1, 2), (3,)),
    sgcn=(None, None),
)


def test_the_fields_of_the_shipped_encoder_by_hand() -> None:
    # Stem 7 = 1 + 2 + 2 * 2. Stage 1 at stride 4: 7 + 2 * 2 + 4 * 2 * (3 + 4 + 6) = 115.
    config = variant_config("mfpnet_fast")
    sides = [field_side(config, name) for name in ("initial", "stage1", "stage2", "stage3")]
    assert sides == [7, 115, 115 + 8 + 8 * 40, 443 + 16 + 16 * 68]


def test_every_stage_has_its_stride() -> None:
    network = tiny_network().eval()
    with torch.inference_mode():
        features = network.forward_features(torch.zeros(1, 3, 64, 96))
    assert set(stage_names(TINY)) == set(features)
    strides = {name: 64 // found.shape[2] for name, found in features.items()}
    assert strides == {name: feature_stride(TINY, name) for name in features}


@pytest.mark.parametrize(
    "config", [SMALL, replace(SMALL, aspp=False), replace(SMALL, strides=(4, 4))]
)
def test_the_gradient_reaches_exactly_the_field(config: MFPNetConfig) -> None:
    """Of a network whose weights are all positive, at positions of either kind."""
    network = MFPNet(config).eval()
    linearised(network)
    if config.aspp:
        nn.init.zeros_(network.head.pooled[0].weight)  # type: ignore[index, union-attr]
    # A strip: one axis is as good as two.
    image = torch.zeros(1, 3, 16, 512, dtype=torch.float64, requires_grad=True)
    features = network.forward_features(image)
    for name in stage_names(config):
        for middle in (features[name].shape[3] // 2, features[name].shape[3] // 2 + 1):
            value = features[name][0, :, 1, middle].sum()
            (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
            reached = gradient[0].sum(dim=(0, 1)).nonzero().flatten().tolist()
            assert (reached[0], reached[-1]) == seen_interval(config, name, (middle, middle)), name


def test_sizes_of_a_known_field() -> None:
    field = np.zeros((20, 20))
    field[5:15, 5:15] = 1.0
    field[0, 0] = 0.04  # below 4.55 % of the largest
    assert field_sizes(field) == {"effective_95_pixels": 9.8, "effective_luo_pixels": 10.0}


def test_convolutions_alone_stay_in_their_field() -> None:
    network, image = one_stage(), street((96, 128)).image
    with convolutions_alone(network):
        alone = effective_fields(network, image, ("stage1",), looks=1)["stage1"]
    all_ways = effective_fields(network, image, ("stage1", "graph1"), looks=1)
    assert beyond(network.config, "stage1", alone) == 0
    assert beyond(network.config, "stage1", all_ways["stage1"]) > 0  # by attention
    assert 0 < beyond(network.config, "graph1", all_ways["graph1"]) < 1


def test_the_study_names_every_stage_and_leaves_the_network_alone() -> None:
    network = watched()
    with left_as_it_was(network):
        study = receptive_field(network, street(), looks=1)
    stages = study.numbers["stages"]
    assert tuple(stages) == stage_names(network.config)
    assert study.numbers["picture_size"] == [48, 64]
    for row in stages.values():
        side = row["convolutions"]["effective_95_pixels"]
        assert 0 < side <= row["theoretical_convolutions_pixels"]
    assert stages["graph2"]["convolutions"] == stages["stage2"]["convolutions"]
    assert any(text.startswith("side of the field") for text in drawn(study))
