"""The ONNX graph of an exported network as TensorFlow code that keeps channels last.

Converters of ONNX files put a transposition on either side of much of what they convert, because
ONNX has channels second and TensorFlow's kernels for CPUs want them last. Here a value remembers
which way round it is stored, so that only what must be turned is. Known are the operators that
mfpnet's own exports consist of, for pictures of one size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stored import Tensor, Value, turned
from stored_convolution import convolution


def labels_function(path: Path, *, fused_sums: bool = False) -> Callable[[Tensor], Tensor]:
    """A function for `tf.function`: uint8 (1, H, W, 3) -> uint8 labels (1, H, W).

    Args:
        path: an ONNX file of mfpnet for one size, uint8 pixels in and logits out.
        fused_sums: write a leaky ReLU behind a sum as such, for LiteRT; see `_leaky_relu`.

    Raises:
        ValueError: it has an operator that is not known here.
    """
    import onnx
    import tensorflow as tf

    graph = onnx.load(path).graph
    if unknown := sorted({node.op_type for node in graph.node} - set(OPERATORS)):
        raise ValueError(f"'{path}' has operators that are not known here: {', '.join(unknown)}")
    constants = {c.name: Value(onnx.numpy_helper.to_array(c)) for c in graph.initializer}
    steps = [(node, _attributes(node)) for node in graph.node]

    def run(image: Tensor) -> Tensor:
        values = constants | {graph.input[0].name: Value(image)}
        for node, attributes in steps:
            given = [values[name] if name else None for name in node.input]
            found = OPERATORS[node.op_type](given, attributes)
            values[node.output[0]] = replace(found, summed=found.summed and not fused_sums)
        logits = values[graph.output[0].name].channels_last()
        return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)

    return run


def _attributes(node: Any) -> dict[str, Any]:
    import onnx

    return {given.name: onnx.helper.get_attribute_value(given) for given in node.attribute}


def _elementwise(function: Callable[..., Tensor]) -> Callable[..., Value]:
    """An operator on each value by itself, between tensors that may have to be broadcast."""

    def operator(given: list[Value], attributes: dict[str, Any]) -> Value:
        if not any(value.last for value in given):
            return Value(function(*(value.tensor for value in given), attributes))
        rank = max(value.rank for value in given)
        aligned = [_with_rank(value, rank).channels_last() for value in given]
        return Value(function(*aligned, attributes), last=True)

    return operator


def _with_rank(value: Value, rank: int) -> Value:
    """With axes of length 1 in front, as broadcasting has it."""
    if value.rank == rank:
        return value
    shape = [*[1] * (rank - value.rank), *value.shape]
    return Value(np.reshape(value.plain(), shape))


def _add(given: list[Value], attributes: dict[str, Any]) -> Value:
    total = _elementwise(lambda a, b, _: a + b)(given, attributes)
    return replace(total, summed=True)


def _leaky_relu(given: list[Value], attributes: dict[str, Any]) -> Value:
    """The slope written out behind a sum.

    TensorFlow 2.21 with oneDNN merges convolution, bias, sum and leaky ReLU into one operator that
    has forgotten the slope and takes 0.2.
    """
    import tensorflow as tf

    tensor, slope = given[0].tensor, attributes.get("alpha", 0.01)
    if given[0].summed:
        larger = tf.maximum if slope <= 1 else tf.minimum
        return Value(larger(tensor, slope * tensor), given[0].last)
    return Value(tf.nn.leaky_relu(tensor, slope), given[0].last)


def _activation(name: str) -> Callable[..., Value]:
    def function(tensor: Tensor, attributes: dict[str, Any]) -> Tensor:
        import tensorflow as tf

        return getattr(tf.nn, name)(tensor)

    return _elementwise(function)


def _cast(given: list[Value], attributes: dict[str, Any]) -> Value:
    import onnx
    import tensorflow as tf

    kind = onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])
    return Value(tf.cast(given[0].tensor, kind), given[0].last)


def _clip(given: list[Value], attributes: dict[str, Any]) -> Value:
    import tensorflow as tf

    low, high = ((*given[1:], None, None))[:2]
    found = given[0].tensor
    found = tf.maximum(found, low.tensor) if low is not None else found
    return Value(tf.minimum(found, high.tensor) if high is not None else found, given[0].last)


def _batch_norm(given: list[Value], attributes: dict[str, Any]) -> Value:
    scale, bias, mean, variance = (value.tensor for value in given[1:])
    factor = scale / np.sqrt(variance + attributes.get("epsilon", 1e-5))
    return Value(given[0].channels_last() * factor + (bias - mean * factor), last=True)


def _max_pool(given: list[Value], attributes: dict[str, Any]) -> Value:
    import tensorflow as tf

    kernel, strides = list(attributes["kernel_shape"]), list(attributes["strides"])
    if any(attributes.get("pads", [])) or kernel != strides:
        raise ValueError("a pooling whose windows overlap or reach outside is not known here")
    padding = "SAME" if attributes.get("ceil_mode") else "VALID"
    return Value(tf.nn.max_pool2d(given[0].channels_last(), kernel, strides, padding), last=True)


def _resize(given: list[Value], attributes: dict[str, Any]) -> Value:
    import tensorflow as tf

    mode = attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    if attributes.get("mode") != b"linear" or not mode.endswith("half_pixel"):
        raise ValueError(f"resizing in mode {mode} is not known here")
    shape = given[0].shape[2:]
    if len(given) > 3:
        size = [int(side) for side in given[3].tensor[2:]]
    else:
        size = [math.floor(s * f) for s, f in zip(shape, given[2].tensor[2:], strict=True)]
    return Value(tf.image.resize(given[0].channels_last(), size, "bilinear"), last=True)


def _reduce(name: str) -> Callable[..., Value]:
    def operator(given: list[Value], attributes: dict[str, Any]) -> Value:
        import tensorflow as tf

        value, *more = given
        axes = attributes.get("axes") or more[0].tensor.tolist()
        keep = bool(attributes.get("keepdims", 1))
        stored = [value.axis(number) for number in axes]
        if keep:
            return Value(getattr(tf, name)(value.tensor, stored, keepdims=True), value.last)
        return Value(getattr(tf, name)(value.plain(), axes))

    return operator


def _softmax(given: list[Value], attributes: dict[str, Any]) -> Value:
    import tensorflow as tf

    axis = given[0].axis(attributes.get("axis", -1))
    return Value(tf.nn.softmax(given[0].tensor, axis=axis), given[0].last)


def _concat(given: list[Value], attributes: dict[str, Any]) -> Value:
    import tensorflow as tf

    if not any(value.last for value in given):
        return Value(tf.concat([value.tensor for value in given], attributes["axis"]))
    turned = [Value(value.channels_last(), last=True) for value in given]
    axis = turned[0].axis(attributes["axis"])
    return Value(tf.concat([value.tensor for value in turned], axis), last=True)


def _transpose(given: list[Value], attributes: dict[str, Any]) -> Value:
    """Where the order of the axes is that of channels last, only its name changes."""
    value, order = given[0], list(attributes["perm"])
    if not value.last and order == [0, value.rank - 1, *range(1, value.rank - 1)]:
        return Value(value.tensor, last=value.rank > 2)
    if value.last and order == [0, *range(2, value.rank), 1]:
        return Value(value.tensor)
    return Value(turned(value.plain(), order))


def _reshape(given: list[Value], attributes: dict[str, Any]) -> Value:
    """What joins or splits the axes behind the channels leaves them last."""
    import tensorflow as tf

    value, before = given[0], given[0].shape
    wanted = [before[i] if n == 0 else int(n) for i, n in enumerate(given[1].tensor.tolist())]
    missing = math.prod(before) // abs(math.prod(wanted))
    shape = [missing if side == -1 else side for side in wanted]
    if value.last and len(shape) > 2 and shape[:2] == before[:2]:
        return Value(tf.reshape(value.tensor, [shape[0], *shape[2:], shape[1]]), last=True)
    return Value(tf.reshape(value.plain(), shape))


def _matmul(given: list[Value], attributes: dict[str, Any]) -> Value:
    """A product of matrices of which either may be stored transposed."""
    import tensorflow as tf

    first, second = given
    if second.last:
        product = tf.matmul(second.tensor, first.tensor, transpose_b=not first.last)
        return Value(product, last=True)
    return Value(tf.matmul(first.tensor, second.tensor, transpose_a=first.last))


OPERATORS: dict[str, Callable[..., Value]] = {
    "Add": _add,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": convolution,
    "Div": _elementwise(lambda a, b, _: a / b),
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mul": _elementwise(lambda a, b, _: a * b),
    "ReduceMean": _reduce("reduce_mean"),
    "ReduceSum": _reduce("reduce_sum"),
    "Relu": _activation("relu"),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": _activation("sigmoid"),
    "Softmax": _softmax,
    "Sub": _elementwise(lambda a, b, _: a - b),
    "Transpose": _transpose,
}
