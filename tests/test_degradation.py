"""Blur and noise of training frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from mfpnet.degradation import _blurred, degrade

SIDE = 64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(batch: int = 200, channels: int = 3) -> torch.Tensor:
    return torch.rand(batch, channels, 16, 20, generator=generator(1))


def test_nothing_asked_nothing_changed_and_no_number_drawn() -> None:
    source = generator()
    images = frames()
    assert degrade(images, source, blur=0, noise=0) is images
    assert torch.equal(source.get_state(), generator().get_state())


def test_noise_has_up_to_its_deviation_on_half_of_the_frames() -> None:
    grey = torch.full((400, 3, 32, 32), 0.5)
    found = degrade(grey, generator(), blur=0, noise=0.1).std(dim=(1, 2, 3))
    clean = found == 0
    assert 0.4 < clean.float().mean() < 0.6
    assert 0.09 < found.max() < 0.103
    assert 0.045 < found[~clean].mean() < 0.055  # drawn evenly
    assert found[~clean].min() < 0.01


def test_noise_stays_between_black_and_white() -> None:
    found = degrade(frames(), generator(), blur=0, noise=0.5)
    assert found.min() == 0
    assert found.max() == 1


def test_noise_is_a_share_of_each_channels_white() -> None:
    white = torch.tensor([1.0, 0.1])
    dim = torch.full((100, 2, 32, 32), 0.05) + torch.tensor([0.45, 0.0])[:, None, None]
    found = degrade(dim, generator(), blur=0, noise=0.1, white=white).std(dim=(2, 3))
    noisy = found[:, 0] > 0
    torch.testing.assert_close(found[noisy, 1], found[noisy, 0] * 0.1, rtol=0.15, atol=0)


@pytest.mark.parametrize("deviation", [0.6, 1.0, 2.5])
def test_blur_is_a_gaussian(deviation: float) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    image = torch.from_numpy(picture)[None, None] / 255
    found = _blurred(image, torch.tensor([deviation]))[0, 0]
    impulse = torch.zeros(1, 1, 41, 41)
    impulse[..., 20, 20] = 1
    spread = _blurred(impulse, torch.tensor([deviation]))[0, 0]
    variance = (spread.sum(dim=1) * (torch.arange(41) - 20.0) ** 2).sum()
    assert float(spread.sum()) == pytest.approx(1)
    # The kernel ends at 2.5 deviations, which cuts a little off its variance.
    assert 0.85 * deviation**2 < float(variance) < 1.02 * deviation**2
    pillow = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(deviation))
    difference = np.abs(np.asarray(pillow) / 255 - found.numpy())[4:-4, 4:-4]
    assert difference.mean() < 0.02  # Pillow's is made of boxes


def test_frames_are_blurred_by_up_to_the_deviation_each_by_itself() -> None:
    images = torch.rand(100, 1, SIDE, SIDE, generator=generator(2)).repeat(1, 3, 1, 1)
    found = degrade(images, generator(), blur=2.0, noise=0)
    kept = (found - images).abs().amax(dim=(1, 2, 3)) < 1e-6
    assert 0.35 < kept.float().mean() < 0.65
    contrasts = found[~kept].std(dim=(1, 2, 3))
    assert len(set(contrasts.tolist())) == len(contrasts)
    assert contrasts.max() / contrasts.min() > 3
    torch.testing.assert_close(found[:, 0], found[:, 2])


def test_even_areas_stay_even_to_the_edge() -> None:
    even = torch.full((8, 3, 24, 24), 0.3)
    torch.testing.assert_close(degrade(even, generator(), blur=3.0, noise=0), even)


def test_a_seed_decides_everything() -> None:
    images = frames(8)
    first, again, other = (
        degrade(images, generator(seed), blur=1.0, noise=0.1) for seed in (4, 4, 5)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
