"""Write the tables of docs/how-it-works.md from the records in results/.

    python tools/inspect_tables.py

inspect-WEIGHTS.json is what `mfpnet inspect WEIGHTS [IMAGE] --json` wrote.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from results_tables import ROOT, percent, record, rewritten, table

PAGE = ROOT / "docs" / "how-it-works.md"
TRAINED = "inspect-mfpnet_fast_camvid"

Numbers = dict[str, Any]


def study(name: str) -> Numbers:
    """The numbers of one study."""
    found: Numbers = record(TRAINED)["studies"][name]["numbers"]
    return found


def setting() -> str:
    """What was looked at."""
    found = record(TRAINED)
    size = "x".join(map(str, found["picture_size"]))
    rows = [
        [
            f"`{found['weights']}`",
            f"{found['picture']}, {size}",
            found["environment"]["commit"][:12],
        ]
    ]
    return table(("weights", "picture", "commit"), rows)


def residuals() -> str:
    """Gradients with and without residual connections."""
    ways = ("with_residuals", "without_residuals")
    rows = []
    for each in study("residuals")["trainings"]:
        ratios = [_short(each[way]["first_over_last_at_start"]) for way in ways]
        losses = [f"{each[way]['loss_after']:.2f}" for way in ways]
        rows.append([each["brms_per_block"], *ratios, *losses])
    heads = ("BRMs a block", "first / last gradient, with", "without", "loss, with", "without")
    return table(heads, rows)


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 1e4 else f"{value:.0e}"


def identity() -> str:
    """How far each block is from passing its input on."""
    rows = [
        [
            each["block"],
            f"{each['f_over_x']:.2f}",
            f"{each['change']:.2f}",
            ", ".join(f"{b['f_over_x']:.2f}" for b in each["brms"]),
        ]
        for each in study("residuals")["blocks"]
    ]
    heads = (
        "block",
        "what the block adds, of its input",
        "what its BRMs change, of its input",
        "what each BRM adds, of its input",
    )
    return table(heads, rows)


def schedules() -> str:
    """Reach against gridding."""
    rows = []
    for name, found in study("gridding")["schedules"].items():
        alone, whole = (
            [stage[kind] for stage in found["stages"]]
            for kind in ("dilated_convolutions_alone", "whole_brms")
        )
        rows.append(
            [
                name,
                " ".join("-".join(map(str, stage["dilations"])) for stage in found["stages"]),
                f"{found['encoder_field_image_pixels']:,}",
                percent(min(each["coverage"] for each in alone)),
                percent(min(each["coverage"] for each in whole)),
                f"{max(each['waves'] for each in whole):.1f}",
            ]
        )
    heads = ("schedule", "dilations", "reach, pixels", "covered by dilated convolutions alone, %")
    return table((*heads, "by whole BRMs, %", "waves"), rows)


def fields() -> str:
    """What each stage sees."""
    rows = []
    for name, found in study("receptive-field")["stages"].items():
        ways = [found[way]["effective_95_pixels"] for way in ("convolutions", "all_ways")]
        rows.append(
            [
                name,
                f"{found['theoretical_convolutions_pixels']:,}",
                *(f"{side:.0f}" for side in ways),
                percent(found["share_beyond_convolutions"]),
            ]
        )
    heads = (
        "features",
        "spanned by convolutions, pixels",
        "95 % of the gradient, convolutions alone",
    )
    return table((*heads, "all ways", "gradient beyond the convolutions' span, %"), rows)


def attention() -> str:
    """What the gates do."""
    found = study("attention")
    gates = found["all_layers"]
    rows = [
        ["gates, mean", f"{gates['mean']:.2f}"],
        ["least and largest", f"{gates['least']:.2f} to {gates['largest']:.2f}"],
        ["below 0.1, %", f"{100 * gates['share_below_0.1']:.2f}"],
        ["mIoU % of the picture", percent(found["miou"])],
        *_held("each gate held at its own mean", gates["each_gate_at_its_mean"]),
        *_held("all gates of a layer held at one value", gates["all_gates_at_the_layer_mean"]),
    ]
    return table(("attention", ""), rows)


def _held(what: str, effect: Numbers) -> list[list[str]]:
    return [
        [f"labels that change with {what}, %", percent(effect["labels_changed_share"])],
        [f"mIoU % with {what}", percent(effect["miou"])],
    ]


def graphs() -> str:
    """What each graph does."""
    rows = []
    for each in study("graph")["graphs"]:
        adjacency, (scale,) = each["adjacency"], each["scales"]
        told = scale["information"]
        rows.append(
            [
                each["graph"],
                f"{scale['effective_nodes_of_the_picture']:.1f} of {each['nodes']}",
                str(scale["nodes_that_are_some_pixels_first"]),
                percent(told["share"]),
                percent(told["share_of_a_plain_grid_of_as_many_cells"]),
                percent(told["share_untrained_mean"]),
                f"{adjacency['distance_to_its_start']:.2f}",
                percent(adjacency["identity_instead"]["labels_changed_share"]),
                percent(each["removed"]["labels_changed_share"]),
                percent(each["removed"]["miou"]),
            ]
        )
    heads = ("graph", "nodes in effect", "nodes that occur")
    told_by = (
        "of the classes known from a pixel's node, %",
        "from a plain grid of as many cells as nodes occur, %",
        "from untrained nodes, %",
    )
    more = (*told_by, "adjacency, from its start (0 to 1)")
    last = ("labels changed by an identity in its place, %", "labels changed without the graph, %")
    return table((*heads, *more, *last, "mIoU % without it"), rows)


def long_range() -> str:
    """How much of a pixel's gradient comes from afar."""
    found = study("long-range")
    names = {
        "convolutions": "convolutions alone",
        "convolutions_and_graphs": "convolutions and graphs",
        "all_ways": "attention and image pooling too",
    }
    rows = []
    for key, title in names.items():
        near, far = (
            found[field]["ways"][key] for field in ("effective_field", "theoretical_field")
        )
        rows.append(
            [
                title,
                _spread(near["share_beyond"]),
                _spread(far["share_beyond"]),
                _ratio(near["attraction_to_own_class"]),
                _ratio(near["attraction_to_other_sampled_classes"]),
            ]
        )
    heads = ("ways", "gradient beyond the effective field, %", "beyond the theoretical field, %")
    return table((*heads, "attraction to the own class", "to other classes"), rows)


def _spread(found: Numbers) -> str:
    return f"{100 * found['mean']:.1f} ± {100 * found['std']:.1f}"


def _ratio(found: Numbers) -> str:
    return "-" if found["mean"] is None else f"{found['mean']:.2f} ± {found['std']:.2f}"


TABLES: dict[str, Callable[[], str]] = {
    "setting": setting,
    "residuals": residuals,
    "identity": identity,
    "schedules": schedules,
    "fields": fields,
    "attention": attention,
    "graphs": graphs,
    "long range": long_range,
}


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), TABLES), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
