"""Weights in PyTorch as what `Predictor` runs, on any device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from mfpnet.checkpoint import load_model
from mfpnet.device import choose_device, used_device
from mfpnet.errors import MfpnetError
from mfpnet.info import ModelInfo
from mfpnet.instances.grouping import Floats
from mfpnet.layers import resize
from mfpnet.model import MFPNet
from mfpnet.pixels.enlarge import Logits, enlarged_labels, strip_ranges
from mfpnet.pixels.format import Raster, storable
from mfpnet.pixels.pictures import Labels
from mfpnet.runtimes.inference_form import InferenceMFPNet, to_inference_form
from mfpnet.runtimes.whole_picture import told_of_picture
from mfpnet.transforms import normalise
from mfpnet.variants import Network

# A quarter of a gigabyte of float32 logits.
MOST_VALUES = 64_000_000

Found = TypeVar("Found")


class EagerEngine:
    """An `engine.Engine` of a network, which runs in its inference form.

    What changes the network afterwards is not seen.

    Raises:
        MfpnetError: the weights cannot be read, the network has no `info`, or no such device.
    """

    backend, package, precision = "eager", "torch", "fp32"
    size: tuple[int, int] | None = None
    gives_logits = True

    def __init__(self, model: str | Path | Network, device: str = "auto") -> None:
        network = load_model(model) if isinstance(model, str | Path) else model
        if network.info is None:
            raise MfpnetError("the network has no info: load it with load_model, or set `info`.")
        self.info: ModelInfo = network.info
        self.device = choose_device(device)
        self.network = network.to(self.device).eval()
        own = isinstance(self.network, MFPNet)
        self._form = to_inference_form(self.network) if own else self.network
        has_head = isinstance(self._form, InferenceMFPNet) and self._form.instances is not None
        self.finds_instances = has_head and bool(self.info.things)
        self._mean = torch.tensor(self.info.mean, device=self.device)
        self._std = torch.tensor(self.info.std, device=self.device)

    def where(self) -> dict[str, object]:
        """What a record says about where something ran."""
        return used_device(self.device)

    def logits(self, pixels: Raster) -> Tensor:
        """(H, W, channels) uint8 or uint16 -> (1, C, H, W) float32 on the device."""
        found: Tensor = self._found(self._form, pixels)
        return found.float()

    @torch.inference_mode()
    def _found(self, form: Callable[[Tensor], Found], pixels: Raster) -> Found:
        given = np.array(storable(pixels), order="C")
        batch = torch.from_numpy(given).to(self.device).permute(2, 0, 1)
        return form(normalise(batch[None], self._mean, self._std))

    def maps(self, pixels: Raster) -> tuple[Tensor, Floats, Floats]:
        """The logits of pixels; centres (H, W) and offsets (2, H, W) of the objects in them."""
        assert isinstance(self._form, InferenceMFPNet)
        logits, centres, offsets = self._found(self._form.with_instances, pixels)
        return logits, self.to_numpy(centres)[0, 0], self.to_numpy(offsets)[0]

    def told_of(self, picture: Raster) -> AbstractContextManager[None]:
        """Within it, pictures are taken for tiles of this one, which is given in reduced form."""
        return told_of_picture(self._form, lambda: self.logits(picture))

    def labels(self, pixels: Raster, size: tuple[int, int]) -> Labels:
        """(h, w, channels) uint8 or uint16 -> labels (H, W) of a picture of this size.

        With many classes the logits of (h, w) would take gigabytes: those of the network's own
        stride are brought to (H, W) then, a few rows at a time.
        """
        many = len(self.info.classes) * pixels.shape[0] * pixels.shape[1] > MOST_VALUES
        if many and isinstance(self._form, InferenceMFPNet):
            return self.labels_at(self._found(self._form.coarse_logits, pixels).float(), size)
        return self.labels_at(self.logits(pixels), size)

    def labels_at(self, logits: Tensor, size: tuple[int, int]) -> Labels:
        """Logits (1, C, h, w) -> labels (H, W) of a picture of this size."""
        if logits.device.type == "cpu":
            return enlarged_labels(self.to_numpy(logits)[0], size)
        return labels_in_strips(logits[0], size)

    def to_numpy(self, logits: Tensor) -> Logits:
        """Logits (1, C, h, w) in the memory of the CPU."""
        found: Logits = logits.cpu().numpy()
        return found

    @torch.inference_mode()
    def log_probability(self, logits: Tensor, size: tuple[int, int], *, mirrored: bool) -> Tensor:
        """Logits (1, C, h, w) -> (1, C, *size) logarithms of probabilities, turned back."""
        found = resize(logits, size).log_softmax(dim=1)
        return found.flip(-1) if mirrored else found

    def logaddexp(self, first: Tensor, second: Tensor) -> Tensor:
        """The logarithm of the sum of what two logarithms stand for."""
        return torch.logaddexp(first, second)


def labels_in_strips(logits: Tensor, size: tuple[int, int]) -> Labels:
    """The likeliest class at each pixel of a larger picture: (C, h, w) -> (H, W).

    Bilinear like `layers.resize`, but in strips of rows: the logits of a 12-megapixel photo would
    take half a gigabyte at once.
    """
    labels = np.empty(size, dtype=np.uint8 if logits.shape[0] <= 255 else np.uint16)
    for rows in strip_ranges(logits.shape[0], size):
        strip = resize(_rows_at(logits, size[0], rows)[None], (len(rows), size[1]))[0]
        labels[rows.start : rows.stop] = strip.argmax(dim=0).cpu().numpy()
    return labels


def _rows_at(logits: Tensor, height: int, rows: range) -> Tensor:
    """Some rows of the logits stretched to a height, linearly between centres."""
    number = torch.arange(rows.start, rows.stop, device=logits.device)
    position = ((number + 0.5) * logits.shape[1] / height - 0.5).clamp(min=0)
    above = position.floor().long()
    below = (above + 1).clamp(max=logits.shape[1] - 1)
    return torch.lerp(logits[:, above], logits[:, below], (position - above)[None, :, None])
