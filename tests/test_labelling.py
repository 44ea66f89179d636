"""The short way to the labels takes the long way's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet.exporting.labelling import labels_from_coarse
from mfpnet.synthetic.scenes import draw_scene


def the_long_way(coarse: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(coarse, size=size, mode="bilinear", align_corners=False).argmax(dim=1)


def street_logits(batch: int, size: tuple[int, int]) -> Tensor:
    """Logits with the regions of drawn streets, their edges soft."""
    labels = torch.stack([torch.from_numpy(draw_scene(n).labels).long() for n in range(batch)])
    sure = F.one_hot(labels.clamp(max=10), 11).permute(0, 3, 1, 2).float()
    small = F.interpolate(sure, size=size, mode="area")
    return small + 0.2 * torch.randn(small.shape, generator=torch.manual_seed(0))


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("batch", [1, 3])
def test_regions(factor: int, batch: int) -> None:
    coarse = street_logits(batch, (12, 17))
    size = (12 * factor, 17 * factor)

    labels = labels_from_coarse(coarse, size)

    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), the_long_way(coarse, size))


@pytest.mark.parametrize("size", [(48, 68), (47, 68), (12, 17), (36, 51), (48, 34), (100, 99)])
def test_noise_at_any_size(size: tuple[int, int]) -> None:
    coarse = torch.randn(2, 19, 12, 17, generator=torch.manual_seed(1))
    agreement = labels_from_coarse(coarse, size).long() == the_long_way(coarse, size)
    assert agreement.float().mean() > 0.9999  # a tie may round to the other side


def test_one_class_everywhere() -> None:
    coarse = torch.zeros(1, 3, 4, 5)
    coarse[:, 2] = 1
    assert torch.equal(labels_from_coarse(coarse, (16, 20)), torch.full((1, 16, 20), 2).byte())


def test_many_classes() -> None:
    coarse = torch.randn(1, 300, 6, 6, generator=torch.manual_seed(2))
    labels = labels_from_coarse(coarse, (24, 24))
    assert labels.dtype == torch.int32
    assert torch.equal(labels.long(), the_long_way(coarse, (24, 24)))
