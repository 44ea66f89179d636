"""The picture that a network is looked at with: a file and its mask, or a street drawn for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mfpnet.errors import MfpnetError
from mfpnet.info import ModelInfo
from mfpnet.labels import CAMVID
from mfpnet.pixels.bands import fitted, read_bands
from mfpnet.pixels.format import Raster, storable
from mfpnet.pixels.pictures import Labels, read_labels
from mfpnet.pixels.resizing import resize_image, resize_labels
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.predict import MIN_SIDE, Predictor
from mfpnet.studies.study import Picture
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.transforms import normalise
from mfpnet.variants import Network

# Shorter side of a drawn street at most: it holds nothing more to see in more pixels.
_STREET_SIDE = 360
_SEED = 3_000_000
# Counted nowhere: no network has so many classes.
_UNCOUNTED = 65535


def read_picture(network: Network, image: Path, target: Path | None = None) -> Picture:
    """A file at the size at which the network predicts it, with its mask where there is one.

    Raises:
        MfpnetError: a file cannot be read, is smaller than 32x32, or is not what the network
            takes; the mask has another size than the picture.
    """
    info = _info(network)
    pixels = read_bands(image, info.format)
    size = (pixels.shape[0], pixels.shape[1])
    if min(size) < MIN_SIDE:
        raise MfpnetError(
            f"'{image}' is {size[0]}x{size[1]}: there is nothing to look at in less than "
            f"{MIN_SIDE}x{MIN_SIDE} pixels. Give a larger picture."
        )
    if target is None:
        return _seen(network, image.name, pixels, None, "no target was given (--target MASK)")
    labels = _uncounted(_mask_of(target, image, size), info)
    why = f"'{target.name}' holds none of the network's {len(info.classes)} classes"
    return _seen(network, image.name, pixels, labels, why)


def drawn_picture(network: Network) -> Picture:
    """A drawn street of the size of the training frames, with its target.

    Its classes are CamVid's; those that the network has under the same name are counted.

    Raises:
        MfpnetError: the network takes no RGB or grey pictures of 8 bits.
    """
    info = _info(network)
    scene = draw_scene(_SEED, _street_size(info))
    try:
        pixels = fitted(scene.image, info.format, "the drawn street")
    except MfpnetError as error:
        raise MfpnetError(
            f"the network takes {info.format}, and streets are drawn in RGB: give IMAGE."
        ) from error
    places = [
        info.classes.index(name) if name in info.classes else _UNCOUNTED for name in CAMVID.classes
    ]
    labels = np.array([*places, _UNCOUNTED], dtype=np.uint16)[scene.labels]
    why = f"a drawn street shows none of the network's {len(info.classes)} classes"
    return _seen(network, "a drawn street", pixels, labels, why)


def _info(network: Network) -> ModelInfo:
    if network.info is None:
        raise MfpnetError("the network has no info: load it with load_model, or set `info`.")
    return network.info


def _street_size(info: ModelInfo) -> tuple[int, int]:
    height, width = info.input_size
    factor = min(_STREET_SIDE / min(height, width), 1.0)
    return max(round(factor * height), MIN_SIDE), max(round(factor * width), MIN_SIDE)


def _mask_of(target: Path, image: Path, size: tuple[int, int]) -> Labels:
    labels = read_labels(target)
    if labels.shape != size:
        sides = ["x".join(map(str, pair)) for pair in (labels.shape, size)]
        raise MfpnetError(
            f"--target '{target}' is {sides[0]} and '{image}' is {sides[1]}: give the mask of "
            f"this picture."
        )
    return labels


def _uncounted(labels: Labels, info: ModelInfo) -> Labels:
    """Labels that stand for no class, as a number beyond every class."""
    ignored = (labels >= len(info.classes)) | (labels == info.ignore_index)
    return np.where(ignored, np.uint16(_UNCOUNTED), labels.astype(np.uint16))


def _seen(network: Network, name: str, pixels: Raster, labels: Labels | None, why: str) -> Picture:
    """At the network's size; without labels where none is a class, for the reason given."""
    info = _info(network)
    size = Predictor(network, device="cpu").network_size((pixels.shape[0], pixels.shape[1]))
    resized = resize_image(pixels, size)
    batch = torch.from_numpy(np.array(storable(resized), order="C")).permute(2, 0, 1)[None]
    image = normalise(batch, torch.tensor(info.mean), torch.tensor(info.std))
    if labels is not None:
        labels = resize_labels(labels, size)
        labels = labels if (labels < len(info.classes)).any() else None
    return Picture(name, rgb_view(resized), image, labels, "" if labels is not None else why)
