"""What is compared with what: networks, seeds, and the run of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.foreign import is_foreign
from mfpnet.recipes import Recipe
from mfpnet.suites import baseline_of, check_in_suite, suite_of
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
        recipe: the training set-up of every network.
        data: what is trained on.
        evaluate_on: what decides.
        seeds: one run of each network for each.
        baseline_seeds: of the baseline; `seeds` and as many more as make three when left out.
        only: names within the suite, all of them when empty; the baseline is always among them.
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


def network_names(comparison: Comparison) -> list[str]:
    """The networks of a comparison, its baseline first.

    Raises:
        MfpnetError: an unknown name.
    """
    suite, base = comparison.suite, comparison.base
    names = check_in_suite(comparison.only, suite, base) or list(suite_of(suite, base))
    baseline = baseline_of(suite, base)
    first = [baseline] if baseline else []
    return list(dict.fromkeys([*first, *names, *_foreign_names(comparison.foreign)]))


def _foreign_names(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if not is_foreign(name):
            raise MfpnetError(
                f"--with is '{name}': write package.module:factory. Networks of mfpnet itself are "
                f"those of the suite."
            )
    return names


def planned_runs(comparison: Comparison, names: Sequence[str]) -> Iterator[RunConfig]:
    """The set-up of each run: the first seed of every network comes first."""
    baseline = baseline_of(comparison.suite, comparison.base)
    more = _baseline_seeds(comparison) if baseline else ()
    for seed in dict.fromkeys((*comparison.seeds, *more)):
        for name in names:
            if seed in (more if name == baseline else comparison.seeds):
                yield RunConfig(
                    name,
                    comparison.recipe_name,
                    comparison.recipe,
                    comparison.data,
                    evaluate_on=comparison.evaluate_on,
                    seed=seed,
                    device=comparison.device,
                    threads=comparison.threads,
                    parts=1,  # the same training for somebody else's network, and for any machine
                )


def _baseline_seeds(comparison: Comparison) -> tuple[int, ...]:
    if comparison.baseline_seeds:
        return comparison.baseline_seeds
    others = (seed for seed in range(BASELINE_SEEDS + max(comparison.seeds)))
    more = [seed for seed in others if seed not in comparison.seeds]
    return (*comparison.seeds, *more[: max(BASELINE_SEEDS - len(comparison.seeds), 0)])
