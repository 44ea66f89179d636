"""What the program prints: tables that fit in 80 columns, and lines that stay whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mfpnet.files import readable_text
from mfpnet.views.condensed import best_and_worst, listed

# What is printed names classes, folders and files of the user's own, in tables and titles too: a
# name such as `train [/tram]` or `:car:` is no markup.
OUT = Console(markup=False, emoji=False)
ERR = Console(stderr=True, markup=False, emoji=False)
# Of a table; there is nothing to be read in more.
MOST_ROWS = 40


def say(text: str) -> None:
    """One line to standard output, as it is: a path is neither broken nor read as markup."""
    OUT.print(readable_text(text), highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """One line to standard error, in red on a terminal."""
    ERR.print(readable_text(text), style="red", highlight=False, soft_wrap=True)


def progress(text: str) -> None:
    """What is being done, on a terminal only: one line that makes way for the next, or for none."""
    if ERR.is_terminal:
        ERR.file.write(f"\r\x1b[K{readable_text(text)[: ERR.width - 1]}")
        ERR.file.flush()


def announce(text: str) -> None:
    """A step of something long: `progress` on a terminal, a line of a log elsewhere."""
    if ERR.is_terminal or not text:
        progress(text)
    else:
        ERR.print(readable_text(text), highlight=False, soft_wrap=True)


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
    table.add_column("group" if record.get("map") else "class")
    for title in ("IoU %", "95 % interval", "boundary IoU %"):
        table.add_column(title, justify="right")
    rims, intervals = record["boundary_iou_per_class"], record["iou_interval_95_per_class"]
    scored = list(record["iou_per_class"].items())
    shown = best_and_worst([value for _, value in scored], MOST_ROWS)
    for name, value in (scored[index] for index in shown):
        table.add_row(name, percent(value), _range(intervals[name]), percent(rims[name]))
    table.add_section()
    mean = (record["miou"], record["miou_interval_95"], record["boundary_miou"])
    table.add_row("mean", percent(mean[0]), _range(mean[1]), percent(mean[2]))
    OUT.print(table)
    if len(shown) < len(scored):
        _say_left_out(record, len(shown))
    say(
        f"mIoU {percent(record['miou'])} %{_interval(record['miou_interval_95'])}, "
        f"pixel accuracy {percent(record['pixel_accuracy'])} %"
    )
    if "panoptic" in record:
        _show_panoptic(record["panoptic"])
    if "calibration" in record:
        _say_calibration(record["calibration"])
    if "tiles" in record:
        _say_tiles(record["tiles"])


def _show_panoptic(found: Mapping[str, Any]) -> None:
    """How well objects were told apart; `found` is `PanopticScores.as_dict`."""
    table = Table(title="panoptic quality")
    table.add_column("class")
    for title in ("PQ %", "SQ %", "RQ %", "found", "missed", "wrong"):
        table.add_column(title, justify="right")
    for name, row in found["per_class"].items():
        numbers = [str(row[each]) for each in ("found", "missed", "wrong")]
        table.add_row(name, *(percent(row[each]) for each in ("pq", "sq", "rq")), *numbers)
    table.add_section()
    for name, title in (("all", "mean"), ("things", "of things"), ("stuff", "of the rest")):
        table.add_row(title, *(percent(found[name][each]) for each in ("pq", "sq", "rq")))
    OUT.print(table)
    say(
        f"PQ {percent(found['all']['pq'])} %, of things {percent(found['things']['pq'])} %, "
        f"of the rest {percent(found['stuff']['pq'])} %"
    )


def _say_left_out(record: Mapping[str, Any], shown: int) -> None:
    values = list(record["iou_per_class"].values())
    absent = sum(value is None for value in values)
    say(
        f"shown are {shown} of {len(values)} classes, the best and the worst; {absent} are absent. "
        f"--json FILE has all"
    )
    if record["confusion_matrix"] is None:
        say(
            "the confusion matrix of so many classes is left out there; most_confused has its peaks"
        )


def _say_tiles(found: Mapping[str, Any] | None) -> None:
    if found is None:
        warn("no frame is both larger than a tile and small enough to be seen whole: not compared")
        return
    tile, frames = "x".join(map(str, found["tile"])), counted(found["frames"], "frame")
    say(
        f"tiles of {tile}, overlap {found['overlap']}: {percent(found['agreement'])} % of labels as"
        f" in whole frames ({frames}, lowest {percent(found['lowest_agreement'])} %)"
        f"{_edges(found)}"
    )


def _edges(found: Mapping[str, Any]) -> str:
    """How many label edges lie at tile borders, where there are any elsewhere to compare with."""
    name = "edges_at_borders_over_elsewhere"
    ratio, whole = found[name], found[f"{name}_in_whole_frames"]
    if ratio is None:
        return ""
    beside = "" if whole is None else f", in whole frames {whole:.2f} times"
    return f"; label edges at tile borders {ratio:.2f} times those elsewhere{beside}"


def _say_calibration(found: Mapping[str, Any]) -> None:
    before, after = (
        f"{percent(found[f'ece_{when}'])} % (NLL {found[f'nll_{when}']:.3f})"
        for when in ("before", "after")
    )
    temperatures = found["temperature_per_drive"]
    if len(temperatures) <= 4:
        used = ", ".join(f"{value:.2f} for {drive}" for drive, value in temperatures.items())
    else:
        used = f"{min(temperatures.values()):.2f} to {max(temperatures.values()):.2f}"
    say(f"calibration error {before}; {after} at the temperature of the other drives: {used}")


def _range(bounds: Sequence[float] | None) -> str:
    return f"{percent(bounds[0])} to {percent(bounds[1])}" if bounds else ""


def _interval(bounds: Sequence[float] | None) -> str:
    return f" (95 % interval {_range(bounds)})" if bounds else ""


def show_card(title: str, card: Mapping[str, Any]) -> None:
    """What weights are, what they are worth and where they end; `card` is `cards.card_of`."""
    table = Table(title=title, show_header=False)
    rows = {
        "network": card["variant"],
        "trained on": f"{card['data']} {card['split']}",
        "recipe": f"{card['recipe']}, {counted(card['epochs'], 'epoch')}",
        **({"went on from": card["started_from"]} if card["started_from"] else {}),
        **({"taught by": ", ".join(card["taught_by"])} if card["taught_by"] else {}),
        "frames": f"{_cell('size', card['input_size'])}, larger ones are scaled down",
        **({"tells apart": ", ".join(card["things"])} if card.get("things") else {}),
        **(_card_interface(card) if "backend" in card else _card_parameters(card)),
        "file": f"{card['bytes'] / 1e6:.2f} MB",
        "mIoU": _card_score(card),
        "licence": card["licence"],
    }
    if not card["iou"]:
        rows["classes"] = listed(card["classes"])
    for name, value in rows.items():
        table.add_row(name, Text(value))
    OUT.print(table)
    if card["iou"]:
        OUT.print(_card_classes(card))
    limits = Table.grid(padding=(0, 1))
    for limit in card["limits"]:
        limits.add_row("-", Text(limit))
    OUT.print(limits)


def _card_parameters(card: Mapping[str, Any]) -> dict[str, str]:
    known = card["parameters"] is not None
    return {
        "takes": f"{_card_channels(card)}, {card['bits']} bits",
        "parameters": f"{card['parameters']:,}" if known else "not known without its code",
    }


def _card_channels(card: Mapping[str, Any]) -> str:
    return "RGB" if len(card["mean"]) == 3 else counted(len(card["mean"]), "channel")


def _card_interface(card: Mapping[str, Any]) -> dict[str, str]:
    """What an exported file takes and gives, and what runs it."""
    size = _cell("size", card["size"]) if card["size"] else "any from 32x32 up"
    channels = len(card["mean"])
    pixels = {
        "uint8": f"0 to 255, uint8 (N, H, W, {channels})",
        "uint16": f"0 to 65535, uint16 (N, H, W, {channels})",
        "float": f"0 to 1, float32 (N, {channels}, H, W)",
    }
    return {
        "runs in": f"{card['backend']}, {card['precision']}",
        "takes": f"{_card_channels(card)} {pixels[card['pixels']]}, {size}",
        "gives": card["output"],
    }


def _card_score(card: Mapping[str, Any]) -> str:
    if card["score"] is None:
        return "not measured: mfpnet evaluate WEIGHTS --save FILE does"
    frames = f", {counted(card['score_frames'], 'frame')}" if card["score_frames"] else ""
    interval = _interval(card["score_interval"])
    return f"{percent(card['score'])} %{interval} on {card['score_on']}{frames}"


def _card_classes(card: Mapping[str, Any]) -> Table:
    """What each class is worth, beside the colour that it is drawn in; of many the extremes."""
    table = Table()
    table.add_column("class")
    table.add_column("IoU %", justify="right")
    table.add_column("95 % interval", justify="right")
    columns = (card["classes"], card["palette"], card["iou"], card["iou_interval"])
    rows = list(zip(*columns, strict=True))
    for place in best_and_worst(card["iou"], MOST_ROWS):
        name, colour, iou, interval = rows[place]
        named = Text.assemble(("■ ", f"#{bytes(colour).hex()}"), name)
        table.add_row(named, percent(iou), _range(interval))
    return table


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
