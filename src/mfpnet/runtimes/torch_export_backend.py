"""A .pt2 of torch.export, on the CPU; needs torch, but not the code of the network."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfpnet.runtimes.manifest import manifest_in_zip


class TorchExportBackend:
    """A `backends.Backend`; what torch raises is translated there."""

    name = "torch-export"
    package, extra = "torch", None
    input_name = ""  # a .pt2 is called with what it takes, by no name

    def __init__(self, path: Path, threads: int | None) -> None:
        import torch

        _check_archive(path)
        self.manifest = manifest_in_zip(path)
        if threads:
            torch.set_num_threads(threads)
        program = torch.export.load(path)
        (image,) = _inputs(program)
        self.input_shape: tuple[int | None, ...] = tuple(
            side if isinstance(side, int) else None for side in image.shape
        )
        self.input_dtype = str(image.dtype).removeprefix("torch.")
        self._module = program.module()

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The output for a batch of the input's shape and type."""
        import torch

        with torch.inference_mode():
            found = self._module(torch.from_numpy(np.require(batch, requirements=["C", "W"])))
        return np.asarray((found[0] if isinstance(found, tuple | list) else found).numpy())


def _check_archive(path: Path) -> None:
    """Of what is no archive of its own, torch would print what its reader came to."""
    with zipfile.ZipFile(path) as archive:
        if not any("/models/" in name for name in archive.namelist()):
            raise ValueError("it holds no exported program")


def _inputs(program: Any) -> list[Any]:
    """The placeholders of what the caller passes, as tensors without content."""
    wanted = set(program.graph_signature.user_inputs)
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    return [node.meta["val"] for node in nodes if node.name in wanted]
