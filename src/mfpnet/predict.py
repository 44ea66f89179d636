"""The one way from a picture to labels; everything that predicts goes through `Predictor`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import PIL.Image

from mfpnet.errors import MfpnetError
from mfpnet.info import ModelInfo
from mfpnet.instances.grouping import find_objects
from mfpnet.pixels.bands import as_taken
from mfpnet.pixels.enlarge import Logits
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels
from mfpnet.pixels.resizing import reduced, resize_image, resize_labels
from mfpnet.pixels.tiles import Tiling, tiled_labels, tiling_of
from mfpnet.prediction import Prediction
from mfpnet.runtimes.backends import is_exported
from mfpnet.runtimes.engine import Engine

if TYPE_CHECKING:
    from mfpnet.variants import Network

# Four halvings leave less than two pixels of anything smaller.
MIN_SIDE = 32
# Beyond, a view has sixteen times the pixels, and shows nothing more.
LARGEST_SCALE = 4


class Predictor:
    """Predicts pictures of any size.

    A picture larger than the frames that the network was trained on is scaled down until its
    shorter side is theirs, because a network knows things at the size it has seen them; the labels
    come back at the picture's own size. For an exported file of one size the picture is scaled to
    fit into it.

    Args:
        model: a bundled name, a run folder, a .safetensors file, a network with `info`, or an
            exported file (.onnx, .xml, .pt2, .tflite, .pte), which needs PyTorch only if it is a
            .pt2 or a .pte; or an engine, where one has been made of any of them.
        device: `auto`, `cpu`, `cuda`, ...; an engine has its own.
        full_size: predict at the picture's own size, however large.
        flip: look at the mirrored picture too.
        scales: look at the picture at each of these factors. The views' probabilities are averaged.
        tile: predict at the picture's own size in tiles of this (H, W), blended where they overlap:
            what it takes in memory beside the picture does not grow with its area.
        overlap: pixels that tiles share; see `tiles.tiling_of`.

    Raises:
        MfpnetError: the weights or the file cannot be used, no scale or a bad one is given, or
            what an exported file cannot do is asked for.
    """

    def __init__(
        self,
        model: str | Path | Network | Engine,
        *,
        device: str = "auto",
        full_size: bool = False,
        flip: bool = False,
        scales: Sequence[float] = (1.0,),
        tile: tuple[int, int] | None = None,
        overlap: int | None = None,
    ) -> None:
        self.flip, self.scales = flip, _checked_scales(scales)
        self.tiling = tiling_of(tile, overlap) if tile else None
        self.full_size = full_size or self.tiling is not None
        self.engine = _engine(model, device)
        self.info: ModelInfo = self.engine.info
        self._check_tiles()
        self._check_views()

    def predict(self, image: Raster | PIL.Image.Image | str | Path) -> Prediction:
        """The labels of one picture.

        Args:
            image: (H, W, 3) uint8 RGB, a Pillow image, or a file; for a network of other channels
                or 16 bits, (H, W, channels) uint8 or uint16, or a file of that (see `bands`). A
                grey network takes RGB too, and sees its luminance.

        Raises:
            MfpnetError: the file is no picture, or the pixels are not what the network takes.
        """
        pixels = as_taken(image, self.info.format)
        size = (pixels.shape[0], pixels.shape[1])
        seen = resize_image(pixels, self.network_size(size))
        if self.tiling and not self.tiling.holds((seen.shape[0], seen.shape[1])):
            labels = resize_labels(self._tiled(seen, self.tiling), size)
        elif self.finds_instances:
            return self._with_instances(seen, size)
        elif self._several_views:
            labels = self.engine.labels_at(self.logits(seen), size)
        else:
            labels = self.engine.labels(seen, size)
        return Prediction(labels, self.info.classes)

    def _with_instances(self, seen: Raster, size: tuple[int, int]) -> Prediction:
        """Objects are told apart by the plain view, whatever others say of the classes."""
        logits, centres, offsets = self.engine.maps(seen)
        if self._several_views:
            logits = self.logits(seen)
        labels, classes = self.engine.labels_at(logits, size), self.info.classes
        objects = find_objects(labels, centres, offsets, [*map(classes.index, self.info.things)])
        return Prediction(labels, classes, objects)

    def logits(self, pixels: Raster) -> Any:
        """(H, W, channels) uint8 or uint16 -> (1, num_classes, H, W) float32.

        A torch tensor for weights, a numpy array for an exported file. With several views it is the
        logarithm of their mean probability; the logits of each are brought back bilinearly before
        their softmax.

        Raises:
            MfpnetError: an exported file that gives labels only.
        """
        if not self._several_views:
            return self.engine.logits(pixels)
        size = (pixels.shape[0], pixels.shape[1])
        views = [(scale, side) for scale in self.scales for side in (1, -1)[: 1 + self.flip]]
        total: Any = None
        for scale, side in views:
            seen = self.engine.logits(resize_image(pixels, _scaled(size, scale))[:, ::side])
            view = self.engine.log_probability(seen, size, mirrored=side < 0)
            total = view if total is None else self.engine.logaddexp(total, view)
        return total - math.log(len(views))

    @property
    def finds_instances(self) -> bool:
        """Whether predictions have instances; in tiles nothing is told apart."""
        return self.engine.finds_instances and self.tiling is None

    @property
    def _several_views(self) -> bool:
        return self.flip or self.scales != (1.0,)

    def network_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (H, W) at which a picture of this size is predicted."""
        if self.engine.size and not self.tiling:
            factor = min(own / side for own, side in zip(self.engine.size, size, strict=True))
            return max(round(size[0] * factor), 1), max(round(size[1] * factor), 1)
        shorter = min(size)
        wanted = max(shorter if self.full_size else min(shorter, *self.info.input_size), MIN_SIDE)
        return round(size[0] * wanted / shorter), round(size[1] * wanted / shorter)

    def untiled(self) -> Predictor:
        """The same one, that looks at every picture as a whole, at its own size where it can."""
        other = copy(self)
        other.tiling = None
        return other

    def _tiled(self, pixels: Raster, tiling: Tiling) -> Labels:
        with self.engine.told_of(reduced(pixels, tiling.tile)):
            return tiled_labels(self._tile_logits, pixels, tiling)

    def _tile_logits(self, pixels: Raster) -> Logits:
        logits: Logits = self.engine.to_numpy(self.logits(pixels))[0]
        return logits

    @property
    def network(self) -> Network:
        """The network itself, as it was given.

        Raises:
            MfpnetError: an exported file, which holds none.
        """
        from mfpnet.runtimes.eager import EagerEngine

        if not isinstance(self.engine, EagerEngine):
            raise MfpnetError(f"this predictor runs a file of {self.engine.backend}, no network.")
        return self.engine.network

    def _check_tiles(self) -> None:
        """Refuse tiles that the file cannot be given."""
        most = self.engine.size
        if self.tiling and most and not Tiling(most, 0).holds(self.tiling.tile):
            given, size = ("x".join(map(str, pair)) for pair in (self.tiling.tile, most))
            raise MfpnetError(f"--tile is {given}, and this file takes {size}: give that, or less.")

    def _check_views(self) -> None:
        """Refuse what an exported file cannot be asked."""
        scaled, tiled = self.scales != (1.0,), self.tiling is not None
        asked = _named({"--flip": self.flip, "--scales": scaled, "--tile": tiled})
        if asked and not self.engine.gives_logits:
            raise MfpnetError(
                f"{asked}: the average of several looks is taken, and this file gives labels only: "
                f"export it again with --output logits, or leave that out."
            )
        asked = _named({"--full-size": self.full_size and not tiled, "--scales": scaled})
        if self.engine.size and asked:
            size = "x".join(map(str, self.engine.size))
            raise MfpnetError(
                f"{asked}: a file that takes any size is needed, and this one takes {size}: export "
                f"it again with --size dynamic, or leave that out."
            )


