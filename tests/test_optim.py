from __future__ import annotations

import pytest
import torch
from torch import nn

from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.training.muon import Muon
from mfpnet.training.optim import EMA, build_optimizer, parameter_groups, poly_factor

SMALL = MFPNetConfig(
    num_classes=3,
    stem_channels=4,
    channels=(4, 6),
    strides=(2, 4),
    dilations=((1,), (2,)),
    sgcn=("simple", None),
    nodes=3,
    head_channels=4,
)


def test_poly_goes_from_one_to_zero() -> None:
    factors = [poly_factor(step, 10) for step in range(11)]
    assert factors[0] == 1
    assert factors[10] == 0
    assert factors == sorted(factors, reverse=True)
    assert factors[5] == pytest.approx(0.5**0.9)
    assert poly_factor(5, 10, power=2) == pytest.approx(0.25)


def test_the_warm_up_rises_in_equal_steps_to_the_peak() -> None:
    factors = [poly_factor(step, 20, warmup=4) for step in range(21)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[12] == pytest.approx(0.5**0.9)
    assert factors[20] == 0
    assert factors[4:] == sorted(factors[4:], reverse=True)


def test_decay_is_on_kernels_only() -> None:
    model = MFPNet(SMALL)
    kernels, others = parameter_groups(model, 0.1)
    assert (kernels["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    decayed, kept = ({id(p) for p in g["params"]} for g in (kernels, others))  # type: ignore[attr-defined]
    assert not decayed & kept
    assert decayed | kept == {id(p) for p in model.parameters()}
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        if isinstance(module, nn.Conv2d):
            assert id(module.weight) in decayed
            own.pop("weight")
        if not isinstance(module, nn.Conv1d):
            assert {id(parameter) for parameter in own.values()} <= kept


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
def test_a_step_without_gradient_shrinks_the_kernels(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    build_optimizer(model, name, learning_rate=0.1, weight_decay=0.5, momentum=0.9).step()
    values = {key: parameter.flatten()[0].item() for key, parameter in model.named_parameters()}
    assert values.pop("0.weight") == pytest.approx(1 - 0.1 * 0.5)
    assert set(values.values()) == {1.0}


def test_each_name_is_its_optimizer() -> None:
    model = nn.Conv2d(1, 1, 3)
    kinds = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "muon": Muon,
        "sgd": torch.optim.SGD,
    }
    for name, kind in kinds.items():
        built = build_optimizer(model, name, learning_rate=0.3, weight_decay=0.0, momentum=0.7)
        assert type(built) is kind
        assert {group["lr"] for group in built.param_groups} == {0.3}
    assert {group["momentum"] for group in built.param_groups} == {0.7}


def a_norm(value: float) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(1)
    with torch.no_grad():
        norm.weight.fill_(value)
        assert norm.running_mean is not None
        norm.running_mean.fill_(10 * value)
    return norm


def test_the_average_follows_its_formula() -> None:
    ema, expected = EMA(a_norm(0.0), decay=0.5), 0.0
    for step, value in enumerate((1.0, 5.0, -2.0, 7.0, 3.0, 3.0, 8.0, 1.0, 0.0, 4.0)):
        ema.update(a_norm(value), step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert ema.model.weight.item() == pytest.approx(expected, abs=1e-5)  # type: ignore[operator]
        mean = ema.model.running_mean
        assert mean.item() == pytest.approx(10 * expected, abs=1e-4)  # type: ignore[operator]


def test_counters_are_copied_not_averaged() -> None:
    model = a_norm(1.0)
    ema = EMA(model, decay=0.9)
    assert model.num_batches_tracked is not None
    model.num_batches_tracked.fill_(41)
    ema.update(model, 0)
    assert ema.model.num_batches_tracked == 41


def test_the_average_is_another_network_in_eval_mode() -> None:
    model = a_norm(1.0)
    ema = EMA(model, decay=0.9)
    with torch.no_grad():
        model.weight.fill_(100.0)
    assert ema.model.weight.item() == 1.0  # type: ignore[operator]
    assert model.training
    assert model.weight.requires_grad
    assert not ema.model.training
    assert not any(parameter.requires_grad for parameter in ema.model.parameters())
    ema.update(model, 10**6)
    assert ema.model.weight.item() == pytest.approx(1 + 0.1 * 99)  # type: ignore[operator]
    assert model.weight.item() == 100.0


def test_the_average_follows_the_network_that_it_is_given() -> None:
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    for model, value in ((first, 0.0), (second, 10.0)):
        for parameter in model.parameters():
            nn.init.constant_(parameter, value)
    ema = EMA(first, decay=0.5)
    ema.update(first, 100)
    assert ema.model.state_dict()["weight"].item() == 0
    ema.update(second, 100)
    assert ema.model.state_dict()["weight"].item() == 5
