"""Frames made of two: some classes of one are pasted onto another (ClassMix, Olsson et al. 2021).

A street teaches where its things stand as much as what they look like, and few streets are soon
known by heart; a bicyclist in front of another drive's houses is not. Unlike rectangles, classes
are cut out along their own edges and stay where they stood, which in pictures of one kind is a
likely place.
"""

from __future__ import annotations

import torch
from torch import Tensor


def mix_classes(
    images: Tensor, targets: Tensor, generator: torch.Generator, *, share: float, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """Paste about half of the classes of a batch's next frame, pixels and labels, onto a frame.

    Args:
        images: (B, C, H, W).
        targets: (B, H, W) int64 labels, none above `ignore_index`.
        generator: on the CPU, so that a seed means the same on every device.
        share: of the frames that get something, 0 to 1.
        ignore_index: the label of pixels that nobody has named: they are not pasted.

    Returns:
        The same shapes.
    """
    batch = len(images)
    wanted = torch.rand(batch, ignore_index + 1, generator=generator) < 0.5
    wanted[:, ignore_index] = False
    wanted &= torch.rand(batch, 1, generator=generator) < share
    wanted = wanted.to(images.device, non_blocking=True)
    other = targets.roll(-1, 0)
    pasted = wanted.gather(1, other.flatten(1)).view_as(other)
    return images.roll(-1, 0).where(pasted[:, None], images), other.where(pasted, targets)
