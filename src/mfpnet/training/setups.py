"""From the options of a command line to the set-up of a run, with every name checked first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mfpnet.data.source import DATASETS, DRAWN, FOLDER, ON_DISK, DataSource
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.known_recipes import get_recipe
from mfpnet.options.data import AUTO, DataChoice, parse_channels
from mfpnet.options.verbs import TrainOptions, parse_size
from mfpnet.recipes import Recipe
from mfpnet.runtimes.backends import is_exported
from mfpnet.training.extra_data import extra_sources
from mfpnet.training.runs import RunConfig, changed_recipe

# What decides between networks by default: one drive of CamVid's training split, never its val.
DECIDES = {"camvid": ("train-0006R0", "train/0006R0")}
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
        MfpnetError: no such data or folder, --scene-size has another form than HxW, or --root is
            given for data that has none.
    """
    if choice.data not in DATASETS:
        return _own_folder(choice, split)
    if choice.root and choice.data not in ON_DISK:
        raise MfpnetError(
            f"--root goes with data on disk ({', '.join(ON_DISK)}), and the data is {choice.data}, "
            f"which is drawn: give other --data, or leave out --root."
        )
    if choice.channels != AUTO:
        raise MfpnetError(f"--channels is of folders of your own, and {choice.data} is RGB.")
    # Absolute, so that a run can be resumed from another folder.
    root = str(choice.root.absolute()) if choice.root else None
    size = parse_size(choice.scene_size, "--scene-size")
    return DataSource(choice.data, split, root, choice.scenes, size)


def _own_folder(choice: DataChoice, split: str) -> DataSource:
    folder = Path(choice.data)
    if not folder.is_dir():
        known = unknown_name("data", choice.data, DATASETS)
        there = "that is a file" if folder.exists() else "there is no folder of that name"
        raise MfpnetError(f"{known} And {there}: give the folder of images and masks.")
    if choice.root:
        raise MfpnetError(f"--data {choice.data} is a folder itself: leave out --root.")
    classes = str(choice.classes.absolute()) if choice.classes else None
    channels = parse_channels(choice.channels)
    return DataSource(FOLDER, split, str(folder.absolute()), classes=classes, channels=channels)


def watched_source(choice: DataChoice, split: str) -> DataSource:
    """What a run is evaluated on: of drawn scenes a fifth as many."""
    return few_scenes(data_source(choice, split))


