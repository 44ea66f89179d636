"""Frames made of two."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mfpnet.mixing import mix_classes
from mfpnet.transforms import Augmentation, augment

VOID = 4


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(batch: int = 64) -> tuple[Tensor, Tensor]:
    """Each pixel tells its frame in channel 0 and its label in channel 1."""
    labels = torch.randint(0, VOID + 1, (batch, 12, 16), generator=generator(1))
    number = torch.arange(batch).view(-1, 1, 1).expand_as(labels)
    return torch.stack((number, labels), dim=1).float(), labels


def test_pixels_and_labels_go_together_and_stay_in_their_place() -> None:
    images, targets = frames()
    pixels, labels = mix_classes(images, targets, generator(), share=1.0, ignore_index=VOID)
    assert torch.equal(pixels[:, 1].long(), labels)
    source = pixels[:, 0].long()
    own = torch.arange(len(images)).view(-1, 1, 1)
    assert ((source == own) | (source == (own + 1) % len(images))).all()
    rows, columns = torch.arange(12).view(-1, 1), torch.arange(16)
    assert torch.equal(labels, targets[source, rows, columns])


def test_a_class_comes_whole_or_not_at_all_and_half_of_them_do() -> None:
    images, targets = frames()
    pixels, _ = mix_classes(images, targets, generator(), share=1.0, ignore_index=VOID)
    foreign = pixels[:, 0].long() != torch.arange(len(images)).view(-1, 1, 1)
    came = []
    for i in range(len(images)):
        there = targets[(i + 1) % len(images)]
        for label in range(VOID):
            parts = foreign[i][there == label]
            assert bool(parts.all()) or not bool(parts.any())
            came.append(bool(parts.any()))
        assert not bool(foreign[i][there == VOID].any())
    assert 0.4 < sum(came) / len(came) < 0.6


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_share_of_the_frames_is_mixed(share: float) -> None:
    images, targets = frames(400)
    pixels, _ = mix_classes(images, targets, generator(), share=share, ignore_index=VOID)
    mixed = (pixels != images).flatten(1).any(dim=1).float().mean()
    # A frame onto which none of the four classes comes stays as it is: one in sixteen.
    assert mixed == pytest.approx(share * 15 / 16, abs=0.07 if share else 0)


def test_a_frame_alone_is_left_alone() -> None:
    images, targets = frames(1)
    pixels, labels = mix_classes(images, targets, generator(), share=1.0, ignore_index=VOID)
    assert torch.equal(pixels, images)
    assert torch.equal(labels, targets)


def test_augmentation_mixes_last_and_as_the_seed_says() -> None:
    images = torch.randint(0, 256, (4, 3, 40, 48), dtype=torch.uint8, generator=generator(2))
    targets = torch.randint(0, VOID + 1, (4, 40, 48), generator=generator(3))

    def made(class_mix: float, seed: int = 5) -> tuple[Tensor, Tensor]:
        options = Augmentation((32, 40), (0.8, 1.2), colour=0.3, class_mix=class_mix)
        source, zero, one = generator(seed), torch.zeros(3), torch.ones(3)
        return augment(
            images, targets, options, mean=zero, std=one, ignore_index=VOID, generator=source
        )

    (plain, marks), (mixed, labels), (again, _), (other, _) = (
        made(0.0),
        made(1.0),
        made(1.0),
        made(1.0, seed=6),
    )
    assert torch.equal(mixed, again)
    assert not torch.equal(mixed, other)
    own, next_one = (mixed == plain).all(dim=1), (mixed == plain.roll(-1, 0)).all(dim=1)
    assert (own | next_one).all()
    assert torch.equal(labels, marks.roll(-1, 0).where(next_one & ~own, marks))
