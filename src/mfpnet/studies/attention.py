"""What channel attention does: the gates of each layer, and what it costs to hold them still.

A gate near 0 switches its channel off. Where most of a layer's gates are there, its attention
suppresses more than it selects; where holding them still changes no label, it selects nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfpnet.layers import ChannelAttention
from mfpnet.model import BRM, MFPNet
from mfpnet.studies.attention_chart import draw_attention
from mfpnet.studies.effects import Subject, change_line, subject
from mfpnet.studies.study import Picture, Study, nothing_to_see

BINS = 20
LOW = 0.1
# More than this share of a layer's gates below `LOW` is worth a warning.
MOST_LOW = 0.5
# Of the picture's sides: crops that still show a part of a street.
_CROP = 2 / 3
_LEAST_SIDE = 32

Gates = dict[str, Tensor]


@dataclass(frozen=True)
class View:
    """A picture like the one that is looked at, under a name: (1, C, h, w), normalised."""

    name: str
    image: Tensor


def attention_study(network: MFPNet, picture: Picture, others: Sequence[Tensor] = ()) -> Study:
    """The gates of every layer over a picture, its mirror image and four crops of it.

    Args:
        network: in eval mode, with `info`; left as it is.
        picture: what it looks at.
        others: more pictures, (1, C, H, W) normalised, which count as views too.
    """
    layers = attention_layers(network)
    if not layers:
        return nothing_to_see("attention", "This network has no channel attention.")
    views = [*views_of(picture.image), *(View(f"other {i}", o) for i, o in enumerate(others, 1))]
    gates = gates_over(network, layers, [view.image for view in views])
    looked_at = subject(network, picture.image, picture.labels, network.config.num_classes)
    rows = [
        _row(name, gates[name]) | _held(looked_at, {name: layers[name]}, gates) for name in gates
    ]
    numbers = {
        "picture": picture.name,
        "views": [view.name for view in views],
        **looked_at.as_it_is(),
        "layers": rows,
        "all_layers": _summary(gates) | _held(looked_at, layers, gates),
    }
    draw = partial(draw_attention, numbers=numbers)
    size = (11.0, 2.2 + 0.26 * len(rows))
    return Study("attention", numbers, _warnings(rows), _lines(numbers), draw, size)


def attention_layers(network: MFPNet) -> dict[str, ChannelAttention]:
    """Every attention by its place: `encoder 2.3` is that of the third BRM of the second block."""
    halves = {"encoder": network.encoder, "decoder": network.decoder}
    last = len(network.encoder)
    stages = {"encoder": range(1, last + 1), "decoder": range(last, 0, -1)}
    return {
        f"{half} {stage}.{number}": brm.attention
        for half, blocks in halves.items()
        for stage in stages[half]
        for number, brm in enumerate(blocks[stage - 1].get_submodule("brms").children(), 1)
        if isinstance(brm, BRM) and isinstance(brm.attention, ChannelAttention)
    }


def views_of(image: Tensor) -> list[View]:
    """A picture, its mirror image and its four corners, 2/3 of it each, where that is 32 pixels."""
    height, width = (max(round(side * _CROP), _LEAST_SIDE) for side in image.shape[2:])
    views = [View("whole", image), View("mirrored", image.flip(3))]
    if image.shape[2] <= _LEAST_SIDE or image.shape[3] <= _LEAST_SIDE:
        return views
    corners = {
        "top left": image[..., :height, :width],
        "top right": image[..., :height, -width:],
        "bottom left": image[..., -height:, :width],
        "bottom right": image[..., -height:, -width:],
    }
    return views + [View(name, corner) for name, corner in corners.items()]


def gates_over(
    network: nn.Module, layers: Mapping[str, ChannelAttention], images: Sequence[Tensor]
) -> Gates:
    """The gates of each layer: (views, channels)."""
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}

    def note(name: str, layer: ChannelAttention, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        seen[name].append(layer.gates(inputs[0])[0, :, 0, 0])

    with torch.no_grad(), ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_hook(partial(note, name)))
        for image in images:
            network(image)
    return {name: torch.stack(each) for name, each in seen.items()}


@contextmanager
def held_gates(layers: Mapping[str, ChannelAttention], gates: Gates) -> Iterator[None]:
    """Within it, each layer scales its channels by these gates, (channels,) for each layer."""

    def scale(by: Tensor, _: nn.Module, inputs: tuple[Tensor, ...], __: Tensor) -> Tensor:
        return inputs[0] * by[:, None, None]

    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_hook(partial(scale, gates[name])))
        yield


def _held(
    looked_at: Subject, layers: Mapping[str, ChannelAttention], gates: Gates
) -> dict[str, Any]:
    """What changes with each gate at its own mean, and with all gates of a layer at theirs."""
    means = {name: gates[name].mean(0) for name in layers}
    ways = {
        "each_gate_at_its_mean": means,
        "all_gates_at_the_layer_mean": {n: m.mean().expand_as(m) for n, m in means.items()},
    }
    return {
        way: looked_at.effect_within(held_gates(layers, held)).as_dict()
        for way, held in ways.items()
    }


def _row(name: str, gates: Tensor) -> dict[str, Any]:
    """What is known of one layer's (views, channels) gates."""
    counts, _ = np.histogram(gates.cpu().numpy(), bins=BINS, range=(0, 1))
    return {
        "layer": name,
        "channels": gates.shape[1],
        "mean": float(gates.mean()),
        "least": float(gates.min()),
        "largest": float(gates.max()),
        "std_over_channels": float(gates.mean(0).std(correction=0)),
        "std_over_views": float(gates.std(0, correction=0).mean()),
        "share_below_0.1": float((gates < LOW).float().mean()),
        "histogram_shares": (counts / counts.sum()).tolist(),
    }


def _summary(gates: Gates) -> dict[str, Any]:
    every = torch.cat([each.flatten() for each in gates.values()])
    return {
        "mean": float(every.mean()),
        "least": float(every.min()),
        "largest": float(every.max()),
        "share_below_0.1": float((every < LOW).float().mean()),
    }


def _warnings(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    low = [row for row in rows if row["share_below_0.1"] > MOST_LOW]
    return tuple(
        f"Attention switches channels off in {row['layer']}: {100 * row['share_below_0.1']:.0f} % "
        f"of its gates are below {LOW}; train with attention=False and compare."
        for row in low
    )


def _lines(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    every, rows = numbers["all_layers"], numbers["layers"]
    channels = np.mean([row["std_over_channels"] for row in rows])
    views = np.mean([row["std_over_views"] for row in rows])
    return (
        f"{len(rows)} layers; gates from {every['least']:.2f} to {every['largest']:.2f}, "
        f"{every['mean']:.2f} in the mean; {100 * every['share_below_0.1']:.1f} % below {LOW}.",
        f"A layer's gates differ by {channels:.3f} from channel to channel and by {views:.3f} "
        f"between {len(numbers['views'])} views of the picture (standard deviations).",
        change_line("Every gate held at its mean", every["each_gate_at_its_mean"], numbers),
        change_line(
            "All gates of a layer at one value", every["all_gates_at_the_layer_mean"], numbers
        ),
    )
