r"""Where a small network loses to others: tables per class and per group of classes, in Markdown.

    python tools/per_class.py results/peers-shapes60.json --base mfpnet_fast
    python tools/per_class.py results/ablation-components.json results/peers-camvid.json \
        --base mfpnet_fast --against mfpnet.peers:segformer_b0 --root CAMVID

The records are those of `mfpnet ablate`, of one recipe on one data set. A difference below twice
the baseline's spread over its seeds is in brackets: it is not resolved.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfpnet.ablations.class_differences import (
    Row,
    ScoreDifference,
    class_differences,
    grouped_differences,
    row_named,
    where_it_loses,
)
from mfpnet.ablations.class_groups import Groupings, groupings_of
from mfpnet.ablations.rows import joined_rows
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.files import read_json
from mfpnet.sources import open_dataset
from results_tables import percent, table


def report(
    rows: Sequence[Row], base: str, groupings: Groupings, against: Sequence[str] = ()
) -> str:
    """All tables: the baseline, and what some other networks of the rows, or all, are better by.

    Raises:
        MfpnetError: there is no such network, or classes differ.
    """
    first = row_named(rows, base)
    named = against or [row["variant"] for row in rows if row["variant"] != base]
    others = [row_named(rows, name) for name in named]
    names = [row["variant"] for row in others]
    each = [class_differences(first, row) for row in others]
    parts = [f"{n}: {where_it_loses(found)}\n" for n, found in zip(names, each, strict=True)]
    parts.append(differences_table("class", base, names, each))
    for title, groups in groupings.items():
        found = [grouped_differences(first, row, groups) for row in others]
        parts.append(differences_table(title, base, names, found))
    return "\n".join(parts)


def differences_table(
    title: str, base: str, names: Sequence[str], found: Sequence[Sequence[ScoreDifference]]
) -> str:
    """A row for each class or group: the baseline's IoU, and the difference to each other one."""
    columns = [{each.name: each for each in column} for column in found]
    rows = []
    for name in dict.fromkeys(name for column in columns for name in column):
        here = [column.get(name) for column in columns]
        known = next(each for each in here if each)
        told = f"{name} ({known.classes})" if known.classes > 1 else name
        rows.append([told, percent(known.base), *map(_cell, here)])
    return table((title, f"{base} IoU %", *names), rows)


def _cell(each: ScoreDifference | None) -> str:
    if each is None:
        return "-"
    text = f"{100 * each.difference:+.1f}"
    return text if each.resolved else f"({text})"


def evaluated_source(record: dict[str, Any], root: str | None) -> DataSource:
    """The data that a record's networks were scored on."""
    values = dict(record["evaluate_on"])
    values["size"] = tuple(values["size"])
    return DataSource(**{**values, "root": root})


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--base", required=True, help="the network that the others are set against")
    parser.add_argument("--against", nargs="+", default=(), help="some of the others; else all")
    parser.add_argument("--root", help="where data on disk lies")
    given = parser.parse_args(arguments)
    try:
        records = [read_json(path) for path in given.records]
        dataset = open_dataset(evaluated_source(records[0], given.root))
        rows = joined_rows(records)
        print(report(rows, given.base, groupings_of(dataset), given.against))
    except MfpnetError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
