"""The first convolution of a trained network, for pictures of another number of channels."""

from __future__ import annotations

from torch import Tensor

# Where it is among the weights of our own networks.
FIRST = "initial.0.0.weight"


def adapt_input(weight: Tensor, in_channels: int) -> Tensor:
    """The weights of a convolution for another number of channels: (O, I, h, w) -> (O, C, h, w).

    Each new channel gets the mean over the old ones, scaled so that the sums stay: a picture that
    is the same in all its channels gives what it gave before.
    """
    known = weight.shape[1]
    if known == in_channels:
        return weight
    mean = weight.mean(dim=1, keepdim=True) * (known / in_channels)
    return mean.expand(-1, in_channels, -1, -1).contiguous()
