"""An ONNX graph with its edges at hand, and the rewritings that quantising it begins and ends with.

Nodes are known by the name of their first output: every value in ONNX is written once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Array = npt.NDArray[Any]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Graph:
    """A copy of an ONNX graph: nodes in order, constants as arrays, and who reads what.

    Attributes:
        proto: the copy.
        constants: initialisers by name.
        writers: tensor -> the node that writes it.
        readers: tensor -> the nodes that read it.
    """

    def __init__(self, proto: ModelProto) -> None:
        from onnx import ModelProto, numpy_helper

        self.proto = ModelProto()
        self.proto.CopyFrom(proto)
        stored = self.proto.graph.initializer
        self.constants: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in stored}
        self.writers = {name: node for node in self.nodes for name in node.output}
        self.readers: dict[str, list[NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    @property
    def nodes(self) -> Sequence[NodeProto]:
        """In an order in which they can be computed."""
        nodes: Sequence[NodeProto] = self.proto.graph.node
        return nodes

    def only_reader(self, tensor: str) -> NodeProto | None:
        """The one node that reads a tensor, None where none or several do."""
        readers = self.readers.get(tensor, [])
        return readers[0] if len(readers) == 1 else None

    def rebuilt(self, nodes: Sequence[NodeProto], constants: dict[str, Array]) -> ModelProto:
        """The graph of other nodes, with those old and new constants that they read."""
        from onnx import numpy_helper

        used = {name for node in nodes for name in node.input}
        kept = {k: v for k, v in (self.constants | constants).items() if k in used}
        graph, copies = self.proto.graph, [_copied(node) for node in nodes]
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(copies)
        graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in kept.items())
        return self.proto


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """The value of a node's attribute."""
    from onnx import helper

    values = [helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return values[0] if values else default


def without_batch_norms(proto: ModelProto) -> ModelProto:
    """Batch norms as depth-wise 1x1 convolutions, which have 8-bit kernels; the same values."""
    from onnx import helper

    graph = Graph(proto)
    nodes: list[NodeProto] = []
    constants: dict[str, Array] = {}
    for node in graph.nodes:
        if node.op_type != "BatchNormalization":
            nodes.append(node)
            continue
        gain, shift, mean, variance = (graph.constants[name] for name in node.input[1:5])
        factor = gain / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
        # Named after its own gain, so that it stays with the part of the network it came from.
        weight, bias = f"{node.input[1]}.conv", f"{node.input[2]}.conv"
        constants[weight] = factor.reshape(-1, 1, 1, 1).astype(np.float32)
        constants[bias] = (shift - mean * factor).astype(np.float32)
        inputs, outputs = [node.input[0], weight, bias], [node.output[0]]
        nodes.append(helper.make_node("Conv", inputs, outputs, group=len(factor)))
    return graph.rebuilt(nodes, constants)


def with_byte_input(proto: ModelProto, kept: frozenset[str]) -> ModelProto:
    """The picture's bytes as the first convolution's 8-bit input, without a pass that scales them.

    The bytes are read as levels of a scale of one, about the mean of the channels' means; what the
    channels' own means differ from it moves into the bias. At the image's border, where that counts
    for the padding too, it is off by the difference. A graph of another form, or one whose first
    convolution is in `kept`, stays as it is.
    """
    graph = Graph(proto)
    found = _first_layers(graph)
    if found is None or found[2].input[1] in kept:
        return graph.proto
    from onnx import helper

    cast, minus, conv = found
    offset, weight = graph.constants[minus.input[1]].ravel(), graph.constants[conv.input[1]]
    level = round(float(offset.mean()))
    moved = (weight.sum(axis=(2, 3)) * (level - offset)).sum(axis=1)
    bias = graph.constants[conv.input[2]] + moved if len(conv.input) > 2 else moved
    constants = {"byte_scale": np.float32(1), "byte_zero": np.uint8(level)}
    read = helper.make_node("DequantizeLinear", [cast.input[0], *constants], [minus.output[0]])
    nodes = [read if node is minus else node for node in graph.nodes if node is not cast]
    del conv.input[2:]
    conv.input.append("byte_bias")
    return graph.rebuilt(nodes, constants | {"byte_bias": bias.astype(np.float32)})


def compacted(proto: ModelProto) -> ModelProto:
    """The same graph with names of a letter or two, and equal constants stored once."""
    graph = proto.graph
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    fresh = (name for name in map(_short, itertools.count()) if name not in names)
    stored: dict[tuple[int, bytes, tuple[int, ...]], str] = {}
    constants = list(graph.initializer)
    del graph.initializer[:]
    for constant in constants:
        key = (constant.data_type, constant.raw_data, tuple(constant.dims))
        names[constant.name] = stored.get(key) or next(fresh)
        if key not in stored:
            stored[key] = constant.name = names[constant.name]
            graph.initializer.append(constant)
    for node in graph.node:
        node.name = node.doc_string = ""
        node.input[:] = [names[name] for name in node.input]
        for name in node.output:
            names.setdefault(name, next(fresh))
        node.output[:] = [names[name] for name in node.output]
    return proto


def _copied(node: NodeProto) -> NodeProto:
    """The list it stands in is about to be emptied."""
    from onnx import NodeProto

    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


def _first_layers(graph: Graph) -> tuple[NodeProto, NodeProto, NodeProto] | None:
    """The cast of the bytes, the subtraction of the mean, and the convolution after it."""
    for cast in graph.nodes:
        minus = graph.only_reader(cast.output[0])
        if cast.op_type != "Cast" or minus is None or minus.op_type != "Sub":
            continue
        conv = graph.only_reader(minus.output[0])
        if conv is not None and conv.op_type == "Conv" and minus.input[1] in graph.constants:
            return cast, minus, conv
    return None


def _short(number: int) -> str:
    digits = _DIGITS[number % 36]
    while number := number // 36:
        digits = _DIGITS[number % 36] + digits
    return f"_{digits}"
