"""How fast a network trains on this machine, setting against setting in one interleaved run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mfpnet.device import choose_device, used_device
from mfpnet.latency import interleaved_medians
from mfpnet.losses import cross_entropy
from mfpnet.optim import build_optimizer
from mfpnet.records import environment
from mfpnet.stepper import Stepper
from mfpnet.variants import create_model, list_models

# name -> (memory format, autocast type, compiled, loss stride)
SETTINGS: dict[str, tuple[torch.memory_format, torch.dtype | None, bool, int]] = {
    "eager fp32": (torch.contiguous_format, None, False, 1),
    "channels last": (torch.channels_last, None, False, 1),
    "channels last, loss stride 2": (torch.channels_last, None, False, 2),
    "channels last, loss stride 2, bf16": (torch.channels_last, torch.bfloat16, False, 2),
    "channels last, loss stride 2, compiled": (torch.channels_last, None, True, 2),
}


def training_throughput(
    *,
    size: tuple[int, int] = (360, 480),
    batch_size: int = 8,
    device: str = "auto",
    threads: int | None = None,
    rounds: int = 5,
    compiled: bool = True,
) -> dict[str, Any]:
    """Images per second of a training step (forward, backward, update) for each variant.

    Args:
        size: (H, W) of the images.
        batch_size: images a step.
        device: where.
        threads: CPU threads, None for PyTorch's choice.
        rounds: timed steps of each setting, taken in turn.
        compiled: include `torch.compile`, which takes minutes to start on a CPU.
    """
    where = choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    settings = {k: v for k, v in SETTINGS.items() if compiled or not v[2]}
    rows = []
    for variant in list_models():
        runners = {
            name: _training_step(variant, size, batch_size, where, *setting)
            for name, setting in settings.items()
        }
        times = interleaved_medians(runners, rounds=rounds, warmup=2)
        rows += [
            {
                "variant": variant,
                "setting": name,
                "images_per_second": round(batch_size * 1000 / ms, 2),
                "against_eager_fp32": round(times["eager fp32"] / ms, 3),
            }
            for name, ms in times.items()
        ]
    return {
        "what": "training throughput",
        "size": list(size),
        "batch_size": batch_size,
        "device": str(where),
        "rows": rows,
        "environment": environment() | used_device(where),
    }


def _training_step(
    variant: str,
    size: tuple[int, int],
    batch_size: int,
    device: torch.device,
    memory_format: torch.memory_format,
    dtype: torch.dtype | None,
    compiled: bool,
    loss_stride: int,
) -> Callable[[], object]:
    torch.manual_seed(0)
    network = create_model(variant, num_classes=11).to(device).to(memory_format=memory_format)  # type: ignore[call-overload]
    optimizer = build_optimizer(
        network, "adamw", learning_rate=1e-3, weight_decay=1e-2, momentum=0.9
    )
    model = torch.compile(network) if compiled else network
    stepper = Stepper(model, optimizer, total_steps=10_000, dtype=dtype, loss_stride=loss_stride)  # type: ignore[arg-type]
    images = torch.randn(batch_size, 3, *size, device=device).to(memory_format=memory_format)
    targets = torch.randint(0, 11, (batch_size, *size), device=device)

    def criterion(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, target, ignore_index=11)

    # Reading the loss waits for a GPU to be done.
    return lambda: stepper.advance(images, targets, criterion).item()
