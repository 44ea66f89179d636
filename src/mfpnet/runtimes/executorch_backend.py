"""A .pte file in ExecuTorch, on the CPU; its Python runtime needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.runtimes.manifest import manifest_in_zip

# The numbers by which ExecuTorch names the types that a network here takes.
_TYPES = {0: "uint8", 6: "float32"}


class ExecuTorchBackend:
    """A `backends.Backend`; what ExecuTorch raises is translated there."""

    name = "executorch"
    package, extra = "executorch", None
    input_name = ""  # a program is called with what it takes, by no name

    def __init__(self, path: Path, threads: int | None) -> None:
        from executorch.runtime import Runtime, Verification

        self.manifest = manifest_in_zip(path)
        program = Runtime.get().load_program(path, verification=Verification.Minimal)
        self._method: Any = program.load_method("forward")
        image = self._method.metadata.input_tensor_meta(0)
        self.input_shape: tuple[int | None, ...] = tuple(int(side) for side in image.sizes())
        self.input_dtype = _TYPES.get(image.dtype(), f"type {image.dtype()}")

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first output for a batch of the input's shape and type."""
        import torch

        image = torch.from_numpy(np.require(batch, requirements=["C", "W"]))
        return np.asarray(self._method.execute([image])[0].numpy())
