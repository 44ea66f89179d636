from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mfpnet.instances.losses import (
    CENTRE_WEIGHT,
    OFFSET_WEIGHT,
    instance_loss,
    instance_targets,
)

# Of two frames: two objects of three and one pixel, and nothing.
MAP = torch.zeros(2, 4, 6, dtype=torch.int64)
MAP[0, 1, 1:4] = 70
MAP[0, 3, 5] = 9


def test_offsets_lead_to_the_middle_of_the_object() -> None:
    found = instance_targets(MAP)
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    there = torch.stack((rows, columns)) + found.offsets[0]
    assert torch.equal(there[:, 1, 1:4], torch.tensor([[1.0] * 3, [2.0] * 3]))
    assert torch.equal(there[:, 3, 5], torch.tensor([3.0, 5.0]))
    assert torch.equal(found.objects[:, 0], MAP > 0)


def test_centres_are_spots_around_the_middles() -> None:
    centres = instance_targets(MAP, sigma=2.0).centres
    assert centres[0, 0, 1, 2] == 1
    assert centres[0, 0, 3, 5] == 1
    # One row and one column from the first middle, two and two from the second.
    assert centres[0, 0, 2, 3].item() == pytest.approx(math.exp(-2 / 8))
    assert not centres[1].any()


def test_a_coarse_map_speaks_of_image_pixels() -> None:
    fine = torch.zeros(1, 12, 16, dtype=torch.int64)
    fine[0, 2:8, 4:12] = 3
    coarse = instance_targets(fine[:, ::2, ::2], stride=2)
    assert coarse.offsets[0, :, 1, 2].tolist() == [2.0, 3.0]
    spread = coarse.centres[0, 0, 2, :].max() / coarse.centres[0, 0, 2, :].min()
    assert spread > 1


def test_what_is_cut_off_has_its_middle_in_what_is_left() -> None:
    assert instance_targets(MAP[:, :, :3]).offsets[0, 1, 1, 1] == 0.5


def test_numbers_mean_nothing() -> None:
    other = torch.where(MAP == 70, 2, MAP)
    for one, two in zip(instance_targets(MAP), instance_targets(other), strict=True):
        assert torch.equal(one, two)


def maps_of(instances: Tensor) -> tuple[Tensor, Tensor]:
    targets = instance_targets(instances)
    return targets.centres.clone(), targets.offsets.clone()


def test_the_loss_by_hand() -> None:
    counted = torch.ones_like(MAP, dtype=torch.bool)
    centres, offsets = maps_of(MAP)
    assert instance_loss(centres, offsets, MAP, counted=counted) == 0
    centres[0, 0, 0, 0] += 0.5
    offsets[0, 1, 1, 1] -= 3
    offsets[0, 0, 0, 0] = 1e6
    expected = CENTRE_WEIGHT * 0.25 / 48 + OFFSET_WEIGHT * 3 / 4
    assert instance_loss(centres, offsets, MAP, counted=counted).item() == pytest.approx(expected)


def test_what_is_not_counted_teaches_no_centre() -> None:
    centres, offsets = maps_of(MAP)
    centres[:, :, 0] = 7
    counted = torch.ones_like(MAP, dtype=torch.bool)
    counted[:, 0] = False
    assert instance_loss(centres, offsets, MAP, counted=counted) == 0


def test_frames_without_objects_have_a_loss_and_a_gradient() -> None:
    centres = torch.ones(1, 1, 4, 6, requires_grad=True)
    offsets = torch.ones(1, 2, 4, 6, requires_grad=True)
    counted = torch.ones(1, 4, 6, dtype=torch.bool)
    loss = instance_loss(centres, offsets, MAP[1:], counted=counted)
    assert loss.item() == pytest.approx(CENTRE_WEIGHT)
    loss.backward()
    assert centres.grad is not None
    assert offsets.grad is not None
    assert not offsets.grad.any()


def test_a_full_frame_has_no_background() -> None:
    full = torch.full((1, 2, 2), 5)
    assert instance_targets(full).offsets[0, :, 0, 0].tolist() == [0.5, 0.5]
