"""An exported file against the network it came from: the same pictures through both."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfpnet.data.datasets import Dataset
from mfpnet.errors import MfpnetError
from mfpnet.exporting.deployed import info_of
from mfpnet.info import ModelInfo
from mfpnet.pixels.format import RGB, Raster, format_of, storable
from mfpnet.pixels.pictures import Image
from mfpnet.pixels.resizing import resize_image
from mfpnet.runtimes.backends import Backend
from mfpnet.runtimes.manifest import Manifest, Pixels
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.transforms import normalise
from mfpnet.variants import Network

# The least share of pixels with the network's own label.
EQUAL_LABELS = {"fp32": 0.999, "fp16": 0.995}
# The largest difference of logits, as a share of the largest logit.
DIFFERENCE = {"fp32": 1e-3, "fp16": 5e-2}

# Beside the size of the training frames: odd sides, and a strip.
_SIZES = ((97, 131), (64, 200))


@dataclass(frozen=True)
class Check:
    """What one batch came to.

    Attributes:
        size: (H, W) of its pictures.
        equal_labels: share of the pixels with equal labels, 0 to 1.
        max_difference: of the logits; None where the file gives labels.
        largest_logit: of the network, by magnitude.
    """

    size: tuple[int, int]
    equal_labels: float
    max_difference: float | None
    largest_logit: float

    def holds(self, precision: str) -> bool:
        """Whether it is within the limits of `EQUAL_LABELS` and `DIFFERENCE`."""
        difference = 0.0 if self.max_difference is None else self.max_difference
        near = difference <= DIFFERENCE[precision] * self.largest_logit
        return near and self.equal_labels >= EQUAL_LABELS[precision]


def check_sizes(manifest: Manifest) -> list[tuple[int, int]]:
    """Three sizes at which to compare: unlike each other where the file takes any."""
    if manifest.size is not None:
        return [manifest.size] * 3
    return [*_SIZES, manifest.info.input_size]


def compare(model: Network, backend: Backend, batches: Iterable[Raster]) -> list[Check]:
    """Run batches of pictures, (N, H, W, channels), through the network and the file.

    Raises:
        MfpnetError: the file gives something of another shape or type than it says.
    """
    info_of(model)
    reference = copy.deepcopy(model).cpu().float().eval()
    return [_compared(reference, backend, batch) for batch in batches]


def street_batches(
    sizes: Sequence[tuple[int, int]], batch: int, info: ModelInfo | None = None
) -> Iterator[Raster]:
    """Drawn streets of each size: unlike noise, they have clear labels and borders.

    For a network with `info` they have its channels and bits.
    """
    for number, size in enumerate(sizes):
        seeds = range(number * batch, (number + 1) * batch)
        pictures = np.stack([draw_scene(seed, size).image for seed in seeds])
        yield pictures if info is None or info.format == RGB else _translated(pictures, info)


def _translated(pictures: Image, info: ModelInfo) -> Raster:
    """RGB (N, H, W, 3) in other channels, each in the range that the network knows of it."""
    channels = [pictures[..., number % 3] / 255.0 for number in range(info.format.channels)]
    unit = np.stack(channels, axis=-1)
    unit = (unit - unit.mean()) / max(float(unit.std()), 1e-3) * np.array(info.std)
    values = (unit + np.array(info.mean)).clip(0, 1) * info.format.highest
    translated: Raster = np.rint(values).astype(info.format.dtype)
    return translated


def frame_batches(data: Dataset, size: tuple[int, int] | None, batch: int) -> Iterator[Raster]:
    """All frames of a data set, (N, H, W, channels); the last is repeated to fill a batch.

    They are scaled to (H, W), or without it to the size of their batch's first frame.
    """
    last = len(data) - 1
    for first in range(0, len(data), batch):
        frames = [data.load(min(first + place, last))[0] for place in range(batch)]
        wanted = size or (frames[0].shape[0], frames[0].shape[1])
        yield np.stack([resize_image(frame, wanted) for frame in frames])


def overall(checks: Sequence[Check]) -> Check:
    """Many checks of one size as one: the mean share of equal labels, the largest difference."""
    differences = [check.max_difference for check in checks if check.max_difference is not None]
    return Check(
        checks[0].size,
        float(np.mean([check.equal_labels for check in checks])),
        float(np.max(differences)) if differences else None,
        float(np.max([check.largest_logit for check in checks])),
    )


def as_input(pictures: Raster, pixels: Pixels) -> npt.NDArray[np.uint8 | np.uint16 | np.float32]:
    """Pictures (N, H, W, channels), uint8 or uint16, as an exported file takes them."""
    if pixels != "float":
        return pictures
    highest = np.float32(format_of(pictures).highest)
    planes = np.moveaxis(pictures, -1, 1).astype(np.float32) / highest
    return np.ascontiguousarray(planes)


def eager_logits(model: Network, pictures: Raster) -> Tensor:
    """The network's own logits (N, C, H, W) for pictures (N, H, W, channels)."""
    info = info_of(model)
    images = torch.tensor(storable(pictures)).permute(0, 3, 1, 2)
    with torch.no_grad():
        logits: Tensor = model(normalise(images, torch.tensor(info.mean), torch.tensor(info.std)))
    return logits


def _compared(model: Network, backend: Backend, pictures: Raster) -> Check:
    manifest = manifest_of(backend)
    expected = eager_logits(model, pictures).numpy()
    found = backend.run(as_input(pictures, manifest.pixels))
    labels, difference = expected.argmax(axis=1), None
    wanted = labels if manifest.output == "labels" else expected
    if found.shape != wanted.shape:
        raise MfpnetError(
            f"the exported file gives {manifest.output} of shape {found.shape} and not "
            f"{wanted.shape}: this is a fault of the export, please report it."
        )
    if manifest.output == "logits":
        difference = float(np.abs(found - expected).max())
        found = found.argmax(axis=1)
    size = (labels.shape[1], labels.shape[2])
    equal = float((found == labels).mean())
    return Check(size, equal, difference, float(np.abs(expected).max()))


def manifest_of(backend: Backend) -> Manifest:
    """What the opened file says of itself.

    Raises:
        MfpnetError: nothing.
    """
    if backend.manifest is None:
        raise MfpnetError("the exported file has no manifest, so nobody knows what it takes.")
    return backend.manifest
