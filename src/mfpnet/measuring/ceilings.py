"""What this machine can do at most: products of matrices, and copies of memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

DTYPES: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
# Sides of the square matrices: the rate of the best one counts.
_SIDES_CPU = (512, 1024, 2048)
_SIDES_GPU = (2048, 4096, 8192)
# Larger than any cache, so that the copy goes through the memory itself.
_COPIED_CPU, _COPIED_GPU = 2**28, 2**31
_TRIES = 3


@dataclass(frozen=True)
class Ceilings:
    """The rates that no network can exceed on this machine.

    Attributes:
        macs_per_second: multiply-accumulates of a product of square matrices, by precision.
        bytes_per_second: of a large copy; what is read and what is written both count.
    """

    macs_per_second: dict[str, float]
    bytes_per_second: float

    def least_ms(self, macs: float, moved: float, precision: str) -> float:
        """Milliseconds that so much arithmetic, or so many bytes, take at least."""
        return 1000 * max(macs / self.macs_per_second[precision], moved / self.bytes_per_second)

    def better(self, other: Ceilings) -> Ceilings:
        """The higher rate of each kind: a busy moment lowers a rate, nothing raises it."""
        rates = {
            name: max(rate, other.macs_per_second.get(name, 0.0))
            for name, rate in self.macs_per_second.items()
        }
        return Ceilings(rates, max(self.bytes_per_second, other.bytes_per_second))


def measure_ceilings(
    device: torch.device, precisions: Sequence[str], *, sides: Sequence[int] = (), copied: int = 0
) -> Ceilings:
    """Measure the rates with PyTorch's current number of threads; takes a second or two.

    On a GPU float32 products may use TF32, as PyTorch's convolutions do.

    Args:
        device: where.
        precisions: keys of `DTYPES`.
        sides: of the square matrices, chosen by the device when empty.
        copied: bytes that are copied, likewise when 0.
    """
    gpu = device.type == "cuda"
    sides = sides or (_SIDES_GPU if gpu else _SIDES_CPU)
    copied = copied or (_COPIED_GPU if gpu else _COPIED_CPU)
    rates = {name: _matrix_rate(device, DTYPES[name], sides) for name in precisions}
    return Ceilings(rates, _copy_rate(device, copied))


def _matrix_rate(device: torch.device, dtype: torch.dtype, sides: Sequence[int]) -> float:
    """The best rate over the sizes, in multiply-accumulates per second."""
    return max(_square_rate(device, dtype, side) for side in sides)


def _square_rate(device: torch.device, dtype: torch.dtype, side: int) -> float:
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    result = torch.empty_like(left)
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        seconds = _fastest(lambda: torch.mm(left, right, out=result), device)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
    return float(side**3 / seconds)


def _copy_rate(device: torch.device, copied: int) -> float:
    """Bytes read plus bytes written per second, between two buffers that both lie in memory."""
    source = torch.ones(copied // 4, device=device)
    target = torch.empty_like(source)
    return 2 * copied / _fastest(lambda: target.copy_(source), device)


def _fastest(work: Callable[[], Tensor], device: torch.device) -> float:
    """Seconds of the fastest of some tries; the first one only warms up."""
    taken = []
    for _ in range(1 + _TRIES):
        wait_for(device)
        begun = time.perf_counter()
        work()
        wait_for(device)
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])


def wait_for(device: torch.device) -> None:
    """Return when the device has done all it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
