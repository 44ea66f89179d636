"""Networks x one recipe x seeds, or one network x parts of a recipe x seeds, and one record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from mfpnet.ablations.cell import (
    Cell,
    Identity,
    cell_folder,
    check_identity,
    data_version,
    identity_of,
    is_cell,
    network_hash,
    run_cell,
)
from mfpnet.ablations.costs import LATENCY_CLASSES, LATENCY_SIZE, costs_of
from mfpnet.ablations.plan import Comparison, Row, planned_rows, planned_runs, variant_of
from mfpnet.ablations.rows import COMMON, compared, row_of
from mfpnet.data.source import FOLDER
from mfpnet.errors import MfpnetError
from mfpnet.files import read_json, write_json
from mfpnet.records import environment
from mfpnet.sources import open_dataset
from mfpnet.suites import baseline_of
from mfpnet.training.runs import RunConfig, without_place
from mfpnet.variants import Network, create_network


def ablate(
    comparison: Comparison,
    folder: Path,
    *,
    record_file: Path | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train each network of a suite with each seed and collect what it costs and reaches.

    Resumable at any point: what a run folder or the record holds is not trained again, and a begun
    run goes on. First comes the first seed of every network, so that a record that is not complete
    compares all of them.

    Args:
        comparison: what is compared, and how.
        folder: holds a run folder for each network and seed.
        record_file: where the record is kept after each run; one that is there is continued.
        console: for progress.

    Returns:
        The record: the set-up, a row for each network, and the cells they were made of.

    Raises:
        MfpnetError: unknown names, bad data, a diverging run, a folder or a record with the results
            of another set-up, or OpenVINO is not installed.
    """
    known = _cells_of(record_file, comparison)
    rows = planned_rows(comparison)
    names = [*(row.name for row in rows), *(cell["variant"] for cell in known)]
    variants = {name: variant_of(comparison, name) for name in names}
    networks = {v: create_network(v, LATENCY_CLASSES) for v in dict.fromkeys(variants.values())}
    for cell in known:
        variant = variants[cell["variant"]]
        wiring = network_hash(variant, networks[variant])
        _check_same(cell, {"network": wiring}, record_file)
    cells = {(cell["variant"], cell["seed"]): cell for cell in known}
    planned = list(_identified(comparison, rows, networks))
    for row, config, identity in planned:  # before anything is measured, which takes a while
        _check_common(known, identity, record_file)
        if (row.name, config.seed) in cells:
            _check_same(cells[row.name, config.seed], identity, record_file)
    if console:
        console.print("measuring what each network costs", highlight=False)
    # First: what fails here should not do so later.
    measured = costs_of(networks, comparison.threads)
    costs = {name: measured[variant] for name, variant in variants.items()}
    record: dict[str, Any] = {}
    for row, config, identity in planned:
        key = (row.name, config.seed)
        if key not in cells:
            if console:
                console.print(f"{row.name}, seed {config.seed}", highlight=False)
            cells[key] = run_cell(
                row, config, identity, cell_folder(row, config.seed, folder), console
            )
        record = _record(comparison, costs, list(cells.values()))
        if record_file:
            write_json(record_file, record)
    return record


def _identified(
    comparison: Comparison, rows: Sequence[Row], networks: Mapping[str, Network]
) -> Iterator[tuple[Row, RunConfig, Identity]]:
    """Each run, and what decides its result."""
    trained, decides = (
        data_version(open_dataset(source), own_classes=source.name == FOLDER)
        for source in (comparison.data, comparison.evaluate_on)
    )
    for row, config in planned_runs(comparison, rows):
        yield row, config, identity_of(row, config, networks[row.variant], (trained, decides))


def _cells_of(record_file: Path | None, comparison: Comparison) -> list[Cell]:
    """What a record of this comparison holds already."""
    if record_file is None or not record_file.is_file():
        return []
    record = read_json(record_file)
    cells: Any = record.get("cells") if isinstance(record, dict) else None
    if not isinstance(cells, list) or not all(map(is_cell, cells)):
        raise MfpnetError(
            f"'{record_file}' is there and holds no comparison that could be continued: remove it, "
            f"or choose another file with --json."
        )
    wanted = (comparison.suite, baseline_of(comparison.suite, comparison.base))
    if (found := (record.get("suite"), record.get("baseline"))) != wanted:
        raise MfpnetError(
            f"'{record_file}' is of suite {found[0]} and baseline {found[1]}, not of {wanted[0]} "
            f"and {wanted[1]}: choose another file with --json."
        )
    known: list[Cell] = cells
    return known


def _check_common(known: Sequence[Cell], identity: Identity, record_file: Path | None) -> None:
    """Refuse to put results of different recipes or data into one record."""
    common = {name: identity[name] for name in COMMON}
    for cell in known:
        _check_same(cell, common, record_file)


def _check_same(cell: Cell, identity: Identity, record_file: Path | None) -> None:
    where = f"{cell['variant']}, seed {cell['seed']}, in '{record_file}'"
    fix = "remove the file, or choose another with --json."
    check_identity(cell["identity"], identity, where, fix)


def _record(
    comparison: Comparison, costs: Mapping[str, dict[str, Any]], cells: Sequence[Cell]
) -> dict[str, Any]:
    done = {cell["variant"] for cell in cells}
    rows = [row_of(name, cells) | costs[name] for name in costs if name in done]
    baseline = baseline_of(comparison.suite, comparison.base)
    return {
        "suite": comparison.suite,
        "baseline": baseline,
        "recipe_name": comparison.recipe_name,
        "recipe": asdict(comparison.recipe),
        "data": asdict(without_place(comparison.data)),
        "evaluate_on": asdict(without_place(comparison.evaluate_on)),
        "latency": {
            "size": LATENCY_SIZE,
            "threads": comparison.threads,
            "classes": LATENCY_CLASSES,
        },
        "rows": compared(rows, baseline),
        "cells": list(cells),
        "environment": environment(),
    }
