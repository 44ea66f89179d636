"""Residual connections: what they do to gradients, and whether blocks learn anything beside them.

Without them each layer multiplies the gradient by a factor of its own, so that it grows or fades
exponentially with depth (with batch norm it grows towards the input: Yang et al. 2019, "A mean
field theory of batch normalization"). With them a block has little to do but to correct its input;
one that corrects nothing has learnt the identity, and its weights are wasted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mfpnet.model import BRM, BRMBlock, MFPNet
from mfpnet.studies.residual_training import deeper, street_batches, train_shortly
from mfpnet.studies.residuals_chart import draw_residuals
from mfpnet.studies.study import Picture, Study

DEPTHS = (1, 3, 6, 12)
STEPS = 30
# A part whose every correction is smaller than this share of its input has learnt the identity.
IDENTITY = 0.05

Row = dict[str, Any]


def residuals(
    network: MFPNet, picture: Picture, *, depths: Sequence[int] = DEPTHS, steps: int = STEPS
) -> Study:
    """What each block of the network adds to its input, and trainings with and without residuals.

    Args:
        network: in eval mode.
        picture: what goes through it.
        depths: BRMs in each block of the small trainings; their other numbers are the network's.
        steps: of each of these trainings.
    """
    blocks = block_changes(network, picture.image)
    trainings = compare_depths(network, depths, steps)
    numbers = {"steps": steps, "trainings": trainings, "blocks": blocks}
    return Study(
        name="residuals",
        numbers=numbers,
        warnings=tuple(_identity_warnings(blocks)),
        lines=(*map(_training_line, trainings), *_block_lines(blocks)),
        draw=lambda figure: draw_residuals(figure, numbers),
        size=(9.0, 9.6),
    )


def compare_depths(network: MFPNet, depths: Sequence[int], steps: int) -> list[Row]:
    """For each depth, a short training with all residual connections and one without any."""
    batches = street_batches(network.config)
    rows = []
    for depth in depths:
        ways = {
            name: train_shortly(deeper(network.config, depth, residual=on), batches, steps)
            for name, on in (("with_residuals", True), ("without_residuals", False))
        }
        told = {name: history.as_dict() for name, history in ways.items()}
        rows.append({"brms_per_block": depth, **told})
    return rows


def block_changes(network: MFPNet, image: Tensor) -> list[Row]:
    """What each block, and each BRM in it, adds to what enters it; in order of depth.

    x is what enters, F(x) what the way beside the identity makes of it. Norms are over all
    channels and pixels.

    Args:
        network: in eval mode.
        image: (1, C, H, W), normalised.

    Returns:
        For each block `f_over_x`, |F(x)|/|x| with F the chain of its BRMs; `change`, which is
        |F(x) - x|/|x|: a chain of BRMs that add nothing has F(x) = x; `cosine`, of the angle
        between input and output, 1 where a block only scales; and `f_over_x` of each BRM.
    """
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    with _watched(network, seen), torch.inference_mode():
        network(image)
    count = len(network.config.strides)
    names = [f"encoder{number}" for number in range(1, count + 1)]
    names += [f"decoder{number}" for number in range(count, 0, -1)]
    blocks = [*network.encoder, *reversed(network.decoder)]
    return [
        {"block": name, **_changes(block, seen)} for name, block in zip(names, blocks, strict=True)
    ]


@contextmanager
def _watched(network: MFPNet, seen: dict[nn.Module, tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Within it, what enters each block and BRM is noted, and what F makes of it."""

    def note(owner: nn.Module) -> Any:
        def hook(module: nn.Module, given: tuple[Tensor], output: Tensor) -> None:
            seen[owner] = (seen[owner][0], output)

        return hook

    def enter(module: nn.Module, given: tuple[Tensor]) -> None:
        seen[module] = (given[0], given[0])

    hooks = []
    for module in network.modules():
        if isinstance(module, BRM | BRMBlock):
            inner = module.expand if isinstance(module, BRM) else module.brms
            hooks.append(module.register_forward_pre_hook(enter))
            hooks.append(inner.register_forward_hook(note(module)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _changes(block: Any, seen: dict[nn.Module, tuple[Tensor, Tensor]]) -> Row:
    entered, made = seen[block]
    left = entered + made if block.residual else made
    cosine = torch.cosine_similarity(entered.flatten(), left.flatten(), dim=0)
    return {
        "f_over_x": _relative(made, entered),
        "change": _relative(made - entered, entered),
        "cosine": round(float(cosine), 4),
        "brms": [
            {"f_over_x": _relative(made, entered)}
            for entered, made in (seen[brm] for brm in block.brms)
        ],
    }


def _relative(part: Tensor, whole: Tensor) -> float:
    return round(float(part.norm() / whole.norm().clamp(min=1e-30)), 4)


def _identity_warnings(blocks: Sequence[Row]) -> Iterator[str]:
    for block in blocks:
        idle = [n for n, brm in enumerate(block["brms"], 1) if brm["f_over_x"] < IDENTITY]
        if idle:
            which = ", ".join(map(str, idle))
            yield (
                f"{block['block'].capitalize()}, BRM {which}: adds less than {100 * IDENTITY:.0f} %"
                f" of its input, nearly the identity: try fewer BRMs in this block, or a longer"
                f" training."
            )


def _training_line(row: Row) -> str:
    ways = row["with_residuals"], row["without_residuals"]
    ratios = [_number(way["first_over_last_at_start"]) for way in ways]
    losses = [_number(way["loss_after"]) for way in ways]
    brms = f"{row['brms_per_block']} BRM{'s' * (row['brms_per_block'] != 1)} a block"
    return (
        f"{brms}: gradient of the first over that of the last BRM at the start {ratios[0]} with"
        f" residuals, {ratios[1]} without; loss reached {losses[0]} and {losses[1]}."
    )


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"


def _block_lines(blocks: Sequence[Row]) -> Iterator[str]:
    ratios = [brm["f_over_x"] for block in blocks for brm in block["brms"]]
    least, most = min(ratios), max(ratios)
    yield f"|F(x)|/|x| of the BRMs: {least:.2f} to {most:.2f}; below {IDENTITY} is idle."
    changes = ", ".join(f"{block['block']} {block['change']:.2f}" for block in blocks)
    yield f"|F(x) - x|/|x| of the blocks, 0 where all BRMs add nothing: {changes}."
