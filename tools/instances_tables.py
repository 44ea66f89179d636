"""Write the tables of docs/instances.md from the records in results/.

    python tools/instances_tables.py            what records say
    python tools/instances_tables.py --measure  measure what the head costs first, a minute

instances.json is what `mfpnet evaluate` wrote, instances-run.json a run's result.json, and
instances-cost.json comes from --measure. What has not been measured has a dash.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mfpnet.files import write_json
from results_tables import ROOT, Record, interval, percent, record, rewritten, table

PAGE = ROOT / "docs" / "instances.md"
COST = ROOT / "results" / "instances-cost.json"
VARIANTS = ("mfpnet_fast", "mfpnet")
SIZE = (180, 240)


def measured(name: str) -> Record | None:
    """The record of this name, None where nobody has made it yet."""
    return record(name) if (ROOT / "results" / f"{name}.json").is_file() else None


def instances() -> str:
    """Panoptic quality class by class."""
    heads = ("class", "PQ %", "SQ %", "RQ %", "found", "missed", "wrong")
    found = measured("instances")
    if found is None:
        return table(heads, [["-"] * len(heads)])
    scores = found["panoptic"]
    rows = [
        [name, *_percents(row), row["found"], row["missed"], row["wrong"]]
        for name, row in scores["per_class"].items()
    ]
    for name, title in (("things", "with objects"), ("stuff", "the others"), ("all", "**all**")):
        rows.append([title, *_percents(scores[name]), "", "", ""])
    return table(heads, rows)


def _percents(row: Record) -> list[str]:
    return [percent(row[each]) for each in ("pq", "sq", "rq")]


def labels() -> str:
    """MIoU with and without the head, on the same unseen scenes."""
    rows = []
    for title, name in (
        ("without the head", "mfpnet_fast_synthetic-test"),
        ("with it", "instances"),
    ):
        found = measured(name)
        told = ["-"] * 3 if found is None else [
            found["frames"], percent(found["miou"]), interval(found["miou_interval_95"]),
        ]  # fmt: skip
        rows.append([title, *told])
    return table(("`mfpnet_fast`", "scenes", "mIoU %", "95 % interval"), rows)


def cost() -> str:
    """Parameters, multiply-accumulates and time of each variant with and without the head."""
    heads = ("network", "parameters", "MACs", "milliseconds")
    found = measured("instances-cost")
    if found is None:
        return table(heads, [["-"] * len(heads)])
    rows = [[f"`{name}`", *map(_more, row.values())] for name, row in found["variants"].items()]
    return table(heads, rows)


def _more(pair: dict[str, float]) -> str:
    without, with_it = pair["without"], pair["with"]
    shown = [f"{value:,.0f}" if value == int(value) else f"{value:.1f}" for value in pair.values()]
    return f"{shown[0]} to {shown[1]} (+{100 * (with_it / without - 1):.1f} %)"


def measure() -> None:
    """Write what the head costs at inference, in PyTorch with one thread, in turn."""
    import torch

    from mfpnet.records import environment

    torch.set_num_threads(1)
    write_json(
        COST,
        {
            "size": SIZE,
            "variants": {name: _cost_of(name) for name in VARIANTS},
            "environment": environment("torch"),
        },
    )


def _cost_of(variant: str) -> dict[str, Any]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from mfpnet.runtimes.inference_form import InferenceMFPNet, to_inference_form
    from mfpnet.runtimes.latency import interleaved_medians
    from mfpnet.variants import count_parameters, create_model

    image, runners = torch.randn(1, 3, *SIZE), {}
    found: dict[str, dict[str, int]] = {"parameters": {}, "macs": {}}
    for name, apart in (("without", False), ("with", True)):
        network = create_model(variant, num_classes=11, instances=apart).eval()
        form = to_inference_form(network)
        assert isinstance(form, InferenceMFPNet)
        runners[name] = form.with_instances if apart else form
        found["parameters"][name] = count_parameters(network)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            (network.with_instances if apart else network)(image)
        found["macs"][name] = counter.get_total_flops() // 2
    with torch.inference_mode():
        calls = {name: lambda run=run: run(image) for name, run in runners.items()}
        return {**found, "milliseconds": interleaved_medians(calls, rounds=30)}


TABLES: dict[str, Callable[[], str]] = {"instances": instances, "labels": labels, "cost": cost}


def main() -> int:
    """Rewrite the page."""
    if "--measure" in sys.argv[1:]:
        measure()
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), TABLES), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
