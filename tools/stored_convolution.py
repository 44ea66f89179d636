"""ONNX's convolution in TensorFlow, on pictures whose channels are stored last."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from stored import Tensor, Value


def convolution(given: list[Value], attributes: dict[str, Any]) -> Value:
    """ONNX's Conv of pictures: dense or depth-wise, strided, dilated, with or without a bias.

    Raises:
        ValueError: it is in several groups of several channels.
    """
    import tensorflow as tf

    kernel = np.transpose(given[1].plain(), (2, 3, 1, 0))
    groups, dilations = attributes.get("group", 1), attributes.get("dilations", [1, 1])
    strides = [1, *attributes.get("strides", [1, 1]), 1]
    image, padding = _padded(given[0].channels_last(), kernel, attributes)
    if groups == 1:
        found = tf.nn.conv2d(image, kernel, strides, padding, dilations=dilations)
    elif groups == image.shape[-1] == kernel.shape[3]:
        kernel = np.ascontiguousarray(kernel.transpose(0, 1, 3, 2))
        if takes_dilation():
            steps = [1, *dilations, 1]
            found = tf.raw_ops.DepthwiseConv2dNative(
                input=image, filter=kernel, strides=strides, padding=padding, dilations=steps
            )
        else:
            found = tf.nn.depthwise_conv2d(image, kernel, strides, padding, dilations=dilations)
    else:
        raise ValueError(f"a convolution in {groups} groups is not known here")
    if len(given) > 2:
        found = tf.nn.bias_add(found, given[2].tensor)
    return Value(found, last=True)


@cache
def takes_dilation() -> bool:
    """Whether TensorFlow's own kernel for depth-wise convolutions has dilation, as oneDNN's does.

    Where it has not, a picture is cut into a batch of smaller ones before and put together after.
    """
    import tensorflow as tf

    ones = np.ones((3, 3, 1, 1), np.float32)
    try:
        with tf.init_scope():
            tf.raw_ops.DepthwiseConv2dNative(
                input=np.ones((1, 9, 9, 1), np.float32),
                filter=ones,
                strides=[1, 1, 1, 1],
                padding="SAME",
                dilations=[1, 2, 2, 1],
            )
    except tf.errors.OpError:
        return False
    return True


def _padded(image: Tensor, kernel: Any, attributes: dict[str, Any]) -> tuple[Tensor, str]:
    """The picture with its zeros, or the name of TensorFlow's own way to add the same ones."""
    import tensorflow as tf

    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    if not any((top, left, bottom, right)):
        return image, "VALID"
    dilations, strides = attributes.get("dilations", [1, 1]), attributes.get("strides", [1, 1])
    reach = [step * (side - 1) for step, side in zip(dilations, kernel.shape[:2], strict=True)]
    centred = [top, left] == [bottom, right] == [side // 2 for side in reach]
    if centred and list(strides) == [1, 1]:
        return image, "SAME"
    return tf.pad(image, [[0, 0], [top, bottom], [left, right], [0, 0]]), "VALID"
