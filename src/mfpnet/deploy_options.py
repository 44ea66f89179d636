"""What the verbs of deployment take, as data; light, so that `--help` is there at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from mfpnet.options import Count, Flag, Json, Size


@dataclass(frozen=True)
class BenchmarkOptions:
    """Training throughput of each variant, in plain float32 and in faster settings."""

    training: Flag = False
    """Measure training steps."""
    size: Size = "360x480"
    """Height and width of the images."""
    batch_size: Annotated[tuple[int, ...], arg(metavar="N [N ...]")] = (8,)
    """Images a step; several are measured one after another."""
    only: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help_behavior_hint="")] = ()
    """Some networks instead of both variants."""
    rounds: Annotated[int, arg(metavar="N")] = 5
    """Timed rounds of each setting: one step on a CPU, ten on a GPU."""
    compiled: Flag = True
    """Leave out torch.compile, which takes minutes to start on a CPU."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    threads: Count = None
    """CPU threads; PyTorch's choice when left out."""
    json_file: Json = None
    """Write the record as JSON."""
