"""The figures in README and docs are those of the records that commands wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import results_tables
from mfpnet.checkpoint import bundled_weights
from mfpnet.suites import SPENDING
from mfpnet.variants import count_parameters, create_model


@pytest.mark.parametrize("page", results_tables.PAGES, ids=lambda page: page.name)
def test_every_table_is_made_from_the_records(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert results_tables.MARKED.search(text)
    assert text == results_tables.rewritten(text), "run: python tools/results_tables.py"


def test_every_table_stands_on_one_page_beside_the_readme() -> None:
    pages = [page.read_text(encoding="utf-8") for page in results_tables.PAGES[1:]]
    marked = [found[2] for page in pages for found in results_tables.MARKED.finditer(page)]
    assert sorted(marked) == sorted(results_tables.TABLES)


def test_a_changed_figure_would_be_found() -> None:
    page = results_tables.PAGES[0].read_text(encoding="utf-8")
    changed = re.sub(r"\*\*\d+\.\d\*\*", "**99.9**", page, count=1)
    assert changed != page
    assert results_tables.rewritten(changed) == page


def test_all_weights_that_come_along_are_scored() -> None:
    scored = set(results_tables.names_of("test"))
    assert set(bundled_weights()) == scored == set(results_tables.names_of("train"))


def test_the_comparison_is_of_the_networks_that_are_in_the_package() -> None:
    rows = results_tables.record("spending")["rows"]
    assert {row["variant"] for row in rows} == set(SPENDING)
    for row in rows:
        assert row["parameters"] == count_parameters(create_model(row["variant"]))
