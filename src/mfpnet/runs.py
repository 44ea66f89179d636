"""A training run as data: everything that decides its result, as YAML in its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mfpnet.datasets import DataSource
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
        evaluate_on: what is evaluated, None for nothing.
        evaluate_every: epochs between evaluations, 0 for the end only.
        init: weights to start from, None for random ones.
        seed: of the weights, the order of the frames and the augmentation.
        device: auto, cpu, cuda, ...
        threads: CPU threads, None for PyTorch's choice.
        deterministic: bit-exact on a GPU too, at a cost; a CPU is with the same thread count.
        allow_overlap: evaluate on frames that are trained on.
        tensorboard: write TensorBoard events too.
    """

    variant: str
    recipe_name: str
    recipe: Recipe
    data: DataSource
    evaluate_on: DataSource | None = None
    evaluate_every: int = 0
    init: str | None = None
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    deterministic: bool = False
    allow_overlap: bool = False
    tensorboard: bool = False


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
        if values.get("evaluate_on") is not None:
            parts["evaluate_on"] = _build(
                DataSource, values["evaluate_on"], _names(DataSource), path
            )
        return _build(RunConfig, {**values, **parts}, _names(RunConfig), path)
    except TypeError as error:
        raise MfpnetError(f"'{path}' is no complete config: {error}.") from error


def _build(kind: Callable[..., T], values: Any, known: set[str], path: Path) -> T:
    if not isinstance(values, dict):
        raise MfpnetError(f"'{path}': {values!r} stands where a mapping of {sorted(known)} belongs.")
    if unknown := sorted(set(values) - known):
        raise MfpnetError(f"'{path}': {unknown[0]} is no setting. Known: {', '.join(sorted(known))}.")
    return kind(**frozen(values))


def _names(kind: type[Recipe] | type[DataSource] | type[RunConfig]) -> set[str]:
    return {field.name for field in fields(kind)}


def _plain(value: Any) -> Any:
    """Tuples as lists: YAML's safe form has no tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
