"""From the options of `mfpnet train` to a run that can begin: a folder of one's own is planned."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mfpnet.data.datasets import frame_format
from mfpnet.data.source import FOLDER, naming_the_check
from mfpnet.errors import MfpnetError
from mfpnet.folders.folder import PLAN
from mfpnet.folders.plans import Plan, plan_of, write_plan
from mfpnet.folders.recommend import RECOMMENDED, facts_of_pairs, recommend, with_epochs
from mfpnet.masks.class_file import CLASS_FILE
from mfpnet.options.verbs import TrainOptions
from mfpnet.recipes import Recipe
from mfpnet.sources import open_joined
from mfpnet.training.checks import check_config
from mfpnet.training.lock import alone_in
from mfpnet.training.runs import CONFIG_FILE, RunConfig, changed_recipe, used_folder
from mfpnet.training.settled import config_from_file
from mfpnet.training.setups import config_from_options, data_source

Tell = Callable[[str], None]
# Of a first run with a folder of one's own: enough to see that it works.
FIRST_MINUTES = 4.0


def new_run(options: TrainOptions, folder: Path, tell: Tell) -> RunConfig:
    """The set-up of a new run, with everything that it needs looked for.

    The plan of a folder of one's own is written into the run's folder, so that the run goes on, and
    is evaluated, with the same classes and split.

    Args:
        options: of the command line.
        folder: the run's.
        tell: is told what was found out and decided, a sentence each.

    Raises:
        MfpnetError: something is unusable; nothing is left behind.
    """
    with alone_in(folder):
        return _new_run(options, folder, tell)


def _new_run(options: TrainOptions, folder: Path, tell: Tell) -> RunConfig:
    _check_unused(folder, options.model)
    if options.config:
        return _repeated(config_from_file(options, options.config), folder)
    _check_time(options)
    if data_source(options.data, options.split).name == FOLDER:
        return _own_run(options, folder, tell)
    config = config_from_options(options)
    check_config(config)
    return config if options.minutes is None else _timed(config, options, options.minutes, tell)


def _check_unused(folder: Path, model: str | None) -> None:
    """What a run's folder will hold must not take the place of another run, or of pictures."""
    from mfpnet.checkpoint import CHECKPOINT_FILE

    if (folder / CHECKPOINT_FILE).exists():
        raise used_folder(folder, model)
    # What a power cut has left of a run that never came to a checkpoint may be written over.
    begun, place = (folder / CONFIG_FILE).is_file(), folder / PLAN
    strange = [path.name for path in place.glob("*") if not (begun and _is_of_plan(path))]
    if strange:
        raise MfpnetError(
            f"'{place}' holds '{min(strange)}', and a run keeps the plan of its data in a folder "
            f"of that name: choose another folder with --out."
        )


def _is_of_plan(path: Path) -> bool:
    return path.is_file() and (path.name == CLASS_FILE or path.suffix == ".txt")


def _repeated(config: RunConfig, folder: Path) -> RunConfig:
    """The set-up of a config file; with the plan of a folder of one's own in this run's folder."""
    source = config.data
    if source.name != FOLDER:
        check_config(config)
        return config
    plan = plan_of(Path(source.root or ""), _path(source.plan), _path(source.classes))
    with _removed_if_refused(folder):
        return _planned(config, plan, folder)


def _check_time(options: TrainOptions) -> None:
    if options.minutes is None:
        return
    if _asked_epochs(options) is not None:
        raise MfpnetError("--minutes and --epochs both say how long: give one of them.")
    if not options.minutes > 0:
        raise MfpnetError(f"--minutes is {options.minutes:g}: give a number above 0.")


def run_name(options: TrainOptions) -> str:
    """What the folder of a new run is called unless --out says."""
    from mfpnet.foreign import file_name

    source = data_source(options.data, options.split)
    own = source.name == FOLDER and source.root
    variant = options.model or options.variant or default_variant(source.name)
    return f"{file_name(variant)}-{Path(own).name if own else source.name}"


def default_variant(data: str) -> str:
    """The network that is trained where none is named: the paper's, or the one to deploy."""
    return "mfpnet_fast" if data == FOLDER else "mfpnet"


def _own_run(options: TrainOptions, folder: Path, tell: Tell) -> RunConfig:
    from mfpnet.device import choose_device

    source = data_source(options.data, options.split)
    plan = plan_of(Path(source.root or ""), classes=_path(source.classes))
    pairs = plan.pairs(options.split)[: options.frames]
    for note in plan.notes:
        tell(note)
    recipe = None
    if not options.recipe:
        with naming_the_check(source):
            facts = facts_of_pairs(pairs, plan.labels.num_classes)
        recipe = recommend(facts, gpu=choose_device(options.device).type == "cuda")
        if epochs := _asked_epochs(options):
            recipe = with_epochs(recipe, len(pairs), epochs)
    watched = options.evaluate_split or ("val" if "val" in plan.parts else None)
    given = replace(
        options,
        variant=options.variant or (None if options.model else default_variant(FOLDER)),
        recipe=options.recipe or RECOMMENDED,
        evaluate_split=watched,
    )
    with _removed_if_refused(folder):
        config = _planned(config_from_options(given, recipe), plan, folder)
        if _asked_epochs(options) is None and (options.minutes or not options.recipe):
            return _timed(config, options, options.minutes or FIRST_MINUTES, tell)
    return config


@contextmanager
def _removed_if_refused(folder: Path) -> Iterator[None]:
    """Take the plan away again where the block fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder / PLAN, ignore_errors=True)
        raise


def _planned(config: RunConfig, plan: Plan, folder: Path) -> RunConfig:
    """The set-up that reads its data by a plan, which is written down."""
    place = folder / PLAN
    write_plan(plan, place)
    at = str(place.absolute())
    watch = config.evaluate_on and replace(config.evaluate_on, plan=at)
    config = replace(config, data=replace(config.data, plan=at), evaluate_on=watch)
    check_config(config)
    return config


def _asked_epochs(options: TrainOptions) -> int | None:
    """What --epochs says, or --set."""
    settings = [each for each in options.set if each.partition("=")[0] == "epochs"]
    asked = changed_recipe(Recipe(1, 1, (32, 32)), settings, "--set")
    return asked.epochs if settings else options.epochs


def _timed(config: RunConfig, options: TrainOptions, minutes: float, tell: Tell) -> RunConfig:
    from mfpnet.training.budget import fitted

    data = open_joined((config.data, *config.extra))
    frames = len(data)
    config = fitted(config, data.labels, frames, minutes, frame_format(data))
    # Warm-up and average follow the length, but not where somebody has said what they are to be.
    config = replace(config, recipe=changed_recipe(config.recipe, options.set, "--set"))
    tell(
        f"{config.recipe.epochs} epochs of {frames} frames fit into {minutes:g} minutes on this "
        f"machine; --minutes or --epochs for more."
    )
    return config


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
