"""An ONNX graph whose convolutions are computed in 8 bits: which tensors, on which grid, and where.

A tensor becomes 8-bit by a pair of QuantizeLinear and DequantizeLinear behind it; runtimes merge
the pairs around an operation into its 8-bit kernel. Activations are uint8 on one grid each, weights
int8 on one grid for each output channel, both as in Jacob et al. 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mfpnet.exporting.onnx_graph import Array, Graph, compacted, with_byte_input

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

# What passes 8-bit values on, each with an 8-bit kernel of its own or none needed.
POINTWISE = frozenset({"Add", "Concat", "LeakyRelu", "MaxPool", "Mul", "Relu"})
_LEVELS = 255
# The outermost weights are at -127 and 127, so that 0 is a level and the grid symmetric.
_WEIGHT_LEVELS = 127
_SMALLEST_SCALE = 1e-8

Span = tuple[float, float]
Grid = tuple[np.float32, np.uint8]


@dataclass(frozen=True)
class Plan:
    """What is quantised, and how.

    Attributes:
        spans: tensor -> its lowest and highest value.
        pixels: height times width of each tensor that has them.
        kept: weights of the convolutions that stay in float32.
        fused: leave a convolution's sum in float until its activation is done, as OpenVINO's
            kernels do, and let what is computed in float read what was never rounded: OpenVINO
            has no kernel for a product of bytes and bfloat16. ONNX Runtime has 8-bit kernels only
            between pairs, so it needs one after every operation.
    """

    spans: Mapping[str, Span]
    pixels: Mapping[str, int]
    kept: frozenset[str] = frozenset()
    fused: bool = False


def quantised(proto: ModelProto, plan: Plan) -> ModelProto:
    """The graph with 8-bit convolutions, in compact form; the original stays as it is."""
    from onnx import checker

    graph = Graph(proto if plan.fused else with_byte_input(proto, plan.kept))
    chosen = _chosen(graph, plan)
    grids = _grids(graph, chosen, _tensors(graph, chosen, plan), plan)
    result = compacted(_rewritten(graph, chosen, grids, plan))
    checker.check_model(result)
    return result


def watched_tensors(proto: ModelProto) -> list[str]:
    """The tensors whose values must be known before a graph is quantised."""
    graph = Graph(proto)
    written = {n.output[0] for n in graph.nodes if n.op_type in POINTWISE | {"Conv"}}
    read = {n.input[0] for n in graph.nodes if n.op_type == "Conv"} - set(graph.constants)
    return sorted(written | read)


def work_by_weight(proto: ModelProto, pixels: Mapping[str, int]) -> dict[str, int]:
    """Multiply-accumulates of each convolution over an image, by the name of its weight."""
    graph = Graph(proto)
    return {
        node.input[1]: graph.constants[node.input[1]].size * pixels[node.output[0]]
        for node in graph.nodes
        if node.op_type == "Conv" and node.output[0] in pixels and _is_constant(graph, node)
    }


def grid(span: Span) -> Grid:
    """Scale and zero level of the uint8 grid that reaches from low to high and has 0 on it."""
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    scale = max((high - low) / _LEVELS, _SMALLEST_SCALE)
    return np.float32(scale), np.uint8(np.clip(round(-low / scale), 0, _LEVELS))


def eight_bit_weight(weight: Array) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """A convolution's weight (O, ...) as int8 of the same shape and one scale an output channel."""
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scales = np.maximum(largest / _WEIGHT_LEVELS, _SMALLEST_SCALE).astype(np.float32)
    levels = np.rint(weight / scales.reshape(-1, *[1] * (weight.ndim - 1)))
    return np.clip(levels, -_WEIGHT_LEVELS, _WEIGHT_LEVELS).astype(np.int8), scales


def _is_constant(graph: Graph, conv: NodeProto) -> bool:
    return conv.input[1] in graph.constants


