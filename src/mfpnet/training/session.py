"""What a training run holds while it goes: data, network, stepper, and how they are saved."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from mfpnet import checkpoint
from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.data.datasets import Dataset
from mfpnet.device import choose_device, make_deterministic
from mfpnet.errors import MfpnetError
from mfpnet.info import ModelInfo
from mfpnet.records import environment
from mfpnet.training.auxiliary import AuxiliaryHeads
from mfpnet.training.branches import without_branches
from mfpnet.training.building import (
    build_augmentation,
    build_info,
    build_network,
    build_stepper,
    build_teachers,
    read_data,
)
from mfpnet.training.frames import Frames, FrameStore, batches
from mfpnet.training.instance_training import InstanceObjective, InstanceTraining
from mfpnet.training.interrupt import StopRequest
from mfpnet.training.losses import class_weights
from mfpnet.training.objective import Objective
from mfpnet.training.runs import RunConfig
from mfpnet.training.stepper import Batch, Criterion, Stepper
from mfpnet.training.teachers import Teachers
from mfpnet.transforms import Augmentation, augment
from mfpnet.variants import Network
from mfpnet.views.runlog import MetricsLog


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
        teachers: whose opinion is learnt from, if anybody's.
        log: metrics.jsonl.
        losses: of the steps of the epoch so far, scalars.
        seconds: of training in the epoch so far, without what came since the last stop.
        saved_at: when the last checkpoint was written, by the monotonic clock.
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
    teachers: Teachers | None
    log: MetricsLog = field(init=False)
    losses: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0
    saved_at: float = -math.inf
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
    def averaged(self) -> nn.Module:
        """The averaged network, where there is one, inside of what else is trained.

        Without branches, and so a copy where there are some.
        """
        ema = self.stepper.ema
        return without_branches(ema.model if ema else self.stepper.model)

    def unwrapped(self, trained: nn.Module) -> Network:
        """A network without what is for training only, with what travels with its weights."""
        wrapped = isinstance(trained, AuxiliaryHeads | InstanceTraining)
        network = trained.network if wrapped else trained
        assert isinstance(network, Network)
        network.info = self.info
        return network


def open_session(
    config: RunConfig, folder: Path, console: Console, stop: StopRequest, *, resume: bool = False
) -> Session:
    """Read the data, build the network and everything that trains it.

    Raises:
        MfpnetError: bad data, an unknown name, or weights that do not fit.
    """
    device = choose_device(config.device)
    if config.deterministic:
        make_deterministic(device)
    store, watch = read_data(config, device, console)
    model = build_network(
        config,
        store.labels,
        device,
        in_channels=store.format.channels,
        resume=resume,
        on_note=partial(console.print, markup=False, emoji=False),  # it names the user's classes
    )
    info = build_info(config, store, resume=resume)
    return Session(
        config=config,
        folder=folder,
        console=console,
        device=device,
        store=store,
        stepper=build_stepper(config, model, len(store), device),
        info=info,
        stop=stop,
        watch=watch,
        teachers=build_teachers(config, info, device),
        commits=[[0, environment()["commit"]]],
    )


def augmented_batches(run: Session, epoch: int, first: int) -> Iterator[Batch]:
    """Augmented batches; each is a function of seed and step alone, so that a run can resume."""
    recipe, store = run.config.recipe, run.store
    whole = epoch >= recipe.epochs - recipe.full_frame_epochs
    options = build_augmentation(run.config, store, whole=whole)
    raw = batches(store, run.batch_size, seed=run.config.seed, epoch=epoch, first=first)
    return _augmented(run, raw, options, epoch * run.steps_per_epoch + first)


def plain_batches(run: Session) -> Iterator[Batch]:
    """Batches of frames as they are but for mirroring, in the order of an epoch after the last.

    Of frames of several sizes they are crops that fit into each: padding would count as a picture.
    """
    recipe, store = run.config.recipe, run.store
    crop = store.smallest
    if crop != store.largest:
        crop = (min(crop[0], recipe.crop_size[0]), min(crop[1], recipe.crop_size[1]))
    raw = batches(store, run.batch_size, seed=run.config.seed, epoch=recipe.epochs)
    first = recipe.epochs * run.steps_per_epoch
    return _augmented(run, raw, Augmentation(crop, flip=recipe.flip), first)


def _augmented(
    run: Session, raw: Iterable[Frames], options: Augmentation, first: int
) -> Iterator[Batch]:
    mean, std = (
        torch.tensor(values, device=run.device) for values in (run.info.mean, run.info.std)
    )
    for step, (images, targets, sizes) in enumerate(raw, first):
        pixels, marks = augment(
            images,
            targets,
            options,
            mean=mean,
            std=std,
            ignore_index=run.store.labels.ignore_index,
            generator=torch.Generator().manual_seed(run.config.seed * 1_000_003 + step),
            sizes=sizes,
        )
        yield pixels.contiguous(memory_format=torch.channels_last), marks


def objective_of(run: Session) -> Criterion:
    """The recipe's loss."""
    recipe, store, stepper = run.config.recipe, run.store, run.stepper
    weight = class_weights(store.pixel_counts).to(run.device) if recipe.class_weights else None
    void = store.labels.ignore_index
    objective = Objective(
        recipe,
        weight=weight,
        ignore_index=void,
        progress=lambda: stepper.step / stepper.total_steps,
        teachers=run.teachers,
    )
    if not run.config.instances:
        return objective
    return InstanceObjective(objective, ignore_index=void, stride=recipe.loss_stride)


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
        "pixel_counts": run.store.pixel_counts.tolist(),
        "random": torch.get_rng_state(),
        "info": run.info.as_dict(),
        "commits": run.commits,
    }
    checkpoint.save_checkpoint(run.folder / CHECKPOINT_FILE, state)
    run.saved_at = time.monotonic()


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
    _check_same_data(run, state)
    run.commits = [*state["commits"], [state["step"], run.commits[0][1]]]
    run.stepper.restore(state)
    run.info = ModelInfo.from_dict(state["info"])
    run.losses = [torch.tensor(loss, device=run.device) for loss in state["losses"]]
    run.seconds = float(state["seconds"])
    if run.device.type == "cpu" and state["threads"] != torch.get_num_threads():
        run.console.print(
            f"The run had {state['threads']} threads and goes on with {torch.get_num_threads()}: "
            f"it will not be bit-exact. --threads {state['threads']} makes it so."
        )
    if "random" in state:  # last: what is built draws numbers; older checkpoints have none
        torch.set_rng_state(state["random"])


def _check_same_data(run: Session, state: dict[str, Any]) -> None:
    """By what is known of it anyway: how many pixels each class has, and the mean colour."""
    counts, mean = state.get("pixel_counts"), state["info"]["mean"]
    for changed, name in (
        (counts not in (None, run.store.pixel_counts.tolist()), "other masks"),
        (not torch.allclose(run.store.mean.cpu(), torch.tensor(mean), atol=1e-3), "other pictures"),
    ):
        if changed:
            raise MfpnetError(
                f"the data has {name} than '{run.folder}' was trained on: restore it, or start "
                f"anew with --init {run.folder}."
            )
