"""What a cheap camera adds to a frame: a soft lens and a noisy sensor, each frame in its own way.

A network that has only seen clean frames loses most of its score to noise that a person hardly
notices; training with Gaussian noise is the simple remedy (Rusak et al. 2020), and with blurred
frames likewise (Vasiljevic et al. 2016).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Of the frames, those that stay clean: the network shall not unlearn what it does with them.
CLEAN_SHARE = 0.5


def degrade(
    images: Tensor,
    generator: torch.Generator,
    *,
    blur: float,
    noise: float,
    white: Tensor | None = None,
) -> Tensor:
    """Blur and then disturb half of the frames each; strengths are drawn evenly up to the largest.

    Args:
        images: (B, C, H, W) float in 0 to 1.
        generator: on the CPU; on a GPU the noise's pixels come from one there, seeded by it.
        blur: largest standard deviation of a Gaussian blur, in pixels; 0 for none.
        noise: largest standard deviation of the noise, as a share of white; 0 for none.
        white: (C,) the brightest value of each channel, 1 if None.

    Returns:
        The same shape, in 0 to 1.
    """
    if blur:
        images = _blurred(images, _strengths(len(images), generator) * blur)
    if noise:
        strengths = (_strengths(len(images), generator) * noise).to(images.device)[:, None]
        strengths = strengths if white is None else strengths * white
        drawn = _beside(images, generator)
        grain = torch.randn(images.shape, generator=drawn, device=images.device)
        images = (images + grain * strengths[:, :, None, None]).clamp(0, 1)
    return images


def _strengths(batch: int, generator: torch.Generator) -> Tensor:
    """Of each frame in 0 to 1, of which 0 is none: (B,) on the CPU."""
    drawn = torch.rand(2, batch, generator=generator)
    return drawn[0].where(drawn[1] >= CLEAN_SHARE, 0.0)


def _blurred(images: Tensor, deviations: Tensor) -> Tensor:
    """Each frame by a Gaussian of its own width; edges are repeated."""
    batch, channels, height, width = images.shape
    reach = max(math.ceil(2.5 * float(deviations.max())), 1)
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets / deviations.clamp(min=1e-3)[:, None]) ** 2)
    kernels = (weights / weights.sum(dim=1, keepdim=True)).to(images.device, images.dtype)
    kernels = kernels.repeat_interleave(channels, dim=0)
    # All frames as the channels of one, so that one grouped convolution blurs each differently.
    stacked = images.reshape(1, batch * channels, height, width)
    for shape, pad in (
        ((-1, 1, 2 * reach + 1, 1), (0, 0, reach, reach)),
        ((-1, 1, 1, 2 * reach + 1), (reach, reach, 0, 0)),
    ):
        padded = F.pad(stacked, pad, mode="replicate")
        stacked = F.conv2d(padded, kernels.reshape(shape), groups=batch * channels)
    return stacked.reshape(images.shape)


def _beside(images: Tensor, generator: torch.Generator) -> torch.Generator:
    """A generator on the frames' device: millions of numbers are not to travel each step."""
    if images.device.type == "cpu":
        return generator
    seed = torch.randint(2**62, (), generator=generator)
    return torch.Generator(images.device).manual_seed(int(seed))
