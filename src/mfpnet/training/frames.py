"""A whole data set in memory in as few bytes as it needs, on the device that trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet.data.datasets import (
    Dataset,
    check_instances,
    fingerprint,
    load_checked,
    pixel_counts,
)
from mfpnet.errors import MfpnetError
from mfpnet.instances.pixel_codes import Codes, pixel_codes
from mfpnet.labels import LabelSet
from mfpnet.pixels.bands import mismatch
from mfpnet.pixels.format import RGB, PixelFormat, Raster, format_of, storable
from mfpnet.pixels.likeness import Album
from mfpnet.pixels.pictures import Labels
from mfpnet.pixels.resizing import resize_image, resize_labels

# Images (B, C, H, W), targets (B, H, W), and the (B, 2) height and width of each frame.
Frames = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class FrameStore:
    """Frames and targets, and what was counted while they were read.

    Attributes:
        images: (N, C, H, W) uint8, or one (C, h, w) for each frame where their sizes differ; of 16
            bits int16, lowered by 32768 (see `storable`).
        targets: (N, H, W) uint8 or int32; or one (h, w) for each frame; labels, or codes of labels
            and instances (see `pixel_codes`).
        sizes: (N, 2) height and width of each frame.
        labels: what the targets mean.
        pixel_counts: (C,) int64, void left out.
        mean: (channels,), 0 to 1.
        std: (channels,) likewise.
        format: the pixels of every frame.
        fingerprints: hash of each frame -> its name.
        album: what each frame looks like.
    """

    images: Tensor | list[Tensor]
    targets: Tensor | list[Tensor]
    sizes: Tensor
    labels: LabelSet
    pixel_counts: Tensor
    mean: Tensor
    std: Tensor
    fingerprints: dict[bytes, str]
    album: Album
    format: PixelFormat = RGB

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of a typical frame: the median of each, of frames of one size theirs."""
        height, width = self.sizes.median(dim=0).values.tolist()
        return int(height), int(width)

    @property
    def smallest(self) -> tuple[int, int]:
        """(H, W) that fits into every frame."""
        height, width = self.sizes.amin(dim=0).tolist()
        return int(height), int(width)

    @property
    def largest(self) -> tuple[int, int]:
        """(H, W) into which every frame fits."""
        height, width = self.sizes.amax(dim=0).tolist()
        return int(height), int(width)

    def pick(self, chosen: Tensor) -> Frames:
        """Some frames as one batch; of several sizes with padding below and to the right.

        Args:
            chosen: (B,) indices.
        """
        sizes = self.sizes[chosen]
        if isinstance(self.images, Tensor) and isinstance(self.targets, Tensor):
            there = chosen.to(self.images.device, non_blocking=True)
            return self.images[there], self.targets[there], sizes
        height, width = sizes.amax(dim=0).tolist()
        picked = [
            torch.stack([_padded(frames[i], (height, width), void) for i in chosen.tolist()])
            for frames, void in ((self.images, 0), (self.targets, self.labels.ignore_index))
        ]
        return picked[0], picked[1], sizes


def _padded(frame: Tensor, size: tuple[int, int], value: int) -> Tensor:
    below, beside = size[0] - frame.shape[-2], size[1] - frame.shape[-1]
    return F.pad(frame, (0, beside, 0, below), value=value)


