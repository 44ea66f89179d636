"""A .tflite file in LiteRT, on the CPU; no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.runtimes.manifest import manifest_in_zip


class LiteRtBackend:
    """A `backends.Backend`; what LiteRT raises is translated there."""

    name = "litert"
    package, extra = "ai-edge-litert", None
    input_name = ""  # converters add to the names they are given

    def __init__(self, path: Path, threads: int | None) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.manifest = manifest_in_zip(path)
        self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
        (image,) = self._interpreter.get_input_details()
        sides = [int(side) for side in image["shape_signature"]]
        self.input_shape: tuple[int | None, ...] = tuple(
            side if side > 0 else None for side in sides
        )
        self.input_dtype = str(np.dtype(image["dtype"]))
        self._input: int = image["index"]
        self._output: int = self._interpreter.get_output_details()[0]["index"]
        self._size: tuple[int, ...] | None = None

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first output for a batch of the input's shape and type."""
        if batch.shape != self._size:
            self._interpreter.resize_tensor_input(self._input, batch.shape)
            self._interpreter.allocate_tensors()
            self._size = batch.shape
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output))
