"""The figures on the page about generalisation are those of the records."""

from __future__ import annotations

import generalisation_tables
from mfpnet.data.mapping import packaged_maps
from results_tables import MARKED, rewritten

TEXT = generalisation_tables.PAGE.read_text(encoding="utf-8")


def test_every_table_is_made_from_the_records() -> None:
    text = rewritten(TEXT, generalisation_tables.TABLES)
    assert text == TEXT, "run: python tools/generalisation_tables.py"


def test_every_table_stands_on_the_page() -> None:
    marked = [found[2] for found in MARKED.finditer(TEXT)]
    assert sorted(marked) == sorted(generalisation_tables.TABLES)


def test_every_packaged_map_is_told_of() -> None:
    assert packaged_maps()
    assert [name for name in packaged_maps() if f"`{name}`" not in TEXT] == []


def test_scores_on_other_classes_come_from_the_map_of_the_page() -> None:
    found = generalisation_tables.measured("camvid-on-idd_lite")
    assert found is None or found["map"]["name"] == "camvid-idd_lite"
