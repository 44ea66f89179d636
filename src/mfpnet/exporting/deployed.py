"""What goes into an exported file: pixels in, logits or labels out, nothing left to do outside."""

from __future__ import annotations

import copy
from typing import get_args

import torch
from torch import Tensor, nn

from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.exporting.labelling import labels_from_coarse
from mfpnet.info import ModelInfo
from mfpnet.layers import spatial_size
from mfpnet.model import MFPNet
from mfpnet.runtimes.inference_form import InferenceMFPNet, to_inference_form
from mfpnet.runtimes.manifest import Output, Pixels, check_pixels
from mfpnet.variants import Network

# The largest number of classes whose labels an 8-bit picture can hold beside an ignored one.
_BYTE_CLASSES = 255


class Deployed(nn.Module):
    """A trained network from pixels to its answer, in its inference form.

    Input, by `pixels`: "uint8" is (N, H, W, channels) in 0 to 255, "uint16" the same in 0 to 65535,
    "float" is (N, channels, H, W) in 0 to 1; three channels are RGB. Output, by `output`: "logits"
    is float32 (N, C, H, W), "labels" is uint8 (N, H, W), int32 beyond 255 classes. Any H and W from
    32 up. After `.half()` it computes in float16, and its input and output stay what they are.

    Args:
        model: a network with `info`; it is copied, and stays as it is.
        straight: without steps whose work depends on what is in the picture, for compilers and
            runtimes that know tensors of fixed shape only.

    Raises:
        MfpnetError: the network has no `info`, one of the names is unknown, or `pixels` has other
            bits than the network.
    """

    offset: Tensor
    scale: Tensor | None

    def __init__(
        self, model: Network, *, pixels: Pixels, output: Output, straight: bool = False
    ) -> None:
        super().__init__()
        for kind, name, known in (("pixels", pixels, Pixels), ("output", output, Output)):
            if name not in get_args(known):
                raise unknown_name(kind, name, get_args(known))
        self.info = info_of(model)
        check_pixels(pixels, self.info)
        self.pixels, self.output, self.straight = pixels, output, straight
        unit = 255.0 if pixels == "uint8" else 1.0
        self.register_buffer("offset", unit * _per_channel(self.info.mean))
        scale = 1 / (unit * _per_channel(self.info.std))
        folded = _scale_first(model, scale)
        self.register_buffer("scale", None if folded else scale)
        self.network = to_inference_form(folded or model)
        if isinstance(self.network, InferenceMFPNet):
            self.network.instances = None
        self.to(next(model.parameters()).device).eval()

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        if self.pixels != "float":
            image = image.permute(0, 3, 1, 2)
        if self.pixels == "uint16":  # float16 ends below 65535
            image = image.to(torch.float32) / 65535.0
        image = image.to(self.offset.dtype) - self.offset
        if self.scale is not None:
            image = image * self.scale
        if self.output == "labels":
            return self._labels(image)
        logits: Tensor = self.network(image)
        return logits.float()

    def _labels(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) about zero -> (N, H, W)."""
        size = spatial_size(image)
        known = not any(isinstance(side, torch.SymInt) for side in size)
        if known and not self.straight and isinstance(self.network, InferenceMFPNet):
            return labels_from_coarse(self.network.coarse_logits(image), size)
        fits = len(self.info.classes) <= _BYTE_CLASSES
        labels: Tensor = self.network(image).argmax(dim=1)
        return labels.to(torch.uint8 if fits else torch.int32)


def info_of(model: Network) -> ModelInfo:
    """What travels with a network's weights.

    Raises:
        MfpnetError: it has none, and an exported file without would not know its classes.
    """
    if model.info is None:
        raise MfpnetError(
            "the network has no info (classes, palette, mean, std): take it from load_model, or "
            "set model.info."
        )
    return model.info


def example_input(
    pixels: Pixels, size: tuple[int, int], batch: int = 1, channels: int = 3
) -> Tensor:
    """An input of the right shape and type, all mid-grey; for tracers."""
    if pixels == "float":
        return torch.full((batch, channels, *size), 0.5)
    grey, kind = (128, torch.uint8) if pixels == "uint8" else (32768, torch.uint16)
    return torch.full((batch, *size, channels), grey, dtype=kind)


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1)


def _scale_first(model: Network, scale: Tensor) -> MFPNet | None:
    """A copy whose first convolution divides by the deviation; None for a network not ours.

    Exact at the borders too: what is padded there is 0 on either side of a factor. The mean could
    not move into a bias, since 0 is not the mean's value.
    """
    if not isinstance(model, MFPNet):
        return None
    folded = copy.deepcopy(model)
    first = folded.initial[0][0]  # type: ignore[index]
    with torch.no_grad():
        first.weight.mul_(scale.to(first.weight))
    return folded
