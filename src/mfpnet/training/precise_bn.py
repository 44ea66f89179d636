"""Batch-norm statistics of the frames as a prediction sees them (precise BN, Wu and Johnson 2021).

The running averages of a training are of crops that were scaled, recoloured and mixed, under
weights that were still moving; what is predicted are whole frames, under the last ones.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

# More say no more about a mean; those of CamVid's 468 frames are 58.
MOST_BATCHES = 128


@torch.no_grad()
def measure_statistics(
    network: nn.Module, batches: Iterable[Tensor], *, kept: Sequence[nn.Module] = ()
) -> None:
    """Replace the running statistics of a network by their means over some batches.

    A layer that no batch comes by, as in a branch for training only, keeps what it has.

    Args:
        network: in eval mode afterwards; its weights stay as they are.
        batches: images (B, C, H, W), normalised; at least one batch.
        kept: parts of the network whose statistics stay too.
    """
    keep = {id(each) for part in kept for each in part.modules()}
    norms = [
        each
        for each in network.modules()
        if isinstance(each, nn.modules.batchnorm._BatchNorm)
        and each.track_running_stats
        and id(each) not in keep
    ]
    before = [(each.momentum, copy.deepcopy(each.state_dict())) for each in norms]
    network.eval()
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    for images in batches:
        network(images)
    network.eval()
    for norm, (momentum, state) in zip(norms, before, strict=True):
        norm.momentum = momentum
        if not norm.num_batches_tracked:
            norm.load_state_dict(state)
