"""How fast a network trains on this machine, setting against setting in one interleaved run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from mfpnet.device import choose_device, used_device
from mfpnet.measuring.trainee import PHASES, Setting, Trainee
from mfpnet.records import environment
from mfpnet.runtimes.latency import interleaved_medians
from mfpnet.training.allocator import keep_freed_memory
from mfpnet.training.replicas import count_parts
from mfpnet.variants import list_models, variant_config

REFERENCE = "eager fp32"
ON_CPU: dict[str, Setting] = {
    REFERENCE: Setting(torch.contiguous_format),
    "channels last": Setting(),
    "channels last, loss stride 2": Setting(loss_stride=2),
    "channels last, loss stride 2, bf16": Setting(dtype=torch.bfloat16, loss_stride=2),
    "channels last, loss stride 2, bf16, parts": Setting(
        dtype=torch.bfloat16, loss_stride=2, parted=True
    ),
    "channels last, loss stride 2, bf16, parts, compiled": Setting(
        dtype=torch.bfloat16, loss_stride=2, parted=True, compiled="default"
    ),
}
ON_GPU: dict[str, Setting] = {
    REFERENCE: Setting(torch.contiguous_format),
    "channels last, bf16": Setting(dtype=torch.bfloat16),
    "channels last, bf16, CUDA graphs": Setting(dtype=torch.bfloat16, graphs=True),
    "channels last, bf16, compiled": Setting(dtype=torch.bfloat16, compiled="default"),
    "channels last, bf16, compiled, CUDA graphs": Setting(
        dtype=torch.bfloat16, compiled="reduce-overhead"
    ),
}
# CamVid's train+val, as often as the recipe for a GPU sees it.
EPOCHS, EPOCH_FRAMES = 1000, 468


def training_throughput(
    *,
    size: tuple[int, int] = (360, 480),
    batch_sizes: Sequence[int] = (8,),
    device: str = "auto",
    threads: int | None = None,
    rounds: int = 5,
    compiled: bool = True,
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Images per second of a training step for each variant, batch size and setting.

    A step is what the trainer does: frames that lie on the device as uint8 are augmented, forward,
    loss, backward, update, moving average. Its rate is measured over whole steps that are only
    waited for at the end of each round; the shares of its phases in steps of their own, because
    telling them apart takes waiting. "Parts" is how the trainer uses several CPU threads: each
    takes a part of the batch.

    Args:
        size: (H, W) of the images.
        batch_sizes: images a step.
        device: where.
        threads: CPU threads, None for PyTorch's choice.
        rounds: timed rounds of each setting, taken in turn: a step on a CPU, ten on a GPU.
        compiled: include `torch.compile`, which takes minutes to start.
        only: some variants, all when empty.

    Raises:
        MfpnetError: no such device or variant.
    """
    where = choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    keep_freed_memory()  # as the trainer does
    for variant in only:
        variant_config(variant)
    settings = ON_GPU if where.type == "cuda" else ON_CPU
    settings = {k: v for k, v in settings.items() if compiled or not v.compiled}
    rows: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for variant in only or list_models():
        for batch_size in batch_sizes:
            make = partial(Trainee, variant, size=size, batch_size=batch_size, device=where)
            whole = count_parts(batch_size, where) == 1
            possible = {k: v for k, v in settings.items() if not (v.parted and whole)}
            measured, faults = _compare(possible, make, rounds)
            told = {"variant": variant, "batch_size": batch_size}
            rows += [told | row for row in measured]
            failed += [told | fault for fault in faults]
    return {
        "what": "training throughput, input included",
        "size": list(size),
        "device": str(where),
        "rounds": rounds,
        "estimated_for": {"epochs": EPOCHS, "frames": EPOCH_FRAMES},
        "rows": rows,
        "failed": failed,
        "environment": environment() | used_device(where),
    }


def _compare(
    settings: dict[str, Setting], make: Callable[[Setting], Trainee], rounds: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A row for each setting, and for each that cannot be had here why."""
    if any(setting.compiled for setting in settings.values()):
        # Code that was compiled for other networks or sizes counts against a limit.
        torch.compiler.reset()
    trainees: dict[str, Trainee] = {}
    memory: dict[str, int | None] = {}
    failed = []
    for name, setting in settings.items():
        try:
            trainees[name], memory[name] = _started(make, setting)
        except RuntimeError as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            failed.append({"setting": name, "reason": reason})
    steps = {name: _steps_of(trainee) for name, trainee in trainees.items()}
    runners = {name: partial(_run, trainee, steps[name]) for name, trainee in trainees.items()}
    times = interleaved_medians(runners, rounds=rounds, warmup=1)
    rows = []
    for name, trainee in trainees.items():
        rate = 1000 * trainee.batch_size * steps[name] / times[name]
        shares = trainee.phase_shares(rounds)
        rows.append(
            {
                "setting": name,
                "images_per_second": round(rate, 2),
                "against_eager_fp32": _ratio(times, name),
                **{f"{phase}_share": _rounded(shares[phase]) for phase in PHASES},
                "peak_memory_mib": memory[name],
                "minutes_estimated": round(EPOCHS * EPOCH_FRAMES / rate / 60, 1),
            }
        )
    return rows, failed


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


def _ratio(times: dict[str, float], name: str) -> float | None:
    return round(times[REFERENCE] / times[name], 3) if REFERENCE in times else None


def _started(make: Callable[[Setting], Trainee], setting: Setting) -> tuple[Trainee, int | None]:
    """A trainee that is warm, and the MiB that PyTorch took from a GPU for it.

    What is reserved counts: a CUDA graph keeps its memory between the steps.

    Raises:
        RuntimeError: PyTorch cannot do it here.
    """
    before = _tidy_gpu()
    trainee = make(setting)
    for _ in range(3):
        trainee.step().item()
    if trainee.device.type != "cuda":
        return trainee, None
    return trainee, (torch.cuda.max_memory_reserved() - before) // 2**20


def _tidy_gpu() -> int:
    """The bytes that are still taken once nothing is kept for later use; 0 without a GPU."""
    gc.collect()
    if not torch.cuda.is_available():
        return 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_reserved()


def _steps_of(trainee: Trainee) -> int:
    """Steps in a round: a GPU is only waited for now and then, as in a training."""
    return 1 if trainee.device.type == "cpu" else 10


def _run(trainee: Trainee, steps: int) -> None:
    for _ in range(steps):
        loss = trainee.step()
    # Reading the last loss waits for a GPU to be done with all of them.
    loss.item()
