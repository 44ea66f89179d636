"""A network with an instance head as it is trained: all of its maps, and the loss of all."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from mfpnet.instances.losses import instance_loss
from mfpnet.instances.pixel_codes import instances_in, labels_in
from mfpnet.model import MFPNet

Maps = tuple[Tensor, Tensor, Tensor]


class InstanceTraining(nn.Module):
    """A network with an instance head; `network` is what is kept when training is over."""

    def __init__(self, network: MFPNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, stride: int = 1) -> Maps:
        """As `MFPNet.with_instances`."""
        return self.network.with_instances(image, stride)


class InstanceObjective:
    """What a batch's maps are worth: (maps, codes, images) to a scalar.

    Args:
        of_labels: the loss of the logits: (logits, labels, images) to a scalar.
        ignore_index: the label of pixels of which nothing is known.
        stride: pixels of the image from one pixel of the maps to the next.
    """

    def __init__(
        self,
        of_labels: Callable[[Tensor, Tensor, Tensor], Tensor],
        *,
        ignore_index: int,
        stride: int,
    ) -> None:
        self.of_labels, self.ignore_index, self.stride = of_labels, ignore_index, stride

    def __call__(self, maps: Maps, codes: Tensor, images: Tensor) -> Tensor:
        """The loss of a batch, a float32 scalar.

        Args:
            maps: of `InstanceTraining`, all (h, w).
            codes: (B, h, w) int64, see `pixel_codes`.
            images: (B, 3, H, W) normalised, 0 outside the frame.
        """
        logits, centres, offsets = maps
        labels = labels_in(codes)
        apart = instance_loss(
            centres,
            offsets,
            instances_in(codes),
            counted=labels != self.ignore_index,
            stride=self.stride,
        )
        return self.of_labels(logits, labels, images) + apart
