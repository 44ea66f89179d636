"""Batched augmentation in torch: the same code on a CPU and on a GPU, on uint8 frames in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet.degradation import degrade
from mfpnet.instances.pixel_codes import labels_in
from mfpnet.mixing import mix_classes


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a training frame.

    Attributes:
        crop_size: (H, W) of the result.
        scale: smallest and largest factor on the frame; drawn evenly in its logarithm.
        flip: mirror every second frame left to right.
        colour: strength of brightness, contrast, saturation and gamma changes, 0 for none.
        blur: largest standard deviation of the blur that every second frame gets, in pixels.
        noise: likewise of the noise, as a share of white.
        sought: classes that crops are aimed at.
        sought_share: share of the frames, 0 to 1, whose crop must hold a pixel of one of these,
            each class that is in the frame as often as another.
        class_mix: share of the frames, 0 to 1, onto which classes of another are pasted.
    """

    crop_size: tuple[int, int]
    scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = True
    colour: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    sought: tuple[int, ...] = ()
    sought_share: float = 0.0
    class_mix: float = 0.0


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Pixels (B, C, H, W) -> about zero mean and unit variance; mean, std (C,).

    Pixels are uint8, int16 (16 bits lowered by 32768, see `storable`), or 0-to-1 float.
    """
    return (_unit(images) - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


def _unit(images: Tensor) -> Tensor:
    """The same in 0 to 1."""
    if images.dtype == torch.uint8:
        return images.float() / 255
    return (images.float() + 32768) / 65535 if images.dtype == torch.int16 else images


def augment(
    images: Tensor,
    targets: Tensor,
    options: Augmentation,
    *,
    mean: Tensor,
    std: Tensor,
    ignore_index: int,
    generator: torch.Generator,
    sizes: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Scale, crop, flip, recolour, degrade and mix a batch, each frame in its own way.

    Args:
        images: (B, C, H, W) uint8, or int16 as `normalise` takes it.
        targets: (B, H, W) integer labels, or codes (see `pixel_codes`), which cannot be mixed.
        options: what may happen.
        mean: (C,) in 0 to 1.
        std: (C,) in 0 to 1.
        ignore_index: the label of pixels that lie outside the frame.
        generator: on the CPU, so that a seed means the same on every device.
        sizes: (B, 2) height and width of each frame, which lies at the top left of its place; None
            where all fill theirs.

    Returns:
        (B, C, *crop_size) float32, normalised, 0 outside the frame, and (B, *crop_size) int64.
    """
    if sizes is None:
        sizes = torch.tensor([images.shape[2:]] * len(images))
    ends = sizes.to(images.device, torch.float32, non_blocking=True).T
    points = _sought_points(labels_in(targets), options, generator)
    windows = _draw_windows(ends, options, generator, points)
    rows = _source_positions(windows[0], options.crop_size[0])
    columns = _source_positions(windows[1], options.crop_size[1])
    samples = _sample(images, _within(rows, ends[0]), _within(columns, ends[1]))
    # What is white to a sensor that fills a part of its 16 bits.
    white = None if images.dtype == torch.uint8 else mean + 2 * std
    recoloured = _recolour(samples, options.colour, generator, white)
    taken = degrade(recoloured, generator, blur=options.blur, noise=options.noise, white=white)
    inside = _inside(rows, ends[0])[:, :, None] & _inside(columns, ends[1])[:, None]
    pixels = normalise(taken, mean, std) * inside[:, None]
    labels = _pick(targets, rows, columns).where(inside, ignore_index)
    if not options.class_mix:
        return pixels, labels
    share = options.class_mix
    return mix_classes(pixels, labels, generator, share=share, ignore_index=ignore_index)


def _draw(generator: torch.Generator, *shape: int, device: torch.device) -> Tensor:
    """Numbers in 0 to 1 from the CPU's generator, without waiting for a GPU's queue."""
    return torch.rand(*shape, generator=generator).to(device, non_blocking=True)


