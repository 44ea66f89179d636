"""ONNX files: traced, slimmed, named, and with the manifest in their metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mfpnet.errors import missing_extra
from mfpnet.exporting.deployed import Deployed
from mfpnet.exporting.tracing import quiet_tracer, trace
from mfpnet.files import write_atomically
from mfpnet.runtimes.manifest import MANIFEST_KEY, Manifest, Pixels

if TYPE_CHECKING:
    from onnx import ModelProto

# What torch's exporter writes without conversion, and every runtime since 2023 reads.
OPSET = 18


def write_onnx(path: Path, model: Deployed, manifest: Manifest, batch: int = 1) -> None:
    """Write the network as one ONNX file: input `image`, output `logits` or `labels`.

    Raises:
        MfpnetError: the extra is not installed, the network cannot be traced, or the file cannot be
            written.
    """
    write_atomically(path, to_onnx(model, manifest, batch).SerializeToString())


def to_onnx(model: Deployed, manifest: Manifest, batch: int = 1) -> ModelProto:
    """The ONNX graph in memory; see `write_onnx`."""
    try:
        import onnxscript  # noqa: F401
        import onnxslim
    except ImportError as error:
        raise missing_extra("onnx", "writing ONNX files") from error
    program = trace(model, manifest.size, batch)
    with torch.no_grad(), quiet_tracer():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=[model.output],
            external_data=False,
            verbose=False,
        )
    if exported is None:  # only where it is asked to write a file itself
        raise RuntimeError("torch.onnx.export returned nothing")
    slimmed: ModelProto = onnxslim.slim(exported.model_proto)
    return _signed(slimmed, manifest)


def _name_sides(proto: ModelProto, pixels: Pixels) -> None:
    """Call what can be any number `height` and `width` instead of what the tracer called it."""
    image = proto.graph.input[0].type.tensor_type.shape.dim
    height, width = image[2:4] if pixels == "float" else image[1:3]
    known = {height.dim_param: "height", width.dim_param: "width"}
    for value in (*proto.graph.input, *proto.graph.output):
        for side in value.type.tensor_type.shape.dim:
            if side.dim_param:
                side.dim_param = known.get(side.dim_param, side.dim_param)


def _signed(proto: ModelProto, manifest: Manifest) -> ModelProto:
    """The same graph without notes on the sources it came from, and with the manifest."""
    for node in proto.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
    _name_sides(proto, manifest.pixels)
    del proto.graph.value_info[:]  # sizes in between, which every runtime works out
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    proto.producer_name, proto.graph.name = "mfpnet", manifest.info.variant
    proto.ClearField("producer_version")
    proto.metadata_props.add(key=MANIFEST_KEY, value=manifest.to_json())
    return proto
