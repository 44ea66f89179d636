"""Labels at an image's size from the small logits of a network, without enlarging every class.

Enlarging all classes and taking the largest at each pixel costs more than a tenth of the network.
Bilinear enlargement mixes four neighbours with weights that sum to 1, so where all four prefer the
same class, so does every mixture of them: only the cells in which they differ are mixed, which in
a street scene are some 15 %. The labels are those of the long way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet.layers import resize, spatial_size


def labels_from_coarse(coarse: Tensor, size: tuple[int, int]) -> Tensor:
    """The likeliest class at each pixel of bilinearly enlarged logits.

    Args:
        coarse: (B, C, h, w) logits.
        size: (H, W) of the labels. Where it is one even multiple of (h, w), the short way is gone.

    Returns:
        (B, H, W) uint8, int32 beyond 255 classes.
    """
    kind = torch.uint8 if coarse.shape[1] <= 255 else torch.int32
    height, width = spatial_size(coarse)
    factor = size[0] // height
    if factor % 2 == 0 and size == (height * factor, width * factor):
        return _by_cells(coarse, factor).to(kind)
    return resize(coarse, size).argmax(dim=1).to(kind)


def _by_cells(coarse: Tensor, factor: int) -> Tensor:
    """(B, C, h, w) -> (B, h * factor, w * factor).

    A cell lies between the centres of four neighbours and has factor x factor pixels; those of the
    rim are half outside of the image.
    """
    corners = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
    batch, classes, height, width = corners.shape
    likeliest = corners.argmax(dim=1)
    first, *others = _four(likeliest)
    differ = (first != others[0]) | (first != others[1]) | (first != others[2])
    values = corners.permute(0, 2, 3, 1).reshape(-1, classes)
    cells = torch.nonzero(differ.flatten())[:, 0]
    # Worked out from the cell's number: tables of them would be a tenth of an exported file.
    rows = cells // (width - 1)
    corner = cells + rows + rows // (height - 1) * width
    mixed = (corner, corner + 1, corner + width, corner + width + 1)
    neighbours = torch.stack([torch.index_select(values, 0, place) for place in mixed], dim=1)
    found = torch.matmul(_mixtures(factor).to(neighbours), neighbours).argmax(dim=2)
    labels = first.reshape(-1, 1).expand(-1, factor**2).index_copy(0, cells, found)
    return _assemble(labels.view(batch, height - 1, width - 1, factor, factor))


def _four(grid: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The corners of each cell of a (B, H, W) grid: four times (B, H - 1, W - 1)."""
    above, below = grid[:, :-1], grid[:, 1:]
    return above[:, :, :-1], above[:, :, 1:], below[:, :, :-1], below[:, :, 1:]


def _mixtures(factor: int) -> Tensor:
    """How much of each corner a cell's pixels have: (factor * factor, 4), rows summing to 1."""
    far = (torch.arange(factor) + 0.5) / factor
    rows = torch.stack((1 - far, far), dim=1)
    return (rows[:, None, :, None] * rows[None, :, None, :]).reshape(factor**2, 4)


def _assemble(cells: Tensor) -> Tensor:
    """(B, h + 1, w + 1, f, f) -> (B, h * f, w * f), without what lies outside of the image."""
    batch, rows, columns, factor, _ = cells.shape
    whole = cells.permute(0, 1, 3, 2, 4).reshape(batch, rows * factor, columns * factor)
    half = factor // 2
    return whole[:, half : rows * factor - half, half : columns * factor - half]
