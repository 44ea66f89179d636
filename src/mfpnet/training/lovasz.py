"""A loss that is the mean IoU itself, made smooth."""

from __future__ import annotations

import torch
from torch import Tensor

# Beyond so many classes a batch lacks most of them, and ranking the pixels of those is left out; of
# fewer all are ranked, because to ask which are there waits for a GPU.
MANY_CLASSES = 64
# On a CPU smaller errors are not ranked: nine tenths of them are, and ranking all takes longer than
# the rest of a step. The loss changes by less than this, and no other pixel's rank does.
LEAST_ERROR = 1e-3


def lovasz_softmax(logits: Tensor, target: Tensor, *, ignore_index: int) -> Tensor:
    """Lovasz-softmax (Berman et al. 2018): 1 - IoU, averaged over the classes of the target.

    The pixels of all frames are taken together, as the mean IoU of a data set does.

    Args:
        logits: (B, C, H, W), any float type; computed in float32.
        target: (B, H, W) int64.
        ignore_index: the label that is not counted.

    Returns:
        A scalar in 0 to 1, float32; 0 where nothing is counted. On a CPU without the errors below
        `LEAST_ERROR`.
    """
    counted = (target != ignore_index).flatten()
    labels = target.flatten().where(counted, -1)
    probabilities = torch.softmax(logits.float(), dim=1).transpose(0, 1).flatten(1)
    # Which errors are small, and which classes are there, would have to be waited for on a GPU.
    apart = logits.device.type == "cpu"
    return (_class_by_class if apart else _all_at_once)(probabilities, labels)


def _all_at_once(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The mean over the classes that are there: (C, P) and (P,), -1 of what is not counted."""
    truth = labels == torch.arange(len(probabilities), device=labels.device)[:, None]
    if len(probabilities) > MANY_CLASSES:
        there = truth.any(dim=1)
        truth, probabilities = truth[there], probabilities[there]
    # An uncounted pixel errs by nothing and is no class's: it adds nothing, wherever it is ranked.
    errors = (truth.float() - probabilities).abs() * (labels >= 0)
    losses = _losses(errors, truth, truth.sum(dim=1))
    present = truth.any(dim=1)
    return (losses * present).sum() / present.sum().clamp(min=1)


def _class_by_class(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The same, each class by itself and of its larger errors only."""
    losses = []
    each = probabilities.unbind()  # indexing would give each its own gradient of all classes
    for label in labels.unique().tolist():
        if label >= 0:
            truth = labels == label
            errors = (truth.float() - each[label]).abs()
            kept = ((errors > LEAST_ERROR) & (labels >= 0)).nonzero()[:, 0]
            losses.append(_losses(errors[None, kept], truth[None, kept], truth.sum()[None]))
    return torch.stack(losses).mean() if losses else probabilities.sum() * 0


def _losses(errors: Tensor, truth: Tensor, positives: Tensor) -> Tensor:
    """The loss of each class: errors and truth (C, P), positives (C,) -> (C,)."""
    ranked, order = errors.sort(dim=1, descending=True)
    return (ranked * _jaccard_steps(truth.gather(1, order), positives[:, None])).sum(dim=1)


def _jaccard_steps(truth: Tensor, positives: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each further wrong pixel: (C, P) bool -> (C, P)."""
    missed = truth.cumsum(dim=1)
    false_alarms = (~truth).cumsum(dim=1)
    # In float64: one step of a million pixels is lost in float32's rounding.
    jaccard = 1 - (positives - missed).double() / (positives + false_alarms)
    return torch.cat((jaccard[:, :1], jaccard.diff(dim=1)), dim=1).float()