def _sought_points(
    targets: Tensor, options: Augmentation, generator: torch.Generator
) -> Tensor | None:
    """A pixel (y, x) that each crop must hold, (2, B) on the frames' device; NaN for any crop."""
    if not options.sought or not options.sought_share:
        return None
    batch, width = targets.shape[0], targets.shape[2]
    draws = _draw(generator, 3, batch, device=targets.device)
    wanted = torch.tensor(options.sought).to(targets.device, non_blocking=True)
    present = _classes_in(targets, max(options.sought) + 1)[:, wanted]
    label = wanted[_pick_one(present, draws[0])]
    pixel = _pick_one(targets.flatten(1) == label[:, None], draws[1])
    points = torch.stack((pixel // width, pixel % width)) + 0.5
    aimed = present.any(dim=1) & (draws[2] < options.sought_share)
    return points.where(aimed, torch.nan)


def _classes_in(targets: Tensor, classes: int) -> Tensor:
    """Which of the first classes each frame has: (B, H, W) -> (B, classes) bool."""
    there = torch.zeros(len(targets), classes + 1, dtype=torch.bool, device=targets.device)
    frames = torch.arange(len(targets), device=targets.device)
    # Comparing each pixel with each class would take gigabytes with a thousand of them.
    there[frames[:, None], targets.flatten(1).long().clamp(max=classes)] = True
    return there[:, :classes]


def _pick_one(candidates: Tensor, draws: Tensor) -> Tensor:
    """One true column of each row, by a number in 0 to 1: (B, n) bool, (B,) -> (B,)."""
    ranks = candidates.cumsum(dim=1)
    rank = (draws * ranks[:, -1]).floor() + 1
    return torch.searchsorted(ranks.float(), rank[:, None])[:, 0].clamp(max=candidates.shape[1] - 1)


def _draw_windows(
    sizes: Tensor, options: Augmentation, generator: torch.Generator, points: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Start and end of each crop in source pixels: (B, 2) for the rows, (B, 2) for the columns."""
    batch, device = sizes.shape[1], sizes.device
    low, high = (math.log(value) for value in options.scale)
    scale = (low + (high - low) * _draw(generator, batch, device=device)).exp()
    extents = torch.stack([side / scale for side in options.crop_size])
    slack = sizes - extents
    first, last = slack.clamp(max=0), slack.clamp(min=0)
    if points is not None:
        # Comparisons with NaN are false: a crop without a point keeps its whole range.
        first = torch.where(points - extents > first, torch.minimum(points - extents, last), first)
        last = torch.where(points < last, torch.maximum(points, first), last)
    start = first + (last - first) * _draw(generator, 2, batch, device=device)
    ends = torch.stack((start, start + extents), dim=2)
    if options.flip:
        mirrored = _draw(generator, batch, device=device) < 0.5
        ends[1] = torch.where(mirrored[:, None], ends[1].flip(1), ends[1])
    return ends[0], ends[1]


def _source_positions(window: Tensor, length: int) -> Tensor:
    """Source coordinate, in pixels from the frame's edge, of each output pixel's centre: (B, n)."""
    fraction = (torch.arange(length, device=window.device) + 0.5) / length
    return window[:, :1] + (window[:, 1:] - window[:, :1]) * fraction


def _inside(positions: Tensor, length: Tensor) -> Tensor:
    return (positions >= 0) & (positions < length[:, None])


def _within(positions: Tensor, length: Tensor) -> Tensor:
    """No further out than the last pixel's centre: beyond it may lie another frame's padding."""
    return torch.minimum(positions.clamp(min=0.5), length[:, None] - 0.5)


def _sample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Bilinear samples in 0 to 1 at the grid of rows and columns."""
    y = (rows * 2 / images.shape[2] - 1)[:, :, None].expand(-1, -1, columns.shape[1])
    x = (columns * 2 / images.shape[3] - 1)[:, None, :].expand(-1, rows.shape[1], -1)
    grid = torch.stack((x, y), dim=3)
    return F.grid_sample(_unit(images), grid, padding_mode="border", align_corners=False)


def _pick(targets: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Nearest labels: a label is a name, there is nothing between two of them."""
    y = rows.floor().long().clamp(0, targets.shape[1] - 1)[:, :, None]
    x = columns.floor().long().clamp(0, targets.shape[2] - 1)[:, None, :]
    frame = torch.arange(targets.shape[0], device=targets.device)[:, None, None]
    return targets[frame, y, x].long()


def _recolour(
    images: Tensor, strength: float, generator: torch.Generator, white: Tensor | None = None
) -> Tensor:
    """Gamma, brightness, contrast and, for three channels, saturation; in and out 0 to 1.

    Gamma leaves `white` as it is, (C,), or 1. Channels that are no RGB have each its own contrast.
    """
    if strength == 0:
        return images
    draws = _draw(generator, 4, images.shape[0], device=images.device) * 2 - 1
    gamma, brightness, contrast, saturation = (draws * strength).exp()[:, :, None, None, None]
    ends = 1.0 if white is None else white.view(-1, 1, 1)
    images = (images.clamp(min=1e-6) / ends).pow(gamma) * ends * brightness
    mean = images.mean(dim=(1, 2, 3) if images.shape[1] == 3 else (2, 3), keepdim=True)
    images = mean + (images - mean) * contrast
    if images.shape[1] == 3:
        grey = images.mean(dim=1, keepdim=True)
        images = grey + (images - grey) * saturation
    return images.clamp(0, 1)
