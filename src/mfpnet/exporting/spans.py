"""What values a network's tensors take on some pictures: the ranges that 8 bits are spread over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mfpnet.errors import missing_extra

if TYPE_CHECKING:
    from onnx import ModelProto

Array = npt.NDArray[Any]
Span = tuple[float, float]
Run = Callable[[Array], list[Array]]

# Ways to draw a range from what was seen.
METHODS = ("extremes", "mean extremes", "percentiles")
# What is cut off at either end by percentiles, in percent.
_TAIL = 0.01
# Percentiles are taken of about so many values of a tensor: of all they would take minutes.
_SAMPLE = 20_000


@dataclass
class Seen:
    """Lowest and highest values of one tensor, one entry a picture.

    Attributes:
        extremes: (lowest, highest).
        percentiles: likewise, without the outermost hundredth of a percent.
        shape: of the last picture's tensor.
    """

    extremes: list[Span] = field(default_factory=list)
    percentiles: list[Span] = field(default_factory=list)
    shape: tuple[int, ...] = ()

    def add(self, values: Array) -> None:
        """Count one picture's values."""
        flat = values.ravel()
        some = flat[:: max(flat.size // _SAMPLE, 1)]
        low, high = np.percentile(some, (_TAIL, 100 - _TAIL))
        self.extremes.append((float(flat.min()), float(flat.max())))
        self.percentiles.append((float(low), float(high)))
        self.shape = values.shape

    def span(self, method: str) -> Span:
        """The range by one of `METHODS`."""
        if method == "mean extremes":
            low, high = np.mean(self.extremes, axis=0)
            return float(low), float(high)
        lows, highs = zip(*getattr(self, method), strict=True)
        return min(lows), max(highs)


def observe(
    proto: ModelProto,
    tensors: Iterable[str],
    batches: Iterable[Array],
    *,
    threads: int | None = None,
    on_batch: Callable[[], object] | None = None,
) -> dict[str, Seen]:
    """Run a graph and look at some of its float tensors.

    Args:
        proto: an ONNX graph with one input.
        tensors: names of what is looked at.
        batches: what goes in, one after another.
        threads: CPU threads; the runtime's choice when left out.
        on_batch: called after each.

    Raises:
        MfpnetError: ONNX Runtime is not installed.
    """
    from onnx import ModelProto, helper

    names, shown = list(tensors), ModelProto()
    shown.CopyFrom(proto)
    del shown.graph.output[:]
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    run = runner(shown, threads)
    seen = {name: Seen() for name in names}
    for batch in batches:
        for name, values in zip(names, run(batch), strict=True):
            seen[name].add(values)
        if on_batch:
            on_batch()
    return seen


def spans_of(seen: Mapping[str, Seen], method: str) -> dict[str, Span]:
    """The range of each tensor by one of `METHODS`."""
    return {name: each.span(method) for name, each in seen.items()}


def pixels_of(seen: Mapping[str, Seen]) -> dict[str, int]:
    """Height times width of each tensor that has them."""
    shapes = {name: each.shape for name, each in seen.items()}
    return {
        name: shape[2] * shape[3]
        for name, shape in shapes.items()
        if len(shape) == 4 and min(shape[2:]) > 1
    }


def runner(proto: ModelProto, threads: int | None = None) -> Run:
    """A function from an input to all outputs, in ONNX Runtime on the CPU.

    Raises:
        MfpnetError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_extra("onnx", "quantising") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda batch: list(session.run(None, {name: batch}))
