"""What a training run is made of, each part built from the run's config."""

from __future__ import annotations

import torch
from rich.console import Console
from torch import nn

from mfpnet.auxiliary import AuxiliaryHeads
from mfpnet.cards import licence_of
from mfpnet.checkpoint import copy_weights, read_info
from mfpnet.datasets import Dataset
from mfpnet.device import autocast_dtype
from mfpnet.frames import FrameStore, check_watched, load_frames
from mfpnet.info import ModelInfo
from mfpnet.model import MFPNet
from mfpnet.optim import EMA, build_optimizer
from mfpnet.runlog import progress_bar
from mfpnet.runs import RunConfig, source_name
from mfpnet.sources import open_dataset
from mfpnet.stepper import Stepper
from mfpnet.teachers import Teachers, load_teachers
from mfpnet.transforms import Augmentation
from mfpnet.variants import create_network


def read_data(
    config: RunConfig, device: torch.device, console: Console
) -> tuple[FrameStore, Dataset | None]:
    """The frames to train on, and what is to be evaluated afterwards.

    Raises:
        MfpnetError: bad data, or frames that stand on both sides.
    """
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


def build_network(
    config: RunConfig, num_classes: int, device: torch.device, *, resume: bool = False
) -> nn.Module:
    """The network, inside its auxiliary heads where the recipe has them and it is one of ours.

    Raises:
        MfpnetError: no such network, or weights to start from that do not fit.
    """
    torch.manual_seed(config.seed)
    network = create_network(config.variant, num_classes)
    if config.init and not resume:  # what is restored takes its place, wherever it is by then
        copy_weights(config.init, network)
    trained: nn.Module = network
    if config.recipe.auxiliary and isinstance(network, MFPNet):
        trained = AuxiliaryHeads(network)
    return trained.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def build_teachers(config: RunConfig, info: ModelInfo, device: torch.device) -> Teachers | None:
    """The networks whose opinion is learnt from, None without any.

    Raises:
        MfpnetError: weights that cannot be read, or that know other classes.
    """
    if not config.teachers:
        return None
    recipe = config.recipe
    return load_teachers(
        config.teachers,
        info,
        device=device,
        temperature=recipe.temperature,
        dtype=autocast_dtype(recipe.precision, device),
    )


def build_stepper(
    config: RunConfig, model: nn.Module, frames: int, device: torch.device
) -> Stepper:
    """What moves the network, and how."""
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
        compiled=config.compile,
        ema=EMA(model, recipe.ema) if recipe.ema else None,
        # On a GPU each check waits for all queued work.
        check_every=1 if device.type == "cpu" else 20,
    )


def build_augmentation(config: RunConfig, store: FrameStore, *, whole: bool) -> Augmentation:
    """What happens to training frames; `whole` is for crops of the frames' own size."""
    recipe, counts = config.recipe, store.pixel_counts
    even = counts.sum() / len(counts)
    rare = ((counts > 0) & (counts < even / 2)).nonzero()[:, 0]
    return Augmentation(
        crop_size=store.size if whole else recipe.crop_size,
        scale=recipe.scale,
        flip=recipe.flip,
        colour=recipe.colour,
        sought=tuple(rare.tolist()),
        sought_share=recipe.rare_crops,
    )


def build_info(config: RunConfig, store: FrameStore, *, resume: bool = False) -> ModelInfo:
    """What will travel with the weights; of a run that goes on it is in the checkpoint."""
    learnt_from = [] if resume else [*([config.init] if config.init else []), *config.teachers]
    sources = [read_info(weights).licence for weights in learnt_from]
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
        started_from=source_name(config.init) if config.init else "",
        taught_by=tuple(map(source_name, config.teachers)),
        licence=licence_of(config.data.name, sources),
    )
