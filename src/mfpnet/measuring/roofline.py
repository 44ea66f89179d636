"""The least time that each layer of a network can take on a machine: its roofline.

A layer takes at least its multiply-accumulates over the machine's matrix-product rate, and at least
its bytes over the machine's copy bandwidth; the larger of the two is its bound (Williams, Waterman
and Patterson 2009). The layers are those that the network really runs: every operation that PyTorch
dispatches is seen with its shapes, so no layer needs code of its own here, and functions (resizing,
softmax, products of matrices) count like modules.

What is counted:
- inputs, weights and the output of an operation, each once;
- element by element work (activation, bias, addition, batch norm, change of type) as fused into the
  operation whose result it changes: no traffic of its own, only that of a second operand;
- joining by `cat` as free: whoever computes a part can write it where it belongs;
- changes of view as free, copies into another order as what they are.
Bytes are those of memory. A small feature map can stay in a cache, so a layer bound by bytes
can in truth be faster than its bound; one that is bound by arithmetic cannot.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.module_tracker import ModuleTracker
from torch.utils.weak import WeakTensorKeyDictionary

from mfpnet.measuring.ceilings import DTYPES, Ceilings

_VIEWS = frozenset({"_unsafe_view", "_reshape_alias", "alias", "detach", "lift_fresh"})
_FUSED = frozenset(
    {
        "_native_batch_norm_legit_no_training",
        "_prelu_kernel",
        "_to_copy",
        "cat",
        "cudnn_batch_norm",
        "hardswish",
        "native_batch_norm",
    }
)


@dataclass(frozen=True)
class Layer:
    """What one operation, with all that is fused into it, has to do.

    Attributes:
        name: of the module that runs it, as in its parent's attributes.
        operation: PyTorch's name of it, `convolution`, `bmm`, ...
        shape: of its output.
        macs: multiply-accumulates.
        values: floating-point numbers read and written.
        other_bytes: bytes of whole numbers read and written, whatever the precision.
    """

    name: str
    operation: str
    shape: tuple[int, ...]
    macs: int
    values: int
    other_bytes: int

    def bytes_in(self, precision: str) -> int:
        """Bytes read and written where a number is `fp32`, `bf16` or `fp16`."""
        return self.values * DTYPES[precision].itemsize + self.other_bytes


def layers_of(module: nn.Module, image: Tensor) -> list[Layer]:
    """What the module runs for this input, in order."""
    with torch.no_grad(), _Recorder() as recorder:
        module(image)
    return recorder.layers


def bounds(layers: Iterable[Layer], ceilings: Ceilings, precision: str) -> list[dict[str, Any]]:
    """Each layer as a record with its least time, and which of the two ceilings it meets."""
    rows = []
    for layer in layers:
        moved = layer.bytes_in(precision)
        arithmetic = ceilings.least_ms(layer.macs, 0, precision)
        least = ceilings.least_ms(layer.macs, moved, precision)
        rows.append(
            {
                "layer": layer.name,
                "operation": layer.operation,
                "shape": list(layer.shape),
                "macs": layer.macs,
                "bytes": moved,
                "bound_ms": least,
                "bound_by": "MACs" if arithmetic == least else "bytes",
            }
        )
    return rows


def least_time(layers: Iterable[Layer], ceilings: Ceilings, precision: str) -> float:
    """Milliseconds of all layers, one after another, at the machine's ceilings."""
    return math.fsum(row["bound_ms"] for row in bounds(layers, ceilings, precision))


class _Recorder(TorchDispatchMode):
    """Sees each operation and notes what it has to do."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: list[Layer] = []
        self.makers = WeakTensorKeyDictionary()
        self.tracker = ModuleTracker()

    def __enter__(self) -> _Recorder:
        self.tracker.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *reason: Any) -> None:
        super().__exit__(*reason)  # type: ignore[no-untyped-call]
        self.tracker.__exit__(*reason)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, then note it."""
        kwargs = kwargs or {}
        returned = func(*args, **kwargs)
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        outputs = [leaf for leaf in tree_leaves(returned) if isinstance(leaf, Tensor)]
        if inputs and outputs:
            maker = self._maker(func, inputs, args, kwargs, returned)
            for output in outputs if maker is not None else ():
                self.makers[output] = maker
        return returned

    def _maker(
        self, func: Any, inputs: list[Tensor], args: Any, kwargs: Any, returned: Any
    ) -> int | None:
        """The number of the layer that the result belongs to, None for a view of an input."""
        if _is_view(func):
            return self.makers.get(inputs[0])  # type: ignore[no-any-return]
        made = [tensor for tensor in inputs if tensor in self.makers]
        if made and _is_fused(func):
            # The largest is what is changed; a gate or a bias is what it is changed by.
            changed = max(made, key=lambda tensor: (tensor.numel(), self.makers[tensor]))
            self._fuse(self.makers[changed], func, inputs, returned)
            return int(self.makers[changed])
        count = flop_registry.get(func.overloadpacket)
        flops = count(*args, **kwargs, out_val=returned) if count else 0
        output = next(leaf for leaf in tree_leaves(returned) if isinstance(leaf, Tensor))
        self.layers.append(
            Layer(
                _innermost(self.tracker.parents),
                func.overloadpacket.__name__,
                tuple(output.shape),
                flops // 2,
                *_traffic([*inputs, output]),
            )
        )
        return len(self.layers) - 1

    def _fuse(self, number: int, func: Any, inputs: list[Tensor], returned: Any) -> None:
        """Add the traffic of the operands that the layer did not make itself."""
        name, layer = func.overloadpacket.__name__, self.layers[number]
        others = [t for t in inputs if self.makers.get(t) != number and t.numel() > 1]
        values, other_bytes = _traffic(others) if name != "cat" else (0, 0)
        if name == "_to_copy":  # what is written is of the new type
            (old, old_bytes), (new, new_bytes) = _traffic(inputs), _traffic([returned])
            values, other_bytes = new - old, new_bytes - old_bytes
        self.layers[number] = replace(
            layer, values=layer.values + values, other_bytes=layer.other_bytes + other_bytes
        )


def _is_view(func: Any) -> bool:
    alias = func._schema.returns[0].alias_info
    return func.overloadpacket.__name__ in _VIEWS or (alias is not None and not alias.is_write)


def _is_fused(func: Any) -> bool:
    name = func.overloadpacket.__name__
    return name in _FUSED or (torch.Tag.pointwise in func.tags and name != "clone")


def _traffic(tensors: Iterable[Tensor]) -> tuple[int, int]:
    """Floating-point numbers, and bytes of anything else, each tensor once."""
    values = other_bytes = 0
    for tensor in {id(tensor): tensor for tensor in tensors}.values():
        size = tensor.element_size()
        # One that is only spread out by its strides is no longer than its storage.
        stored = min(tensor.numel() * size, tensor.untyped_storage().nbytes())
        if tensor.is_floating_point():
            values += stored // size
        else:
            other_bytes += stored
    return values, other_bytes


def _innermost(parents: Iterable[str]) -> str:
    """`Net.encoder.0.conv` of `Global`, `Net`, `Net.encoder`, ... without the root's class."""
    name = max((parent for parent in parents if parent != "Global"), key=len, default="")
    return name.partition(".")[2] or name
