"""The trained network as the fastest graph with the same outputs."""

from __future__ import annotations

import copy

from torch import nn

from mfpnet.variants import Network


def to_inference_form(model: Network) -> nn.Module:
    """A copy in eval mode: normalised RGB (B, 3, H, W) -> logits (B, C, H, W)."""
    return copy.deepcopy(model).eval()
