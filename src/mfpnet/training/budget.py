"""How many epochs fit into the time there is, by trying."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch

from mfpnet.device import choose_device
from mfpnet.folders.recommend import with_epochs
from mfpnet.info import ModelInfo
from mfpnet.instances.pixel_codes import OBJECT
from mfpnet.labels import LabelSet
from mfpnet.pixels.format import RGB, PixelFormat
from mfpnet.training.building import build_network, build_stepper, build_teachers
from mfpnet.training.instance_training import InstanceObjective
from mfpnet.training.objective import Objective
from mfpnet.training.runs import RunConfig
from mfpnet.training.stepper import Criterion
from mfpnet.transforms import Augmentation, augment

TRIED = 4
# Of a frame, where they are told apart.
OBJECTS = 20


def fitted(
    config: RunConfig, labels: LabelSet, frames: int, minutes: float, pixels: PixelFormat = RGB
) -> RunConfig:
    """The set-up with as many epochs as take so long on this machine, at least one.

    A few steps with noise are timed; reading the frames, measuring statistics and the evaluation
    come on top.

    Args:
        config: the run's.
        labels: of the data.
        frames: how many are trained on.
        minutes: of training.
        pixels: of the frames.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    batch = min(config.recipe.batch_size, frames)
    whole = replace(config, recipe=replace(config.recipe, batch_size=batch))
    steps = 60 * minutes / step_seconds(whole, labels, pixels)
    epochs = int(steps / (frames // batch))
    return replace(config, recipe=with_epochs(config.recipe, frames, epochs))


def step_seconds(config: RunConfig, labels: LabelSet, pixels: PixelFormat = RGB) -> float:
    """How long a step of a run takes on its device, with every part of its loss."""
    channels, recipe, device = pixels.channels, config.recipe, choose_device(config.device)
    model = build_network(config, labels, device, in_channels=channels, resume=True)
    stepper = build_stepper(config, model, recipe.batch_size, device)
    shape = (recipe.batch_size, *recipe.crop_size)
    place = (shape[0], channels, *shape[1:])
    images = torch.randint(0, 256, place, dtype=torch.uint8, device=device)
    targets = torch.randint(0, labels.num_classes, shape, device=device)
    if config.instances:
        targets = targets + OBJECT * torch.randint(0, OBJECTS + 1, shape, device=device)
    ones, objective = torch.ones(channels, device=device), _objective(config, labels, pixels)
    seconds = []
    for number in range(1 + TRIED):
        begun = time.perf_counter()
        seen, marks = augment(
            images,
            targets,
            Augmentation(
                recipe.crop_size,
                recipe.scale,
                recipe.flip,
                recipe.colour,
                recipe.blur,
                recipe.noise,
                class_mix=recipe.class_mix,
            ),
            mean=ones,
            std=ones,
            ignore_index=labels.ignore_index,
            generator=torch.Generator().manual_seed(number),
        )
        seen = seen.contiguous(memory_format=torch.channels_last)
        float(stepper.advance(seen, marks, objective))  # waits for a GPU
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])  # the first one warms up


def _objective(config: RunConfig, labels: LabelSet, pixels: PixelFormat) -> Criterion:
    """Every part of the loss, as at the end of the training."""
    recipe, void = config.recipe, labels.ignore_index
    pupil = ModelInfo(
        variant=config.variant,
        classes=labels.classes,
        palette=labels.palette,
        mean=(0.5,) * pixels.channels,
        std=(0.25,) * pixels.channels,
        ignore_index=void,
        input_size=recipe.crop_size,
        bits=pixels.bits,
    )
    objective = Objective(
        recipe,
        weight=None,
        ignore_index=void,
        progress=lambda: 1.0,
        teachers=build_teachers(config, pupil, choose_device(config.device)),
    )
    if not config.instances:
        return objective
    return InstanceObjective(objective, ignore_index=void, stride=recipe.loss_stride)
