"""What is compared with what: networks or parts of a recipe, seeds, and the run of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError, unknown_name
from mfpnet.foreign import is_foreign
from mfpnet.recipe_parts import recipe_changes
from mfpnet.recipes import Recipe
from mfpnet.suites import RECIPE_SUITE, baseline_of, suite_of
from mfpnet.training.runs import RunConfig

# A difference is judged by the baseline's own spread, which two runs say too little of.
BASELINE_SEEDS = 3


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how.

    Attributes:
        suite: its name.
        base: the variant that an ablation changes.
        recipe_name: which recipe the values of `recipe` began as.
        recipe: the training set-up of every network, or the one whose parts are compared.
        data: what is trained on.
        evaluate_on: what decides.
        seeds: one run of each network for each.
        baseline_seeds: of the baseline; `seeds` and as many more as make three when left out.
        only: names within the suite, all of them when empty; the baseline is always among them.
            `without-sgcn` stands for that of the baseline.
        foreign: somebody else's networks beside them, each a `package.module:factory`.
        threads: CPU threads of the training and of the latency.
        device: where it trains.
    """

    suite: str
    base: str
    recipe_name: str
    recipe: Recipe
    data: DataSource
    evaluate_on: DataSource
    seeds: tuple[int, ...] = (0,)
    baseline_seeds: tuple[int, ...] = ()
    only: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    threads: int = 1
    device: str = "auto"


@dataclass(frozen=True)
class Row:
    """What is compared with the others.

    Attributes:
        name: in tables and records.
        variant: the network.
        change: of the recipe, for its values.
    """

    name: str
    variant: str
    change: Mapping[str, Any] = field(default_factory=dict)

    def trained(self, config: RunConfig) -> RunConfig:
        """The set-up of a run with the changed recipe."""
        return replace(config, recipe=replace(config.recipe, **self.change))


def variant_of(comparison: Comparison, name: str) -> str:
    """The network of the row of this name."""
    return comparison.base if comparison.suite == RECIPE_SUITE else name


def planned_rows(comparison: Comparison) -> list[Row]:
    """The rows that `only` leaves, the baseline first.

    Raises:
        MfpnetError: an unknown name, or one that is named twice.
    """
    suite, base = comparison.suite, comparison.base
    known = _every_row(comparison)
    if not comparison.only:
        return list(known.values())
    full = [name if name in known else f"{base}-{name}" for name in comparison.only]
    for given, name in zip(comparison.only, full, strict=True):
        if name not in known:
            raise unknown_name(f"network of suite {suite}", given, known)
    if len(set(full)) < len(full):
        raise MfpnetError(f"--only names a network twice: {', '.join(comparison.only)}.")
    baseline = baseline_of(suite, base)
    first = [baseline] if baseline else []
    return [known[name] for name in dict.fromkeys([*first, *full, *comparison.foreign])]


def _every_row(comparison: Comparison) -> dict[str, Row]:
    """The suite and the foreign networks by their names, the baseline first."""
    suite, base = comparison.suite, comparison.base
    names = [*suite_of(suite, base), *_foreign_names(comparison.foreign)]
    rows = {name: Row(name, name) for name in names}
    if suite != RECIPE_SUITE:
        return rows
    if comparison.foreign:
        raise MfpnetError(f"suite {suite} trains one network in several ways: leave out --with.")
    changes = recipe_changes(comparison.recipe).items()
    return rows | {(n := f"{base}-{name}"): Row(n, base, change) for name, change in changes}


def _foreign_names(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if not is_foreign(name):
            raise MfpnetError(
                f"--with is '{name}': write package.module:factory. Networks of mfpnet itself are "
                f"those of the suite."
            )
    return names


def planned_runs(comparison: Comparison, rows: Iterable[Row]) -> Iterator[tuple[Row, RunConfig]]:
    """The set-up of each run but for its row's change: the first seed of every row comes first."""
    baseline = baseline_of(comparison.suite, comparison.base)
    more = _baseline_seeds(comparison) if baseline else ()
    rows = list(rows)
    for seed in dict.fromkeys((*comparison.seeds, *more)):
        for row in rows:
            if seed in (more if row.name == baseline else comparison.seeds):
                yield (
                    row,
                    RunConfig(
                        row.variant,
                        comparison.recipe_name,
                        comparison.recipe,
                        comparison.data,
                        evaluate_on=comparison.evaluate_on,
                        seed=seed,
                        device=comparison.device,
                        threads=comparison.threads,
                        # The same training for somebody else's network, and for any machine.
                        parts=1,
                    ),
                )


def _baseline_seeds(comparison: Comparison) -> tuple[int, ...]:
    if comparison.baseline_seeds:
        return comparison.baseline_seeds
    others = (seed for seed in range(BASELINE_SEEDS + max(comparison.seeds)))
    more = [seed for seed in others if seed not in comparison.seeds]
    return (*comparison.seeds, *more[: max(BASELINE_SEEDS - len(comparison.seeds), 0)])
