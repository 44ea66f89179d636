"""One step of training: forward, backward, schedule, update, moving average."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mfpnet.errors import MfpnetError
from mfpnet.training.optim import EMA, poly_factor
from mfpnet.training.replicas import Replicas, compile_steps

Batch = tuple[Tensor, Tensor]
# From the network's output, the targets that it is compared with, and the images, to a scalar.
Criterion = Callable[[Any, Tensor, Tensor], Tensor]


class Stepper:
    """Moves a network by one batch at a time; `step` counts the batches seen so far.

    Args:
        model: what is trained.
        optimizer: its learning rates are the peak of the schedule.
        total_steps: batches in the whole training.
        warmup_steps: batches of linear rise.
        power: of the poly schedule.
        accumulate: batches whose gradients are summed before the weights move.
        dtype: of autocast, None for plain float32.
        ema: moving average, or None.
        loss_stride: the loss sees logits at every n-th row and column; other than 1 needs a network
            whose `forward` takes a `stride`.
        check_every: batches between checks that the loss is finite; each check waits for a GPU.
        frozen: parts of the network whose weights and statistics stay as they are.
        compiled: run the steps, and nothing else, through `torch.compile`.
        parts: of a batch, each with a thread of its own, see `replicas`.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        total_steps: int,
        warmup_steps: int = 0,
        power: float = 0.9,
        accumulate: int = 1,
        dtype: torch.dtype | None = None,
        ema: EMA | None = None,
        check_every: int = 1,
        loss_stride: int = 1,
        frozen: Sequence[nn.Module] = (),
        compiled: bool = False,
        parts: int = 1,
    ) -> None:
        self.model, self.optimizer, self.ema = model, optimizer, ema
        self.total_steps, self.warmup_steps, self.power = total_steps, warmup_steps, power
        self.accumulate, self.dtype, self.check_every = accumulate, dtype, check_every
        self.loss_stride, self.frozen = loss_stride, frozen
        self._forward: Callable[..., Any] = compile_steps(model) if compiled else model
        self._compiled = compiled
        self._split(parts)
        self.step = 0
        self._peaks = [group["lr"] for group in optimizer.param_groups]
        self._scaler = torch.amp.GradScaler(
            next(model.parameters()).device.type, enabled=dtype is torch.float16
        )

    def _split(self, parts: int) -> None:
        self.parts = parts
        split = parts > 1
        self._replicas = Replicas(self.model, parts, compiled=self._compiled) if split else None

    @property
    def learning_rate(self) -> float:
        """Of the next update, in the first parameter group."""
        return float(self._peaks[0] * self._factor())

    @property
    def between_updates(self) -> bool:
        """Whether gradients are waiting for more batches."""
        return self.step % self.accumulate != 0 and self.step != self.total_steps

    def train_mode(self) -> None:
        """Let batch norms count and dropouts drop, but for the frozen parts."""
        self.model.train()
        for part in self.frozen:
            part.eval()

    def advance(self, images: Tensor, targets: Tensor, criterion: Criterion) -> Tensor:
        """Learn from one batch; returns its loss, a detached scalar.

        Raises:
            MfpnetError: the loss is not finite, where it was checked; the weights are those from
                before the batch.
        """

        def learn(forward: Callable[..., Any], images: Tensor, targets: Tensor) -> Tensor:
            loss = self._loss(forward, images, targets, criterion) * (len(images) / batch_size)
            if self.step % self.check_every == 0:
                self.check(loss)
            self._scaler.scale(loss / self.accumulate).backward()
            return loss.detach()

        batch_size = len(images)
        if self._replicas:
            loss = self._replicas.learn(learn, images, targets)
        else:
            loss = learn(self._forward, images, targets)
        self.step += 1
        if not self.between_updates:
            self._update()
        return loss

    def _loss(
        self, forward: Callable[..., Any], images: Tensor, targets: Tensor, criterion: Criterion
    ) -> Tensor:
        options = {} if self.loss_stride == 1 else {"stride": self.loss_stride}
        kind = images.device.type
        with torch.autocast(kind, dtype=self.dtype, enabled=self.dtype is not None):
            logits = forward(images, **options)
        return criterion(logits, self._strided(targets), images)

    def _strided(self, targets: Tensor) -> Tensor:
        """Every n-th row and column, beginning at each offset in turn.

        The centre of a coarse pixel lies between the centres of fine ones: the offsets average
        to it, while any fixed one would teach the network to shift its outlines.
        """
        n = self.loss_stride
        if n == 1:
            return targets
        row, column = divmod(self.step % (n * n), n)
        height, width = targets.shape[1:]
        rows = torch.arange(row, height + row, n, device=targets.device).clamp(max=height - 1)
        columns = torch.arange(column, width + column, n, device=targets.device)
        return targets[:, rows[:, None], columns.clamp(max=width - 1)]

    def check(self, loss: Tensor) -> None:
        """Stop a training whose loss is not finite.

        Raises:
            MfpnetError: it is not; names the step.
        """
        if not torch.isfinite(loss):
            raise MfpnetError(
                f"the loss became {loss.item()} at step {self.step} (learning rate "
                f"{self.learning_rate:.2g}). A checkpoint from before is untouched: lower the "
                f"learning rate, or train with --precision fp32."
            )

    def check_weights(self) -> None:
        """Make sure that what is about to be saved is worth it.

        Raises:
            MfpnetError: a weight or a statistic of the network is not finite.
        """
        for name, value in self.model.state_dict().items():
            if value.is_floating_point() and not value.isfinite().all():
                raise MfpnetError(
                    f"{name} is no longer finite at step {self.step}. A checkpoint from before is "
                    f"untouched: lower the learning rate, or train with --precision fp32."
                )

    def _update(self) -> None:
        for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._factor(self.step - 1)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema:
            self.ema.update(self.model, self.step // self.accumulate - 1)

    def _factor(self, step: int | None = None) -> float:
        at = min(self.step if step is None else step, self.total_steps)
        return poly_factor(at, self.total_steps, warmup=self.warmup_steps, power=self.power)

    def state(self) -> dict[str, Any]:
        """Tensors and plain types from which `restore` continues bit-exactly."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict() if self.ema else None,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "gradients": self._waiting_gradients(),
            "parts": self.parts,
        }

    def _waiting_gradients(self) -> list[Tensor | None] | None:
        return [p.grad for p in self.model.parameters()] if self.between_updates else None

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`.

        Raises:
            MfpnetError: the state is another network's.
        """
        try:
            self.model.load_state_dict(state["model"])
            if self.ema:
                self.ema.model.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self._scaler.load_state_dict(state["scaler"])
            self._restore_gradients(state.get("gradients"))
        except (RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
            reason = str(error).strip().splitlines()[:2]
            raise MfpnetError(
                f"the checkpoint is another network's (other classes, or another variant): "
                f"{' '.join(reason)}"
            ) from error
        self.step = int(state["step"])
        if state.get("parts", 1) != self.parts:  # they decide the result, whatever the threads now
            self._split(state.get("parts", 1))

    def _restore_gradients(self, gradients: list[Tensor | None] | None) -> None:
        parameters = list(self.model.parameters())
        for parameter, gradient in zip(
            parameters, gradients or [None] * len(parameters), strict=True
        ):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)


def train_one_epoch(
    batches: Iterable[Batch],
    stepper: Stepper,
    criterion: Criterion,
    on_step: Callable[[Tensor], bool],
) -> bool:
    """Learn from each batch in turn.

    Args:
        batches: images (B, C, H, W) normalised and targets (B, H, W).
        stepper: moves the network.
        criterion: see `Criterion`.
        on_step: called with each loss; the epoch ends early when it returns True.

    Returns:
        Whether the epoch was seen to its end.
    """
    stepper.train_mode()
    for images, targets in batches:
        stop = on_step(stepper.advance(images, targets, criterion))
        if stop and not stepper.between_updates:
            return False
    return True
