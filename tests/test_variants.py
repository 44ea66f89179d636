from __future__ import annotations

from functools import lru_cache

import pytest
import torch
from torch import Tensor, nn

from mfpnet.errors import MfpnetError
from mfpnet.layers import convolution
from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.suites import (
    ABLATIONS,
    SUITES,
    VARIANTS,
    baseline_of,
    find_network,
    network_names,
    suite_names,
    suite_of,
)
from mfpnet.variants import (
    count_macs,
    count_parameters,
    create_model,
    list_models,
    variant_config,
)


def test_the_two_networks_are_listed_in_order() -> None:
    assert list_models() == sorted(list_models())
    assert {"mfpnet", "mfpnet_fast"} <= set(list_models())


def test_the_default_is_the_paper_with_19_classes() -> None:
    model = create_model()
    assert model.config == variant_config("mfpnet")
    assert (model.config.num_classes, model.config.in_channels) == (19, 3)
    assert model.config.strides == (2, 4, 8)
    assert model.training
    assert model.info is None


def test_classes_and_channels_change_nothing_else() -> None:
    wide = variant_config("mfpnet_fast", num_classes=7, in_channels=4)
    assert (wide.num_classes, wide.in_channels) == (7, 4)
    default = create_model("mfpnet_fast")
    other = create_model("mfpnet_fast", num_classes=7, in_channels=4)
    difference = count_parameters(default) - count_parameters(other)
    stem = default.config.stem_channels * 9
    assert difference == (19 - 7) * (default.config.head_channels + 1) - stem


@pytest.mark.parametrize("make", [variant_config, create_model])
def test_a_misspelt_variant_is_told_its_neighbour(make: object) -> None:
    assert callable(make)
    with pytest.raises(MfpnetError, match=r"'mfpnet-fast'.*Did you mean 'mfpnet_fast'") as caught:
        make("mfpnet-fast")
    for name in list_models():
        assert name in str(caught.value)


@lru_cache
def parameters(config: MFPNetConfig) -> int:
    with torch.device("meta"):
        return count_parameters(MFPNet(config))


def test_every_network_has_its_own_name_and_every_suite_its_own_networks() -> None:
    assert sorted(SUITES["variants"]) == list_models()
    assert len(network_names()) == len(set(network_names()))
    for suite in suite_names():
        networks = suite_of(suite)
        assert len(set(networks.values())) == len(networks)
        for name, config in networks.items():
            assert find_network(name) == config
            assert parameters(config) > 0


@pytest.mark.parametrize("base", list_models())
def test_a_control_has_the_parameters_of_its_baseline(base: str) -> None:
    controls = [
        config
        for suite in ABLATIONS
        for name, config in suite_of(suite, base).items()
        if name.endswith("-matched")
    ]
    assert len(controls) == 6
    for config in controls:
        assert parameters(config) == pytest.approx(parameters(VARIANTS[base]), rel=0.015)


def test_an_ablation_that_costs_parameters_has_a_control() -> None:
    """Less than one per cent needs none; of width, size is the question itself."""
    base = parameters(VARIANTS["mfpnet_fast"])
    for suite in ("components", "depth", "dilation"):
        networks = suite_of(suite)
        for name, config in networks.items():
            if not name.endswith("-matched") and abs(parameters(config) / base - 1) > 0.01:
                assert f"{name}-matched" in networks


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_depths_are_spaced_geometrically(count: int) -> None:
    base = VARIANTS["mfpnet_fast"].dilations
    for network in (f"depth-{count}", f"depth-{count}-matched"):
        config = suite_of("depth")[f"mfpnet_fast-{network}"]
        for own, (low, *_, high) in zip(config.dilations, base, strict=True):
            steps = [i / (count - 1) for i in range(count)] if count > 1 else [0.5]
            assert own == tuple(round(low * (high / low) ** step) for step in steps)


def test_an_ablation_begins_with_its_baseline() -> None:
    for base in list_models():
        for suite in ABLATIONS:
            assert next(iter(suite_of(suite, base))) == baseline_of(suite, base) == base
    assert baseline_of("spending", "mfpnet") is None


def test_only_a_variant_is_a_baseline() -> None:
    with pytest.raises(MfpnetError, match="variant 'paper-table'"):
        suite_of("components", "paper-table")


def test_macs_of_a_convolution_by_hand() -> None:
    # 5 x 7 outputs, 8 channels, each from 3 x 3 pixels of 3 channels; the bias is no product.
    assert count_macs(convolution(3, 8, 3, stride=2, bias=True), (10, 14)) == 5 * 7 * 8 * 27


def test_macs_of_a_depthwise_convolution_by_hand() -> None:
    layers = convolution(4, 4, (3, 1), groups=4)
    assert count_macs(layers, (6, 5), in_channels=4) == 6 * 5 * 4 * 3


def test_macs_of_a_matrix_product_by_hand() -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3, 5))

        def forward(self, image: Tensor) -> Tensor:
            return image.flatten(2).transpose(1, 2) @ self.weight

    assert count_macs(Product(), (4, 6)) == 4 * 6 * 3 * 5


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_network_as_it_was(training: bool) -> None:
    model = nn.Sequential(convolution(3, 4, 3), nn.BatchNorm2d(4)).train(training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    count_macs(model, (8, 8))
    assert all(module.training is training for module in model.modules())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_parameters_are_counted_without_statistics() -> None:
    assert count_parameters(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))) == 15 + 5 + 10


def test_the_fast_network_costs_less_than_half() -> None:
    paper, fast = (create_model(name).to("meta") for name in ("mfpnet", "mfpnet_fast"))
    size = (360, 480)
    assert count_macs(paper, size) == pytest.approx(8.0e9, rel=0.02)
    assert count_macs(fast, size) < 0.4 * count_macs(paper, size)
    doubled = count_macs(fast, (720, 960))
    assert doubled == pytest.approx(4 * count_macs(fast, size), rel=0.015)
