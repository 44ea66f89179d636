"""Variants x one recipe x seeds: the same training for each network of a suite, and one record."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.contenders import contender
from mfpnet.data_source import DataSource
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.files import read_json
from mfpnet.foreign import file_name, is_foreign
from mfpnet.known_recipes import get_recipe
from mfpnet.latency import interleaved_medians
from mfpnet.records import environment
from mfpnet.runners import Job
from mfpnet.runs import CONFIG_FILE, RunConfig, read_config, without_place, without_places
from mfpnet.subjects import Subject, random_info
from mfpnet.train import RESULT_FILE, train
from mfpnet.variants import SUITES, Network, count_macs, count_parameters, create_network

LATENCY_SIZE = (360, 480)
LATENCY_CLASSES = 19


def ablate(
    suite: str,
    *,
    data: DataSource,
    evaluate_on: DataSource,
    recipe: str,
    seeds: Sequence[int],
    folder: Path,
    only: Sequence[str] = (),
    foreign: Sequence[str] = (),
    threads: int = 1,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train each network of a suite with each seed and collect what it costs and reaches.

    Resumable at any point: a finished run is read, a begun one goes on, in `folder`.

    Args:
        suite: name of the suite.
        data: what is trained on.
        evaluate_on: what decides; never a test set.
        recipe: name of the recipe.
        seeds: one run for each.
        folder: holds a run folder for each network and seed.
        only: names within the suite, all of them when empty.
        foreign: somebody else's networks beside them, each a `package.module:factory`.
        threads: CPU threads of the training and of the latency.
        console: for progress.

    Returns:
        The record: the set-up, and a row for each network.

    Raises:
        MfpnetError: unknown names, bad data, a diverging run, a folder that holds another
            comparison's runs, or OpenVINO is not installed.
    """
    names = [*_names(suite, only), *_foreign_names(foreign)]
    recipe_values = get_recipe(recipe)
    costs = _costs(names, threads)  # first: what fails here should not do so hours later
    rows = []
    for name in names:
        config = RunConfig(
            name, recipe, recipe_values, data, evaluate_on=evaluate_on, threads=threads
        )
        configs = [replace(config, seed=seed) for seed in seeds]
        runs = [_run(config, _run_folder(config, folder), console) for config in configs]
        rows.append(_row(name, runs) | costs[name])
    return {
        "suite": suite,
        "recipe": asdict(recipe_values),
        "data": asdict(without_place(data)),
        "evaluate_on": asdict(without_place(evaluate_on)),
        "seeds": list(seeds),
        "latency": {"size": LATENCY_SIZE, "threads": threads, "classes": LATENCY_CLASSES},
        "rows": rows,
        "environment": environment(),
    }


def _names(suite: str, only: Sequence[str]) -> list[str]:
    if suite not in SUITES:
        raise unknown_name("suite", suite, SUITES)
    for name in only:
        if name not in SUITES[suite]:
            raise unknown_name(f"network of suite {suite}", name, SUITES[suite])
    return list(only or SUITES[suite])


def _foreign_names(names: Sequence[str]) -> list[str]:
    for name in names:
        if not is_foreign(name):
            raise MfpnetError(
                f"--with is '{name}': write package.module:factory. Networks of mfpnet itself are "
                f"those of the suite."
            )
    return list(dict.fromkeys(names))


def _run_folder(config: RunConfig, folder: Path) -> Path:
    return folder / f"{file_name(config.variant)}-seed{config.seed}"


def _run(config: RunConfig, folder: Path, console: Console | None) -> dict[str, Any]:
    result: dict[str, Any]
    if (folder / CONFIG_FILE).is_file():
        _check_same(config, folder)
    if (folder / RESULT_FILE).is_file():
        result = read_json(folder / RESULT_FILE)
        return result
    return train(config, folder, resume=(folder / CHECKPOINT_FILE).is_file(), console=console)


def _check_same(config: RunConfig, folder: Path) -> None:
    """Refuse to take a run with another set-up for a run of this comparison."""
    if _comparable(read_config(folder / CONFIG_FILE)) != _comparable(config):
        raise MfpnetError(
            f"'{folder}' holds a run with another set-up (see its {CONFIG_FILE}): remove it, or "
            f"choose another folder with --out."
        )


def _comparable(config: RunConfig) -> RunConfig:
    """The set-up without what may differ from machine to machine."""
    return replace(without_places(config), threads=None, device="auto")


def _row(name: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    scores = [run["evaluation"]["miou"] for run in runs]
    return {
        "variant": name,
        "miou": sum(scores) / len(scores),
        "miou_per_seed": scores,
        "training_seconds": [run["seconds"] for run in runs],
        "iou_per_class": [run["evaluation"]["iou_per_class"] for run in runs],
    }


def _costs(names: Sequence[str], threads: int) -> dict[str, dict[str, Any]]:
    """Parameters, GMACs and OpenVINO's milliseconds of each network."""
    networks = {name: create_network(name, LATENCY_CLASSES) for name in names}
    counts = {
        name: {
            "parameters": count_parameters(network),
            "gmacs": round(count_macs(network, LATENCY_SIZE) / 1e9, 3),
        }
        for name, network in networks.items()
    }
    with tempfile.TemporaryDirectory(prefix="mfpnet-") as folder:
        runners = {n: openvino_runner(n, net, threads, Path(folder)) for n, net in networks.items()}
        medians = interleaved_medians(runners)
    return {name: counts[name] | {"openvino_ms": round(medians[name], 2)} for name in names}


def openvino_runner(
    name: str, network: Network, threads: int, folder: Path
) -> Callable[[], object]:
    """A function that runs one picture through the network as it is deployed.

    Raises:
        MfpnetError: OpenVINO is not installed, or it cannot run the network.
    """
    network.info = random_info(name, LATENCY_CLASSES)
    job = Job(LATENCY_SIZE, 1, "logits", torch.device("cpu"), threads)
    runner = contender(Subject(name, name, network), "openvino", job, folder)
    picture = runner.load(np.zeros((1, *LATENCY_SIZE, 3), np.uint8))
    return partial(runner.run, picture)
