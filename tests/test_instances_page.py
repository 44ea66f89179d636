"""The figures on the page about objects are those of the records."""

from __future__ import annotations

import instances_tables
from results_tables import MARKED, rewritten

TEXT = instances_tables.PAGE.read_text(encoding="utf-8")


def test_every_table_is_made_from_the_records() -> None:
    text = rewritten(TEXT, instances_tables.TABLES)
    assert text == TEXT, "run: python tools/instances_tables.py"


def test_every_table_stands_on_the_page() -> None:
    marked = [found[2] for found in MARKED.finditer(TEXT)]
    assert sorted(marked) == sorted(instances_tables.TABLES)


def test_the_head_is_as_small_as_the_page_says() -> None:
    found = instances_tables.measured("instances-cost")
    for variant in found["variants"].values() if found else ():
        assert variant["parameters"]["with"] < 1.1 * variant["parameters"]["without"]
        assert variant["milliseconds"]["with"] < 1.1 * variant["milliseconds"]["without"]
