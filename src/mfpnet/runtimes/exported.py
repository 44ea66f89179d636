"""Exported files as what `Predictor` runs: letterbox, layout and answers in numpy, no torch."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError
from mfpnet.pixels.enlarge import Logits, enlarge, enlarged_labels, log_softmax
from mfpnet.pixels.format import Raster, format_of
from mfpnet.pixels.pictures import Labels
from mfpnet.pixels.resizing import resize_labels
from mfpnet.runtimes.backends import Backend, find_exported, open_backend
from mfpnet.runtimes.manifest import Manifest


class ExportedEngine:
    """An `engine.Engine` of an exported file, on the CPU.

    Args:
        path: the file, or the name of a bundled one.
        device: `auto` or `cpu`.
        threads: see `open_backend`.
        bf16: likewise.

    Raises:
        MfpnetError: as `open_backend`; another device, or a file that takes several pictures.
    """

    def __init__(
        self,
        path: str | Path,
        device: str = "auto",
        *,
        threads: int | None = None,
        bf16: bool = False,
    ) -> None:
        self.path = find_exported(path)
        if device not in ("auto", "cpu"):
            raise MfpnetError(
                f"--device is {device}: '{path}' runs on the CPU here. Leave out --device, or give "
                f"the weights it was exported from."
            )
        self.threads = threads
        self._run: Backend = open_backend(self.path, threads=threads, bf16=bf16)
        assert self._run.manifest is not None  # open_backend refuses a file without
        self.manifest: Manifest = self._run.manifest
        self.info, self.size = self.manifest.info, self.manifest.size
        self.gives_logits = self.manifest.output == "logits"
        self.finds_instances = False
        self.backend, self.package = self._run.name, self._run.package
        self.precision = "bf16" if bf16 else self.manifest.precision
        batch = self._run.input_shape[0]
        if batch not in (None, 1):
            raise MfpnetError(
                f"'{path}' takes batches of {batch} pictures: predicting takes one at a time. "
                f"Export it again with --batch 1."
            )

    def where(self) -> dict[str, object]:
        """What a record says about where something ran; threads are None if the runtime chose."""
        return {"device": "cpu", "gpu": None, "threads": self.threads}

    def logits(self, pixels: Raster) -> Logits:
        """(H, W, channels) uint8 or uint16, no larger than the file's size -> (1, C, H, W) float32.

        Raises:
            MfpnetError: the file gives labels only, or something else than it says.
        """
        if not self.gives_logits:
            raise MfpnetError(
                f"'{self.path}' gives labels and no logits, which this needs: export it again with "
                f"--output logits."
            )
        found = self._answer(pixels, (1, len(self.info.classes)))
        return found.astype(np.float32, copy=False)

    def maps(self, pixels: Raster) -> tuple[Logits, Logits, Logits]:
        """Nothing: the head that tells objects apart is left out of files.

        Raises:
            MfpnetError: always.
        """
        raise MfpnetError(f"'{self.path}' tells no objects apart: give the weights it was made of.")

    def told_of(self, picture: Raster) -> AbstractContextManager[None]:
        """Nothing: a file cannot be told of the picture around a tile."""
        return nullcontext()

    def labels(self, pixels: Raster, size: tuple[int, int]) -> Labels:
        """(h, w, channels), no larger than the file's size -> labels (H, W) of a picture."""
        if self.gives_logits:
            return self.labels_at(self.logits(pixels), size)
        kind = np.uint8 if len(self.info.classes) <= 255 else np.uint16
        return resize_labels(self._answer(pixels, (1,))[0].astype(kind), size)

    def labels_at(self, logits: Logits, size: tuple[int, int]) -> Labels:
        """Logits (1, C, h, w) -> labels (H, W) of a picture of this size."""
        return enlarged_labels(logits[0], size)

    def to_numpy(self, logits: Logits) -> Logits:
        """Logits (1, C, h, w) as what they are."""
        return logits

    def log_probability(self, logits: Logits, size: tuple[int, int], *, mirrored: bool) -> Logits:
        """Logits (1, C, h, w) -> (1, C, *size) logarithms of probabilities, turned back."""
        found = log_softmax(enlarge(logits[0], size))[None]
        return found[..., ::-1] if mirrored else found

    def logaddexp(self, first: Logits, second: Logits) -> Logits:
        """The logarithm of the sum of what two logarithms stand for."""
        total: Logits = np.logaddexp(first, second)
        return total

    def _answer(self, pixels: Raster, start: tuple[int, ...]) -> npt.NDArray[Any]:
        """What the file gives for a picture, (*start, H, W); the letterbox is cropped."""
        height, width = pixels.shape[:2]
        seen = _letterbox(pixels, self.size, self.info.mean) if self.size else pixels
        found = self._run.run(self._batch(seen))
        if found.shape != (*start, *seen.shape[:2]):
            raise MfpnetError(
                f"'{self.path}' gave {found.dtype} {found.shape} where its manifest promises "
                f"{self.manifest.output} {(*start, *seen.shape[:2])}: export it again."
            )
        return found[..., :height, :width]

    def _batch(self, pixels: Raster) -> npt.NDArray[Any]:
        if self.manifest.pixels != "float":
            return np.ascontiguousarray(pixels)[None]
        highest = np.float32(format_of(pixels).highest)
        unit = pixels.transpose(2, 0, 1)[None].astype(np.float32) / highest
        return np.ascontiguousarray(unit)


def _letterbox(pixels: Raster, size: tuple[int, int], mean: tuple[float, ...]) -> Raster:
    """The picture in the upper left of a larger one, whose rest is about zero once normalised."""
    if pixels.shape[:2] == size:
        return pixels
    kind = format_of(pixels)
    boxed = np.empty((*size, kind.channels), dtype=pixels.dtype)
    boxed[:] = np.rint(kind.highest * np.array(mean)).astype(pixels.dtype)
    boxed[: pixels.shape[0], : pixels.shape[1]] = pixels
    return boxed
