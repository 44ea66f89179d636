"""Every switch of `MFPNetConfig` works alone, and changes its own part of the network only."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfpnet import graph
from mfpnet.graph_controls import GlobalPooling, JointSGCN
from mfpnet.layers import ChannelAttention
from mfpnet.model import ASPP, BRM, SGCN, BRMBlock, MFPNet
from mfpnet.model_config import GraphForm, MFPNetConfig
from mfpnet.variants import count_parameters

BASE = MFPNetConfig(num_classes=4, strides=(4, 8, 16))
ONE_EACH = ((1,), (2,), (4,))
SIX_EACH = ((1, 1, 2, 2, 4, 4),) * 3
Forms = tuple[GraphForm | None, ...]
FORMS: list[Forms] = [
    (None, "simple", "simple"),
    ("simple", None, "simple"),
    ("simple", "simple", None),
]
GLORE = [tuple(form or "glore" for form in forms) for forms in FORMS]

# Switch, its new value, and the tensors that may come, go or change their shape.
SWITCHES: list[tuple[str, Any, str]] = [
    ("attention", False, r".*\.attention\."),
    ("block_residual", False, r"none$"),
    *[("sgcn", forms, rf"graphs\.{stage}\.") for stage, forms in enumerate(FORMS)],
    *[("sgcn", forms, r"none$") for forms in GLORE],
    ("sgcn", (None, None, None), r"graphs\."),
    ("nodes", 1, r"graphs\.\d\.(score|adjacency)"),
    ("nodes", 24, r"graphs\.\d\.(score|adjacency)"),
    *[
        ("sgcn", tuple(form or "pool" for form in forms), r"graphs\.\d\.(sc|adj)")
        for forms in FORMS
    ],
    ("adjacency", "data", r"graphs\.\d\.adjacency"),
    ("adjacency", "none", r"graphs\.\d\.adjacency"),
    ("joint_graph", True, r"graphs\."),
    ("residual", False, r"none$"),
    ("steps", 1, r"none$"),
    ("steps", 5, r"none$"),
    ("aspp", False, r"head\."),
    ("aspp_dilations", (3, 5), r"head\."),
    ("aspp_dilations", (1, 2, 3), r"none$"),
    ("head_channels", 20, r"head\.|classifier\."),
    ("dilations", ((0, 2, 4), (2, 4, 8), (4, 8, 16)), r"(en|de)coder\.0\.brms\.0\.dilated"),
    ("dilations", ONE_EACH, r"(en|de)coder\.\d\.brms\.[12]\."),
    ("dilations", SIX_EACH, r"(en|de)coder\.\d\.brms\.[345]\."),
    ("stem_convs", 1, r"initial\.[12]\."),
    ("stem_convs", 2, r"initial\.2\."),
    ("stem_channels", 16, r"initial\.|entries\.0\."),
    ("channels", (24, 72, 96), r"(entries|encoder|graphs|decoder|exits|head)\."),
    ("strides", (4, 8, 8), r"entries\.2\."),
    ("strides", (2, 4, 8), r"entries\.0\."),
    ("num_classes", 9, r"classifier\."),
    ("in_channels", 1, r"initial\.0\.0\."),
]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def changed(one: MFPNet, other: MFPNet) -> set[str]:
    """Names of the tensors that only one of them has, or that differ in shape."""
    shapes = [{k: v.shape for k, v in model.state_dict().items()} for model in (one, other)]
    return {key for key in shapes[0] | shapes[1] if shapes[0].get(key) != shapes[1].get(key)}


@pytest.mark.parametrize(("switch", "value", "pattern"), SWITCHES)
def test_a_switch_changes_its_own_part(switch: str, value: Any, pattern: str) -> None:
    torch.manual_seed(0)
    base, other = MFPNet(BASE), MFPNet(replace(BASE, **{switch: value}))
    different = changed(base, other)
    assert all(re.match(pattern, key) for key in different), sorted(different)
    assert bool(different) == (pattern != r"none$")
    common = {k: v for k, v in base.state_dict().items() if k not in different}
    other.load_state_dict({**other.state_dict(), **common})
    image = noise(2, 3, 33, 47)
    shown = image[:, : other.config.in_channels]
    logits = other(shown)
    assert logits.shape == (2, other.config.num_classes, 33, 47)
    if logits.shape == (plain := base(image)).shape:
        assert (logits - plain).abs().max() > 1e-3
    logits.square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in other.parameters())


def kinds(model: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in model.modules())


def test_attention_costs_three_numbers_a_module() -> None:
    with_gates, without = MFPNet(BASE), MFPNet(replace(BASE, attention=False))
    assert kinds(with_gates, ChannelAttention) == kinds(with_gates, BRM) == 18
    assert kinds(without, ChannelAttention) == 0
    assert count_parameters(with_gates) - count_parameters(without) == 3 * 18


def test_a_brm_and_its_block_add_their_input() -> None:
    image = noise(1, 8, 6, 5)
    plain, residual = (BRMBlock(8, (1, 2), attention=True, residual=on) for on in (False, True))
    residual.load_state_dict(plain.state_dict())
    residual.eval()
    plain.eval()
    torch.testing.assert_close(residual(image), image + plain(image))
    module = BRM(8, 2, attention=True).eval()
    nn.init.zeros_(module.expand[0].weight)  # type: ignore[arg-type]
    torch.testing.assert_close(module(image), module.activation(image))


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_without_its_graph_a_stage_is_passed_on(stage: int) -> None:
    model = MFPNet(replace(BASE, sgcn=FORMS[stage - 1])).eval()
    assert kinds(model, SGCN) == 2
    with torch.no_grad():
        features = model.forward_features(noise(1, 3, 64, 64))
    for number in (1, 2, 3):
        same = torch.equal(features[f"graph{number}"], features[f"stage{number}"])
        assert same is (number == stage)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_every_scale_reaches_the_logits_through_its_graph(stage: int) -> None:
    model = MFPNet(BASE).eval()
    image = noise(1, 3, 64, 64)
    before = model(image)
    graph = model.graphs[stage - 1]
    assert isinstance(graph, SGCN)
    assert (graph.form, graph.steps, graph.adjacency.shape) == ("simple", 2, (16, 16))
    nn.init.zeros_(graph.embed.weight)
    assert (model(image) - before).abs().max() > 1e-3


def test_the_graph_adds_its_context() -> None:
    graph = SGCN(8, 4, form="simple", steps=2).eval()
    image = noise(2, 8, 5, 7)
    assert graph.context(image).shape == (2, 4, 5, 7)
    torch.testing.assert_close(graph(image), image + graph.fuse(graph.context(image)))


def test_pooling_gives_every_pixel_the_same() -> None:
    control = GlobalPooling(8).eval()
    image = noise(2, 8, 5, 7)
    context = control.context(image)
    assert context.shape == (2, 4, 5, 7)
    torch.testing.assert_close(context, context[:, :, :1, :1].expand_as(context))
    torch.testing.assert_close(control(image), image + control.fuse(context))


def test_nodes_of_all_scales_meet_in_a_joint_graph() -> None:
    joint = JointSGCN((8, 12), nodes=3, steps=1).eval()
    fine, coarse = noise(1, 8, 6, 4), noise(1, 12, 3, 2, seed=1)
    before = joint([fine, coarse])
    assert [each.shape for each in before] == [fine.shape, coarse.shape]
    after = joint([fine, coarse + 1])
    assert (after[0] - before[0]).abs().max() > 1e-4
    with torch.no_grad():
        joint.adjacency.copy_(torch.eye(6) * 100)  # no node hears of another
    alone = [joint([fine, other])[0] for other in (coarse, coarse + 1)]
    torch.testing.assert_close(*alone)


def test_a_likeness_is_a_mean_over_nodes_like_oneself() -> None:
    nodes = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
    adjacency = graph.likeness(nodes)
    torch.testing.assert_close(adjacency.sum(2), torch.ones(1, 3))
    near, far = math.exp(1 / math.sqrt(2)), 1.0
    total = 2 * near + far
    torch.testing.assert_close(adjacency[0, 0], torch.tensor([near, far, near]) / total)


def test_the_decoder_mirrors_the_dilations() -> None:
    model = MFPNet(replace(BASE, dilations=((1, 3), (5,), (7, 9, 11))))
    for part in (model.encoder, model.decoder):
        spreads = [
            tuple(brm.dilated[0].dilation[0] for brm in block.brms)  # type: ignore[union-attr]
            for block in part
        ]
        assert spreads == [(1, 3), (5,), (7, 9, 11)]


def test_the_head_is_one_convolution_when_aspp_is_off() -> None:
    assert kinds(MFPNet(BASE), ASPP) == 1
    off = MFPNet(replace(BASE, aspp=False))
    assert kinds(off, ASPP) == 0
    assert kinds(off.head, nn.Conv2d) == 1


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_any_number_of_stages(stages: int) -> None:
    forms: list[GraphForm | None] = ["simple", None, "glore", "simple"]
    config = MFPNetConfig(
        channels=(8, 10, 12, 14)[:stages],
        strides=(2, 4, 4, 8)[:stages],
        dilations=((1,),) * stages,
        sgcn=tuple(forms[:stages]),
    )
    model = MFPNet(config).eval()
    with torch.no_grad():
        assert model(noise(1, 3, 33, 40)).shape == (1, 19, 33, 40)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_classes": 0}, "num_classes"),
        ({"in_channels": -1}, "in_channels"),
        ({"nodes": 0}, "nodes"),
        ({"stem_convs": 0}, "stem_convs"),
        ({"strides": (3, 6, 12)}, "strides"),
        ({"strides": (8, 16, 32)}, "strides"),
        ({"strides": (2, 8, 16)}, "strides"),
        ({"strides": (4, 2, 2)}, "strides"),
        ({"strides": (4, 8)}, "each stage"),
        ({"channels": (32, 64, 128, 256)}, "each stage"),
        ({"dilations": ((1, 2, 4),)}, "each stage"),
        ({"sgcn": ("simple", "simple")}, "each stage"),
        ({"channels": (), "strides": (), "dilations": (), "sgcn": ()}, "each stage"),
        ({"sgcn": ("simple", "glor", None)}, "glor"),
        ({"adjacency": "lerned"}, "lerned"),
        ({"adjacency": "none", "sgcn": ("glore",) * 3}, "simple"),
        ({"joint_graph": True, "sgcn": ("simple", "simple", None)}, "simple"),
    ],
)
def test_a_wrong_config_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MFPNetConfig(**wrong)
