"""The one way from a picture to labels; everything that predicts goes through `Predictor`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from mfpnet.checkpoint import load_model
from mfpnet.device import choose_device
from mfpnet.draw import overlay
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.info import ModelInfo
from mfpnet.layers import resize
from mfpnet.pictures import Image, Labels, picture_to_rgb, read_image, resize_image, write_png
from mfpnet.transforms import normalise
from mfpnet.variants import Network

# Four halvings leave less than two pixels of anything smaller.
MIN_SIDE = 32
# 64 MB of float32 logits in hand at a time.
STRIP_VALUES = 16_000_000


@dataclass(frozen=True)
class Prediction:
    """What a network sees in a picture.

    Attributes:
        labels: (H, W) class of each pixel at the picture's own size; uint8, uint16 beyond 255
            classes.
        classes: name of class i.
    """

    labels: Labels
    classes: tuple[str, ...]

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the pixels of each class, 0 to 1, in class order, absent ones left out."""
        counts = np.bincount(self.labels.ravel(), minlength=len(self.classes))
        return {
            name: float(count / self.labels.size)
            for name, count in zip(self.classes, counts, strict=True)
            if count
        }


class Predictor:
    """Predicts pictures of any size.

    A picture larger than the frames that the network was trained on is scaled down until its
    shorter side is theirs, because a network knows things at the size it has seen them; the labels
    come back at the picture's own size.

    Args:
        model: a bundled name, a run folder, a .safetensors file, or a network with `info`.
        device: `auto`, `cpu`, `cuda`, ...
        full_size: predict at the picture's own size, however large.
        flip: look at the mirrored picture too.
        scales: look at the picture at each of these factors. The views' probabilities are averaged.

    Raises:
        MfpnetError: the weights cannot be read, or no scale or a bad one is given.
    """

    def __init__(
        self,
        model: str | Path | Network,
        *,
        device: str = "auto",
        full_size: bool = False,
        flip: bool = False,
        scales: Sequence[float] = (1.0,),
    ) -> None:
        self.flip, self.scales = flip, _checked_scales(scales)
        network = load_model(model) if isinstance(model, str | Path) else model
        if network.info is None:
            raise MfpnetError("the network has no info: load it with load_model, or set `info`.")
        self.info: ModelInfo = network.info
        self.device = choose_device(device)
        self.network = network.to(self.device).eval()
        self.full_size = full_size
        self._mean = torch.tensor(self.info.mean, device=self.device)
        self._std = torch.tensor(self.info.std, device=self.device)

    def predict(self, image: Image | PIL.Image.Image | str | Path) -> Prediction:
        """The labels of one picture.

        Args:
            image: (H, W, 3) uint8 RGB, a Pillow image, or a file.

        Raises:
            MfpnetError: the file is no picture, or the array is not (H, W, 3) uint8.
        """
        pixels = _as_rgb(image)
        size = (pixels.shape[0], pixels.shape[1])
        logits = self.logits(resize_image(pixels, self.network_size(size)))
        return Prediction(labels_at(logits[0], size), self.info.classes)

    @torch.inference_mode()
    def logits(self, pixels: Image) -> Tensor:
        """(H, W, 3) uint8 -> (1, num_classes, H, W) float32.

        With several views it is the logarithm of their mean probability; the logits of each are
        brought back bilinearly before their softmax.
        """
        if not self.flip and self.scales == (1.0,):
            return self._forward(pixels)
        size = (pixels.shape[0], pixels.shape[1])
        views = [(scale, side) for scale in self.scales for side in (1, -1)[: 1 + self.flip]]
        total: Tensor | None = None
        for scale, side in views:
            seen = self._forward(resize_image(pixels, _scaled(size, scale))[:, ::side])
            view = resize(seen, size).log_softmax(dim=1)
            view = view.flip(-1) if side < 0 else view
            total = view if total is None else torch.logaddexp(total, view)
        assert total is not None
        return total - math.log(len(views))

    def _forward(self, pixels: Image) -> Tensor:
        batch = torch.from_numpy(np.array(pixels, order="C")).to(self.device).permute(2, 0, 1)
        logits: Tensor = self.network(normalise(batch[None], self._mean, self._std))
        return logits.float()

    def network_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (H, W) at which a picture of this size is predicted."""
        shorter = min(size)
        wanted = max(shorter if self.full_size else min(shorter, *self.info.input_size), MIN_SIDE)
        return round(size[0] * wanted / shorter), round(size[1] * wanted / shorter)


def _checked_scales(scales: Sequence[float]) -> tuple[float, ...]:
    if not scales or not all(scale > 0 and math.isfinite(scale) for scale in scales):
        raise MfpnetError(
            f"scales are ({', '.join(map(str, scales))}): give one or more numbers above 0, as in "
            f"--scales 0.75 1 1.25."
        )
    return tuple(float(scale) for scale in scales)


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """The size times the scale, the shorter side never below `MIN_SIDE`."""
    factor = max(scale, min(MIN_SIDE / min(size), 1.0))
    return round(size[0] * factor), round(size[1] * factor)


def labels_at(logits: Tensor, size: tuple[int, int]) -> Labels:
    """The likeliest class at each pixel of a larger picture: (C, h, w) -> (H, W)."""
    labels = np.empty(size, dtype=np.uint8 if logits.shape[0] <= 255 else np.uint16)
    for rows, strip in logit_strips(logits, size):
        labels[rows] = strip.argmax(dim=0).cpu().numpy()
    return labels


def logit_strips(logits: Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, Tensor]]:
    """Logits (C, h, w) at the size (H, W) of a larger picture: rows, and their (C, rows, W).

    Bilinear like `layers.resize`, but in strips of rows: the logits of a 12-megapixel photo would
    take half a gigabyte at once.
    """
    step = max(STRIP_VALUES // (logits.shape[0] * size[1]), 1)
    for first in range(0, size[0], step):
        rows = range(first, min(first + step, size[0]))
        strip = _rows_at(logits, size[0], rows)
        yield slice(rows.start, rows.stop), resize(strip[None], (len(rows), size[1]))[0]


def _rows_at(logits: Tensor, height: int, rows: range) -> Tensor:
    """Some rows of the logits stretched to a height, linearly between centres."""
    number = torch.arange(rows.start, rows.stop, device=logits.device)
    position = ((number + 0.5) * logits.shape[1] / height - 0.5).clamp(min=0)
    above = position.floor().long()
    below = (above + 1).clamp(max=logits.shape[1] - 1)
    return torch.lerp(logits[:, above], logits[:, below], (position - above)[None, :, None])


@dataclass(frozen=True)
class PictureReport:
    """What became of one picture: its class fractions, or why it was skipped."""

    picture: str
    fractions: dict[str, float]
    error: str | None = None


def predict_files(
    predictor: Predictor,
    pictures: Sequence[Path],
    out: Path,
    *,
    on_picture: Callable[[PictureReport], None] | None = None,
) -> list[PictureReport]:
    """Predict picture files; a broken one is reported and skipped.

    For `photo.jpg` the folder gets `photo_labels.png` (class indices at the picture's own size),
    `photo_overlay.png` (with a legend) and `photo.json` (share of each class).

    Raises:
        MfpnetError: the folder cannot be written.
    """
    reports = []
    for picture, stem in zip(pictures, _stems(pictures), strict=True):
        try:
            image = read_image(picture)
        except MfpnetError as error:
            report = PictureReport(str(picture), {}, str(error))
        else:
            prediction = predictor.predict(image)
            _write_prediction(predictor.info, image, prediction, out / stem)
            report = PictureReport(str(picture), prediction.fractions)
        reports.append(report)
        if on_picture:
            on_picture(report)
    return reports


def _stems(pictures: Sequence[Path]) -> list[str]:
    """Names for the results, with the suffix where two pictures differ in nothing else."""
    often = Counter(picture.stem for picture in pictures)
    names = [p.stem if often[p.stem] == 1 else p.name.replace(".", "_") for p in pictures]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise MfpnetError(f"two pictures are called '{twice[0]}': predict their folders apart.")
    return names


def _write_prediction(info: ModelInfo, image: Image, prediction: Prediction, stem: Path) -> None:
    labels = prediction.labels
    write_png(stem.with_name(f"{stem.name}_labels.png"), labels)
    drawn = overlay(image, labels, info.palette, info.classes)
    write_png(stem.with_name(f"{stem.name}_overlay.png"), drawn)
    size = {"height": labels.shape[0], "width": labels.shape[1]}
    write_json(stem.with_name(f"{stem.name}.json"), {**size, "fractions": prediction.fractions})


def _as_rgb(image: Image | PIL.Image.Image | str | Path) -> Image:
    if isinstance(image, str | Path):
        return read_image(Path(image))
    if isinstance(image, PIL.Image.Image):
        return picture_to_rgb(image)
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise MfpnetError(
            f"an image array must be (H, W, 3) uint8 RGB; this one is {image.shape} {image.dtype}."
        )
    return image
