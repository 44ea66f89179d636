"""What a training run holds while it goes: data, network, stepper, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from mfpnet import checkpoint
from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.datasets import Dataset, open_dataset
from mfpnet.device import autocast_dtype, choose_device, make_deterministic
from mfpnet.errors import MfpnetError
from mfpnet.frames import FrameStore, batches, check_watched, load_frames
from mfpnet.info import ModelInfo
from mfpnet.interrupt import StopRequest
from mfpnet.losses import class_weights, cross_entropy
from mfpnet.model import MFPNet
from mfpnet.optim import EMA, build_optimizer
from mfpnet.records import environment
from mfpnet.runlog import MetricsLog, progress_bar
from mfpnet.runs import RunConfig
from mfpnet.stepper import Batch, Criterion, Stepper
from mfpnet.transforms import Augmentation, augment
from mfpnet.variants import create_model

LICENCES = {
    "camvid": "research use only, as CamVid itself",
    "synthetic": "no limit: the scenes are drawn by mfpnet",
}


@dataclass
class Session:
    """What the parts of a run share.

    Attributes:
        config: the resolved set-up.
        folder: the run's own.
        console: where progress is drawn.
        device: where it trains.
        store: the training frames.
        stepper: the network and how it moves.
        info: what will travel with the weights.
        stop: set by Ctrl-C.
        watch: what is evaluated, if anything.
        log: metrics.jsonl.
        losses: of the steps of the epoch so far, scalars.
        seconds: of training in the epoch so far, without what came since the last stop.
        commits: first step and commit of each sitting: what was loaded, not what is on disk now.
    """

    config: RunConfig
    folder: Path
    console: Console
    device: torch.device
    store: FrameStore
    stepper: Stepper
    info: ModelInfo
    stop: StopRequest
    watch: Dataset | None
    log: MetricsLog = field(init=False)
    losses: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0
    commits: list[list[Any]] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch; a last incomplete one is left out."""
        return len(self.store) // self.batch_size

    @property
    def batch_size(self) -> int:
        """The recipe's, or all frames where there are fewer."""
        return min(self.config.recipe.batch_size, len(self.store))

    @property
    def epoch(self) -> int:
        """Epochs seen to their end."""
        return self.stepper.step // self.steps_per_epoch

    @property
    def final_network(self) -> MFPNet:
        """What is evaluated and saved: the averaged network where there is one."""
        ema = self.stepper.ema
        network = ema.model if ema else self.stepper.model
        assert isinstance(network, MFPNet)
        network.info = self.info
        return network


def open_session(config: RunConfig, folder: Path, console: Console, stop: StopRequest) -> Session:
    """Read the data, build the network and everything that trains it.

    Raises:
        MfpnetError: bad data, an unknown name, or weights that do not fit.
    """
    device = choose_device(config.device)
    if config.deterministic:
        make_deterministic(device)
    store, watch = _read_data(config, device, console)
    torch.manual_seed(config.seed)
    model = create_model(config.variant, num_classes=store.labels.num_classes)
    if config.init:
        checkpoint.copy_weights(config.init, model)
    model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Session(
        config=config,
        folder=folder,
        console=console,
        device=device,
        store=store,
        stepper=_stepper(config, model, len(store), device),
        info=_info(config, store),
        stop=stop,
        watch=watch,
        commits=[[0, environment()["commit"]]],
    )


def _read_data(
    config: RunConfig, device: torch.device, console: Console
) -> tuple[FrameStore, Dataset | None]:
    dataset = open_dataset(config.data)
    with progress_bar(console, f"reading {dataset.name} {dataset.split}", len(dataset)) as bar:
        store = load_frames(
            dataset, device, size=config.recipe.input_size, on_frame=lambda _: bar.advance()
        )
    if config.evaluate_on is None:
        return store, None
    watch = open_dataset(config.evaluate_on)
    check_watched(store, watch, allow_overlap=config.allow_overlap)
    return store, watch


