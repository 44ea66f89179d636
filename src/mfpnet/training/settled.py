"""Set-ups that stand already: of a run that goes on, of its data, or in a config file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mfpnet.data.source import DRAWN, FOLDER, DataSource
from mfpnet.errors import MfpnetError
from mfpnet.folders.folder import PLAN
from mfpnet.folders.plans import plan_of
from mfpnet.masks.class_file import CLASS_FILE
from mfpnet.options.data import DataChoice
from mfpnet.options.verbs import TrainOptions
from mfpnet.training.extra_data import extra_sources, moved_extras
from mfpnet.training.runs import CONFIG_FILE, RunConfig, read_config
from mfpnet.training.setups import data_source

# What may stand beside --resume and beside --config, which bring a set-up of their own.
BESIDE_RESUME = ("resume", "model", "root", "extra", "threads", "json_file")
BESIDE_CONFIG = ("config", "model", "out", "threads", "json_file")


def config_to_resume(options: TrainOptions, folder: Path) -> RunConfig:
    """The set-up of the run in a folder.

    Raises:
        MfpnetError: there is none, or options that would not count stand beside --resume.
    """
    _refuse_others(options, "resume", BESIDE_RESUME)
    if not (folder / CONFIG_FILE).is_file():
        raise MfpnetError(f"'{folder}' holds no run: it has no {CONFIG_FILE}. Check --resume.")
    config = _agreed_config(folder / CONFIG_FILE, options.model)
    config = replace(
        _planned(config, folder),
        threads=options.threads or config.threads,
        extra=moved_extras(config.extra, extra_sources(options.extra)),
    )
    return _moved(config, options.data.root) if options.data.root else config


def _planned(config: RunConfig, folder: Path) -> RunConfig:
    """The same run where its own folder, with the plan of its data, lies in another place."""
    if config.data.name != FOLDER:
        return config
    at = str((folder / PLAN).absolute())
    watch = config.evaluate_on and replace(config.evaluate_on, plan=at)
    return replace(config, data=replace(config.data, plan=at), evaluate_on=watch)


def planned_source(source: DataSource, weights: str) -> DataSource:
    """A folder of one's own as the run whose weights these are has read it.

    The run's classes always; its split too where the folder is the one that it was trained on.
    """
    run = Path(weights) if Path(weights).is_dir() else Path(weights).parent
    if source.name != FOLDER or not (run / PLAN / CLASS_FILE).is_file():
        return source
    trained = read_config(run / CONFIG_FILE).data.root
    if trained == source.root:
        return replace(source, plan=str((run / PLAN).absolute()))
    return replace(source, classes=source.classes or str((run / PLAN / CLASS_FILE).absolute()))


def evaluated_source(choice: DataChoice, split: str | None, weights: str) -> DataSource:
    """The data that weights are scored on; of a folder without a test split val, by default.

    Raises:
        MfpnetError: as `data.source` and `plan_of`.
    """
    source = planned_source(data_source(choice, split or "test"), weights)
    if split or source.name != FOLDER:
        return source
    places = (Path(at) if at else None for at in (source.plan, source.classes))
    parts = plan_of(Path(source.root or ""), *places).parts
    return source if "test" in parts else replace(source, split="val")


def _moved(config: RunConfig, root: Path) -> RunConfig:
    """The same run where its data lies in another place."""
    if config.data.name in DRAWN:
        raise MfpnetError("--root is of data on disk, and this run draws its own: leave it out.")
    place = str(root.absolute())
    watch = config.evaluate_on and replace(config.evaluate_on, root=place)
    return replace(config, data=replace(config.data, root=place), evaluate_on=watch)


def config_from_file(options: TrainOptions, path: Path) -> RunConfig:
    """The set-up in a config file.

    Raises:
        MfpnetError: it cannot be used, or options that would not count stand beside --config.
    """
    _refuse_others(options, "config", BESIDE_CONFIG)
    config = _agreed_config(path, options.model)
    return replace(config, threads=options.threads or config.threads)


def _agreed_config(path: Path, model: str | None) -> RunConfig:
    """A file's set-up; that it names somebody else's network does not suffice to run its code."""
    from mfpnet.foreign import check_consent, foreign_name

    config = read_config(path)
    check_consent(model, foreign_name(config.variant), path)
    return config


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