def _chosen(graph: Graph, plan: Plan) -> set[str]:
    """Outputs of the 8-bit nodes: convolutions, and what lies between them."""
    chosen: set[str] = set()
    for node in graph.nodes:
        output = node.output[0]
        features = [name for name in node.input if name in plan.pixels]
        if output not in plan.pixels:
            continue
        if node.op_type == "Conv":
            if _is_constant(graph, node) and node.input[1] not in plan.kept:
                chosen.add(output)
        elif node.op_type in POINTWISE and features and chosen.issuperset(features):
            chosen.add(output)
    return chosen


def _tensors(graph: Graph, chosen: set[str], plan: Plan) -> set[str]:
    """What gets a pair behind it."""
    ends = {value.name for value in graph.proto.graph.output}
    tensors = set()
    for node in graph.nodes:
        output, is_conv = node.output[0], node.op_type == "Conv"
        if output not in chosen:
            continue
        if is_conv:
            tensors.add(node.input[0])
        if is_conv or any(r.output[0] in chosen for r in graph.readers.get(output, [])):
            tensors.add(output)
    inner = {name for name in tensors if plan.fused and _is_inside_kernel(graph, chosen, name)}
    bytes_read = {n.output[0] for n in graph.nodes if n.op_type == "DequantizeLinear"}
    return tensors - inner - bytes_read - ends


def _is_inside_kernel(graph: Graph, chosen: set[str], tensor: str) -> bool:
    """Whether a kernel that fuses activations never writes this value to memory."""
    kind, reader = graph.writers[tensor].op_type, graph.only_reader(tensor)
    activated = reader is not None and reader.op_type in ("LeakyRelu", "Relu")
    if kind == "Conv":
        read = [r for r in graph.readers.get(tensor, []) if r.output[0] in chosen]
        return activated or not read or (reader is not None and reader.op_type == "Add")
    return kind == "Add" and activated


def _grids(graph: Graph, chosen: set[str], tensors: set[str], plan: Plan) -> dict[str, Grid]:
    """The grid of each tensor; what is joined or pooled shares one, so that it is only copied."""
    spans = {name: plan.spans[name] for name in tensors}
    for node in graph.nodes:
        joined = [name for name in (*node.input, *node.output) if name in spans]
        if node.op_type == "Concat" and node.output[0] in chosen and joined:
            lows, highs = zip(*(spans[name] for name in joined), strict=True)
            spans |= dict.fromkeys(joined, (min(lows), max(highs)))
        elif node.op_type == "MaxPool" and len(joined) == 2:
            spans[node.output[0]] = spans[node.input[0]]
    return {name: grid(span) for name, span in spans.items()}


def _rewritten(graph: Graph, chosen: set[str], grids: Mapping[str, Grid], plan: Plan) -> ModelProto:
    from onnx import helper

    constants: dict[str, Array] = {}
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        if node.op_type == "Conv" and node.output[0] in chosen:
            nodes.append(_stored_weight(graph, node, constants))
        if not plan.fused or node.output[0] in chosen:
            node.input[:] = [f"{name}.read" if name in grids else name for name in node.input]
        nodes.append(node)
        for name in grids.keys() & set(node.output):
            parts = [f"{name}.scale", f"{name}.zero"]
            constants |= zip(parts, map(np.asarray, grids[name]), strict=True)
            steps = (name, f"{name}.bytes", f"{name}.read")
            nodes.append(helper.make_node("QuantizeLinear", [steps[0], *parts], [steps[1]]))
            nodes.append(helper.make_node("DequantizeLinear", [steps[1], *parts], [steps[2]]))
    return graph.rebuilt(nodes, constants)


def _stored_weight(graph: Graph, conv: NodeProto, constants: dict[str, Array]) -> NodeProto:
    """The node that reads the convolution's 8-bit weight."""
    from onnx import helper

    name = conv.input[1]
    conv.input[1] = f"{name}.weight"
    levels, scales = eight_bit_weight(graph.constants[name])
    parts: dict[str, Array] = {f"{name}.bytes": levels, f"{name}.scale": scales}
    constants |= parts
    return helper.make_node("DequantizeLinear", [*parts], [conv.input[1]], axis=0)
