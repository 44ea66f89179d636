"""Write the tables of README.md, docs/results.md and docs/own-data.md from the records in results/.

    python tools/results_tables.py

A table stands between `<!-- table NAME -->` and `<!-- end NAME -->`; the text around it is written
by hand. A test fails where a page and the records differ.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mfpnet.info import frozen
from mfpnet.known_recipes import told_recipe
from mfpnet.recipes import Recipe
from mfpnet.views.benchmark_view import phase_shares

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(ROOT / page for page in ("README.md", "docs/results.md", "docs/own-data.md"))
MARKED = re.compile(r"(<!-- table ([\w ]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)

Record = dict[str, Any]


def record(name: str) -> Record:
    """The record of this name."""
    found: Record = json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def names_of(ending: str) -> list[str]:
    """The records with this ending, without it."""
    found = sorted((ROOT / "results").glob(f"*-{ending}.json"))
    return [path.stem.removesuffix(f"-{ending}") for path in found]


def percent(value: float | None) -> str:
    """A share as a percentage."""
    # What rounds to nothing has no sign.
    return "-" if value is None else f"{round(100 * value, 1) + 0.0:.1f}"


def interval(limits: Iterable[float] | None) -> str:
    """A 95 % interval of shares as percentages."""
    return "-" if limits is None else " to ".join(percent(limit) for limit in limits)


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    head = list(heads)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def scores() -> str:
    """What each bundled weights, and the demo's, are worth."""
    rows = [
        _score_row(f"`{n}`", record(f"{n}-train"), record(f"{n}-test")) for n in names_of("test")
    ]
    demo = record("demo")
    rows.append(_score_row("the demo's `mfpnet_fast`", demo, demo["evaluation"]))
    heads = ("weights", "trained on", "how", "scored on", "mIoU %", "95 % interval")
    return table(heads, rows)


def recipe_of(values: Mapping[str, Any]) -> Recipe:
    """A recipe as a record has it."""
    return Recipe(**{name: frozen(value) for name, value in values.items()})


def _score_row(name: str, run: Record, test: Record) -> list[str]:
    config, where = run["config"], run["environment"]
    recipe = recipe_of(config["recipe"])
    threads = "one CPU thread" if where["threads"] == 1 else f"{where['threads']} CPU threads"
    told = told_recipe(config["recipe_name"], recipe)
    how = [f"`{told}`", f"{recipe.epochs} epochs", where["gpu"] or threads]
    how.append(f"{run['seconds'] / 60:.0f} minutes")
    if config.get("init"):
        how.append("from weights of an earlier run")
    return [
        name,
        f"{config['data']['name']} {config['data']['split']}, {run['frames']} frames",
        ", ".join(how),
        f"{test['data']} {test['split']}, {test['frames']} frames",
        f"**{percent(test['miou'])}**",
        interval(test["miou_interval_95"]),
    ]


def classes() -> str:
    """IoU and boundary IoU of each class on CamVid's test set."""
    test = record("mfpnet_fast_camvid-test")
    rims, limits = test["boundary_iou_per_class"], test["iou_interval_95_per_class"]
    rows = [
        [name, percent(value), interval(limits[name]), percent(rims[name])]
        for name, value in test["iou_per_class"].items()
    ]
    mean = [
        percent(test["miou"]),
        interval(test["miou_interval_95"]),
        percent(test["boundary_miou"]),
    ]
    return table(
        ("class", "IoU %", "95 % interval", "boundary IoU %"), [*rows, ["**mean**", *mean]]
    )


def views() -> str:
    """The same weights seen in other ways."""
    ways = {
        "test": "as shipped",
        "float32": "before they were rounded to float16",
        "flip": "with the mirrored view too",
        "scales": "mirrored, at 0.75, 1 and 1.25 times the size",
        "trained": "on the frames that it was trained on",
    }
    rows = []
    for ending, way in ways.items():
        scored = record(f"mfpnet_fast_camvid-{ending}")
        limits = interval(scored["miou_interval_95"])
        accuracy = percent(scored["pixel_accuracy"])
        rows.append([way, scored["split"], percent(scored["miou"]), limits, accuracy])
    return table(
        ("mfpnet_fast_camvid", "split", "mIoU %", "95 % interval", "pixel accuracy %"), rows
    )


def calibration() -> str:
    """How far the network's confidence is from how often it is right."""
    found = record("mfpnet_fast_camvid-test")["calibration"]
    drives = found["temperature_per_drive"]
    used = ", ".join(f"{value:.2f} on {drive}" for drive, value in sorted(drives.items()))
    rows = [
        ["as it is", percent(found["ece_before"]), f"{found['nll_before']:.3f}", "1"],
        ["one temperature", percent(found["ece_after"]), f"{found['nll_after']:.3f}", used],
    ]
    return table(("confidence", "expected calibration error %", "NLL", "temperature"), rows)


def spending() -> str:
    """Ways of spending the parameters."""
    rows = [
        [
            f"`{row['variant']}`",
            percent(row["miou"]),
            f"{row['gmacs']:.2f}",
            f"{row['openvino_ms']:.1f}",
            f"{row['parameters']:,}",
        ]
        for row in record("spending")["rows"]
    ]
    return table(("network", "mIoU %", "GMACs", "ms", "parameters"), rows)


def throughput() -> str:
    """Training speed in each setting."""
    rows = [
        [
            f"`{row['variant']}`",
            row["setting"],
            f"{row['images_per_second']:.2f}",
            f"{row['against_eager_fp32']:.2f}",
            phase_shares(row),
        ]
        for row in record("training-throughput")["rows"]
    ]
    return table(
        ("network", "setting", "images/s", "against eager fp32", "input / forward / backward %"),
        rows,
    )


def labels() -> str:
    """What a start from other weights is worth, against the number of labelled images."""
    found = record("labels-idd_lite")
    starts = list(dict.fromkeys(row["start"] for row in found["rows"]))
    scores = {(row["images"], row["start"]): row["miou"] for row in found["rows"]}
    rows = [
        [count, *(percent(scores.get((count, start))) for start in starts)]
        for count in sorted({row["images"] for row in found["rows"]})
    ]
    return table(("labelled images", *(f"from {start}, mIoU %" for start in starts)), rows)


TABLES: dict[str, Callable[[], str]] = {
    "scores": scores,
    "classes": classes,
    "views": views,
    "calibration": calibration,
    "spending": spending,
    "throughput": throughput,
    "labels": labels,
}


def rewritten(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """A page with every marked table made anew."""
    return MARKED.sub(lambda found: f"{found[1]}{tables[found[2]]()}{found[3]}", text)


def main() -> int:
    """Rewrite the pages."""
    for page in PAGES:
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
