"""A whole data set in memory as uint8 tensors, on the device that trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfpnet.datasets import Dataset, fingerprint, load_checked, pixel_counts
from mfpnet.errors import MfpnetError
from mfpnet.labels import LabelSet
from mfpnet.pictures import Image, Labels, resize_image, resize_labels


@dataclass(frozen=True)
class FrameStore:
    """Frames and targets, and what was counted while they were read.

    Attributes:
        images: (N, 3, H, W) uint8.
        targets: (N, H, W) uint8 or int32.
        labels: what the targets mean.
        pixel_counts: (C,) int64, void left out.
        mean: (3,) per channel, 0 to 1.
        std: (3,) likewise.
        fingerprints: hash of each frame -> its name.
    """

    images: Tensor
    targets: Tensor
    labels: LabelSet
    pixel_counts: Tensor
    mean: Tensor
    std: Tensor
    fingerprints: dict[bytes, str]

    def __len__(self) -> int:
        return self.images.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the frames."""
        return self.images.shape[2], self.images.shape[3]


def load_frames(
    dataset: Dataset,
    device: torch.device,
    *,
    size: tuple[int, int] | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> FrameStore:
    """Read and check a whole data set.

    Frames are brought to `size` (H, W) where it is given; otherwise smaller ones are padded to the
    largest, their targets with the ignored label.

    Raises:
        MfpnetError: a frame or its target is unusable, or the data set is empty.
    """
    if len(dataset) == 0:
        raise MfpnetError(f"{dataset.name} {dataset.split} has no frames.")
    images, targets, names = [], [], {}
    counts = np.zeros(dataset.labels.num_classes, dtype=np.int64)
    for index in range(len(dataset)):
        image, target = load_checked(dataset, index)
        names[fingerprint(image)] = dataset.frame_name(index)
        if size:
            image, target = resize_image(image, size), resize_labels(target, size)
        counts += pixel_counts(target, dataset.labels.num_classes)
        images.append(image)
        targets.append(target)
        if on_frame:
            on_frame(index + 1)
    mean, std = _statistics(images)
    pixels, marks = _stack(images, targets, dataset.labels.ignore_index)
    return FrameStore(
        images=pixels.to(device),
        targets=marks.to(device),
        labels=dataset.labels,
        pixel_counts=torch.from_numpy(counts),
        mean=mean,
        std=std,
        fingerprints=names,
    )


def check_watched(store: FrameStore, dataset: Dataset, *, allow_overlap: bool = False) -> None:
    """Make sure, before hours of training, that a data set can be evaluated on afterwards.

    Raises:
        MfpnetError: a frame or its target is unusable, the classes differ, or a frame is also
            trained on, whatever its name.
    """
    if dataset.labels != store.labels:
        raise MfpnetError(f"{dataset.name} has other classes than the training data.")
    shared = []
    for index in range(len(dataset)):
        image, _ = load_checked(dataset, index)
        if twin := store.fingerprints.get(fingerprint(image)):
            shared.append((dataset.frame_name(index), twin))
    if shared and not allow_overlap:
        raise MfpnetError(
            f"{len(shared)} of {len(dataset)} frames of {dataset.name} {dataset.split} are also "
            f"trained on: {shared[0][0]} is {shared[0][1]}. Evaluate on another split, or say "
            f"--allow-overlap."
        )


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """The order of the frames in an epoch: a function of seed and epoch alone, so it resumes."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def batches(
    store: FrameStore, batch_size: int, *, seed: int, epoch: int, first: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """The raw batches of an epoch from batch `first` on; a last incomplete one is left out."""
    order = epoch_order(len(store), seed, epoch).to(store.images.device)
    for number in range(first, len(store) // batch_size):
        chosen = order[number * batch_size : (number + 1) * batch_size]
        yield store.images[chosen], store.targets[chosen]


def _statistics(images: list[Image]) -> tuple[Tensor, Tensor]:
    pixels = sum(image.shape[0] * image.shape[1] for image in images)
    total, square = np.zeros(3), np.zeros(3)
    for image in images:
        values = image.reshape(-1, 3) / 255.0
        total += values.sum(axis=0)
        square += (values**2).sum(axis=0)
    mean = total / pixels
    std = np.sqrt(np.maximum(square / pixels - mean**2, 1e-4))
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(std, dtype=torch.float32)


def _stack(images: list[Image], targets: list[Labels], ignore_index: int) -> tuple[Tensor, Tensor]:
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    pixels = np.zeros((len(images), height, width, 3), dtype=np.uint8)
    largest = max(ignore_index, *(int(target.max()) for target in targets))
    kind = np.uint8 if largest < 256 else np.int32
    marks = np.full((len(images), height, width), ignore_index, dtype=kind)
    for index, (image, target) in enumerate(zip(images, targets, strict=True)):
        pixels[index, : image.shape[0], : image.shape[1]] = image
        marks[index, : target.shape[0], : target.shape[1]] = target
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(marks)
