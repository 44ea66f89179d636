"""The ways in which PyTorch can run a network, each behind the same four functions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mfpnet.exporting.deployed import Deployed, example_input, info_of
from mfpnet.info import ModelInfo
from mfpnet.measuring.ceilings import DTYPES, wait_for
from mfpnet.pixels.pictures import Image
from mfpnet.runtimes.manifest import Output
from mfpnet.transforms import normalise
from mfpnet.variants import Network

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Job:
    """What every runner of a comparison does: pictures in, logits or labels out.

    Attributes:
        size: (H, W) of the pictures.
        batch: pictures at a time.
        output: `logits` (N, C, H, W) or `labels` (N, H, W).
        device: of PyTorch's runners.
        threads: of a CPU.
    """

    size: tuple[int, int]
    batch: int
    output: Output
    device: torch.device
    threads: int


@dataclass(frozen=True)
class Runner:
    """A network, ready to run.

    Attributes:
        load: brings pictures (N, H, W, 3) uint8 to where and how the network takes them.
        run: what was loaded -> its output; may return before a GPU is done.
        fetch: the output as an array, when it is done.
        wait: returns when everything is done.
        precision: `fp32`, `bf16`, `fp16`, `int8`.
        module: what PyTorch runs, None for another runtime.
        info: what an exported file says of its network, None for others.
    """

    load: Callable[[Image], Any]
    run: Callable[[Any], Any]
    fetch: Callable[[Any], Array]
    wait: Callable[[], None]
    precision: str = "fp32"
    module: nn.Module | None = None
    info: ModelInfo | None = None


@dataclass(frozen=True)
class Setting:
    """How PyTorch runs a network.

    Attributes:
        folded: in its inference form; else as it was trained.
        channels_last: order of weights and features in memory.
        precision: of weights and features.
        compiled: through `torch.compile`.
        graphs: replayed as one CUDA graph.
    """

    folded: bool = True
    channels_last: bool = False
    precision: str = "fp32"
    compiled: bool = False
    graphs: bool = False


REFERENCE = "eager"
ON_CPU: dict[str, Setting] = {
    REFERENCE: Setting(folded=False),
    "eager-channels-last": Setting(folded=False, channels_last=True),
    "inference": Setting(),
    "inference-channels-last": Setting(channels_last=True),
    "inference-bf16": Setting(channels_last=True, precision="bf16"),
    "compiled": Setting(compiled=True),
    "compiled-bf16": Setting(channels_last=True, precision="bf16", compiled=True),
}
_HALVES = ("bf16", "fp16")
ON_GPU: dict[str, Setting] = {
    REFERENCE: Setting(folded=False),
    "eager-channels-last": Setting(folded=False, channels_last=True),
    "inference": Setting(),
    "inference-channels-last": Setting(channels_last=True),
    **{f"inference-{p}": Setting(channels_last=True, precision=p) for p in _HALVES},
    "compiled": Setting(channels_last=True, compiled=True),
    **{f"compiled-{p}": Setting(channels_last=True, precision=p, compiled=True) for p in _HALVES},
    "graphs": Setting(channels_last=True, graphs=True),
    **{f"graphs-{p}": Setting(channels_last=True, precision=p, graphs=True) for p in _HALVES},
    "compiled-graphs": Setting(channels_last=True, compiled=True, graphs=True),
    **{
        f"compiled-graphs-{p}": Setting(channels_last=True, precision=p, compiled=True, graphs=True)
        for p in _HALVES
    },
}
# Each network, size and setting is one more program for the same few functions of ours.
_PROGRAMS = 256


class AsTrained(nn.Module):
    """A network as it came out of training, with the input and output of `Deployed`."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network, output: Output) -> None:
        super().__init__()
        info = info_of(network)
        self.network, self.output = copy.deepcopy(network).eval(), output
        self.labels = torch.uint8 if len(info.classes) <= 255 else torch.int32
        self.register_buffer("mean", torch.tensor(info.mean))
        self.register_buffer("std", torch.tensor(info.std))

    def forward(self, image: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 RGB -> logits (N, C, H, W) or labels (N, H, W)."""
        logits: Tensor = self.network(normalise(image.permute(0, 3, 1, 2), self.mean, self.std))
        return logits if self.output == "logits" else logits.argmax(dim=1).to(self.labels)


def torch_runner(network: Network, setting: Setting, job: Job) -> Runner:
    """A network in one setting, warm: compiled and captured where that is asked for.

    Raises:
        RuntimeError: PyTorch cannot do it here.
    """
    module = _module(network, setting, job)
    sample = example_input("uint8", job.size, job.batch).to(job.device)
    made = _compiled(module) if setting.compiled else module
    call: Callable[[Tensor], Tensor] = partial(_call, made)
    call(sample)
    load: Callable[[Image], Tensor] = partial(_to_device, job.device)
    if setting.graphs:
        load, call = _captured(call, sample)
    return Runner(load, call, _fetch, partial(wait_for, job.device), setting.precision, module)


def _module(network: Network, setting: Setting, job: Job) -> nn.Module:
    made: nn.Module = AsTrained(network, job.output)
    if setting.folded:
        # Compilers and graphs want work that does not depend on what is in the picture.
        straight = setting.compiled or setting.graphs
        made = Deployed(network, pixels="uint8", output=job.output, straight=straight)
    made = made.to(job.device, DTYPES[setting.precision])
    if setting.channels_last:
        made = made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def _compiled(module: nn.Module) -> Callable[[Tensor], Tensor]:
    import torch._dynamo.config as limits

    # Beyond the limit nothing would be compiled any more.
    limits.recompile_limit = max(limits.recompile_limit, _PROGRAMS)
    return torch.compile(module, dynamic=False, fullgraph=True)


def _call(module: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    with torch.inference_mode():
        return module(image)


def _captured(
    call: Callable[[Tensor], Tensor], sample: Tensor
) -> tuple[Callable[[Image], Tensor], Callable[[Any], Tensor]]:
    """The same work as one CUDA graph, with the input and output that it always uses."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call(sample)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = call(sample)

    def load(pictures: Image) -> Tensor:
        return sample.copy_(torch.from_numpy(pictures))

    def replay(_: object) -> Tensor:
        graph.replay()
        return output

    return load, replay


def _to_device(device: torch.device, pictures: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device)


def _fetch(output: Tensor) -> Array:
    values = output.float() if output.is_floating_point() else output
    array: Array = values.cpu().numpy()
    return array
