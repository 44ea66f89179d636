"""From the options of a command line to the set-up of a run, with every name checked first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mfpnet.datasets import DataSource, open_dataset
from mfpnet.errors import MfpnetError
from mfpnet.options import AblateOptions, DataChoice, TrainOptions, parse_size
from mfpnet.recipes import Recipe, get_recipe
from mfpnet.runs import CONFIG_FILE, RunConfig, read_config

# What decides between networks by default: one drive of CamVid's training split, never its val.
DECIDES = {"camvid": ("train-0006R0", "train/0006R0"), "synthetic": ("train", "val")}
# What may stand beside --resume and beside --config, which bring a set-up of their own.
BESIDE_RESUME = ("resume", "threads", "json_file")
BESIDE_CONFIG = ("config", "out", "threads", "json_file")
RECIPE_OPTIONS = (
    "epochs",
    "batch_size",
    "accumulate",
    "learning_rate",
    "ohem_threshold",
    "precision",
)


def data_source(choice: DataChoice, split: str) -> DataSource:
    """The data that the options name.

    Raises:
        MfpnetError: --scene-size has another form than HxW.
    """
    root = str(choice.root) if choice.root else None
    size = parse_size(choice.scene_size, "--scene-size")
    return DataSource(choice.data, split, root, choice.scenes, size)


def watched_source(choice: DataChoice, split: str) -> DataSource:
    """What a run is evaluated on: of drawn scenes a fifth as many."""
    source = data_source(choice, split)
    few = max(source.count // 5, 1)
    return replace(source, count=few) if source.name == "synthetic" else source


def ablation_sources(options: AblateOptions) -> tuple[DataSource, DataSource]:
    """What the networks of a suite are trained on, and what decides between them."""
    split, watched = DECIDES[options.data.data]
    return (
        data_source(options.data, options.split or split),
        watched_source(options.data, options.evaluate_split or watched),
    )


def config_to_resume(options: TrainOptions, folder: Path) -> RunConfig:
    """The set-up of the run in a folder.

    Raises:
        MfpnetError: there is none, or options that would not count stand beside --resume.
    """
    _refuse_others(options, "resume", BESIDE_RESUME)
    if not (folder / CONFIG_FILE).is_file():
        raise MfpnetError(f"'{folder}' holds no run: it has no {CONFIG_FILE}. Check --resume.")
    config = read_config(folder / CONFIG_FILE)
    return replace(config, threads=options.threads or config.threads)


def config_from_file(options: TrainOptions, path: Path) -> RunConfig:
    """The set-up in a config file.

    Raises:
        MfpnetError: it cannot be used, or options that would not count stand beside --config.
    """
    _refuse_others(options, "config", BESIDE_CONFIG)
    config = read_config(path)
    return replace(config, threads=options.threads or config.threads)


def _refuse_others(options: TrainOptions, option: str, beside: Iterable[str]) -> None:
    """An option that would not count is an error, not a surprise after hours."""
    plain = {**vars(TrainOptions()), **vars(DataChoice())}
    values = {**vars(options), **vars(options.data)}
    others = [name for name in plain if name not in beside and values[name] != plain[name]]
    if others:
        raise MfpnetError(
            f"--{option} brings the whole set-up of a run, so --{others[0].replace('_', '-')} "
            f"cannot stand beside it. Leave it out, or change a copy of the run's {CONFIG_FILE} "
            f"and start a new run with --config."
        )


def config_from_options(options: TrainOptions) -> RunConfig:
    """The set-up that the options describe.

    Raises:
        MfpnetError: an unknown recipe, or a value that cannot be trained with.
    """
    data = data_source(options.data, options.split)
    watch = watched_source(options.data, options.evaluate_split) if options.evaluate_split else None
    name = options.recipe or options.data.data
    return RunConfig(
        variant=options.variant,
        recipe_name=name,
        recipe=_recipe(name, options),
        data=data,
        evaluate_on=watch,
        evaluate_every=options.evaluate_every,
        init=options.init,
        seed=options.seed,
        device=options.device,
        threads=options.threads,
        deterministic=options.deterministic,
        allow_overlap=options.allow_overlap,
        tensorboard=options.tensorboard,
    )


def check_config(config: RunConfig) -> None:
    """Look for all that a run needs before it reads any frame and leaves anything behind.

    Raises:
        MfpnetError: no such network, weights, data or device.
    """
    from mfpnet.checkpoint import find_weights
    from mfpnet.device import choose_device
    from mfpnet.variants import variant_config

    variant_config(config.variant)
    if config.init:
        find_weights(config.init)
    open_dataset(config.data)
    if config.evaluate_on:
        open_dataset(config.evaluate_on)
    choose_device(config.device)


def _recipe(name: str, options: TrainOptions) -> Recipe:
    """The named recipe with what the command line puts in its place."""
    changes: dict[str, Any] = {
        field: getattr(options, field)
        for field in RECIPE_OPTIONS
        if getattr(options, field) is not None
    }
    if options.crop_size:
        changes["crop_size"] = parse_size(options.crop_size, "--crop-size")
    return replace(get_recipe(name), **changes)
