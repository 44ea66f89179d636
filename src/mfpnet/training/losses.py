"""What a network is taught by: weighted cross-entropy, hard-pixel mining, a teacher's opinion."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def class_weights(pixel_counts: Tensor, smoothing: float = 1.10) -> Tensor:
    """1 / ln(1.10 + p) of each class (ENet, Paszke et al. 2016), p its share of counted pixels.

    Args:
        pixel_counts: (C,) pixels of each class in the training data, void left out.
        smoothing: bounds the weight of the rarest class.

    Returns:
        (C,) float32 weights, about 1.3 to 10.5.
    """
    shares = pixel_counts.double() / pixel_counts.sum().clamp(min=1)
    return (1 / torch.log(smoothing + shares)).float()


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int,
    ohem_threshold: float | None = None,
    ohem_min_share: float = 1 / 16,
) -> Tensor:
    """Mean cross-entropy over the counted pixels, weighted by class.

    With `ohem_threshold`, only hard pixels count (online hard example mining, Shrivastava et al.
    2016): those whose true class has a probability below it, and at least `ohem_min_share` of all.
    A batch without a single counted pixel has loss 0 and gradient 0.

    Args:
        logits: (B, C, H, W), any float type; computed in float32.
        target: (B, H, W) int64.
        weight: (C,) or None.
        ignore_index: the label that is not counted.
        ohem_threshold: probability in 0 to 1, or None for all pixels.
        ohem_min_share: share of the counted pixels that is always kept, 0 to 1.

    Returns:
        A scalar, float32.
    """
    losses = F.cross_entropy(logits.float(), target, ignore_index=ignore_index, reduction="none")
    kept = target != ignore_index
    if ohem_threshold is not None:
        kept = kept & _hard(losses.detach(), kept, ohem_threshold, ohem_min_share)
    # Indexing with the ignored label would be out of range; those pixels are dropped either way.
    scale = kept.float() if weight is None else weight[target.where(kept, 0)] * kept
    return (losses * scale).sum() / scale.sum().clamp(min=1e-6)


def _hard(losses: Tensor, counted: Tensor, threshold: float, min_share: float) -> Tensor:
    """Pixels above the loss that the threshold means, lowered until enough are kept."""
    most = max(math.ceil(min_share * counted.numel()), 1)
    ranked = losses.where(counted, -1.0).flatten().topk(most).values
    # The number to keep stays a tensor: reading it would wait for a GPU in every step.
    enough = (min_share * counted.sum(dtype=torch.float64)).ceil().long().clamp(min=1)
    limit = ranked.gather(0, enough[None] - 1).clamp(min=0)
    return losses >= limit.clamp(max=-math.log(threshold) if threshold else math.inf)


def distillation(
    logits: Tensor, probabilities: Tensor, counted: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """How far the network is from a teacher's opinion (Hinton et al. 2015), mean over the pixels.

    The Kullback-Leibler divergence times the temperature squared, which keeps the size of its
    gradient. Pixels without a label count too: the teacher has an opinion of them.

    Args:
        logits: (B, C, H, W), any float type; computed in float32.
        probabilities: (B, C, H, W) of the teacher, at the same temperature.
        counted: (B, H, W) bool, False where there is no picture.
        temperature: above 1 for softer opinions.

    Returns:
        A scalar, float32, 0 where nothing is counted.
    """
    own = torch.log_softmax(logits.float() / temperature, dim=1)
    distances = F.kl_div(own, probabilities.float(), reduction="none").sum(dim=1)
    mean = (distances * counted).sum() / counted.sum().clamp(min=1)
    return mean * temperature**2
