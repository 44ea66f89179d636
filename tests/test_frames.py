from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
import torch

from mfpnet.errors import MfpnetError
from mfpnet.labels import CAMVID, LabelSet
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.training.frames import FrameStore, batches, check_watched, epoch_order, load_frames

CPU = torch.device("cpu")
Frame = tuple[Image, Labels]


@dataclass
class Frames:
    """A data set of given arrays."""

    frames: list[Frame]
    labels: LabelSet = CAMVID
    name: str = "given"
    split: str = "train"
    prefix: str = field(default="frame")

    def __len__(self) -> int:
        return len(self.frames)

    def frame_name(self, index: int) -> str:
        return f"{self.prefix}{index}"

    def sequence(self, index: int) -> str:
        return "drive"

    def load(self, index: int) -> Frame:
        return self.frames[index]

    def describe(self, index: int) -> str:
        return f"mask of {self.frame_name(index)}"


def frame(height: int, width: int, seed: int, label: int = 0) -> Frame:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return image, np.full((height, width), label, dtype=np.uint8)


def test_statistics_are_those_of_all_pixels() -> None:
    frames = [frame(4, 6, 0), frame(8, 3, 1), frame(5, 5, 2)]
    store = load_frames(Frames(frames), CPU)
    pixels = np.concatenate([image.reshape(-1, 3) for image, _ in frames]) / 255
    assert store.mean.numpy() == pytest.approx(pixels.mean(axis=0), abs=1e-6)
    assert store.std.numpy() == pytest.approx(pixels.std(axis=0), abs=1e-6)


def test_std_of_one_colour_can_be_divided_by() -> None:
    grey = np.full((4, 4, 3), 77, dtype=np.uint8)
    store = load_frames(Frames([(grey, np.zeros((4, 4), dtype=np.uint8))]), CPU)
    assert store.mean.tolist() == pytest.approx([77 / 255] * 3)
    assert bool((store.std > 1e-3).all())


def test_pixels_are_counted_without_void() -> None:
    image, target = frame(4, 4, 0)
    target[0] = 11
    target[1, :2] = 10
    store = load_frames(Frames([(image, target), frame(4, 4, 1, label=3)]), CPU)
    assert store.pixel_counts.tolist() == [10, 0, 0, 16, 0, 0, 0, 0, 0, 0, 2]
    assert store.pixel_counts.dtype == torch.int64


def test_frames_of_several_sizes_are_padded_where_they_meet() -> None:
    frames = [frame(4, 6, 0, label=1), frame(7, 3, 1, label=2), frame(5, 5, 2, label=3)]
    store = load_frames(Frames(frames), CPU)
    assert store.sizes.tolist() == [[4, 6], [7, 3], [5, 5]]
    assert (store.size, store.largest) == ((5, 5), (7, 6))
    images, targets, sizes = store.pick(torch.tensor([1, 0]))
    assert images.shape == (2, 3, 7, 6)
    assert images.dtype == targets.dtype == torch.uint8
    assert sizes.tolist() == [[7, 3], [4, 6]]
    for place, index in enumerate((1, 0)):
        image, target = frames[index]
        height, width = target.shape
        kept = images[place, :, :height, :width].permute(1, 2, 0)
        assert np.array_equal(kept.numpy(), image)
        inside = torch.zeros(7, 6, dtype=torch.bool)
        inside[:height, :width] = True
        assert bool((targets[place][inside] == index + 1).all())
        assert bool((targets[place][~inside] == 11).all())


def test_large_frames_are_scaled_down_to_their_shorter_side() -> None:
    frames = [frame(40, 60, 0), frame(30, 10, 1), frame(20, 20, 2)]
    store = load_frames(Frames(frames), CPU, shorter_side=20)
    assert store.sizes.tolist() == [[20, 30], [30, 10], [20, 20]]


