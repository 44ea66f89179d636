"""A loss that is the mean IoU itself, made smooth."""

from __future__ import annotations

import torch
from torch import Tensor

# Beyond so many classes a batch lacks most of them, and ranking the pixels of those is left out; of
# fewer all are ranked, because to ask which are there waits for a GPU.
MANY_CLASSES = 64


def lovasz_softmax(logits: Tensor, target: Tensor, *, ignore_index: int) -> Tensor:
    """Lovasz-softmax (Berman et al. 2018): 1 - IoU, averaged over the classes of the target.

    The pixels of the whole batch are taken together, as the mean IoU of a data set does.

    Args:
        logits: (B, C, H, W), any float type; computed in float32.
        target: (B, H, W) int64.
        ignore_index: the label that is not counted.

    Returns:
        A scalar in 0 to 1, float32; 0 where nothing is counted.
    """
    classes = logits.shape[1]
    counted = (target != ignore_index).flatten()
    labels = target.flatten().where(counted, 0)
    truth = (labels == torch.arange(classes, device=labels.device)[:, None]) & counted
    probabilities = torch.softmax(logits.float(), dim=1).transpose(0, 1).flatten(1)
    if classes > MANY_CLASSES:
        there = truth.any(dim=1)
        truth, probabilities = truth[there], probabilities[there]
    # An uncounted pixel errs by nothing and is no class's: it adds nothing, wherever it is ranked.
    errors = (truth.float() - probabilities).abs() * counted
    ranked, order = errors.sort(dim=1, descending=True)
    losses = (ranked * _jaccard_steps(truth.gather(1, order))).sum(dim=1)
    present = truth.any(dim=1)
    return (losses * present).sum() / present.sum().clamp(min=1)


def _jaccard_steps(truth: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each further wrong pixel: (C, P) bool -> (C, P)."""
    positives = truth.sum(dim=1, keepdim=True)
    missed = truth.cumsum(dim=1)
    false_alarms = (~truth).cumsum(dim=1)
    # In float64: one step of a million pixels is lost in float32's rounding.
    jaccard = 1 - (positives - missed).double() / (positives + false_alarms)
    return torch.cat((jaccard[:, :1], jaccard.diff(dim=1)), dim=1).float()