def _stepper(config: RunConfig, model: MFPNet, frames: int, device: torch.device) -> Stepper:
    recipe = config.recipe
    steps_per_epoch = frames // min(recipe.batch_size, frames)
    optimizer = build_optimizer(
        model,
        recipe.optimizer,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
    )
    return Stepper(
        model,
        optimizer,
        total_steps=recipe.epochs * steps_per_epoch,
        warmup_steps=round(recipe.warmup_epochs * steps_per_epoch),
        power=recipe.power,
        accumulate=recipe.accumulate,
        dtype=autocast_dtype(recipe.precision, device),
        loss_stride=recipe.loss_stride,
        ema=EMA(model, recipe.ema) if recipe.ema else None,
        # On a GPU each check waits for all queued work.
        check_every=1 if device.type == "cpu" else 20,
    )


def _info(config: RunConfig, store: FrameStore) -> ModelInfo:
    return ModelInfo(
        variant=config.variant,
        classes=store.labels.classes,
        palette=store.labels.palette,
        mean=tuple(round(value, 4) for value in store.mean.tolist()),
        std=tuple(round(value, 4) for value in store.std.tolist()),
        ignore_index=store.labels.ignore_index,
        input_size=store.size,
        data=config.data.name,
        split=config.data.split,
        recipe=config.recipe_name,
        epochs=config.recipe.epochs,
        licence=LICENCES.get(config.data.name, "that of the training data"),
    )


def augmented_batches(run: Session, epoch: int, first: int) -> Iterator[Batch]:
    """Augmented batches; each is a function of seed and step alone, so that a run can resume."""
    recipe, store = run.config.recipe, run.store
    whole = epoch >= recipe.epochs - recipe.full_frame_epochs
    crop_size = store.size if whole else recipe.crop_size
    options = Augmentation(crop_size, recipe.scale, recipe.flip, recipe.colour)
    mean, std = (
        torch.tensor(values, device=run.device) for values in (run.info.mean, run.info.std)
    )
    raw = batches(store, run.batch_size, seed=run.config.seed, epoch=epoch, first=first)
    for step, (images, targets) in enumerate(raw, epoch * run.steps_per_epoch + first):
        pixels, marks = augment(
            images,
            targets,
            options,
            mean=mean,
            std=std,
            ignore_index=store.labels.ignore_index,
            generator=torch.Generator().manual_seed(run.config.seed * 1_000_003 + step),
        )
        yield pixels.contiguous(memory_format=torch.channels_last), marks


def criterion_of(run: Session) -> Criterion:
    """The recipe's loss: logits and targets to a scalar."""
    recipe = run.config.recipe
    weight = class_weights(run.store.pixel_counts).to(run.device) if recipe.class_weights else None

    def criterion(logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(
            logits,
            target,
            weight=weight,
            ignore_index=run.store.labels.ignore_index,
            ohem_threshold=recipe.ohem_threshold,
        )

    return criterion


def save_state(run: Session) -> None:
    """Write a checkpoint from which `restore` continues bit-exactly.

    Raises:
        MfpnetError: the weights are not finite, or the disk is full; the previous one is kept.
    """
    run.stepper.check_weights()
    state = run.stepper.state() | {
        "losses": [loss.item() for loss in run.losses],
        "seconds": run.seconds,
        "threads": torch.get_num_threads(),
        "frames": len(run.store),
        "commits": run.commits,
    }
    checkpoint.save_checkpoint(run.folder / CHECKPOINT_FILE, state)


def restore(run: Session) -> None:
    """Go back to where the folder's checkpoint was written.

    Raises:
        MfpnetError: there is none, it is another network's, or the data has changed.
    """
    state = checkpoint.load_checkpoint(run.folder / CHECKPOINT_FILE)
    if state["frames"] != len(run.store):
        raise MfpnetError(
            f"'{run.folder}' was trained on {state['frames']} frames, and the data has "
            f"{len(run.store)} now: restore it, or start anew with --init {run.folder}."
        )
    run.commits = [*state["commits"], [state["step"], run.commits[0][1]]]
    run.stepper.restore(state)
    run.losses = [torch.tensor(loss, device=run.device) for loss in state["losses"]]
    run.seconds = float(state["seconds"])
    if run.device.type == "cpu" and state["threads"] != torch.get_num_threads():
        run.console.print(
            f"The run had {state['threads']} threads and goes on with {torch.get_num_threads()}: "
            f"it will not be bit-exact. --threads {state['threads']} makes it so."
        )
