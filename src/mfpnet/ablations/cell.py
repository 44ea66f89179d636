"""One cell of a comparison: a network trained with one seed, once, and known by what decided it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mfpnet.ablations.plan import Row
from mfpnet.checkpoint import CHECKPOINT_FILE, WEIGHTS_FILE, load_model
from mfpnet.data.datasets import Dataset, load_checked
from mfpnet.data.subset import Subset
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import evaluate
from mfpnet.files import read_json, write_json
from mfpnet.foreign import file_name, foreign_name, is_foreign
from mfpnet.predict import Predictor
from mfpnet.sources import open_dataset
from mfpnet.train import RESULT_FILE, train
from mfpnet.training.runs import CONFIG_FILE, RunConfig, without_place
from mfpnet.variants import Network, variant_config

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CELL_FILE = "cell.json"
IDENTITY_FILE = "identity.json"
# Of the training frames, spread evenly: enough to see how far a network follows them.
TRAINING_FRAMES = 100

Cell = dict[str, Any]
Identity = dict[str, str]
# Of a cell: what rows are made of.
_NAMES = {"variant", "seed", "identity", "miou", "train_miou", "iou_per_class", "seconds"}


def is_cell(value: Any) -> bool:
    """Whether what stands in a file is a whole cell."""
    return (
        isinstance(value, dict) and value.keys() >= _NAMES and isinstance(value["identity"], dict)
    )


def data_version(dataset: Dataset, *, own_classes: bool = False) -> str:
    """A hash of every frame and target, in their order: other data has another one.

    Args:
        dataset: what is hashed.
        own_classes: whether its owner names the classes, so that what the values of masks mean
            and which of them is void count too. Of a data set that is known by its name both stand.

    Raises:
        MfpnetError: a frame cannot be read.
    """
    digest = hashlib.sha256()
    if own_classes:
        labels = dataset.labels
        digest.update(json.dumps([labels.classes, labels.ignore_index]).encode())
    for index in range(len(dataset)):
        for array in load_checked(dataset, index):
            digest.update(repr(array.shape).encode())
            digest.update(array.tobytes())
    return digest.hexdigest()[:12]


def identity_of(
    row: Row, config: RunConfig, network: Network, versions: tuple[str, str]
) -> Identity:
    """A hash of each thing that decides a cell's result.

    What has its default does not count, so that a setting which comes later changes no hash.

    Args:
        row: what is compared.
        config: the run's, without the row's change.
        network: with random weights.
        versions: of the data that is trained on and that is evaluated on.
    """
    assert config.evaluate_on is not None
    parts = {
        "recipe": _set(config.recipe),
        "training data": [_set(without_place(config.data)), versions[0]],
        "evaluation data": [_set(without_place(config.evaluate_on)), versions[1]],
        "seed": config.seed,
        **({"change": row.change} if row.change else {}),
    }
    network_alone = {"network": network_hash(config.variant, network)}
    return network_alone | {name: _hash(value) for name, value in parts.items()}


def network_hash(variant: str, network: Network) -> str:
    """A hash of a network's wiring; its weights are random."""
    return _hash(repr(network) if is_foreign(variant) else _set(variant_config(variant)))


def check_identity(found: Identity, wanted: Identity, where: str, fix: str) -> None:
    """Refuse a result that another set-up led to.

    Raises:
        MfpnetError: it did; says in what they differ.
    """
    known = found if isinstance(found, dict) else {}
    different = [name for name in wanted if known.get(name) != wanted[name]]
    if different:
        raise MfpnetError(f"{where} is of another {' and '.join(different)}: {fix}")


def run_cell(
    row: Row, config: RunConfig, identity: Identity, folder: Path, console: Console | None
) -> Cell:
    """Train, or go on training, or read what was trained already.

    Args:
        row: what is compared.
        config: the run's, without the row's change.
        identity: what decides its result.
        folder: the run's own.
        console: for progress.

    Returns:
        Variant, seed, identity, scores, time and commit.

    Raises:
        MfpnetError: the folder holds another run, bad data, or a diverging run.
    """
    _check_folder(folder, identity)
    if (folder / CELL_FILE).is_file() and is_cell(known := read_json(folder / CELL_FILE)):
        done: Cell = known
        return done
    if twin := _twin(row, identity, folder):
        return twin
    write_json(folder / IDENTITY_FILE, identity)
    if (folder / RESULT_FILE).is_file():
        result = read_json(folder / RESULT_FILE)
    else:
        resume = (folder / CHECKPOINT_FILE).is_file()
        result = train(row.trained(config), folder, resume=resume, console=console)
    cell = _cell(row, config.seed, identity, result) | {"train_miou": _train_miou(config, folder)}
    write_json(folder / CELL_FILE, cell)
    return cell


def _twin(row: Row, identity: Identity, folder: Path) -> Cell | None:
    """What the same network has reached under another name, as `1-1-1` is `without-dilation`."""
    if is_foreign(row.variant):  # told by its layers alone: weights may start in another way
        return None
    for beside in sorted(folder.parent.glob(f"*/{CELL_FILE}")):
        if is_cell(known := read_json(beside)) and known["identity"] == identity:
            twin: Cell = known | {"variant": row.name}
            return twin
    return None


def cell_folder(row: Row, seed: int, folder: Path) -> Path:
    """Where the run of a cell lies within the folder of a comparison."""
    return folder / f"{file_name(row.name)}-seed{seed}"


def _check_folder(folder: Path, identity: Identity) -> None:
    fix = "remove it, or choose another folder with --out."
    if (folder / IDENTITY_FILE).is_file():
        check_identity(read_json(folder / IDENTITY_FILE), identity, f"the run in '{folder}'", fix)
    elif (folder / CONFIG_FILE).is_file():
        raise MfpnetError(f"'{folder}' holds a run that is no part of a comparison: {fix}")


def _cell(row: Row, seed: int, identity: Identity, result: dict[str, Any]) -> Cell:
    scores = result["evaluation"]
    return {
        "variant": row.name,
        "seed": seed,
        "identity": identity,
        "miou": scores["miou"],
        "iou_per_class": scores["iou_per_class"],
        "steps": result["steps"],
        "seconds": result["seconds"],
        "commits": [commit for _, commit in result["commits"]],
    }


def _train_miou(config: RunConfig, folder: Path) -> float | None:
    """The score on frames that were trained on."""
    dataset = open_dataset(config.data)
    few = Subset(dataset, min(TRAINING_FRAMES, len(dataset)))
    weights = folder / WEIGHTS_FILE
    network = load_model(weights, foreign_name(config.variant))
    return evaluate(Predictor(network), few).scores.miou


def _set(settings: DataclassInstance) -> dict[str, Any]:
    """The settings that have not their default."""
    assert is_dataclass(settings)
    values = asdict(settings)
    return {f.name: values[f.name] for f in fields(settings) if values[f.name] != _default(f)}


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