def test_ignored_label_beyond_a_byte_fits() -> None:
    labels = dataclasses.replace(CAMVID, ignore_index=1000)
    store = load_frames(Frames([frame(4, 6, 0), frame(4, 4, 1)], labels=labels), CPU)
    assert int(store.pick(torch.tensor([0, 1]))[1].max()) == 1000


def test_progress_is_told_frame_by_frame() -> None:
    seen: list[int] = []
    load_frames(Frames([frame(4, 4, seed) for seed in range(3)]), CPU, on_frame=seen.append)
    assert seen == [1, 2, 3]


def test_empty_data_is_refused() -> None:
    with pytest.raises(MfpnetError, match="given train has no frames"):
        load_frames(Frames([]), CPU)


def test_bad_frame_is_refused() -> None:
    with pytest.raises(MfpnetError, match=r"mask of frame1: labels \[200\]"):
        load_frames(Frames([frame(4, 4, 0), frame(4, 4, 1, label=200)]), CPU)


def test_overlap_is_found_by_content() -> None:
    store = load_frames(Frames([frame(4, 4, 0), frame(4, 4, 1)]), CPU)
    watched = Frames([frame(4, 4, 9), frame(4, 4, 1)], name="other", split="test", prefix="eval")
    with pytest.raises(MfpnetError, match=r"1 of 2 .* other test .*eval1 is frame1") as caught:
        check_watched(store, watched)
    assert "--allow-overlap" in str(caught.value)
    check_watched(store, Frames([frame(4, 4, 9)]))


def test_synthetic_splits_do_not_overlap() -> None:
    store = load_frames(SyntheticStreets("train", 2, (32, 48)), CPU)
    check_watched(store, SyntheticStreets("val", 2, (32, 48)))


def test_order_is_a_permutation_of_seed_and_epoch() -> None:
    order = epoch_order(50, seed=3, epoch=7)
    assert sorted(order.tolist()) == list(range(50))
    torch.rand(5)
    assert torch.equal(order, epoch_order(50, seed=3, epoch=7))
    assert not torch.equal(order, epoch_order(50, seed=3, epoch=8))
    assert not torch.equal(order, epoch_order(50, seed=4, epoch=7))


@pytest.fixture(scope="module")
def store() -> FrameStore:
    return load_frames(Frames([frame(4, 4, seed, label=seed) for seed in range(7)]), CPU)


def labels_of(store: FrameStore, *, epoch: int, first: int = 0) -> list[list[int]]:
    found = batches(store, 2, seed=0, epoch=epoch, first=first)
    return [targets[:, 0, 0].tolist() for _, targets, _ in found]


def test_batches_hold_each_frame_once_and_drop_the_rest(store: FrameStore) -> None:
    seen = labels_of(store, epoch=0)
    assert [len(batch) for batch in seen] == [2, 2, 2]
    assert sorted(chain.from_iterable(seen)) == sorted(epoch_order(7, 0, 0)[:6].tolist())
    for images, targets, _ in batches(store, 2, seed=0, epoch=0):
        for image, target in zip(images, targets, strict=True):
            assert torch.equal(image, store.pick(target[0, :1].long())[0][0])


def test_an_epoch_goes_on_where_it_was_left(store: FrameStore) -> None:
    assert labels_of(store, epoch=4, first=1) == labels_of(store, epoch=4)[1:]
    assert labels_of(store, epoch=4, first=3) == []


def test_frames_are_brought_to_one_size_and_known_by_their_own() -> None:
    frames = [frame(40, 60, 0, label=1), frame(30, 30, 1, label=2)]
    seen = load_frames(Frames(frames), CPU, size=(20, 30))
    images, targets, _ = seen.pick(torch.arange(2))
    assert images.shape == (2, 3, 20, 30)
    assert set(targets.flatten().tolist()) == {1, 2}
    assert seen.pixel_counts.sum() == 2 * 20 * 30
    with pytest.raises(MfpnetError, match="frame1 is frame1"):
        check_watched(seen, Frames([frame(8, 8, 7), frames[1]]))
