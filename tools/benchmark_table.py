"""Merge the records of `mfpnet benchmark`, from anybody's machine, into docs/performance.md.

    python tools/benchmark_table.py

Every results/benchmark-*.json counts; where two records tell of the same machine, network and
backend, the one whose file name comes last. A table stands between `<!-- table NAME -->` and
`<!-- end NAME -->`; the text around it is written by hand. A test fails where they differ.

To add a machine, measure it while it does nothing else, and send the file:

    mfpnet benchmark --json results/benchmark-MACHINE.json
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import results_tables
from mfpnet.errors import MfpnetError
from mfpnet.files import read_json, write_atomically
from mfpnet.views.benchmark_view import NOISY, backend_of, number, short_name

RESULTS = results_tables.ROOT / "results"
# Share of labels as in eager float32 below which a backend computes something else.
SAME = 0.995
PAGE = results_tables.ROOT / "docs" / "performance.md"


@dataclass(frozen=True)
class Place:
    """What has to be equal for numbers to be comparable."""

    machine: str
    size: tuple[int, int]
    batch: int
    output: str

    def cells(self) -> list[str]:
        """As the first columns of a table."""
        return [self.machine, "x".join(map(str, self.size)), str(self.batch), self.output]


# Rows of records by place, network and backend.
Rows = dict[tuple[Place, str, str], dict[str, Any]]


def merged(folder: Path = RESULTS) -> Rows:
    """The rows of all records in a folder.

    Raises:
        MfpnetError: a file is no record of `mfpnet benchmark`.
    """
    rows: Rows = {}
    for path in sorted(folder.glob("benchmark-*.json")):
        record = read_json(path)
        try:
            rows |= dict(_rows_of(record))
        except (KeyError, TypeError, AttributeError) as error:
            raise MfpnetError(
                f"'{path}' is no record of mfpnet benchmark ({type(error).__name__}: {error}): "
                f"make it with mfpnet benchmark --json {path.name}"
            ) from error
    return rows


def _rows_of(record: dict[str, Any]) -> Iterator[tuple[tuple[Place, str, str], dict[str, Any]]]:
    machine = _machine(record["environment"])
    for comparison in record["comparisons"]:
        height, width = comparison["size"]
        place = Place(machine, (height, width), comparison["batch_size"], record["output"])
        for row in comparison["rows"]:
            yield (place, row["network"], backend_of(row)), row


def _machine(where: dict[str, Any]) -> str:
    if where["gpu"]:
        return str(where["gpu"])
    threads = "1 thread" if where["threads"] == 1 else f"{where['threads']} threads"
    return f"{where['processor']}, {threads}"


def fastest(rows: Rows) -> str:
    """Each network in the backend that is fastest on each machine and gives the same labels."""
    best: dict[tuple[Place, str], tuple[str, dict[str, Any]]] = {}
    for (place, network, backend), row in rows.items():
        if row["equal_labels"] is not None and row["equal_labels"] < SAME:
            continue
        other = best.get((place, network))
        if other is None or row["median_ms"] < other[1]["median_ms"]:
            best[place, network] = backend, row
    lines = [
        [*place.cells(), f"`{short_name(network)}`", backend, *_speed(row)]
        for (place, network), (backend, row) in best.items()
    ]
    heads = (
        "machine",
        "size",
        "batch",
        "output",
        "network",
        "fastest backend",
        "ms",
        "p95",
        "images/s",
    )
    return results_tables.table((*heads, "of the roofline %", "file to file ms"), lines)


def _speed(row: dict[str, Any]) -> list[str]:
    whole, share = row["end_to_end"], row["roofline_share"]
    return [
        _median(row),
        number(row["p95_ms"]),
        number(row["images_per_second"]),
        "-" if share is None else f"{100 * share:.0f}",
        number(whole["median_ms"]) if whole else "-",
    ]


def _median(row: dict[str, Any]) -> str:
    """The median, with a mark where the machine was busy."""
    return f"{number(row['median_ms'])}{' (busy)' if row['spread'] > NOISY else ''}"


def latency(rows: Rows) -> str:
    """The median of each network in each backend, side by side."""
    networks = _unique(network for _, network, _ in rows)
    lines = [
        [*place.cells(), backend, *(_cell(rows.get((place, name, backend))) for name in networks)]
        for place, backend in _unique((place, backend) for place, _, backend in rows)
    ]
    heads = (
        "machine",
        "size",
        "batch",
        "output",
        "backend",
        *(f"`{short_name(n)}` ms" for n in networks),
    )
    return results_tables.table(heads, lines)


def _cell(row: dict[str, Any] | None) -> str:
    return "-" if row is None else _median(row)


def _unique(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


TABLES: dict[str, Callable[[Rows], str]] = {
    "benchmark fastest": fastest,
    "benchmark latency": latency,
}


def rewritten(text: str, rows: Rows) -> str:
    """A page with every marked table of a benchmark made anew, and all others as they are."""

    def replaced(found: Any) -> str:
        make = TABLES.get(found[2])
        return f"{found[1]}{make(rows)}{found[3]}" if make else str(found[0])

    return results_tables.MARKED.sub(replaced, text)


def main() -> int:
    """Rewrite the page."""
    try:
        text = rewritten(PAGE.read_text(encoding="utf-8"), merged())
        write_atomically(PAGE, text.encode("utf-8"))
    except (MfpnetError, OSError) as error:
        print(f"benchmark_table: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
