"""What the tests of `inspect`'s studies share: a small network, a picture, and a watchful eye."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from mfpnet.model import MFPNet
from mfpnet.studies.study import Picture, Study
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.views.canvas import new_figure
from samples import INFO, tiny_network


def one_stage(**changes: Any) -> MFPNet:
    """Of one stage, so that its convolutions do not see all of a small picture."""
    given = {"channels": (8,), "strides": (4,), "dilations": ((1,),), "sgcn": ("simple",)}
    return watched(**given | changes)


def watched(**changes: Any) -> MFPNet:
    """`tiny_network` with other values of its config, in eval mode, with `info`."""
    network = tiny_network(**changes).eval()
    network.info = INFO
    return network


def street(size: tuple[int, int] = (48, 64), *, target: bool = True) -> Picture:
    """A drawn street of (H, W)."""
    scene = draw_scene(5, size)
    image = torch.from_numpy(scene.image.copy()).permute(2, 0, 1)[None].float() / 128 - 1
    return Picture("a street", scene.image, image, scene.labels if target else None)


@contextmanager
def left_as_it_was(network: MFPNet) -> Iterator[None]:
    """Whatever happens within it, no weight, hook, gradient or mode has changed at the end."""
    before = _state(network)
    yield
    for (name, old), (_, new) in zip(before.items(), _state(network).items(), strict=True):
        assert np.array_equal(old, new), name
    assert not any(hooks_of(module) for module in network.modules())
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert not any(module.training for module in network.modules())


def hooks_of(module: nn.Module) -> int:
    return len(module._forward_hooks) + len(module._forward_pre_hooks)


def _state(network: nn.Module) -> dict[str, Any]:
    return {name: values.clone().numpy() for name, values in network.state_dict().items()}


def drawn(study: Study) -> list[str]:
    """The texts of a study's figure; its numbers are plain data and its lines are sentences."""
    json.dumps(study.numbers, allow_nan=False)
    assert all(line.endswith(".") and "nan" not in line for line in study.lines)
    figure = new_figure(*study.size)
    study.draw(figure)
    figure.draw_without_rendering()  # ticks get their labels then
    artists: list[Any] = figure.findobj(match=lambda artist: hasattr(artist, "get_text"))
    return [artist.get_text() for artist in artists if artist.get_text()]
