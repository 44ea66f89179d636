"""A training run as data: everything that decides its result, as YAML in its folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.files import write_atomically
from mfpnet.info import frozen
from mfpnet.recipes import Recipe

CONFIG_FILE = "config.yaml"

T = TypeVar("T")


@dataclass(frozen=True)
class RunConfig:
    """The resolved set-up of one run.

    Attributes:
        variant: name of the network.
        recipe_name: which recipe the values of `recipe` began as.
        recipe: the training set-up.
        data: what is trained on.
        extra: more of it, in the same classes, brought to the size of the frames of `data`.
        evaluate_on: what is evaluated, None for nothing.
        evaluate_every: epochs between evaluations, 0 for the end only.
        evaluate_last: evaluations after each of so many last epochs; the best of them is recorded,
            only to be compared with papers that choose on what they are scored on.
        instances: learn to tell objects apart too, by a head of its own.
        init: weights to start from, None for random ones.
        freeze: the part of the network that stays as `init` has it.
        teachers: weights whose opinion is learnt from beside the targets.
        seed: of the weights, the order of the frames and the augmentation.
        device: auto, cpu, cuda, ...
        threads: CPU threads, None for PyTorch's choice.
        parts: of a batch, each with threads, statistics and a loss of its own (see `replicas`);
            None for as many as there are threads, of four frames at least, and whole batches of
            somebody else's network. A run that goes on keeps its number.
        deterministic: bit-exact on a GPU too, at a cost; a CPU is with the same thread count.
        allow_overlap: evaluate on frames that are trained on.
        compile: train through `torch.compile`.
        tensorboard: write TensorBoard events too.
    """

    variant: str
    recipe_name: str
    recipe: Recipe
    data: DataSource
    extra: tuple[DataSource, ...] = ()
    evaluate_on: DataSource | None = None
    evaluate_every: int = 0
    evaluate_last: int = 0
    instances: bool = False
    init: str | None = None
    freeze: Literal["encoder"] | None = None
    teachers: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    parts: int | None = None
    deterministic: bool = False
    allow_overlap: bool = False
    compile: bool = False
    tensorboard: bool = False


def without_places(config: RunConfig) -> RunConfig:
    """The set-up as it goes into a record: where a machine keeps things decides nothing."""
    return replace(
        config,
        data=without_place(config.data),
        extra=tuple(map(without_place, config.extra)),
        evaluate_on=config.evaluate_on and without_place(config.evaluate_on),
        init=config.init and source_name(config.init),
        teachers=tuple(map(source_name, config.teachers)),
    )


def without_place(source: DataSource) -> DataSource:
    """Data as it goes into a record; a map of one's own is called by its file's name."""
    mapping = source.mapping and Path(source.mapping).name
    return replace(source, root=None, plan=None, classes=None, mapping=mapping)


def source_name(weights: str) -> str:
    """What weights are called: a run's by its folder, others by their file or bundled name."""
    path = Path(weights).absolute()
    return path.parent.name if path.name == "weights.safetensors" else path.name


def resume_command(folder: Path, model: str | None) -> str:
    """What continues a run; `model` is its network where that is somebody else's."""
    return f"mfpnet train --resume {folder}" + (f" --model {model}" if model else "")


def used_folder(folder: Path, model: str | None) -> MfpnetError:
    """An error for a run folder that is wanted for another run."""
    return MfpnetError(
        f"'{folder}' holds a run already: continue it with {resume_command(folder, model)}, or "
        f"choose another folder with --out."
    )


def write_config(path: Path, config: RunConfig) -> None:
    """Write a run's config as YAML, atomically."""
    text = yaml.safe_dump(_plain(asdict(config)), sort_keys=False)
    write_atomically(path, text.encode())


