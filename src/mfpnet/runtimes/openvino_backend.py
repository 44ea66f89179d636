"""An OpenVINO model, .xml and .bin, on the CPU; no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpnet.errors import MfpnetError
from mfpnet.runtimes.manifest import MANIFEST_KEY, Manifest

if TYPE_CHECKING:
    from openvino import Core


def openvino_core() -> Core:
    """OpenVINO's runtime, one for the whole process.

    On processors with AMX each `Core` gives signal handlers a stack of its own and puts the one
    before it back when it ends. Of two, the first to be made may end first: then what is put back
    is memory that is free, and the next Ctrl-C is a crash.

    Raises:
        ImportError: the extra is not installed.
    """
    import openvino

    return _only(openvino.Core)


@cache
def _only(kind: type[Core]) -> Core:
    return kind()


class OpenVinoBackend:
    """A `backends.Backend`; what OpenVINO raises is translated there."""

    name = "openvino"
    package, extra = "openvino", "openvino"

    def __init__(self, path: Path, threads: int | None, *, bf16: bool = False) -> None:
        _check_files(path)
        core = openvino_core()
        if bf16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise MfpnetError("this processor has no bfloat16 arithmetic.")
        model = core.read_model(path)
        (image,) = model.inputs
        self.input_name: str = min(image.get_names(), default="", key=len)
        sides = image.partial_shape
        self.input_shape: tuple[int | None, ...] = tuple(
            side.get_length() if side.is_static else None for side in sides
        )
        self.input_dtype = str(np.dtype(image.element_type.to_dtype()))
        self.manifest = _manifest(model, path)
        # On some processors floats are computed in coarse bfloat16 unless somebody objects.
        precision = "bf16" if bf16 else "f32"
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        compiled = core.compile_model(model, "CPU", settings)
        self._request: Any = compiled.create_infer_request()

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first output for a batch of the input's shape and type."""
        return np.array(self._request.infer([batch], share_inputs=True)[0])


def _manifest(model: Any, path: Path) -> Manifest | None:
    if not model.has_rt_info(MANIFEST_KEY):
        return None
    return Manifest.from_json(model.get_rt_info(MANIFEST_KEY).astype(str), path)


def _check_files(path: Path) -> None:
    """OpenVINO would guess at a file that is not its own, and print what each guess came to."""
    with path.open("rb") as stream:
        start = stream.read(1000)
    if b"<net " not in start:
        raise MfpnetError(
            f"'{path}' is no OpenVINO model: it does not begin with <net. Copy or export it again."
        )
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise MfpnetError(
            f"'{path}' has no '{weights.name}' beside it, where its weights are: copy both files."
        )
