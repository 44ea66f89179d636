"""What one pixel's logit depends on: its gradient over the picture, by distance and by class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.studies.convolutions_alone import convolutions_alone
from mfpnet.studies.field import seen_interval

Map = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]
Pixel = tuple[int, int]

# The ways by which a gradient may pass from pixel to pixel.
WAYS = ("convolutions", "convolutions_and_graphs", "all_ways")
STRIP_ROWS = 256
# A class with fewer of the pixels that are looked at has no share worth a ratio.
_LEAST_SHARE = 0.005


def open_ways(network: MFPNet, way: str) -> AbstractContextManager[None]:
    """Within it, a gradient passes by one of `WAYS` only; what is computed stays the same."""
    if way == "all_ways":
        return nullcontext()
    return convolutions_alone(network, graphs=way == "convolutions_and_graphs")


def gradients(
    network: MFPNet, image: Tensor, pixels: Sequence[Pixel], way: str
) -> Iterator[Tensor]:
    """For each pixel the gradient of its winning class's logit by an image (1, C, H, W): (C, H, W).

    What is computed is the same in each of `WAYS`, so that gradients of one pixel can be taken from
    one another.
    """
    given = image.detach().clone().requires_grad_()
    with torch.enable_grad(), open_ways(network, way):
        logits = network(given)[0]
    for row, column in pixels:
        logit = logits[:, row, column].max()
        (gradient,) = torch.autograd.grad(logit, given, retain_graph=True)
        yield gradient[0]


def weights_of(gradient: Tensor) -> Map:
    """The absolute values, over all channels: (C, H, W) -> (H, W) that sums to 1, or to 0."""
    weights = gradient.abs().sum(dim=0).double()
    return (weights / weights.sum().clamp(min=1e-30)).cpu().numpy()


def distances(pixel: Pixel, size: tuple[int, int]) -> Labels:
    """From a pixel to all of (H, W): the larger of rows and columns, as fields are square."""
    rows, columns = (np.abs(np.arange(side) - at) for side, at in zip(size, pixel, strict=True))
    return np.maximum(rows[:, None], columns[None])


def radius_of(weights: Map, far: Labels, share: float) -> int:
    """The least distance within which this share of the weights (H, W) lies."""
    within = np.cumsum(np.bincount(far.ravel(), weights=weights.ravel()))
    return int(np.searchsorted(within, share * within[-1]))


def attraction(weights: Map, there: Mask, classes: Labels, num_classes: int) -> list[float | None]:
    """For each class, its share of the weights by its share of the pixels, of those that are there.

    1 where a class has as much of the gradient as it has of the pixels, None where it has less than
    0.5 % of the pixels, or no weight is there at all. Classes from `num_classes` on do not count.
    """
    counted = there & (classes < num_classes)
    pixels = np.bincount(classes[counted], minlength=num_classes).astype(float)
    pull = np.bincount(classes[counted], weights=weights[counted], minlength=num_classes)
    if not pull.sum():
        return [None] * num_classes
    shares, pulls = pixels / pixels.sum(), pull / pull.sum()
    return [
        float(p / share) if share >= _LEAST_SHARE else None
        for p, share in zip(pulls, shares, strict=True)
    ]


def sample_pixels(
    predicted: Labels, classes: Labels, num_classes: int, number: int, seed: int = 0
) -> list[Pixel]:
    """Pixels that are predicted as what they are, in turn from each class that there is.

    Where not a single one is right, in turn from each class that is predicted.
    """
    right = predicted == classes if (predicted == classes).any() else np.True_
    generator = np.random.default_rng(seed)
    places = [np.argwhere(right & (predicted == c)) for c in range(num_classes)]
    queues = [generator.permutation(each)[:number] for each in places if len(each)]
    turns = (queue[turn] for turn in range(number) for queue in queues if turn < len(queue))
    return [(int(row), int(column)) for row, column in turns][:number]


@dataclass(frozen=True)
class Strip:
    """A picture and its mirror images in turn, side by side, wider than the convolutions' field.

    Attributes:
        image: (1, C, height, width).
        rows: the first row of the picture that is in it, and the one after the last.
        columns: of the picture that stands first.
    """

    image: Tensor
    rows: tuple[int, int]
    columns: int

    def repeated(self, labels: Labels) -> Labels:
        """(H, W) labels of the picture, cut and side by side as the picture is."""
        return labels[slice(*self.rows), _mirrored(labels.shape[1], self.image.shape[3])]


def strip_of(config: MFPNetConfig, image: Tensor) -> Strip:
    """A strip in which each pixel of the first picture has a picture's width beyond its field.

    Of a picture with more than 256 rows those in the middle are taken, to spare memory and time.
    """
    height, width = image.shape[2:]
    step = 2 * max(config.strides)
    needed = -(-(last_column_seen(config, width - 1) + 1 + width) // step) * step
    first = max(height - STRIP_ROWS, 0) // 2
    rows = (first, min(first + STRIP_ROWS, height))
    return Strip(image[..., slice(*rows), _mirrored(width, needed)], rows, width)


def last_column_seen(config: MFPNetConfig, column: int) -> int:
    """The last column of the image that convolutions bring to a column of the logits.

    Borders are left out of account, and sizes that the strides do not divide.
    """
    stride = config.strides[0]
    # The logits are enlarged bilinearly, pixels lying at the middle of their squares.
    position = int(np.floor((column + 0.5) / stride - 0.5))
    return seen_interval(config, "head", (position, position + 1))[1]


def _mirrored(old: int, new: int) -> npt.NDArray[np.intp]:
    """0, 1, ..., old - 1, old - 1, ..., 1, 0, 0, 1, ... of length new."""
    return np.pad(np.arange(old), (0, new - old), mode="symmetric")