def load_frames(
    dataset: Dataset,
    device: torch.device,
    *,
    size: tuple[int, int] | None = None,
    shorter_side: int | None = None,
    instances: bool = False,
    on_frame: Callable[[int], None] | None = None,
) -> FrameStore:
    """Read and check a whole data set.

    Frames are brought to `size` (H, W) where it is given. Otherwise those whose shorter side is
    longer than `shorter_side` are scaled down to it. With `instances`, targets are codes.

    Raises:
        MfpnetError: a frame or its target is unusable, the data set is empty, or it does not tell
            the objects apart that are asked for.
    """
    if len(dataset) == 0:
        raise MfpnetError(f"{dataset.name} {dataset.split} has no frames.")
    apart = check_instances(dataset) if instances else None
    images: list[Raster] = []
    targets: list[Labels | Codes] = []
    names, album = {}, Album()
    counts = np.zeros(dataset.labels.num_classes, dtype=np.int64)
    for index in range(len(dataset)):
        image, target = load_checked(dataset, index)
        if images and format_of(image) != format_of(images[0]):
            called = f"frame {dataset.frame_name(index)} of {dataset.name}"
            raise mismatch(called, format_of(image), format_of(images[0]))
        names[fingerprint(image)] = dataset.frame_name(index)
        album.add(image, dataset.frame_name(index))
        wanted = size or _fitting(target.shape, shorter_side)
        image, target = resize_image(image, wanted), resize_labels(target, wanted)
        counts += pixel_counts(target, dataset.labels.num_classes)
        images.append(image)
        numbers = apart and resize_labels(apart(index), wanted)
        targets.append(target if numbers is None else pixel_codes(target, numbers))
        if on_frame:
            on_frame(index + 1)
    mean, std = _statistics(images)
    pixels, marks = _tensors(images, targets, dataset.labels.ignore_index, device)
    return FrameStore(
        images=pixels,
        targets=marks,
        sizes=torch.tensor([target.shape for target in targets]),
        labels=dataset.labels,
        pixel_counts=torch.from_numpy(counts),
        mean=mean,
        std=std,
        fingerprints=names,
        album=album,
        format=format_of(images[0]),
    )


def check_watched(store: FrameStore, dataset: Dataset, *, allow_overlap: bool = False) -> None:
    """Make sure, before hours of training, that a data set can be evaluated on afterwards.

    Raises:
        MfpnetError: a frame or its target is unusable, the classes differ, or a frame is also
            trained on, under whatever name, or saved again in another size or compression.
    """
    if dataset.labels != store.labels:
        raise MfpnetError(f"{dataset.name} has other classes than the training data.")
    shared = []
    for index in range(len(dataset)):
        image, _ = load_checked(dataset, index)
        if twin := store.fingerprints.get(fingerprint(image)) or store.album.known(image):
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
) -> Iterator[Frames]:
    """The raw batches of an epoch from batch `first` on; a last incomplete one is left out."""
    order = epoch_order(len(store), seed, epoch)
    for number in range(first, len(store) // batch_size):
        yield store.pick(order[number * batch_size : (number + 1) * batch_size])


def _statistics(images: list[Raster]) -> tuple[Tensor, Tensor]:
    pixels = sum(image.shape[0] * image.shape[1] for image in images)
    frames = format_of(images[0])
    total, square = np.zeros(frames.channels), np.zeros(frames.channels)
    for image in images:
        values = image.reshape(-1, frames.channels) / float(frames.highest)
        total += values.sum(axis=0)
        square += (values**2).sum(axis=0)
    mean = total / pixels
    # A constant channel has no deviation; sensors use few of their 16 bits, so there it is small.
    least = 1e-4 if frames.bits == 8 else frames.highest**-2.0
    std = np.sqrt(np.maximum(square / pixels - mean**2, least))
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(std, dtype=torch.float32)


def _fitting(size: tuple[int, ...], shorter_side: int | None) -> tuple[int, int]:
    """The (H, W) with a shorter side of at most so many pixels."""
    factor = min(1.0, (shorter_side or min(size)) / min(size))
    return round(size[0] * factor), round(size[1] * factor)


def _tensors(
    images: list[Raster], targets: list[Labels | Codes], ignore_index: int, device: torch.device
) -> tuple[Tensor | list[Tensor], Tensor | list[Tensor]]:
    """On the device, as one tensor each where all frames have one size."""
    largest = max(ignore_index, *(int(target.max()) for target in targets))
    kind = np.uint8 if largest < 256 else np.int32
    pixels = (torch.tensor(storable(image)).permute(2, 0, 1) for image in images)
    marks = (torch.from_numpy(target.astype(kind)) for target in targets)
    if len({target.shape for target in targets}) > 1:
        return [each.contiguous().to(device) for each in pixels], [e.to(device) for e in marks]
    return _filled(pixels, len(images), device), _filled(marks, len(targets), device)


def _filled(frames: Iterable[Tensor], count: int, device: torch.device) -> Tensor:
    """One tensor of frames, without a second copy of all of them on the way."""
    for number, frame in enumerate(frames):
        if number == 0:
            together = torch.empty((count, *frame.shape), dtype=frame.dtype, device=device)
        together[number] = frame
    return together
