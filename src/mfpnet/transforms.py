"""Batched augmentation in torch: the same code on a CPU and on a GPU, on uint8 frames in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a training frame.

    Attributes:
        crop_size: (H, W) of the result.
        scale: smallest and largest factor on the frame; drawn evenly in its logarithm.
        flip: mirror every second frame left to right.
        colour: strength of brightness, contrast, saturation and gamma changes, 0 for none.
    """

    crop_size: tuple[int, int]
    scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = True
    colour: float = 0.0


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 or 0-to-1 float (B, C, H, W) -> about zero mean and unit variance; mean, std (C,)."""
    unit = images.float() / 255 if images.dtype == torch.uint8 else images
    return (unit - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


def augment(
    images: Tensor,
    targets: Tensor,
    options: Augmentation,
    *,
    mean: Tensor,
    std: Tensor,
    ignore_index: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Scale, crop, flip and recolour a batch, each frame in its own way.

    Args:
        images: (B, C, H, W) uint8.
        targets: (B, H, W) integer labels.
        options: what may happen.
        mean: (C,) in 0 to 1.
        std: (C,) in 0 to 1.
        ignore_index: the label of pixels that lie outside the frame.
        generator: on the CPU, so that a seed means the same on every device.

    Returns:
        (B, C, *crop_size) float32, normalised, 0 outside the frame, and (B, *crop_size) int64.
    """
    windows = _draw_windows(images, options, generator)
    rows = _source_positions(windows[0], options.crop_size[0])
    columns = _source_positions(windows[1], options.crop_size[1])
    recoloured = _recolour(_sample(images, rows, columns), options.colour, generator)
    inside = _inside(rows, images.shape[2])[:, :, None] & _inside(columns, images.shape[3])[:, None]
    pixels = normalise(recoloured, mean, std) * inside[:, None]
    return pixels, _pick(targets, rows, columns).where(inside, ignore_index)


def _draw_windows(
    images: Tensor, options: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Start and end of each crop in source pixels: (B, 2) for the rows, (B, 2) for the columns."""
    batch, _, height, width = images.shape
    low, high = (torch.tensor(value).log() for value in options.scale)
    scale = (low + (high - low) * torch.rand(batch, generator=generator)).exp()
    extents = torch.stack([side / scale for side in options.crop_size])
    slack = torch.tensor([[height], [width]]) - extents
    start = slack * torch.rand(2, batch, generator=generator)
    ends = torch.stack((start, start + extents), dim=2)
    if options.flip:
        mirrored = torch.rand(batch, generator=generator) < 0.5
        ends[1] = torch.where(mirrored[:, None], ends[1].flip(1), ends[1])
    ends = ends.to(images.device)
    return ends[0], ends[1]


def _source_positions(window: Tensor, length: int) -> Tensor:
    """Source coordinate, in pixels from the frame's edge, of each output pixel's centre: (B, n)."""
    fraction = (torch.arange(length, device=window.device) + 0.5) / length
    return window[:, :1] + (window[:, 1:] - window[:, :1]) * fraction


def _inside(positions: Tensor, length: int) -> Tensor:
    return (positions >= 0) & (positions < length)


def _sample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Bilinear samples in 0 to 1 at the grid of rows and columns."""
    y = (rows * 2 / images.shape[2] - 1)[:, :, None].expand(-1, -1, columns.shape[1])
    x = (columns * 2 / images.shape[3] - 1)[:, None, :].expand(-1, rows.shape[1], -1)
    grid = torch.stack((x, y), dim=3)
    return F.grid_sample(images.float() / 255, grid, padding_mode="border", align_corners=False)


def _pick(targets: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Nearest labels: a label is a name, there is nothing between two of them."""
    y = rows.floor().long().clamp(0, targets.shape[1] - 1)[:, :, None]
    x = columns.floor().long().clamp(0, targets.shape[2] - 1)[:, None, :]
    frame = torch.arange(targets.shape[0], device=targets.device)[:, None, None]
    return targets[frame, y, x].long()


def _recolour(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Gamma, brightness, contrast and, for three channels, saturation; in and out 0 to 1."""
    if strength == 0:
        return images
    draws = torch.rand(4, images.shape[0], generator=generator) * 2 - 1
    gamma, brightness, contrast, saturation = (
        (draws * strength).exp().to(images.device)[:, :, None, None, None]
    )
    images = images.clamp(min=1e-6).pow(gamma) * brightness
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * contrast
    if images.shape[1] == 3:
        grey = images.mean(dim=1, keepdim=True)
        images = grey + (images - grey) * saturation
    return images.clamp(0, 1)