def few_scenes(source: DataSource) -> DataSource:
    """The same with a fifth as many drawn scenes."""
    few = max(source.count // 5, 1)
    return replace(source, count=few) if source.name in DRAWN else source


def check_exportable(weights: str) -> None:
    """Refuse what was exported already.

    Raises:
        MfpnetError: it was; the text says what it is good for.
    """
    if is_exported(weights):
        raise MfpnetError(
            f"'{weights}' is an exported file already: predict, evaluate, benchmark and info take "
            f"it as it is. For another one, export the weights that it was made from."
        )


def check_weights(weights: str, option: str) -> None:
    """Refuse an exported file where a training would read weights.

    Raises:
        MfpnetError: it is one.
    """
    if is_exported(weights):
        raise MfpnetError(
            f"{option} is {weights}, an exported file, and takes weights: give those that it was "
            f"made from."
        )


def check_calibration(trained_on: str, choice: DataChoice) -> None:
    """Refuse to fit int8 to pictures that the network was not trained on.

    Args:
        trained_on: the name of the training data, as the weights have it.
        choice: the data that was asked for.

    Raises:
        MfpnetError: it is other data; weights that do not say are taken to be of data on disk.
    """
    names = trained_on.split("+")
    own = DataSource(FOLDER, root=str(Path(choice.data).absolute()))
    if (choice.data if choice.data in DATASETS else own.title) in names:
        return
    if trained_on == "unknown" and choice.data not in DRAWN:
        return
    told = f"int8 is fitted to the training data, and these weights were trained on {trained_on}"
    give = "call mfpnet.quantise.quantise in Python with its frames, or use --precision fp16"
    if names[0] in DATASETS:
        told += f", not on {choice.data}"
        give = f"give --data {names[0]}" + (" --root DIR" if names[0] in ON_DISK else "")
    elif trained_on == "unknown":
        told = "int8 is fitted to the training data, and these weights do not say what that was"
        give = f"give --data camvid --root DIR if it lies on disk in CamVid's form; else {give}"
    else:
        give = f"give --data and the folder of that name; else {give}"
    raise MfpnetError(f"{told}: {give}.")


def ablation_sources(
    choice: DataChoice, split: str | None, evaluate_split: str | None
) -> tuple[DataSource, DataSource]:
    """What the networks of a suite are trained on, and what decides between them.

    Raises:
        MfpnetError: see `data.source`.
    """
    trained, watched = DECIDES.get(choice.data, ("train", "val"))
    return (
        data_source(choice, split or trained),
        watched_source(choice, evaluate_split or watched),
    )


def config_from_options(options: TrainOptions, base: Recipe | None = None) -> RunConfig:
    """The set-up that the options describe.

    Args:
        options: of the command line.
        base: the recipe, where it is none that has a name.

    Raises:
        MfpnetError: an unknown recipe, or a value that cannot be trained with.
    """
    data = replace(data_source(options.data, options.split), frames=options.frames)
    for name in ("evaluate_every", "evaluate_last"):
        if getattr(options, name) and not options.evaluate_split:
            raise MfpnetError(
                f"--{name.replace('_', '-')} is {getattr(options, name)}, but nothing is evaluated:"
                f" say what with --evaluate-split."
            )
    watch = watched_source(options.data, options.evaluate_split) if options.evaluate_split else None
    name = options.recipe or options.data.data
    return RunConfig(
        variant=_network_name(options),
        recipe_name=name,
        recipe=_recipe(base or get_recipe(name), options),
        data=data,
        extra=extra_sources(options.extra),
        evaluate_on=watch,
        evaluate_every=options.evaluate_every,
        evaluate_last=options.evaluate_last,
        instances=options.instances,
        init=_placed(options.init) if options.init else None,
        freeze=options.freeze,
        teachers=_teachers(options.teacher),
        seed=options.seed,
        device=options.device,
        threads=options.threads,
        parts=options.parts,
        deterministic=options.deterministic,
        allow_overlap=options.allow_overlap,
        compile=options.compile,
        tensorboard=options.tensorboard,
    )


def _network_name(options: TrainOptions) -> str:
    """What --variant or --model names; mfpnet's own networks have no colon in their names."""
    variant, model = options.variant, options.model
    if model is None and ":" not in (variant or ""):
        return variant or "mfpnet"
    if model is None:
        raise MfpnetError(f"--variant is '{variant}': give somebody else's network as --model.")
    if variant is not None:
        raise MfpnetError(f"--variant {variant} and --model {model} both name the network.")
    if ":" not in model:
        raise MfpnetError(
            f"--model is '{model}': write package.module:factory. A network of mfpnet itself is "
            f"given as --variant."
        )
    return model


def _teachers(text: str | None) -> tuple[str, ...]:
    names = text.split(",") if text else []
    if not all(names):
        raise MfpnetError(f"--teacher is '{text}': write weights, with a comma between several.")
    return tuple(map(_placed, names))


def _placed(weights: str) -> str:
    """A path as an absolute one, so that a run can be resumed from another folder."""
    path = Path(weights)
    is_path = path.exists() and (path.suffix or "/" in weights or path.is_dir())
    return str(path.absolute()) if is_path else weights


def _recipe(base: Recipe, options: TrainOptions) -> Recipe:
    """A recipe with what the command line puts in its place."""
    changes: dict[str, Any] = {
        field: getattr(options, field)
        for field in RECIPE_OPTIONS
        if getattr(options, field) is not None
    }
    if options.crop_size:
        changes["crop_size"] = parse_size(options.crop_size, "--crop-size")
    for setting in options.set:
        if (field := setting.partition("=")[0]) in changes:
            raise MfpnetError(f"{field} is given twice, by its own option and by --set.")
    recipe = changed_recipe(replace(base, **changes), options.set, "--set")
    _check_distillation(recipe, options)
    # A foreign decoder has no stages for auxiliary heads, an instance head takes their place, and
    # a record should not claim any.
    return replace(recipe, auxiliary=0.0) if options.model or options.instances else recipe


def _check_distillation(recipe: Recipe, options: TrainOptions) -> None:
    if options.teacher and recipe.distillation == 0:
        raise MfpnetError("distillation is 0: --teacher would be asked and never listened to.")
    for name in ("distillation", "temperature"):
        if not options.teacher and any(each.startswith(f"{name}=") for each in options.set):
            raise MfpnetError(f"--set has {name}, which is about teachers: name one by --teacher.")
