"""An ONNX file in ONNX Runtime, on the CPU; no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.runtimes.manifest import MANIFEST_KEY, Manifest

# ONNX Runtime's names of what numpy calls otherwise.
_TYPES = {"float": "float32", "double": "float64"}


class OnnxBackend:
    """A `backends.Backend`; what ONNX Runtime raises is translated there."""

    name = "onnxruntime"
    package, extra = "onnxruntime", "onnx"

    def __init__(self, path: Path, threads: int | None) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 4  # what it says of a broken file is in the exception
        self._session: Any = ort.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        image, *others = self._session.get_inputs()
        if others:
            raise ValueError(f"it takes {1 + len(others)} inputs, and a network here takes one")
        kind = image.type.removeprefix("tensor(").removesuffix(")")
        self.input_name: str = image.name
        self.input_shape: tuple[int | None, ...] = tuple(
            side if isinstance(side, int) else None for side in image.shape
        )
        self.input_dtype: str = _TYPES.get(kind, kind)
        text = self._session.get_modelmeta().custom_metadata_map.get(MANIFEST_KEY)
        self.manifest = Manifest.from_json(text, path) if text is not None else None
        # Further outputs of a foreign network are for its training.
        self._outputs = [self._session.get_outputs()[0].name]

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first output for a batch of the input's shape and type."""
        return np.asarray(self._session.run(self._outputs, {self.input_name: batch})[0])
