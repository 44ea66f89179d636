"""docs/ablations.md says what the records in results/ say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ablation_tables
from mfpnet.ablations.rows import compared, joined_rows
from mfpnet.recipe_parts import recipe_changes
from mfpnet.suites import suite_of
from results_tables import recipe_of, rewritten


def test_the_page_is_what_the_records_say() -> None:
    page = ablation_tables.PAGE.read_text("utf-8")
    assert rewritten(page, ablation_tables.TABLES) == page


def test_all_records_are_of_one_recipe_and_one_version_of_the_data() -> None:
    records = list(ablation_tables.measured().values())
    joined_rows(records)
    common = {
        tuple(cell["identity"][name] for name in ("recipe", "training data", "evaluation data"))
        for record in records
        for cell in record["cells"]
    }
    assert len(common) <= 1


def check_rows(record: dict[str, Any], known: Iterable[str]) -> None:
    """That they are what its cells say, of networks or parts that there are."""
    assert {row["variant"] for row in record["rows"]} <= set(known)
    assert compared(record["rows"], record["baseline"]) == record["rows"]
    for row in record["rows"]:
        own = {c["seed"]: c["miou"] for c in record["cells"] if c["variant"] == row["variant"]}
        assert [own[seed] for seed in row["seeds"]] == row["miou_per_seed"]


def test_the_rows_of_a_record_follow_from_its_cells() -> None:
    for suite, record in ablation_tables.measured().items():
        check_rows(record, suite_of(suite, record["baseline"]))


def test_the_parts_of_a_recipe_follow_from_their_cells() -> None:
    record = ablation_tables.parts_record()
    assert record
    base = record["baseline"]
    changes = recipe_changes(recipe_of(record["recipe"]))
    check_rows(record, [base, *(f"{base}-{change}" for change in changes)])


def row(name: str, miou: float, spread: float | None, **more: Any) -> dict[str, Any]:
    return {"variant": name, "miou": miou, "spread": spread, "seeds": [0, 1, 2], **more}


def told(*rows: dict[str, Any]) -> str:
    return ablation_tables._told({"baseline": "base", "rows": compared(rows, "base")})


def test_what_is_resolved_is_told() -> None:
    base = row("base", 0.5, 0.01)
    found = told(base, row("base-far", 0.45, 0.0), row("base-near", 0.51, 0.0))
    assert found == (
        "Resolved, at 2.0 points (twice the baseline's spread) or more: `far` (-5.0). The others "
        "are not."
    )
    assert "resolves nothing" in told(base, row("base-near", 0.51, 0.0))
    assert "nothing is resolved yet" in told(row("base", 0.5, None), row("base-far", 0.1, None))
