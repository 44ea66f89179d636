"""Short trainings with and without residual connections: what reaches the first layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet.model import BRM, MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.transforms import normalise

_BATCH = 4
_LEARNING_RATE = 2e-3
# Steps at the end whose mean counts: a single batch says little.
LAST = 5
_SEED = 0


@dataclass(frozen=True)
class History:
    """One training.

    Attributes:
        losses: cross-entropy at each step, nats a pixel.
        norms: for each step the gradient norm of each BRM's weights, in order of depth: encoder
            from its first stage to its last, then the decoder back.
    """

    losses: tuple[float, ...]
    norms: tuple[tuple[float, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """What a record says; a value is None where it is not finite."""
        start, after = self.norms[0], self.after()
        return {
            "first_over_last_at_start": _shown(_ratio(start[0], start[-1])),
            "first_over_last_after": _shown(_ratio(after[0], after[-1])),
            "least_over_largest_at_start": _shown(_ratio(min(start), max(start))),
            "least_over_largest_after": _shown(_ratio(min(after), max(after))),
            "loss_at_start": _shown(self.losses[0]),
            "loss_after": _shown(_mean(self.losses[-LAST:])),
            "loss_per_step": [_shown(loss) for loss in self.losses],
            "gradient_norm_per_brm_at_start": [_shown(norm) for norm in start],
            "gradient_norm_per_brm_after": [_shown(norm) for norm in after],
            "first_over_last_per_step": [_shown(_ratio(n[0], n[-1])) for n in self.norms],
        }

    def after(self) -> tuple[float, ...]:
        """The norms at the end: means of a few steps."""
        return tuple(map(_mean, zip(*self.norms[-LAST:], strict=True)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _shown(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def spaced(dilations: Sequence[int], count: int) -> tuple[int, ...]:
    """So many dilations, spaced geometrically between the smallest and the largest; one: between.

    Args:
        dilations: of a stage; 0 for none does not count, unless there are no others.
        count: at least 1.
    """
    if not any(dilations):
        return (0,) * count
    low, high = (math.log(end(filter(None, dilations))) for end in (min, max))
    parts = [0.5] if count == 1 else [step / (count - 1) for step in range(count)]
    return tuple(round(math.exp(low + (high - low) * part)) for part in parts)


def deeper(config: MFPNetConfig, count: int, *, residual: bool) -> MFPNetConfig:
    """The same with so many BRMs in each block, for drawn streets, all residuals on or off."""
    return replace(
        config,
        num_classes=SyntheticStreets.labels.num_classes,
        in_channels=3,
        dilations=tuple(spaced(stage, count) for stage in config.dilations),
        residual=residual,
        block_residual=residual,
    )


def street_batches(config: MFPNetConfig, count: int = 2) -> list[tuple[Tensor, Tensor]]:
    """Drawn streets, normalised (B, 3, H, W), and targets (B, H, W), a few pixels at each stage."""
    top = max(config.strides)
    size = max(4 * top, 32), max(6 * top, 48)
    scenes = SyntheticStreets("train", _BATCH * count, size)
    frames = [scenes.load(index) for index in range(len(scenes))]
    images = torch.stack([torch.from_numpy(image.copy()) for image, _ in frames])
    targets = torch.stack([torch.from_numpy(labels.astype("int64")) for _, labels in frames])
    half, quarter = torch.full((3,), 0.5), torch.full((3,), 0.25)
    pixels = normalise(images.permute(0, 3, 1, 2), half, quarter)
    return list(zip(pixels.split(_BATCH), targets.split(_BATCH), strict=True))


def train_shortly(
    config: MFPNetConfig, batches: Sequence[tuple[Tensor, Tensor]], steps: int
) -> History:
    """Train random weights on the batches in turn, by AdamW; the same seed every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = MFPNet(config).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE)
    losses, norms = [], []
    for step in range(steps):
        images, targets = batches[step % len(batches)]
        optimizer.zero_grad()
        ignored = SyntheticStreets.labels.ignore_index
        loss = F.cross_entropy(network(images), targets, ignore_index=ignored)
        loss.backward()
        losses.append(loss.item())
        norms.append(brm_gradients(network))
        optimizer.step()
    return History(tuple(losses), tuple(norms))


def brm_gradients(network: MFPNet) -> tuple[float, ...]:
    """Gradient norm of each BRM's weights, in order of depth."""
    blocks = [*network.encoder, *reversed(network.decoder)]
    brms = [brm for block in blocks for brm in block.modules() if isinstance(brm, BRM)]
    return tuple(
        math.sqrt(sum(float(p.grad.square().sum()) for p in brm.parameters() if p.grad is not None))
        for brm in brms
    )
