"""The inference form gives the network's own logits, and has nothing left that could be folded."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfpnet import load_model
from mfpnet.model import MFPNet
from mfpnet.runtimes.inference_form import InferenceMFPNet, to_inference_form
from mfpnet.synthetic.scenes import draw_scene
from samples import tiny_network

LIMIT = 1e-4
CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "stride 2": {"strides": (2, 4, 8)},
    "narrowing stages": {"channels": (16, 8, 8)},
    "no attention": {"attention": False},
    "no block residual": {"block_residual": False},
    "glore": {"sgcn": ("glore", "simple", "glore"), "steps": 1},
    "pooling": {"sgcn": ("pool", "simple", "pool")},
    "no adjacency": {"adjacency": "none"},
    "likeness": {"adjacency": "data"},
    "joint graph": {"joint_graph": True},
    "no residual": {"residual": False},
    "no dilated pair": {"dilations": ((0, 1), (0, 0), (2,))},
    "no graph": {"sgcn": (None, None, None)},
    "three steps": {"steps": 3},
    "plain head": {"aspp": False},
    "four channels": {"in_channels": 4},
    "two stages": {
        "channels": (8, 16),
        "strides": (4, 8),
        "dilations": ((1, 2), (3,)),
        "sgcn": ("simple", None),
    },
}


def lived_in(model: MFPNet) -> MFPNet:
    """Slopes, gates and the statistics of batch norm as no initialisation has them."""
    generator = torch.manual_seed(5)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point() and tensor.ndim <= 1:
                tensor += 0.3 * torch.rand(tensor.shape, generator=generator)
    return model.eval()


def image(size: tuple[int, int], channels: int = 3) -> Tensor:
    return torch.randn(2, channels, *size, generator=torch.manual_seed(6))


@pytest.mark.parametrize("size", [(64, 96), (97, 131), (32, 33)])
@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
@torch.no_grad()
def test_same_logits(changes: dict[str, Any], size: tuple[int, int]) -> None:
    model = lived_in(tiny_network(**changes))
    seen = image(size, model.config.in_channels)
    if changes.get("adjacency") == "data":
        # The softmax of the nodes' inner products, large here, magnifies what rounding changes.
        model, seen = model.double(), seen.double()
    expected = model(seen)
    logits = to_inference_form(model)(seen)
    assert logits.shape == expected.shape
    assert (logits - expected).abs().max() < LIMIT * max(1, float(expected.abs().max()) / 10)


@pytest.mark.parametrize("name", ["mfpnet_fast_camvid", "mfpnet_fast_synthetic"])
@torch.no_grad()
def test_bundled_weights(name: str) -> None:
    model = load_model(name)
    pixels = torch.tensor(draw_scene(3).image)[None].permute(0, 3, 1, 2) / 255
    seen = (pixels - 0.45) / 0.27
    difference = (to_inference_form(model)(seen) - model(seen)).abs().max()
    assert difference < LIMIT


def test_nothing_is_left_to_fold() -> None:
    kinds = [type(module) for module in to_inference_form(tiny_network()).modules()]
    assert nn.PReLU not in {base for kind in kinds for base in kind.__mro__}
    assert nn.Conv1d not in kinds
    # What the pooled half of a widening downsampling keeps; the first does not widen.
    assert kinds.count(nn.BatchNorm2d) == 2


def test_the_trained_network_is_left_alone() -> None:
    model = tiny_network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    form = to_inference_form(model)
    assert model.training
    assert not form.training
    assert not any(parameter.requires_grad for parameter in form.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_coarse_logits_are_not_enlarged() -> None:
    form = to_inference_form(tiny_network())
    assert isinstance(form, InferenceMFPNet)
    with torch.no_grad():
        assert form.coarse_logits(image((64, 96))).shape == (2, 11, 16, 24)
