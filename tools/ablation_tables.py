"""Write the tables and pictures of docs/ablations.md from the records in results/.

    python tools/ablation_tables.py

ablation-SUITE.json is what `mfpnet ablate SUITE --json` wrote. All must come from one recipe and
one version of the data, or nothing is written. components-muon.json, of another optimiser, and
ablation-recipe.json, of one network, stand by themselves. The text around the tables is written by
hand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mfpnet.ablations.chart import differences
from mfpnet.ablations.rows import joined_rows
from mfpnet.commands.ablate_verb import difference_text, mean_and_spread
from mfpnet.known_recipes import typed
from mfpnet.recipe_parts import recipe_changes
from mfpnet.suites import ABLATIONS, RECIPE_SUITE
from results_tables import ROOT, Record, percent, recipe_of, record, rewritten, table

PAGE = ROOT / "docs" / "ablations.md"
IMAGES = ROOT / "docs" / "images"
MUON = "components-muon"


def measured() -> dict[str, Record]:
    """The records there are, by suite."""
    found = {suite: _if_there(f"ablation-{suite}") for suite in ABLATIONS}
    return {suite: there for suite, there in found.items() if there}


def setting() -> str:
    """What all rows have in common."""
    if not (records := list(measured().values())):
        return "Not measured yet.\n"
    one = records[0]
    recipe, latency = one["recipe"], one["latency"]
    size, crop = ("x".join(map(str, recipe[name])) for name in ("input_size", "crop_size"))
    steps = sorted({cell["steps"] for cell in one["cells"]})
    rows = [
        [
            "recipe",
            f"`{one['recipe_name']}`: {recipe['epochs']} epochs, frames of {size}, "
            f"crops of {crop}, batches of {recipe['batch_size']}",
        ],
        ["steps of each run", " or ".join(f"{count:,}" for count in steps)],
        ["trained on", f"{one['data']['name']} {one['data']['split']}"],
        ["scored on", f"{one['evaluate_on']['name']} {one['evaluate_on']['split']}"],
        [
            "latency",
            f"OpenVINO, {'x'.join(map(str, latency['size']))}, "
            f"{latency['threads']} thread, {latency['classes']} classes",
        ],
        ["processor", one["environment"]["processor"]],
    ]
    return table(("", "what all rows have in common"), rows)


def suite_table(suite: str) -> str:
    """The rows of a suite, the baseline first."""
    records = measured()
    return _compared(records[suite]) if suite in records else "Not measured yet.\n"


def with_muon() -> str:
    """The main rows of the components again, with another optimiser: a table of its own."""
    found = _if_there(MUON)
    return _compared(found) if found else "Not measured yet.\n"


def recipe_parts() -> str:
    """One network trained with and without each part of a recipe."""
    found = parts_record()
    if not found:
        return "Not measured yet.\n"
    baseline = found["baseline"]
    changes = {f"{baseline}-{k}": v for k, v in recipe_changes(recipe_of(found["recipe"])).items()}
    rows = [_part_cells(row, changes.get(row["variant"], {}), baseline) for row in found["rows"]]
    heads = ("trained", "changed", "seeds", "mIoU %", "difference", "mIoU % on train")
    return table(heads, rows) + "\n" + _told(found) + "\n"


def parts_record() -> Record | None:
    """Of `mfpnet ablate recipe`, where there is one."""
    return _if_there(f"ablation-{RECIPE_SUITE}")


def _if_there(name: str) -> Record | None:
    return record(name) if (ROOT / "results" / f"{name}.json").is_file() else None


def _part_cells(row: Mapping[str, Any], change: Mapping[str, Any], baseline: str) -> list[str]:
    return [
        f"`{row['variant'].removeprefix(f'{baseline}-')}`",
        ", ".join(f"`{name}={typed(value)}`" for name, value in change.items()) or "-",
        str(len(row["seeds"])),
        mean_and_spread(row),
        difference_text(row),
        percent(row["train_miou"]),
    ]


def _compared(found: Record) -> str:
    rows = [_cells(row, found["baseline"]) for row in found["rows"]]
    heads = (
        "network",
        "seeds",
        "mIoU %",
        "difference",
        "mIoU % on train",
        "parameters",
        "GMACs",
        "ms",
    )
    return table(heads, rows) + "\n" + _told(found) + "\n"


def _cells(row: Mapping[str, Any], baseline: str) -> list[str]:
    return [
        f"`{row['variant'].removeprefix(f'{baseline}-')}`",
        str(len(row["seeds"])),
        mean_and_spread(row),
        difference_text(row),
        percent(row["train_miou"]),
        f"{row['parameters']:,}",
        f"{row['gmacs']:.2f}",
        f"{row['openvino_ms']:.1f}",
    ]


def _told(found: Record) -> str:
    """Which differences the record resolves, in words."""
    baseline = next(row for row in found["rows"] if row["variant"] == found["baseline"])
    if baseline["spread"] is None:
        return "One run of the baseline: nothing is resolved yet."
    others = [row for row in found["rows"] if row is not baseline]
    resolved = [_named(row, found["baseline"]) for row in others if row["resolved"]]
    limit = f"{100 * 2 * baseline['spread']:.1f} points (twice the baseline's spread)"
    if not resolved:
        return f"No difference reaches {limit}: this table resolves nothing."
    return f"Resolved, at {limit} or more: {', '.join(resolved)}. The others are not."


def _named(row: Mapping[str, Any], baseline: str) -> str:
    name = row["variant"].removeprefix(f"{baseline}-")
    return f"`{name}` ({100 * row['difference']:+.1f})"


TABLES: dict[str, Callable[[], str]] = {
    "setting": setting,
    **{suite: partial(suite_table, suite) for suite in ABLATIONS},
    "components with muon": with_muon,
    "recipe": recipe_parts,
}


def main() -> int:
    """Rewrite the page and its pictures."""
    records = measured()
    joined_rows(list(records.values()))
    parts = parts_record()
    for suite, found in {**records, **({RECIPE_SUITE: parts} if parts else {})}.items():
        differences(found["rows"], found["baseline"], IMAGES / f"ablation-{suite}.png")
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), TABLES), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
