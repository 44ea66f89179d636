"""What an instance head is taught: where objects have their middle, and how far it is from there.

Panoptic-DeepLab (Cheng et al. 2020): the squared error of the centres over all pixels, and the
absolute error of the offsets over those of objects.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Theirs are 8 pixels, 200 and 0.01, on frames of 1024 rows. Offsets are shorter on ours, so are the
# spots, and with 0.01 the offsets stay far from what they should be.
SIGMA = 3.0
CENTRE_WEIGHT = 200.0
OFFSET_WEIGHT = 0.1


class InstanceTargets(NamedTuple):
    """What the maps of an instance head should be.

    Attributes:
        centres: (B, 1, H, W), 1 at the middle of each object, falling off as a Gaussian.
        offsets: (B, 2, H, W) pixels down and to the right to the middle of its object.
        objects: (B, 1, H, W) bool, where there is one; offsets count nowhere else.
    """

    centres: Tensor
    offsets: Tensor
    objects: Tensor


def instance_targets(
    instances: Tensor, *, stride: int = 1, sigma: float = SIGMA
) -> InstanceTargets:
    """The targets of instance maps.

    The middle of an object is the mean of its pixels that are in the map: of an object that is
    partly hidden or cut off, of what is left of it.

    Args:
        instances: (B, H, W) integers, 0 for none, else any number that is the object's own in its
            frame.
        stride: pixels of the image from one pixel of the map to the next.
        sigma: deviation of the Gaussians in pixels of the image.
    """
    batch, height, width = instances.shape
    numbers = _consecutive(instances)
    rows = torch.arange(height, device=instances.device, dtype=torch.float32)
    columns = torch.arange(width, device=instances.device, dtype=torch.float32)
    grid = torch.stack((rows[:, None].expand(height, width), columns.expand(height, width)))
    middles, counts = _middles(numbers, grid)
    near_rows, near_columns = (
        torch.exp(-(((positions - middle[..., None]) * stride / sigma) ** 2) / 2)
        for positions, middle in ((rows, middles[0]), (columns, middles[1]))
    )
    near_rows = near_rows * (counts > 0)[..., None]
    centres = torch.zeros_like(grid[0]).expand(batch, height, width)
    for number in range(1, counts.shape[1]):
        spot = near_rows[:, number, :, None] * near_columns[:, number, None, :]
        centres = torch.maximum(centres, spot)
    own = middles.flatten(1)[:, (numbers + _first_of_frame(counts)).flatten()]
    offsets = own.view(2, *instances.shape).transpose(0, 1) - grid
    return InstanceTargets(centres[:, None], offsets * stride, (instances > 0)[:, None])


def instance_loss(
    centres: Tensor, offsets: Tensor, instances: Tensor, *, counted: Tensor, stride: int = 1
) -> Tensor:
    """How far the maps of an instance head are from their targets, a float32 scalar.

    Args:
        centres: (B, 1, H, W), any float type; computed in float32.
        offsets: (B, 2, H, W) in pixels of the image.
        instances: (B, H, W) as `instance_targets` takes them.
        counted: (B, H, W) bool, False where nothing is known of the picture.
        stride: pixels of the image from one pixel of the maps to the next.
    """
    wanted = instance_targets(instances, stride=stride)
    wrong = (centres.float() - wanted.centres) ** 2 * counted[:, None]
    away = (offsets.float() - wanted.offsets).abs() * wanted.objects
    to_centres = wrong.sum() / counted.sum().clamp(min=1)
    to_offsets = away.sum() / wanted.objects.sum().clamp(min=1)
    return CENTRE_WEIGHT * to_centres + OFFSET_WEIGHT * to_offsets


def _consecutive(instances: Tensor) -> Tensor:
    """The same with 0 for none and 1, 2, ... for the numbers that occur in any of the frames."""
    numbers: Tensor
    present, numbers = torch.unique(instances, return_inverse=True)
    return numbers if len(present) and present[0] == 0 else numbers + 1


def _first_of_frame(counts: Tensor) -> Tensor:
    """The place of each frame's first object in a list of those of all frames, (B, 1, 1)."""
    batch, objects = counts.shape
    return (torch.arange(batch, device=counts.device) * objects)[:, None, None]


def _middles(numbers: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column (2, B, N) of the mean of each object, and its pixels (B, N).

    The first of the N is what belongs to none.
    """
    batch, objects = len(numbers), int(numbers.max()) + 1
    offset = torch.arange(batch, device=numbers.device)[:, None, None] * objects
    places = (numbers + offset).flatten()
    counts = torch.bincount(places, minlength=batch * objects)
    sums = torch.stack(
        [
            torch.bincount(places, line.repeat(batch, 1, 1).flatten().double(), batch * objects)
            for line in grid
        ]
    )
    middles = (sums / counts.clamp(min=1)).float()
    return middles.view(2, batch, objects), counts.view(batch, objects)
