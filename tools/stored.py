"""Values of an ONNX graph that remember which way round they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Tensor = Any


@dataclass(frozen=True)
class Value:
    """A tensor of the ONNX graph, as TensorFlow holds it.

    Attributes:
        tensor: the content; a numpy array where it is a constant.
        last: the second axis of ONNX's shape, of channels, is stored as the last one.
        summed: it comes out of an addition.
    """

    tensor: Tensor
    last: bool = False
    summed: bool = False

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.tensor.shape)

    def axis(self, number: int) -> int:
        """Where an axis of ONNX's shape is stored."""
        number %= self.rank
        if not self.last or number == 0:
            return number
        return self.rank - 1 if number == 1 else number - 1

    @property
    def shape(self) -> list[int]:
        """As ONNX sees it."""
        return [int(self.tensor.shape[self.axis(number)]) for number in range(self.rank)]

    def plain(self) -> Tensor:
        """The tensor with its axes in ONNX's order."""
        order = [0, self.rank - 1, *range(1, self.rank - 1)]
        return turned(self.tensor, order) if self.last else self.tensor

    def channels_last(self) -> Tensor:
        """The tensor with its channels last."""
        order = [0, *range(2, self.rank), 1]
        return self.tensor if self.last else turned(self.tensor, order)


def turned(tensor: Tensor, order: list[int]) -> Tensor:
    """Transposed, or only reshaped where no two values change places."""
    if isinstance(tensor, np.ndarray):
        return np.ascontiguousarray(tensor.transpose(order))
    import tensorflow as tf

    shape = [int(tensor.shape[axis]) for axis in order]
    moved = [axis for axis in order if tensor.shape[axis] != 1]
    return tf.reshape(tensor, shape) if moved == sorted(moved) else tf.transpose(tensor, order)
