"""Exported files made by hand: their logits are a mixture of red, green and blue at each pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from mfpnet.pixels.pictures import Image
from mfpnet.runtimes.manifest import MANIFEST_KEY, Manifest, Output, Pixels
from samples import INFO

CLASSES = len(INFO.classes)
MIXTURE = np.random.default_rng(3).normal(scale=8, size=(CLASSES, 3)).astype(np.float32)
_KINDS = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT, "int32": TensorProto.INT32}


def expected_logits(pixels: Image) -> npt.NDArray[np.float32]:
    """What the files give for a picture: (H, W, 3) uint8 -> (C, H, W)."""
    unit = (pixels.astype(np.float32) - 255 * np.array(INFO.mean, dtype=np.float32)) / 255
    logits: npt.NDArray[np.float32] = np.einsum("kc,hwc->khw", MIXTURE, unit)
    return logits


def manifest(
    *, pixels: Pixels = "uint8", output: Output = "logits", size: tuple[int, int] | None = None
) -> Manifest:
    return Manifest(INFO, pixels, output, "fp32", size)


def write_colour_onnx(
    path: Path,
    said: Manifest | None,
    *,
    name: str = "image",
    dtype: str | None = None,
    shape: tuple[int | str, ...] | None = None,
    batch: int = 1,
) -> Path:
    """An ONNX file that says one thing of itself, and takes that or another input.

    Args:
        path: where to.
        said: its manifest, None for a foreign file.
        name: of its input.
        dtype: that it takes, where that is not what it says.
        shape: that it takes, likewise.
        batch: pictures at once.
    """
    seen = said or manifest(pixels="float")
    height, width = seen.size or ("height", "width")
    last = seen.pixels == "uint8"
    shape = shape or ((batch, height, width, 3) if last else (batch, 3, height, width))
    kind = _KINDS[dtype or ("uint8" if last else "float32")]
    labels = seen.output == "labels"
    result = helper.make_tensor_value_info(
        seen.output,
        TensorProto.UINT8 if labels else TensorProto.FLOAT,
        [batch, height, width] if labels else [batch, CLASSES, height, width],
    )
    graph = helper.make_graph(
        _nodes(name, seen),
        "colours",
        [helper.make_tensor_value_info(name, kind, shape)],
        [result],
        [numpy_helper.from_array(value, key) for key, value in _constants(seen).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if said is not None:
        helper.set_model_props(model, {MANIFEST_KEY: said.to_json()})
    onnx.save(model, path)
    return path


def _nodes(name: str, seen: Manifest) -> list[Any]:
    """(N, H, W, 3) or (N, 3, H, W) -> the mean taken off -> a 1x1 convolution -> the answer."""
    answer = "found" if seen.output == "labels" else "logits"
    nodes = [helper.make_node("Cast", [name], ["numbers"], to=TensorProto.FLOAT)]
    planes = "numbers"
    if seen.pixels == "uint8":
        nodes.append(helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]))
        planes = "planes"
    nodes.append(helper.make_node("Sub", [planes, "mean"], ["centred"]))
    nodes.append(helper.make_node("Conv", ["centred", "mixture"], [answer]))
    if seen.output == "labels":
        nodes.append(helper.make_node("ArgMax", ["found"], ["index"], axis=1, keepdims=0))
        nodes.append(helper.make_node("Cast", ["index"], ["labels"], to=TensorProto.UINT8))
    return nodes


def _constants(seen: Manifest) -> dict[str, npt.NDArray[np.float32]]:
    unit = np.float32(255 if seen.pixels == "uint8" else 1)
    mean = unit * np.array(INFO.mean, dtype=np.float32).reshape(1, 3, 1, 1)
    return {"mean": mean, "mixture": (MIXTURE / unit)[:, :, None, None]}


def write_colour_openvino(path: Path, said: Manifest | None) -> Path:
    """The same as an OpenVINO model, .xml and .bin."""
    import openvino

    source = write_colour_onnx(path.with_name(f"{path.stem}-xml.onnx"), said)
    model = openvino.convert_model(source)
    if said is not None:
        model.set_rt_info(said.to_json(), MANIFEST_KEY)
    openvino.save_model(model, path, compress_to_fp16=False)
    source.unlink()
    return path