def read_config(path: Path) -> RunConfig:
    """The inverse of `write_config`.

    Raises:
        MfpnetError: no such file, not YAML, or a key that is unknown, missing or of another kind.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MfpnetError(f"'{path}' cannot be read as a config: {error}") from error
    if not isinstance(values, dict):
        raise MfpnetError(f"'{path}' is no config: it must be a YAML mapping.")
    try:
        parts: dict[str, object] = {
            "recipe": _build(Recipe, values.get("recipe"), _names(Recipe), path),
            "data": _build(DataSource, values.get("data"), _names(DataSource), path),
        }
        if isinstance(values.get("extra"), list):
            parts["extra"] = [
                _build(DataSource, each, _names(DataSource), path) for each in values["extra"]
            ]
        if values.get("evaluate_on") is not None:
            parts["evaluate_on"] = _build(
                DataSource, values["evaluate_on"], _names(DataSource), path
            )
        return _build(RunConfig, {**values, **parts}, _names(RunConfig), path)
    except TypeError as error:
        raise MfpnetError(f"'{path}' is no complete config: {error}.") from error


def changed_recipe(recipe: Recipe, settings: Iterable[str], origin: str) -> Recipe:
    """A recipe with values in place of some of its own.

    Args:
        recipe: what is changed.
        settings: name=value each, the value as in a config file.
        origin: where the settings come from, for errors.

    Raises:
        MfpnetError: another form, an unknown name, or a value of another kind.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not (name and equals and text):
            raise MfpnetError(f"{origin} has '{setting}': write name=value, as in lovasz=0.5.")
        try:
            changes[name] = _value(text)
        except yaml.YAMLError as error:
            raise MfpnetError(f"{origin} has '{setting}': {text!r} is no YAML value.") from error
    return _build(Recipe, {**asdict(recipe), **changes}, _names(Recipe), origin)


def _value(text: str) -> Any:
    """A value as it stands in a config file; 1e-3 and 360x480 as they are typed elsewhere too."""
    value = yaml.safe_load(text)
    if not isinstance(value, str):
        return value
    sides = value.split("x")
    if len(sides) == 2 and all(side.isdigit() for side in sides):
        return [int(side) for side in sides]
    try:
        return float(value)
    except ValueError:
        return value


def _build(kind: type[T], values: Any, known: set[str], path: str | Path) -> T:
    if not isinstance(values, dict):
        raise MfpnetError(
            f"'{path}': {values!r} stands where a mapping of {sorted(known)} belongs."
        )
    if unknown := sorted(set(values) - known):
        raise MfpnetError(
            f"'{path}': {unknown[0]} is no setting. Known: {', '.join(sorted(known))}."
        )
    settings = frozen(values)
    hints = get_type_hints(kind)
    for name, value in settings.items():
        if not _fits(value, hints[name]):
            raise MfpnetError(
                f"'{path}': {name} is {value!r}, which is no {_title(hints[name])}.{_hint(value)}"
            )
    return kind(**settings)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is what an annotation says; a whole number is a float too."""
    options = get_args(kind)
    if get_origin(kind) is Literal:
        return value in options
    if get_origin(kind) is tuple:
        if options[-1] is Ellipsis:
            return isinstance(value, tuple) and all(_fits(each, options[0]) for each in value)
        right = isinstance(value, tuple) and len(value) == len(options)
        return right and all(map(_fits, value, options))
    if options:
        return any(_fits(value, option) for option in options)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)


def _title(kind: Any) -> str:
    options = get_args(kind)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(options)}"
    if get_origin(kind) is tuple:
        many = options[-1] is Ellipsis
        return "list of " + (_title(options[0]) if many else " and ".join(map(_title, options)))
    if options:
        return " or ".join(_title(option) for option in options)
    return "nothing" if kind is type(None) else str(kind.__name__)


def _hint(value: Any) -> str:
    """YAML takes 1e-3 for a word."""
    try:
        return f" Write {float(value)!r}." if isinstance(value, str) else ""
    except ValueError:
        return ""


def _names(kind: type[Recipe] | type[DataSource] | type[RunConfig]) -> set[str]:
    return {field.name for field in fields(kind)}


def _plain(value: Any) -> Any:
    """Tuples as lists: YAML's safe form has no tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