def open_predictor(
    weights: str,
    *,
    model: str | None = None,
    device: str = "auto",
    full_size: bool = False,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    half: bool = False,
    tile: tuple[int, int] | None = None,
    overlap: int | None = None,
) -> Predictor:
    """A predictor as the command line asks for it.

    Args:
        weights: a bundled name, a run folder, or a file.
        model: for weights of somebody else's network, its `package.module:factory`.
        device: see `Predictor`, like what follows.
        full_size: likewise.
        flip: likewise.
        scales: likewise.
        half: round the weights to float16 first.
        tile: see `Predictor`.
        overlap: likewise.

    Raises:
        MfpnetError: as `Predictor`, or `model` or `half` is given for an exported file.
    """
    network: str | Network = weights
    if not is_exported(weights):
        from mfpnet.checkpoint import load_model, round_to_half

        network = load_model(weights, model)
        if half:
            round_to_half(network)
    elif model or half:
        option = f"--model {model}" if model else "--half"
        raise MfpnetError(
            f"{option} is for weights, and '{weights}' is an exported file, in which the network "
            f"and its precision are settled: leave it out."
        )
    return Predictor(
        network,
        device=device,
        full_size=full_size,
        flip=flip,
        scales=scales,
        tile=tile,
        overlap=overlap,
    )


def _engine(model: str | Path | Network | Engine, device: str) -> Engine:
    if isinstance(model, Engine):
        return model
    if isinstance(model, str | Path) and is_exported(model):
        from mfpnet.runtimes.exported import ExportedEngine

        return ExportedEngine(model, device)
    from mfpnet.runtimes.eager import EagerEngine

    return EagerEngine(model, device)


def _named(options: dict[str, bool]) -> str:
    return " and ".join(name for name, given in options.items() if given)


def _checked_scales(scales: Sequence[float]) -> tuple[float, ...]:
    if not scales or not all(0 < scale <= LARGEST_SCALE for scale in scales):
        raise MfpnetError(
            f"scales are ({', '.join(map(str, scales))}): give one or more numbers above 0 and up "
            f"to {LARGEST_SCALE}, as in --scales 0.75 1 1.25."
        )
    return tuple(float(scale) for scale in scales)


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """The size times the scale, the shorter side never below `MIN_SIDE`."""
    factor = max(scale, min(MIN_SIDE / min(size), 1.0))
    return round(size[0] * factor), round(size[1] * factor)
