"""Write the tables of docs/generalisation.md from the records in results/.

    python tools/generalisation_tables.py

MODEL-on-DATA.json is what `mfpnet evaluate` wrote, MODEL-run.json a run's result.json, and
mfpnet_fast_camvid-corruptions.json comes from `mfpnet evaluate --corruptions`. What has not been
measured has a dash.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from statistics import fmean

from mfpnet.data.map_file import find_map
from results_tables import ROOT, Record, interval, percent, record, rewritten, table

PAGE = ROOT / "docs" / "generalisation.md"
# Name in the records, how it is called, and the record of its training.
MODELS = (
    ("camvid", "trained on CamVid, through the map", "mfpnet_fast_camvid-train"),
    ("idd_lite", "trained on IDD-Lite", "idd_lite-run"),
    ("both", "trained on both", "both-run"),
)


def measured(name: str) -> Record | None:
    """The record of this name, None where nobody has made it yet."""
    return record(name) if (ROOT / "results" / f"{name}.json").is_file() else None


def groups() -> str:
    """IoU of each group on IDD-Lite's val, model by model."""
    found = [measured(f"{model}-on-idd_lite") for model, *_ in MODELS]
    names = [group.name for group in find_map("camvid-idd_lite").groups]
    rows = [
        [name, *("-" if each is None else percent(each["iou_per_class"][name]) for each in found)]
        for name in names
    ]
    means = ["-" if each is None else f"**{percent(each['miou'])}**" for each in found]
    limits = ["-" if each is None else interval(each["miou_interval_95"]) for each in found]
    right = ["-" if each is None else percent(each["pixel_accuracy"]) for each in found]
    tail = [["**mean**", *means], ["95 % interval", *limits], ["pixel accuracy %", *right]]
    return table(("IoU %", *(title for _, title, _ in MODELS)), [*rows, *tail])


def runs() -> str:
    """What each model was trained on, for how long, and what it came to on IDD-Lite's val."""
    rows = []
    for model, title, name in MODELS:
        run, scored = measured(name), measured(f"{model}-on-idd_lite")
        told = ["-"] * 3 if run is None else _training(run)
        rows.append([title, *told, percent(scored["miou"] if scored else None)])
    return table(("model", "frames", "epochs", "minutes", "mIoU % on IDD-Lite val"), rows)


def _training(run: Record) -> list[str]:
    minutes = f"{run['seconds'] / 60:.0f}"
    if run["config"].get("init"):
        minutes += ", from weights of an earlier run"
    return [str(run["frames"]), str(run["config"]["recipe"]["epochs"]), minutes]


def time() -> str:
    """What IDD-Lite's val comes to while the network trains on IDD-Lite."""
    lines = (ROOT / "results" / "idd_lite-metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows, seconds = [], 0.0
    for epoch in map(json.loads, lines):
        seconds += epoch["seconds"]
        if "miou" in epoch:
            rows.append([epoch["epoch"], f"{seconds / 60:.0f}", percent(epoch["miou"])])
    return table(("epochs", "minutes", "mIoU % on IDD-Lite val"), rows)


def corruptions() -> str:
    """MIoU under each corruption and severity."""
    found = measured("mfpnet_fast_camvid-corruptions")
    heads = ("corruption", "1", "2", "3", "4", "5", "mean", "of the clean mIoU %")
    if found is None:
        return table(heads, [["-"] * len(heads)])
    clean, rows = found["miou"], [["none", *["-"] * 5, percent(found["miou"]), "100.0"]]
    for name, scored in found["corruptions"].items():
        mean = sum(scored["miou"]) / len(scored["miou"])
        cells = [percent(value) for value in scored["miou"]]
        rows.append([name.replace("_", " "), *cells, percent(mean), percent(mean / clean)])
    mean = found["corrupted_miou"]
    rows.append(["**mean**", *["-"] * 5, f"**{percent(mean)}**", percent(mean / clean)])
    return table(heads, rows)


def degraded() -> str:
    """What training with blur and noise changes, under each corruption."""
    found = [record(f"trained-{how}-noise-corruptions") for how in ("without", "with")]
    rows = [["none", *(percent(each["miou"]) for each in found)]]
    for name in found[0]["corruptions"]:
        means = [fmean(each["corruptions"][name]["miou"]) for each in found]
        rows.append([name.replace("_", " "), *map(percent, means)])
    rows.append(["**mean**", *(f"**{percent(each['corrupted_miou'])}**" for each in found)])
    return table(("corruption", "trained without", "trained with blur and noise"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "groups": groups,
    "runs": runs,
    "time": time,
    "corruptions": corruptions,
    "degraded": degraded,
}


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), TABLES), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
