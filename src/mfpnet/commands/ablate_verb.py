"""What `mfpnet ablate` does with its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mfpnet.errors import MfpnetError
from mfpnet.known_recipes import get_recipe
from mfpnet.options.ablate import AblateOptions
from mfpnet.options.data import DataChoice
from mfpnet.options.verbs import check_at_least
from mfpnet.suites import RECIPE_SUITE, baseline_of
from mfpnet.training.runs import changed_recipe
from mfpnet.training.setups import ablation_sources
from mfpnet.views.show import ERR, counted, percent, say, show_rows

QUICK = DataChoice(data="synthetic", scenes=48, scene_size="96x128")


def ablate(options: AblateOptions) -> int:
    """`mfpnet ablate`."""
    from mfpnet.ablate import ablate
    from mfpnet.ablations.plan import Comparison, planned_rows
    from mfpnet.train import TrainingStoppedError
    from mfpnet.views.canvas import check_drawable

    check_at_least(1, threads=options.threads)
    if options.picture:
        check_drawable(options.picture)
    _check_seeds(options.seeds, "--seeds")
    _check_seeds(options.baseline_seeds, "--baseline-seeds")
    if options.variant != AblateOptions.variant and not baseline_of(options.suite, options.variant):
        raise MfpnetError(
            f"suite {options.suite} has no baseline that --variant {options.variant} could be: "
            f"leave it out, or name networks of the suite by --only."
        )
    options, recipe = _settled(options)
    data, evaluate_on = ablation_sources(options.data, options.split, options.evaluate_split)
    comparison = Comparison(
        suite=options.suite,
        base=options.variant,
        recipe_name=recipe,
        recipe=changed_recipe(get_recipe(recipe), options.set, "--set"),
        data=data,
        evaluate_on=evaluate_on,
        seeds=options.seeds,
        baseline_seeds=options.baseline_seeds,
        only=options.only,
        foreign=options.foreign,
        threads=options.threads,
        device=options.device,
    )
    planned_rows(comparison)  # an unknown name is told before anything is read
    folder = options.out / recipe  # suites share the runs of their baseline
    try:
        record = ablate(comparison, folder, record_file=options.json_file, console=ERR)
    except (TrainingStoppedError, KeyboardInterrupt) as error:
        raise TrainingStoppedError(
            "stopped. The same command goes on where this one ended; nothing is trained twice."
        ) from error
    show(record)
    if options.picture:
        draw(record, options.picture)
    return 0


def _check_seeds(seeds: Sequence[int], option: str) -> None:
    if len(set(seeds)) < len(seeds):
        given = " ".join(map(str, seeds))
        raise MfpnetError(f"{option} {given} names a seed twice: the same run says nothing new.")


def _settled(options: AblateOptions) -> tuple[AblateOptions, str]:
    """The options with what --quick stands for, and the recipe's name."""
    if options.quick:
        given = [name for name in ("recipe", "split", "evaluate_split") if getattr(options, name)]
        if given or options.data != DataChoice():
            raise MfpnetError(
                "--quick settles data and recipe: leave out what names others, or leave out "
                "--quick."
            )
        return replace(options, data=QUICK, split="train"), "quick"
    ablation = baseline_of(options.suite, options.variant)
    return options, options.recipe or ("ablation" if ablation else "short")


def show(record: Mapping[str, Any]) -> None:
    """The table of a comparison, and what it cannot tell."""
    one_network = record["suite"] == RECIPE_SUITE
    shown = _shown_part if one_network else _shown
    rows = [shown(row, record["baseline"]) for row in record["rows"]]
    show_rows(rows, tuple(rows[0]))
    on = f"{record['evaluate_on']['name']} {record['evaluate_on']['split']}"
    say(f"mIoU on {on}: mean and spread (standard deviation) over seeds")
    if not one_network:
        threads = counted(record["latency"]["threads"], "thread")
        say(f"M: million parameters; ms: an image of 360x480 in OpenVINO, {threads}")
    if record["baseline"]:
        say("not resolved: below twice the baseline's own spread over its seeds, so that")
        say("another seed might have made the difference")


def _shown(row: Mapping[str, Any], baseline: str | None) -> dict[str, Any]:
    return {
        "network": row["variant"].removeprefix(f"{baseline}-"),
        "mIoU %": mean_and_spread(row),
        **({"difference": difference_text(row)} if baseline else {}),
        "M": round(row["parameters"] / 1e6, 3),
        "GMACs": round(row["gmacs"], 2),
        "ms": round(row["openvino_ms"], 1),
    }


def _shown_part(row: Mapping[str, Any], baseline: str) -> dict[str, Any]:
    return {
        "recipe": row["variant"].removeprefix(f"{baseline}-"),
        "mIoU %": mean_and_spread(row),
        "difference": difference_text(row),
        "on train %": percent(row["train_miou"]),
    }


def mean_and_spread(row: Mapping[str, Any]) -> str:
    """`52.1 ± 0.4`; of one seed the mean alone."""
    spread = "" if row["spread"] is None else f" ± {100 * row['spread']:.1f}"
    return percent(row["miou"]) + spread


def difference_text(row: Mapping[str, Any]) -> str:
    """A row's difference to the baseline in points, or that it says nothing."""
    if row["difference"] is None:
        return "baseline"
    return f"{100 * row['difference']:+.1f}" if row["resolved"] else "not resolved"


def draw(record: Mapping[str, Any], path: Path) -> None:
    """Differences to the baseline, or mIoU against latency where there is none."""
    from mfpnet.ablations.chart import differences
    from mfpnet.views.tradeoff import accuracy_against_latency

    if record["baseline"]:
        differences(record["rows"], record["baseline"], path)
        say(f"differences to {record['baseline']}: {path}")
    else:
        accuracy_against_latency(record["rows"], path)
        say(f"mIoU against latency: {path}")
