"""A trained network as a file of some other runtime, as it comes: nothing is checked here."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from mfpnet.errors import MfpnetError, missing_extra, unknown_name
from mfpnet.exporting.deployed import Deployed, info_of
from mfpnet.exporting.executorch_writer import write_executorch
from mfpnet.exporting.litert_writer import write_litert
from mfpnet.exporting.onnx_writer import to_onnx, write_onnx
from mfpnet.exporting.openvino_writer import save_openvino, to_openvino
from mfpnet.exporting.pt2_writer import write_pt2
from mfpnet.exporting.tracing import SIDES
from mfpnet.runtimes.manifest import Manifest, Output, Pixels
from mfpnet.variants import Network

Format = Literal["onnx", "openvino", "torch-export", "litert", "executorch"]
Precision = Literal["fp32", "fp16"]

SUFFIXES: dict[str, str] = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "torch-export": ".pt2",
    "litert": ".tflite",
    "executorch": ".pte",
}


def _write_openvino(path: Path, model: Deployed, manifest: Manifest, batch: int) -> None:
    graph = to_openvino(to_onnx(model, manifest, batch).SerializeToString(), manifest)
    save_openvino(path, graph, half=manifest.precision == "fp16")


_WRITERS: dict[str, Callable[[Path, Deployed, Manifest, int], None]] = {
    "onnx": write_onnx,
    "openvino": _write_openvino,
    "torch-export": write_pt2,
    "litert": write_litert,
    "executorch": write_executorch,
}
# A whole picture's features have to fit into memory when the file is checked.
_MOST_PIXELS = 1 << 26
# Formats for one size in float32, whose packages are rarely here, and what writes each.
_APART = {"litert": "litert_torch", "executorch": "executorch"}


def write_exported(
    model: Network,
    path: Path,
    *,
    format: str,
    size: tuple[int, int] | None,
    precision: str = "fp32",
    output: Output = "logits",
    pixels: Pixels = "uint8",
    batch: int = 1,
) -> Manifest:
    """Write a network with `info` in another runtime's format, and nothing beside it.

    Float16 means: ONNX and torch-export compute in it, between float32 ends; OpenVINO stores its
    weights in it, and each device chooses what it computes in.

    Args:
        model: it is copied, and stays as it is.
        path: the file to write, with the suffix of the format.
        format: one of `SUFFIXES`.
        size: (H, W) of what the file takes; None for any from 32x32 up.
        precision: "fp32" or "fp16".
        output: see `Deployed`.
        pixels: see `Deployed`.
        batch: pictures that the file takes at once.

    Returns:
        What the file says of itself.

    Raises:
        MfpnetError: an argument is off, a library is not installed, the network cannot be traced,
            or the file cannot be written.
    """
    check_target(path, format, size, precision, batch)
    if format in _APART and pixels == "uint16":
        raise MfpnetError(f"--format {format} knows no uint16: give --pixels float too.")
    deployed = Deployed(model, pixels=pixels, output=output, straight=format in _APART).cpu()
    if precision == "fp16" and format != "openvino":
        deployed = deployed.half()
    manifest = Manifest(info_of(model), pixels, output, precision, size)
    _WRITERS[format](path, deployed, manifest, batch)
    return manifest


def check_target(
    path: Path, format: str, size: tuple[int, int] | None, precision: str, batch: int
) -> None:
    """Make sure, before any work, that what is asked for can be written.

    Raises:
        MfpnetError: it cannot; the text says which argument is off.
    """
    if format not in SUFFIXES:
        raise unknown_name("format", format, SUFFIXES)
    if format in _APART:
        _check_apart(format, size, precision)
    if precision not in get_args(Precision):
        raise unknown_name("precision", precision, get_args(Precision))
    if path.suffix != SUFFIXES[format]:
        others = [name for name, suffix in SUFFIXES.items() if suffix == path.suffix]
        other = f", or give --format {others[0]}, which writes {path.suffix}" if others else ""
        raise MfpnetError(
            f"'{path}' ends in '{path.suffix}', and files of format {format} end in "
            f"{SUFFIXES[format]}: change the name{other}."
        )
    if size is not None and min(size) < SIDES[0]:
        raise MfpnetError(f"size {size[0]}x{size[1]} is too small: at least 32x32.")
    if size is not None and math.prod(size) > _MOST_PIXELS:
        raise MfpnetError(
            f"size {size[0]}x{size[1]} is too large: at most {_MOST_PIXELS / 1e6:.0f} megapixels, "
            f"since a file takes the whole picture at once. Larger ones go in tiles "
            f"(mfpnet predict --tile)."
        )
    if batch < 1:
        raise MfpnetError(f"batch is {batch}: at least 1.")


def _check_apart(format: str, size: tuple[int, int] | None, precision: str) -> None:
    absent = find_spec(_APART[format]) is None
    if absent and format == "executorch":
        raise missing_extra(format, "writing executorch files")
    if absent:
        raise MfpnetError(
            f"the libraries that write {format} files cannot be installed beside the others: "
            f"`make export-{format}` in a checkout writes them, in an environment of its own."
        )
    if size is None or precision != "fp32":
        found = "dynamic" if size is None else precision
        raise MfpnetError(
            f"{format} files are written for one size and in fp32, and {found} is asked for: give "
            f"--size HxW and leave out --precision, or export to onnx."
        )
