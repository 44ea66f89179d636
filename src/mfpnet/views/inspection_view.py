"""What `mfpnet data inspect` and `check` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from mfpnet.views.show import OUT, counted, say

_MOST_ROWS = 40


def show_inspection(record: Mapping[str, Any]) -> None:
    """The report; `record` is `inspection.inspect`."""
    splits = ", ".join(f"{split} {count}" for split, count in record["splits"].items())
    say(f"{record['folder']}: {counted(record['frames'], 'pair')} ({record['layout']}); {splits}")
    _say_sizes(record)
    for note in record["notes"]:
        say(f"- {note}")
    OUT.print(_classes(record))
    if len(record["classes"]) > _MOST_ROWS:
        say(f"and {len(record['classes']) - _MOST_ROWS} more; --json FILE has all of them")
    _say_balance(record)
    _say_recipe(record)


def _say_sizes(record: Mapping[str, Any]) -> None:
    shown = [f"{name} {size[0]}x{size[1]}" for name, size in record["sizes"].items()]
    pixels = f"{counted(record['channels'], 'channel')} of {record['bits']} bits"
    say(f"images: {', '.join(shown) or 'none can be read'} (HxW), {pixels}")


def _classes(record: Mapping[str, Any]) -> Table:
    table = Table()
    table.add_column("class")
    table.add_column("in masks")
    for title in ("pixels %", "frames", "weight"):
        table.add_column(title, justify="right")
    for row in record["classes"][:_MOST_ROWS]:
        name = Text.assemble(("■ ", f"#{bytes(row['colour']).hex()}"), row["name"])
        held = ", ".join(row["values"])
        share = f"{100 * row['share']:.2f}"
        table.add_row(name, held, share, str(row["frames"]), f"{row['weight']:.2f}")
    return table


def _say_balance(record: Mapping[str, Any]) -> None:
    say(f"ignored: {100 * record['ignored_share']:.1f} % of the pixels")
    if record["imbalance"]:
        say(
            f"imbalance: the most frequent class has {record['imbalance']:,.0f} times as many "
            f"pixels as the rarest; weight is 1 / ln(1.10 + share)"
        )
    moments = [" ".join(f"{value:.3f}" for value in record[name]) for name in ("mean", "std")]
    say(f"training images: mean {moments[0]}, standard deviation {moments[1]} (0 to 1)")


def _say_recipe(record: Mapping[str, Any]) -> None:
    if recipe := record["recipe"]:
        crop = "x".join(map(str, recipe["crop_size"]))
        say(
            f"recommended: crops of {crop} from images brought to {recipe['shorter_side']} pixels "
            f"(shorter side), batches of {recipe['batch_size']}, {recipe['optimizer']} at "
            f"{recipe['learning_rate']:g}; all of it is what this uses by itself:"
        )
        say(f"  {record['command']}")


def show_problems(lines: Sequence[Sequence[str]]) -> None:
    """The lines of each problem, with an empty one between two."""
    for index, each in enumerate(lines):
        if index:
            say("")
        for line in each:
            say(line)
