from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mfpnet.transforms import Augmentation, augment, normalise

SIZE, VOID, STEP = (40, 50), 65535, 5
ZERO, ONE = torch.zeros(3), torch.ones(3)


def ramp(batch: int = 1) -> tuple[Tensor, Tensor]:
    """Frames whose colour says where a pixel is, as its label does: row * 256 + column."""
    rows = torch.arange(SIZE[0])[:, None].expand(SIZE)
    columns = torch.arange(SIZE[1])[None].expand(SIZE)
    image = torch.stack((rows * STEP, columns * STEP, rows * 0 + 128)).to(torch.uint8)
    return image.repeat(batch, 1, 1, 1), (rows * 256 + columns).repeat(batch, 1, 1)


def noise(batch: int = 2, channels: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (batch, channels, *SIZE), generator=generator)
    targets = torch.randint(0, 11, (batch, *SIZE), generator=generator)
    return images.to(torch.uint8), targets


def run(
    frames: tuple[Tensor, Tensor],
    options: Augmentation,
    *,
    seed: int = 0,
    mean: Tensor = ZERO,
    std: Tensor = ONE,
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return augment(*frames, options, mean=mean, std=std, ignore_index=VOID, generator=generator)


def test_normalising_bytes_and_floats_is_the_same() -> None:
    images, _ = noise()
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
    normed = normalise(images, mean, std)
    assert normed.dtype == torch.float32
    torch.testing.assert_close(normed, normalise(images.float() / 255, mean, std))
    for c in range(3):
        expected = (images[:, c] / 255 - mean[c]) / std[c]
        torch.testing.assert_close(normed[:, c], expected)


def test_nothing_asked_nothing_changed() -> None:
    images, targets = noise()
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
    pixels, labels = run((images, targets), Augmentation(SIZE, flip=False), mean=mean, std=std)
    assert (pixels.dtype, labels.dtype) == (torch.float32, torch.int64)
    torch.testing.assert_close(pixels, normalise(images, mean, std), atol=1e-3, rtol=0)
    assert torch.equal(labels, targets)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_of_any_integer_type_become_int64(dtype: torch.dtype) -> None:
    images, targets = noise()
    _, labels = run((images, targets.to(dtype)), Augmentation(SIZE, flip=False))
    assert torch.equal(labels, targets)


def test_a_flip_mirrors_about_half_of_the_frames() -> None:
    images, targets = noise(batch=1)
    pixels, labels = run((images.repeat(64, 1, 1, 1), targets.repeat(64, 1, 1)), Augmentation(SIZE))
    mirrored = 0
    for frame, marks in zip(pixels, labels, strict=True):
        flipped = not torch.equal(marks, targets[0])
        mirrored += flipped
        expected, source = (x.flip(-1) if flipped else x for x in (targets[0], images[0]))
        assert torch.equal(marks, expected)
        torch.testing.assert_close(frame, source / 255, atol=1e-3, rtol=0)
    assert 20 <= mirrored <= 44


def positions(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Where in its frame each pixel of a ramp was read, rows and columns, in pixels."""
    return pixels[:, 0] * 255 / STEP + 0.5, pixels[:, 1] * 255 / STEP + 0.5


@pytest.mark.parametrize("scale", [(0.5, 0.5), (1.0, 1.0), (1.7, 1.7), (0.6, 3.0)])
@pytest.mark.parametrize("crop_size", [(40, 50), (24, 31)])
def test_labels_stay_on_their_pixels(
    scale: tuple[float, float], crop_size: tuple[int, int]
) -> None:
    pixels, labels = run(ramp(16), Augmentation(crop_size, scale))
    assert pixels.shape == (16, 3, *crop_size)
    assert labels.shape == (16, *crop_size)
    rows, columns = positions(pixels)
    inside = labels != VOID
    assert inside.float().mean() > 0.2
    # A label is that of the source pixel that holds the position; its centre is half a pixel on.
    off_row = (rows - (labels // 256 + 0.5))[inside]
    off_column = (columns - (labels % 256 + 0.5))[inside]
    assert off_row.abs().max() < 0.502
    assert off_column.abs().max() < 0.502


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_scale_is_the_distance_between_pixels(scale: float) -> None:
    pixels, labels = run(ramp(4), Augmentation((20, 20), (scale, scale), flip=False))
    rows, columns = positions(pixels)
    inside = labels != VOID
    steps_down = (rows[:, 1:] - rows[:, :-1])[inside[:, 1:] & inside[:, :-1]]
    steps_right = (columns[..., 1:] - columns[..., :-1])[inside[..., 1:] & inside[..., :-1]]
    for steps in (steps_down, steps_right):
        assert steps.median().item() == pytest.approx(1 / scale, abs=1e-3)


def test_a_frame_smaller_than_its_crop_is_all_inside_it() -> None:
    options = Augmentation((64, 80), (1.0, 1.0), flip=False)
    _, targets = frames = ramp(6)
    _, labels = run(frames, options)
    for marks, expected in zip(labels, targets, strict=True):
        counted = marks[marks != VOID]
        assert torch.isin(expected[1:-1, 1:-1], counted).all()
        assert abs(len(counted) - 40 * 50) <= 90


def test_outside_is_zero_and_ignored() -> None:
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
    options = Augmentation(SIZE, (0.5, 0.5), colour=0.5)
    images = torch.full((8, 3, *SIZE), 255, dtype=torch.uint8)
    pixels, labels = run((images, torch.full((8, *SIZE), 7)), options, mean=mean, std=std)
    outside = labels == VOID
    assert outside.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert (labels[~outside] == 7).all()
    assert (pixels.abs().sum(dim=1)[outside] == 0).all()
    assert (pixels.abs().sum(dim=1)[~outside] > 0).all()


def test_an_enlarged_frame_fills_the_crop() -> None:
    _, labels = run(ramp(16), Augmentation(SIZE, (1.0, 2.0)))
    assert (labels != VOID).all()


def test_scales_are_spread_evenly_in_the_logarithm() -> None:
    pixels, labels = run(ramp(256), Augmentation((8, 8), (0.5, 2.0), flip=False))
    middle = (labels[:, 3:5] != VOID).all(dim=(1, 2))
    rows, _ = positions(pixels)
    scales = 1 / (rows[:, 4, 4] - rows[:, 3, 4])[middle]
    clear = scales[(scales > 0.45) & (scales < 2.1)]
    assert clear.min() < 0.6
    assert clear.max() > 1.7
    assert (clear < 1).float().mean().item() == pytest.approx(0.5, abs=0.12)


def test_a_seed_decides_everything() -> None:
    options = Augmentation((24, 32), (0.7, 1.6), colour=0.3)
    first, again, other = (run(noise(), options, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[1], other[1])


def test_each_frame_of_a_batch_goes_its_own_way() -> None:
    pixels, labels = run(ramp(4), Augmentation((24, 32), (0.7, 1.6), colour=0.3))
    for i in range(4):
        for j in range(i):
            assert not torch.equal(pixels[i], pixels[j])
            assert not torch.equal(labels[i], labels[j])


def test_crops_lie_anywhere_in_the_frame() -> None:
    _, labels = run(ramp(400), Augmentation((24, 32), flip=False))
    corner = labels[:, 0, 0]
    assert set((corner // 256).tolist()) == set(range(40 - 24 + 1))
    assert set((corner % 256).tolist()) == set(range(50 - 32 + 1))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_colours_change_within_their_range_and_move_nothing(channels: int) -> None:
    frames = noise(batch=8, channels=channels)
    plain, strong = (Augmentation(SIZE, (0.7, 1.4), colour=c) for c in (0.0, 0.8))
    mean, std = torch.zeros(channels), torch.ones(channels)
    before, labels = run(frames, plain, mean=mean, std=std)
    after, same = run(frames, strong, mean=mean, std=std)
    assert torch.equal(labels, same)
    assert after.min() >= 0
    assert after.max() <= 1
    inside = labels != VOID
    change = (after - before).abs().mean(dim=1)
    assert all(change[i][inside[i]].mean() > 0.02 for i in range(8))


def test_what_lies_outside_the_frame_gets_no_noise() -> None:
    options = Augmentation((48, 60), (0.5, 0.5), blur=1.0, noise=0.2)
    pixels, labels = run(noise(batch=8), options)
    outside = labels == VOID
    assert outside.any()
    assert not pixels.movedim(1, 3)[outside].any()


def test_degradation_moves_nothing() -> None:
    plain, degraded = (Augmentation(SIZE, (0.7, 1.4), noise=level) for level in (0.0, 0.2))
    (before, labels), (after, same) = run(noise(8), plain), run(noise(8), degraded)
    assert torch.equal(labels, same)
    changed = (after - before).abs().amax(dim=(1, 2, 3)) > 0
    assert 0 < changed.sum() < 8


def test_colour_changes_the_frames_differently() -> None:
    images = torch.full((6, 3, *SIZE), 100, dtype=torch.uint8)
    options = Augmentation(SIZE, colour=0.4)
    pixels, _ = run((images, torch.zeros(6, *SIZE, dtype=torch.long)), options)
    levels = pixels.mean(dim=(1, 2, 3))
    assert len({round(level, 4) for level in levels.tolist()}) == 6
    # A grey frame stays grey: saturation has nothing to work on.
    torch.testing.assert_close(pixels.std(dim=1), torch.zeros(6, *SIZE), atol=1e-5, rtol=0)


def test_the_frames_themselves_are_not_changed() -> None:
    frames = noise()
    copies = [x.clone() for x in frames]
    run(frames, Augmentation((24, 32), (0.7, 1.6), colour=0.3))
    assert torch.equal(frames[0], copies[0])
    assert torch.equal(frames[1], copies[1])


def rare_frames(batch: int) -> tuple[Tensor, Tensor]:
    """Frames with a single pixel of class 1 and a large patch of class 2."""
    images, _ = noise(batch)
    targets = torch.zeros(batch, *SIZE, dtype=torch.int64)
    targets[:, 3, 47] = 1
    targets[:, 20:, :20] = 2
    return images, targets


def test_aimed_crops_hold_what_is_sought() -> None:
    options = Augmentation((16, 16), (0.8, 1.0), sought=(1,), sought_share=1.0)
    _, labels = run(rare_frames(64), options)
    # A scaled crop samples between pixels, so that a single one can fall through.
    assert (labels == 1).flatten(1).any(dim=1).float().mean() > 0.6
    _, blind = run(rare_frames(64), Augmentation((16, 16), (0.8, 1.0)))
    assert (blind == 1).flatten(1).any(dim=1).float().mean() < 0.2


def test_aimed_crops_at_the_frames_own_scale_always_hold_it_and_stay_inside() -> None:
    options = Augmentation((16, 16), flip=False, sought=(1,), sought_share=1.0)
    pixels, labels = run(rare_frames(64), options)
    assert (labels == 1).flatten(1).sum(dim=1).tolist() == [1] * 64
    assert (labels != VOID).all()
    assert pixels.shape == (64, 3, 16, 16)


def test_each_sought_class_is_aimed_at_as_often_as_another() -> None:
    options = Augmentation((4, 4), flip=False, sought=(1, 2, 7), sought_share=1.0)
    _, labels = run(rare_frames(400), options)
    share = (labels == 1).flatten(1).any(dim=1).float().mean().item()
    assert share == pytest.approx(0.5, abs=0.08)
    assert ((labels == 1) | (labels == 2)).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_only_the_asked_share_is_aimed(share: float) -> None:
    options = Augmentation((4, 4), flip=False, sought=(1,), sought_share=share)
    _, labels = run(rare_frames(400), options)
    assert (labels == 1).flatten(1).any(dim=1).float().mean().item() == pytest.approx(
        share, abs=0.08
    )


def test_a_frame_without_what_is_sought_is_cropped_anywhere() -> None:
    images, targets = noise(32)
    options = Augmentation((8, 8), flip=False, sought=(60,), sought_share=1.0)
    plain = Augmentation((8, 8), flip=False)
    starts = [run((images, targets), o)[1] for o in (options, plain)]
    assert (starts[0] != VOID).all()
    assert len({tuple(labels.flatten().tolist()) for labels in starts[0]}) > 16


def test_a_crop_larger_than_the_frame_still_holds_all_of_it() -> None:
    options = Augmentation((60, 70), flip=False, sought=(1,), sought_share=1.0)
    _, labels = run(rare_frames(8), options)
    assert ((labels == 1).flatten(1).sum(dim=1) == 1).all()
    assert ((labels != VOID).flatten(1).sum(dim=1) == SIZE[0] * SIZE[1]).all()


@pytest.mark.parametrize("crop", [(30, 24), (60, 80)])
def test_nothing_of_a_frames_padding_is_seen(crop: tuple[int, int]) -> None:
    images, targets = ramp(32)
    sizes = torch.tensor([[20, 30], [40, 12]] * 16)
    for frame, marks, (height, width) in zip(images, targets, sizes.tolist(), strict=True):
        frame[:, height:] = frame[:, :, width:] = 255
        marks[height:] = marks[:, width:] = 7
    options = Augmentation(crop, scale=(0.5, 2.0))
    generator = torch.Generator().manual_seed(3)
    pixels, labels = augment(
        images,
        targets,
        options,
        mean=ZERO,
        std=ONE,
        ignore_index=VOID,
        generator=generator,
        sizes=sizes,
    )
    for frame, marks, (height, width) in zip(pixels, labels, sizes.tolist(), strict=True):
        inside = marks != VOID
        assert bool(inside.any())
        rows, columns = marks[inside] // 256, marks[inside] % 256
        assert int(rows.max()) < height
        assert int(columns.max()) < width
        assert float(frame[0][inside].max()) * 255 <= (height - 1) * STEP + 1e-3
        assert not bool(frame[:, ~inside].any())
