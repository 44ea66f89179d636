"""A training of noise, for measuring: one network in one setting, its data and its optimiser."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mfpnet.exact_dilation import with_exact_dilation
from mfpnet.training.losses import cross_entropy
from mfpnet.training.optim import EMA, build_optimizer
from mfpnet.training.replicas import count_parts
from mfpnet.training.stepper import Stepper
from mfpnet.transforms import Augmentation, augment
from mfpnet.variants import create_model

CLASSES = 11
# As on a road, whatever the pixels: frames are scaled, mirrored and recoloured as in the recipes.
SCALE, COLOUR = (0.5, 2.0), 0.2
PHASES = ("input", "forward", "backward")


@dataclass(frozen=True)
class Setting:
    """How a network is trained.

    Attributes:
        memory_format: of weights and images.
        dtype: of autocast, None for plain float32.
        compiled: mode of `torch.compile`, None for eager.
        graphs: forward and backward as one CUDA graph each.
        loss_stride: the loss sees every n-th row and column.
        parted: each thread takes a part of the batch, as far as the trainer does that.
    """

    memory_format: torch.memory_format = torch.channels_last
    dtype: torch.dtype | None = None
    compiled: str | None = None
    graphs: bool = False
    loss_stride: int = 1
    parted: bool = False


class Trainee:
    """Everything that a training step needs, on the device.

    Args:
        variant: name of the network.
        setting: how it is trained.
        size: (H, W) of frames and crops.
        batch_size: frames a step.
        device: where.
    """

    def __init__(
        self,
        variant: str,
        setting: Setting,
        *,
        size: tuple[int, int],
        batch_size: int,
        device: torch.device,
    ) -> None:
        torch.manual_seed(0)
        self.setting, self.size, self.batch_size, self.device = setting, size, batch_size, device
        self.frames = torch.randint(0, 256, (2 * batch_size, 3, *size)).to(device, torch.uint8)
        self.targets = torch.randint(0, CLASSES, (2 * batch_size, *size)).to(device, torch.uint8)
        self.mean = torch.full((3,), 0.5, device=device)
        network = with_exact_dilation(create_model(variant, num_classes=CLASSES))
        self.stepper = self._stepper(network)

    def _stepper(self, network: nn.Module) -> Stepper:
        setting = self.setting
        network = network.to(self.device).to(memory_format=setting.memory_format)  # type: ignore[call-overload]
        optimizer = build_optimizer(
            network, "adamw", learning_rate=1e-3, weight_decay=1e-2, momentum=0.9
        )
        stepper = Stepper(
            network,
            optimizer,
            total_steps=1_000_000,
            dtype=setting.dtype,
            ema=EMA(network, 0.99),
            check_every=1 if self.device.type == "cpu" else 20,
            loss_stride=setting.loss_stride,
            parts=count_parts(self.batch_size, self.device) if setting.parted else 1,
            compiled=setting.compiled == "default",
        )
        if setting.compiled not in (None, "default"):  # a mode that the trainer does not offer
            network.compile(mode=setting.compiled, dynamic=False)
        if setting.graphs:
            self._capture(network)
        return stepper

    def _capture(self, network: nn.Module) -> None:
        sample = torch.zeros(self.batch_size, 3, *self.size, device=self.device)
        sample = sample.contiguous(memory_format=self.setting.memory_format)
        dtype = self.setting.dtype
        with torch.autocast("cuda", dtype=dtype, enabled=dtype is not None, cache_enabled=False):
            torch.cuda.make_graphed_callables(network, (sample,))

    def step(self, mark: Callable[[], None] = lambda: None) -> Tensor:
        """One step as the trainer does it; `mark` is called before, between and after `PHASES`.

        Where each thread has its part, one is forward while another is backward: no mark is there.
        """
        mark()
        images, targets = self._batch()
        mark()

        def criterion(logits: Tensor, target: Tensor, _: Tensor) -> Tensor:
            loss = cross_entropy(logits, target, ignore_index=CLASSES)
            if self.stepper.parts == 1:
                mark()
            return loss

        loss = self.stepper.advance(images, targets, criterion)
        mark()
        return loss

    def _batch(self) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.stepper.step)
        chosen = torch.arange(self.batch_size, device=self.device) * 2
        images, targets = augment(
            self.frames[chosen],
            self.targets[chosen],
            Augmentation(self.size, SCALE, flip=True, colour=COLOUR),
            mean=self.mean,
            std=self.mean,
            ignore_index=CLASSES,
            generator=generator,
        )
        return images.contiguous(memory_format=self.setting.memory_format), targets

    def phase_shares(self, steps: int) -> dict[str, float | None]:
        """The share of the time that each phase takes, 0 to 1, over some steps; see `clock_of`.

        None where it cannot be told from another one.
        """
        parted = self.stepper.parts > 1
        names = PHASES[:1] if parted else PHASES
        totals = [0.0] * (2 if parted else len(PHASES))
        for _ in range(steps):
            clock = clock_of(self.device)
            self.step(clock.mark)
            for number, taken in enumerate(clock.durations()):
                totals[number] += taken
        shares = {name: taken / sum(totals) for name, taken in zip(names, totals, strict=False)}
        return {name: shares.get(name) for name in PHASES}


class WallClock:
    """Marks by the machine's clock."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def mark(self) -> None:
        """Now."""
        self.marks.append(time.perf_counter())

    def durations(self) -> list[float]:
        """Milliseconds between the marks."""
        return [1000 * (b - a) for a, b in zip(self.marks, self.marks[1:], strict=False)]


class GpuClock:
    """Marks in a GPU's queue; the time in which it waits for the program counts as well."""

    def __init__(self) -> None:
        self.marks: list[Any] = []
        torch.cuda.synchronize()

    def mark(self) -> None:
        """When the GPU gets here."""
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self.marks.append(event)

    def durations(self) -> list[float]:
        """Milliseconds between the marks; waits for the GPU."""
        torch.cuda.synchronize()
        pairs = zip(self.marks, self.marks[1:], strict=False)
        return [float(before.elapsed_time(after)) for before, after in pairs]


def clock_of(device: torch.device) -> WallClock | GpuClock:
    """A new clock for a device."""
    return GpuClock() if device.type == "cuda" else WallClock()
