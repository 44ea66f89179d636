"""Records from several machines become one table, and the published one is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import benchmark_table
import results_tables
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from test_benchmark_view import record, row


def on(machine: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return record(*rows, environment={"processor": machine, "threads": 2, "gpu": None})


@pytest.fixture
def rows(tmp_path: Path) -> benchmark_table.Rows:
    ours = row("mfpnet", "eager", 40.0), row("mfpnet", "openvino", 20.0)
    theirs = row("peers:dabnet", "openvino", 30.0, spread=0.2)
    write_json(tmp_path / "benchmark-a.json", on("Slow", *ours, theirs))
    write_json(tmp_path / "benchmark-b.json", on("Fast", row("mfpnet", "eager", 4.0)))
    write_json(tmp_path / "other.json", {"what": "else"})
    return benchmark_table.merged(tmp_path)


def lines(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_networks_stand_beside_each_other(rows: benchmark_table.Rows) -> None:
    head, _, *body = lines(benchmark_table.latency(rows))
    assert head == ["machine", "size", "batch", "output", "backend", "`mfpnet` ms", "`dabnet` ms"]
    assert body == [
        ["Slow, 2 threads", "360x480", "1", "labels", "eager", "40.0", "-"],
        ["Slow, 2 threads", "360x480", "1", "labels", "openvino", "20.0", "30.0 (busy)"],
        ["Fast, 2 threads", "360x480", "1", "labels", "eager", "4.00", "-"],
    ]


def test_each_network_has_its_fastest_backend(rows: benchmark_table.Rows) -> None:
    _, _, *body = lines(benchmark_table.fastest(rows))
    assert [line[4:] for line in body] == [
        ["`mfpnet`", "openvino", "20.0", "22.0", "50.0", "50", "40.0"],
        ["`dabnet`", "openvino", "30.0 (busy)", "33.0", "33.3", "33", "50.0"],
        ["`mfpnet`", "eager", "4.00", "4.40", "250", "250", "24.0"],
    ]


def test_the_last_record_of_a_machine_counts(tmp_path: Path, rows: benchmark_table.Rows) -> None:
    write_json(tmp_path / "benchmark-c.json", on("Fast", row("mfpnet", "eager", 3.0)))
    again = benchmark_table.merged(tmp_path)
    assert again.keys() == rows.keys()
    assert "3.00" in benchmark_table.latency(again)
    assert "4.00" not in benchmark_table.latency(again)


def test_what_is_no_record_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "benchmark-x.json", {"rows": []})
    with pytest.raises(MfpnetError, match=r"benchmark-x\.json' is no record of mfpnet benchmark"):
        benchmark_table.merged(tmp_path)


def test_only_its_own_tables_are_made_anew(rows: benchmark_table.Rows) -> None:
    page = (
        "words\n<!-- table benchmark latency -->\nold\n<!-- end benchmark latency -->\n"
        "<!-- table scores -->\nkept\n<!-- end scores -->\n"
    )
    made = benchmark_table.rewritten(page, rows)
    assert benchmark_table.latency(rows) in made
    assert "old" not in made
    assert made.endswith("<!-- table scores -->\nkept\n<!-- end scores -->\n")
    assert benchmark_table.rewritten(made, rows) == made


def test_the_published_tables_are_made_of_the_records() -> None:
    page = benchmark_table.PAGE.read_text(encoding="utf-8")
    marked = {found[2] for found in results_tables.MARKED.finditer(page)}
    assert set(benchmark_table.TABLES) <= marked
    made = benchmark_table.rewritten(page, benchmark_table.merged())
    assert page == made, "run: python tools/benchmark_table.py"
