"""Write the tables and the picture of docs/peers.md from the records in results/.

    python tools/peer_tables.py

peers-camvid.json and peers-shapes60.json are what `mfpnet ablate variants --with ... --json` wrote.
The seeds of mfpnet_fast in ablation-components.json and seeds-shapes60.json count too: they are of
the same recipe and data. Costs are those of one run, which let all networks take turns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from statistics import fmean
from typing import Any

from mfpnet.ablations.class_differences import (
    class_differences,
    grouped_differences,
    row_named,
    where_it_loses,
)
from mfpnet.ablations.class_groups import groupings_of
from mfpnet.ablations.rows import joined_rows
from mfpnet.commands.ablate_verb import mean_and_spread
from mfpnet.synthetic.shapes import Shapes60
from mfpnet.views.tradeoff import accuracy_against_latency
from per_class import differences_table
from results_tables import ROOT, Record, percent, record, rewritten, table

PAGE = ROOT / "docs" / "peers.md"
PICTURE = ROOT / "docs" / "images" / "peers-camvid.png"
BASE = "mfpnet_fast"
# Records that are told together: of one recipe and one version of the data.
DATA = {
    "camvid": ("peers-camvid", "ablation-components"),
    "shapes60": ("peers-shapes60", "seeds-shapes60"),
}
Rows = list[dict[str, Any]]
COSTS = ("parameters", "gmacs", "openvino_ms")


def measured(data: str) -> tuple[Record, Rows]:
    """The record of the comparison, and its rows with all runs of the small network."""
    records = [record(name) for name in DATA[data]]
    every = {row["variant"]: row for row in joined_rows(records)}
    rows = records[0]["rows"]
    return records[0], [every[r["variant"]] | {cost: r[cost] for cost in COSTS} for r in rows]


def is_measured(data: str) -> bool:
    """Whether the networks were trained on this data."""
    return all((ROOT / "results" / f"{name}.json").is_file() for name in DATA[data])


def networks(data: str) -> str:
    """What each network costs and reaches."""
    if not is_measured(data):
        return "Not measured yet.\n"
    found, rows = measured(data)
    heads = ("network", "seeds", "mIoU %", "on train", "parameters", "GMACs", "ms", "training, min")
    recipe, size = found["recipe"], "x".join(map(str, found["recipe"]["input_size"]))
    setting = (
        f"Recipe `{found['recipe_name']}`: {recipe['epochs']} epochs, frames of {size}; trained on "
        f"{found['data']['split']}, scored on {found['evaluate_on']['split']}; GMACs and ms "
        f"(OpenVINO, {found['latency']['threads']} thread, {found['environment']['processor']}) at "
        f"{'x'.join(map(str, found['latency']['size']))} with {found['latency']['classes']} "
        f"classes; training on one CPU thread beside other work."
    )
    return table(heads, map(_network_cells, rows)) + f"\n{setting}\n"


def _network_cells(row: Mapping[str, Any]) -> list[str]:
    return [
        f"`{_short(row['variant'])}`",
        str(len(row["seeds"])),
        mean_and_spread(row),
        percent(row["train_miou"]),
        f"{row['parameters']:,}",
        f"{row['gmacs']:.2f}",
        f"{row['openvino_ms']:.1f}",
        f"{fmean(row['training_seconds']) / 60:.0f}",
    ]


def _set_against(data: str) -> tuple[dict[str, Any], Rows, list[str]]:
    """The small network's row, those of the others, and their names."""
    rows = measured(data)[1]
    others = [row for row in rows if row["variant"] != BASE]
    return dict(row_named(rows, BASE)), others, [_short(row["variant"]) for row in others]


def classes(data: str) -> str:
    """The small network's IoU of each class, and what each other one is better by."""
    if not is_measured(data):
        return "Not measured yet.\n"
    base, others, names = _set_against(data)
    found = [class_differences(base, row) for row in others]
    told = [
        f"- Against `{n}`. {where_it_loses(each)}\n" for n, each in zip(names, found, strict=True)
    ]
    return differences_table("class", BASE, names, found) + "\n" + "".join(told)


def groups(data: str) -> str:
    """The same for groups of classes."""
    if not is_measured(data):
        return "Not measured yet.\n"
    base, others, names = _set_against(data)
    parts = []
    for title, members in groupings_of(Shapes60(count=1)).items():
        found = [grouped_differences(base, row, members) for row in others]
        parts.append(differences_table(title, BASE, names, found))
    return "\n".join(parts)


def _short(variant: str) -> str:
    return variant.rpartition(":")[2]


TABLES: dict[str, Callable[[], str]] = {
    **{f"networks {data}": partial(networks, data) for data in DATA},
    "classes camvid": partial(classes, "camvid"),
    "groups shapes60": partial(groups, "shapes60"),
}


def main() -> int:
    """Rewrite the page and its picture."""
    if is_measured("camvid"):
        accuracy_against_latency(measured("camvid")[1], PICTURE)
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), TABLES), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
