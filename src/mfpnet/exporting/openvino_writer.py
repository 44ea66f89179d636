"""OpenVINO files: a graph (.xml) and its weights (.bin), with the manifest in the former."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from mfpnet.errors import MfpnetError, missing_extra
from mfpnet.runtimes.manifest import MANIFEST_KEY, Manifest
from mfpnet.runtimes.openvino_backend import openvino_core

if TYPE_CHECKING:
    from openvino import Model


def to_openvino(onnx: bytes, manifest: Manifest) -> Model:
    """An ONNX file's graph as OpenVINO's, in memory.

    It comes from ONNX because that runs in a tenth fewer kernels than what OpenVINO makes of the
    torch module.

    Raises:
        MfpnetError: the extra is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise missing_extra("openvino", "writing OpenVINO files") from error
    converted: Model = openvino.convert_model(io.BytesIO(onnx))
    converted.set_rt_info(manifest.to_json(), MANIFEST_KEY)
    converted.set_friendly_name(manifest.info.variant)
    return converted


def save_openvino(path: Path, model: Model, *, half: bool = False) -> None:
    """Write `path` (.xml) and the .bin beside it; with `half`, weights are stored as float16.

    Raises:
        MfpnetError: the files cannot be written in full.
    """
    import openvino

    try:
        openvino.save_model(model, path, compress_to_fp16=half)
        # Reading back notices weights that a full disk cut off, which writing does not.
        openvino_core().read_model(path)
    except RuntimeError as error:
        raise MfpnetError(
            f"cannot write '{path}' and its weights ({path.with_suffix('.bin').name}): is the disk "
            f"full, or the folder not yours?"
        ) from error
