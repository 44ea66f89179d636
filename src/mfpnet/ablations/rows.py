"""From the cells of a comparison to its rows: means, spreads, and what they resolve."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from mfpnet.errors import MfpnetError

Cells = Sequence[Mapping[str, Any]]
# Of the baseline's own spread: a smaller difference is what another seed would have done.
RESOLVED = 2.0
# Of a cell's identity, what all cells of a comparison share.
COMMON = ("recipe", "training data", "evaluation data")


def row_of(variant: str, cells: Cells) -> dict[str, Any]:
    """A network's scores over its seeds, in 0 to 1.

    `miou`, `train_miou` (means), `spread` (sample standard deviation, None of one seed) and
    `miou_per_seed`, `train_miou_per_seed`, `iou_per_class` (one each), `seeds`, `training_seconds`.
    """
    own = sorted((cell for cell in cells if cell["variant"] == variant), key=lambda c: c["seed"])
    scores = [cell["miou"] for cell in own]
    trained = [cell["train_miou"] for cell in own]
    return {
        "variant": variant,
        "seeds": [cell["seed"] for cell in own],
        "miou": statistics.fmean(scores),
        "spread": statistics.stdev(scores) if len(scores) > 1 else None,
        "miou_per_seed": scores,
        "train_miou": statistics.fmean(trained),
        "train_miou_per_seed": trained,
        "iou_per_class": [cell["iou_per_class"] for cell in own],
        "training_seconds": [cell["seconds"] for cell in own],
    }


def compared(rows: Sequence[Mapping[str, Any]], baseline: str | None) -> list[dict[str, Any]]:
    """The rows with `difference` (to the baseline's mean) and `resolved`.

    Both are None of the baseline, and of all where there is none. A difference is resolved where it
    is at least twice the baseline's spread; that of one seed resolves nothing.
    """
    known = {row["variant"]: row for row in rows}
    if baseline not in known:
        return [{**row, "difference": None, "resolved": None} for row in rows]
    base = known[baseline]
    return [{**row, **_difference(row, base)} for row in rows]


def _difference(row: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    if row is base:
        return {"difference": None, "resolved": None}
    difference = row["miou"] - base["miou"]
    return {"difference": difference, "resolved": is_resolved(difference, base["spread"])}


def is_resolved(difference: float, spread: float | None) -> bool:
    """Whether another seed of the baseline would hardly have done the same.

    Args:
        difference: to the baseline's mean.
        spread: of the baseline, in the same unit; None of one seed. It is 0 where no run ever finds
            a class, and no difference is one then too.
    """
    return spread is not None and abs(difference) >= RESOLVED * spread and difference != 0


def joined_rows(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of several records of one comparison, as if one had measured them all.

    Of a network that is in several of them, the row of most seeds.

    Raises:
        MfpnetError: they were made with different recipes or data.
    """
    suites = ", ".join(record["suite"] for record in records)
    for key in ("recipe", "data", "evaluate_on") if records else ():
        if any(record[key] != records[0][key] for record in records):
            raise MfpnetError(f"the records of {suites} have different values of {key}.")
    identities = [cell["identity"] for record in records for cell in record.get("cells", ())]
    for key in COMMON:
        if len({identity[key] for identity in identities}) > 1:
            raise MfpnetError(f"the records of {suites} come from different versions of {key}.")
    every = [row for record in records for row in record["rows"]]
    # Of one name the last stays: that of most seeds, of equally many the first.
    ranked = sorted(every, key=lambda row: len(row.get("seeds", ())), reverse=True)[::-1]
    best = {row["variant"]: row for row in ranked}
    return [dict(best[name]) for name in dict.fromkeys(row["variant"] for row in every)]
