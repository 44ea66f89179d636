"""The search for what stays in float, with a judge whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from mfpnet.exporting.qdq import Plan
from mfpnet.exporting.sensitivity import Found, Judge, Try, group_of, search

WORK = {"stem.w": 300, "encoder.0.a": 200, "encoder.0.b": 195, "head.w": 300, "classifier.w": 5}


@dataclass
class Told:
    """A judge by a table: labels that change for each weight that is quantised, in thousandths."""

    changed: dict[str, float]
    points: float = 0.0

    def attempt(self, what: str, plan: Plan) -> Try:
        lost = sum(self.changed[name] for name in WORK if name not in plan.kept) / 1000
        lost += plan.spans["x"][1] / 1000
        return Try(what, 0.5, self.points * lost, 1 - lost)


def found(judge: Told, max_drop: float = 0.5) -> Found:
    plans = {"wide": Plan({"x": (0, 1)}, {}), "narrow": Plan({"x": (0, 0)}, {})}
    return search(plans, WORK, cast("Judge", judge), max_drop)


def changed(**thousandths: float) -> dict[str, float]:
    return {name: thousandths.get(name.split(".")[0], 0.0) for name in WORK}


@pytest.mark.parametrize(
    ("weight", "group"),
    [
        ("network.encoder.1.brms.0.reduce.0.weight", "encoder.1"),
        ("network.head.branches.2.0.weight", "head"),
        ("network.classifier.weight", "classifier"),
        ("network.entries.0.affine.weight.conv", "entries.0"),
        ("network.graphs.2.score.weight", "graphs.2"),
        ("val_13", "val_13"),
    ],
)
def test_weights_are_grouped_by_the_part_they_are_in(weight: str, group: str) -> None:
    assert group_of(weight) == group


def test_the_ranges_that_agree_best_are_taken() -> None:
    result = found(Told(changed()))
    assert result.ranges == "narrow"
    assert result.outcome.agreement == 1
    assert set(result.losses) == {"stem", "encoder.0", "head", "classifier"}


def test_a_part_that_costs_nothing_is_kept_where_it_helps() -> None:
    result = found(Told(changed(classifier=1, stem=2)))
    assert result.kept == ("classifier",), "the stem is a third of the work and little is lost"
    assert result.plan.kept == {"classifier.w"}
    assert [each.what for each in result.tries][-1] == "float: classifier"


def test_more_is_kept_until_enough_agrees_the_worst_for_its_work_first() -> None:
    result = found(Told(changed(stem=8, encoder=3, head=1)))
    assert result.losses == pytest.approx(
        {"stem": 0.008, "encoder.0": 0.006, "head": 0.001, "classifier": 0}
    )
    assert result.kept == ("stem",)
    assert result.outcome.agreement == pytest.approx(1 - 0.007)


def test_the_score_counts_too_and_not_everything_is_kept() -> None:
    result = found(Told(changed(stem=2, head=1.9), points=200), max_drop=0.5)
    assert result.kept == ("stem",), "with the head it would be more than half of the work"
    assert result.outcome.drop == pytest.approx(200 * 0.0019)


def test_what_helps_nothing_is_not_kept() -> None:
    assert found(Told(changed(head=20))).kept == ("head",)
    nothing = found(Told(changed(stem=-1, encoder=-1, head=-1, classifier=-1)))
    assert nothing.kept == ()
    assert nothing.plan.kept == frozenset()
