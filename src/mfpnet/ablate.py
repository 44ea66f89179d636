"""Variants x one recipe x seeds: the same training for each network of a suite, and one record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.datasets import DataSource
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.files import read_json
from mfpnet.latency import interleaved_medians, openvino_runner
from mfpnet.recipes import get_recipe
from mfpnet.records import environment
from mfpnet.runs import CONFIG_FILE, RunConfig, read_config
from mfpnet.train import RESULT_FILE, train
from mfpnet.variants import SUITES, count_macs, count_parameters, create_model

LATENCY_SIZE = (360, 480)


def ablate(
    suite: str,
    *,
    data: DataSource,
    evaluate_on: DataSource,
    recipe: str,
    seeds: Sequence[int],
    folder: Path,
    only: Sequence[str] = (),
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
        threads: CPU threads of the training and of the latency.
        console: for progress.

    Returns:
        The record: the set-up, and a row for each network.

    Raises:
        MfpnetError: unknown names, bad data, a diverging run, a folder that holds another
            comparison's runs, or OpenVINO is not installed.
    """
    names = _names(suite, only)
    recipe_values = get_recipe(recipe)
    latencies = _latencies(names, threads)  # first: without OpenVINO, hours would end in an error
    rows = []
    for name in names:
        configs = [
            RunConfig(name, recipe, recipe_values, data, evaluate_on, seed=seed, threads=threads)
            for seed in seeds
        ]
        runs = [_run(config, folder / f"{name}-seed{config.seed}", console) for config in configs]
        rows.append(_row(name, runs) | {"openvino_ms": round(latencies[name], 2)})
    return {
        "suite": suite,
        "recipe": asdict(recipe_values),
        "data": asdict(data) | {"root": None},
        "evaluate_on": asdict(evaluate_on) | {"root": None},
        "seeds": list(seeds),
        "latency": {"size": LATENCY_SIZE, "threads": threads, "classes": 19},
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
    watch = config.evaluate_on and replace(config.evaluate_on, root=None)
    return replace(
        config, data=replace(config.data, root=None), evaluate_on=watch, threads=None, device="auto"
    )


def _row(name: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    scores = [run["evaluation"]["miou"] for run in runs]
    network = create_model(name)
    return {
        "variant": name,
        "miou": sum(scores) / len(scores),
        "miou_per_seed": scores,
        "parameters": count_parameters(network),
        "gmacs": round(count_macs(network, LATENCY_SIZE) / 1e9, 3),
        "training_seconds": [run["seconds"] for run in runs],
        "iou_per_class": [run["evaluation"]["iou_per_class"] for run in runs],
    }


def _latencies(names: Sequence[str], threads: int) -> dict[str, float]:
    return interleaved_medians(
        {name: openvino_runner(create_model(name), LATENCY_SIZE, threads) for name in names}
    )
