"""What the program prints: tables that fit in 80 columns, and lines that stay whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

OUT = Console()
ERR = Console(stderr=True)


def say(text: str) -> None:
    """One line to standard output, as it is: a path is neither broken nor read as markup."""
    OUT.print(text, markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """One line to standard error, in red on a terminal."""
    ERR.print(text, style="red", markup=False, highlight=False, soft_wrap=True)


def percent(value: float | None) -> str:
    """0.1234 as `12.3`."""
    return "absent" if value is None else f"{100 * value:.1f}"


def counted(number: int, thing: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def show_scores(record: Mapping[str, Any]) -> None:
    """The scores of an evaluation, class by class; `record` is `Evaluation.as_dict`."""
    frames = counted(record["frames"], "frame")
    table = Table(title=f"{record['data']} {record['split']}, {frames}")
    table.add_column("class")
    table.add_column("IoU %", justify="right")
    table.add_column("boundary IoU %", justify="right")
    for name, value in record["iou_per_class"].items():
        table.add_row(name, percent(value), percent(record["boundary_iou_per_class"][name]))
    table.add_section()
    table.add_row("mean", percent(record["miou"]), percent(record["boundary_miou"]))
    OUT.print(table)
    say(
        f"mIoU {percent(record['miou'])} %{_interval(record['miou_interval_95'])}, "
        f"pixel accuracy {percent(record['pixel_accuracy'])} %"
    )


def _interval(bounds: Sequence[float] | None) -> str:
    return f" (95 % interval {percent(bounds[0])} to {percent(bounds[1])})" if bounds else ""


def show_rows(rows: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> None:
    """Records under one another; `shown` are the keys that become columns."""
    table = Table()
    for key in shown:
        numbers = not isinstance(rows[0][key], str)
        title = "mIoU %" if key == "miou" else key.replace("_", " ")
        table.add_column(title, justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(_cell(key, row[key]).removesuffix(" %") for key in shown))
    OUT.print(table)


def show_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Names and values in two columns."""
    table = Table(title=title, show_header=False)
    for key, value in facts.items():
        table.add_row(key.replace("_", " "), _cell(key, value))
    OUT.print(table)


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "none"
    if key in ("miou", "score"):
        return f"{percent(value)} %"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, list | tuple):
        return str(value)
    if key.endswith("size"):
        return "x".join(map(str, value))
    if key == "palette":
        return ", ".join("#" + bytes(colour).hex() for colour in value)
    return ", ".join(map(str, value)) or "none"
