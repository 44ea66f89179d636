"""What a training run is made of, each part built from the run's config."""

from __future__ import annotations

from collections.abc import Callable

import torch
from rich.console import Console
from torch import nn

from mfpnet.cards import licence_of
from mfpnet.checkpoint import read_info
from mfpnet.data.datasets import Dataset
from mfpnet.data.source import naming_the_check
from mfpnet.device import autocast_dtype
from mfpnet.exact_dilation import with_exact_dilation
from mfpnet.foreign import is_foreign
from mfpnet.info import ModelInfo
from mfpnet.known_recipes import told_recipe
from mfpnet.labels import LabelSet
from mfpnet.model import MFPNet
from mfpnet.sources import open_dataset, open_joined
from mfpnet.training.auxiliary import AuxiliaryHeads
from mfpnet.training.branches import with_branches
from mfpnet.training.frames import FrameStore, check_watched, load_frames
from mfpnet.training.instance_training import InstanceTraining
from mfpnet.training.optim import EMA, build_optimizer
from mfpnet.training.replicas import count_parts
from mfpnet.training.runs import RunConfig, source_name
from mfpnet.training.stepper import Stepper
from mfpnet.training.teachers import Teachers, load_teachers
from mfpnet.training.transfer import frozen_parts, start_from
from mfpnet.transforms import Augmentation
from mfpnet.variants import create_network
from mfpnet.views.runlog import progress_bar
from mfpnet.views.show import percent


def read_data(
    config: RunConfig, device: torch.device, console: Console
) -> tuple[FrameStore, Dataset | None]:
    """The frames to train on, and what is to be evaluated afterwards.

    Raises:
        MfpnetError: bad data, or frames that stand on both sides.
    """
    dataset = open_joined((config.data, *config.extra))
    title = f"reading {dataset.name} {dataset.split}"
    with naming_the_check(config.data), progress_bar(console, title, len(dataset)) as bar:
        store = load_frames(
            dataset,
            device,
            size=_common_size(config, dataset),
            shorter_side=config.recipe.shorter_side,
            instances=config.instances,
            on_frame=lambda _: bar.advance(),
        )
    if config.evaluate_on is None:
        return store, None
    watch = open_dataset(config.evaluate_on.read_as(store.format))
    check_watched(store, watch, allow_overlap=config.allow_overlap)
    return store, watch


def _common_size(config: RunConfig, dataset: Dataset) -> tuple[int, int] | None:
    """The (H, W) of all frames: extra ones come to that of the first; None leaves their own."""
    recipe = config.recipe
    if recipe.input_size or recipe.shorter_side or not config.extra:
        return recipe.input_size
    height, width = dataset.load(0)[1].shape
    return height, width


def build_network(
    config: RunConfig,
    labels: LabelSet,
    device: torch.device,
    *,
    in_channels: int = 3,
    resume: bool = False,
    on_note: Callable[[str], None] | None = None,
) -> nn.Module:
    """The network with what else is trained: auxiliary heads, branches, all instance maps.

    Args:
        config: the run's.
        labels: the classes it is to learn.
        device: where it goes.
        in_channels: of the frames.
        resume: its weights will be restored: leave those to start from alone.
        on_note: told what happens to weights of other classes.

    Raises:
        MfpnetError: no such network, or weights to start from that do not fit.
    """
    torch.manual_seed(config.seed)
    network = create_network(
        config.variant, labels.num_classes, in_channels, instances=config.instances
    )
    if config.init and not resume:  # what is restored takes its place, wherever it is by then
        note = start_from(config.init, network, labels)
        if note and on_note:
            on_note(note)
    trained: nn.Module = network
    if isinstance(network, MFPNet) and config.instances:
        trained = InstanceTraining(network)
    elif isinstance(network, MFPNet) and config.recipe.auxiliary:
        trained = AuxiliaryHeads(network)
    with_exact_dilation(trained)
    if config.recipe.branches:
        with_branches(trained, kept=frozen_parts(network) if config.freeze else ())
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
    batch_size = min(recipe.batch_size, frames)
    steps_per_epoch = frames // batch_size
    frozen = frozen_parts(getattr(model, "network", model)) if config.freeze else []
    for part in frozen:
        part.requires_grad_(False)
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
        frozen=frozen,
        compiled=config.compile,
        parts=_parts(config, batch_size, device),
        ema=EMA(model, recipe.ema) if recipe.ema else None,
        # On a GPU each check waits for all queued work.
        check_every=1 if device.type == "cpu" else 20,
    )


def _parts(config: RunConfig, batch_size: int, device: torch.device) -> int:
    if config.parts:
        return min(config.parts, batch_size)
    # Somebody else's network may draw numbers or keep a state, which parts would race for.
    return 1 if is_foreign(config.variant) else count_parts(batch_size, device)


def build_augmentation(config: RunConfig, store: FrameStore, *, whole: bool) -> Augmentation:
    """What happens to training frames; `whole` is for crops of the frames' own size."""
    recipe, counts = config.recipe, store.pixel_counts
    even = counts.sum() / len(counts)
    rare = ((counts > 0) & (counts < even / 2)).nonzero()[:, 0]
    return Augmentation(
        crop_size=store.largest if whole else recipe.crop_size,
        scale=recipe.scale,
        flip=recipe.flip,
        colour=recipe.colour,
        blur=recipe.blur,
        noise=recipe.noise,
        sought=tuple(rare.tolist()),
        sought_share=recipe.rare_crops,
        class_mix=recipe.class_mix,
    )


def _told_source(weights: str, info: ModelInfo | None) -> str:
    """What weights are called, and their score: the bundled ones have had one name many times."""
    name = source_name(weights)
    if info is None or info.score is None:
        return name
    return f"{name} ({percent(info.score)} % on {info.score_on})"


def build_info(config: RunConfig, store: FrameStore, *, resume: bool = False) -> ModelInfo:
    """What will travel with the weights; of a run that goes on it is in the checkpoint."""
    learnt_from = [*([config.init] if config.init else []), *config.teachers]
    infos = {} if resume else {weights: read_info(weights) for weights in learnt_from}
    sources = (config.data, *config.extra)
    data = "+".join(source.title for source in sources)
    digits = 4 if store.format.bits == 8 else 7
    return ModelInfo(
        variant=config.variant,
        classes=store.labels.classes,
        palette=store.labels.palette,
        mean=tuple(round(value, digits) for value in store.mean.tolist()),
        std=tuple(round(value, digits) for value in store.std.tolist()),
        bits=store.format.bits,
        things=store.labels.things if config.instances else (),
        ignore_index=store.labels.ignore_index,
        input_size=store.size,
        data=data,
        split=", ".join(dict.fromkeys(source.split for source in sources)),
        recipe=told_recipe(config.recipe_name, config.recipe),
        epochs=config.recipe.epochs,
        started_from=_told_source(config.init, infos.get(config.init)) if config.init else "",
        taught_by=tuple(_told_source(each, infos.get(each)) for each in config.teachers),
        licence=licence_of(data, [info.licence for info in infos.values()]),
    )
