"""What `mfpnet benchmark` prints of its record; see `benchmark.benchmark`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from mfpnet.views.show import OUT, counted, say, warn

# Above this spread, other programs had more to say than the network.
NOISY = 0.15
# The widest cell where networks stand side by side, as in `12.3 x0.45`.
_CELL = 10
Record = Mapping[str, Any]
LEGEND = """spread  interquartile range over the median, in %
roof    the least time at this machine's ceilings over the median, in %
same    labels equal to those of eager, in %
whole   ms from a picture file to a label file"""


def show_benchmark(record: Record) -> None:
    """The tables of every comparison, what was not measured, and how far to trust it."""
    for comparison in record["comparisons"]:
        for name in networks_of(comparison):
            _show_network(comparison, name, record)
        if len(networks_of(comparison)) > 1:
            _show_side_by_side(comparison)
        for line in not_measured(comparison["not_measured"]):
            say(f"not measured: {line}")
        _show_layers(comparison["layers"] or {})
        _show_profiles(comparison["rows"])
    if any(comparison["rows"] for comparison in record["comparisons"]):
        say(LEGEND)
    say(ceilings_line(record["ceilings"], record["environment"]))
    if warning := noise_warning(record):
        warn(warning)


def networks_of(comparison: Record) -> list[str]:
    """The networks of a comparison that were measured, in order."""
    return list(dict.fromkeys(row["network"] for row in comparison["rows"]))


def backend_of(row: Record) -> str:
    """The backend of a row, with the precision of an exported file that is not float32."""
    backend, precision = row["backend"], row["precision"]
    told = precision in ("fp32", "unknown") or backend.endswith(f"-{precision}")
    return str(backend) if told else f"{backend} {precision}"


def title_of(comparison: Record) -> str:
    """`360x480, batch 1`."""
    return f"{'x'.join(map(str, comparison['size']))}, batch {comparison['batch_size']}"


def _show_network(comparison: Record, name: str, record: Record) -> None:
    rows = [row for row in comparison["rows"] if row["network"] == name]
    say(f"{name}, {title_of(comparison)}{_facts(comparison, name, record)}")
    table = _table(["backend", "ms", "p95", "spread", "img/s", "roof", "same"])
    whole = any(row["end_to_end"] for row in rows)
    if whole:
        table.add_column("whole", justify="right")
    if any(row["memory_mib"] is not None for row in rows):
        table.add_column("MiB", justify="right")
    for row in rows:
        table.add_row(*_cells(row, whole))
    OUT.print(table)
    if whole:
        say(_stages(rows))


def _facts(comparison: Record, name: str, record: Record) -> str:
    """What the network costs, as far as it is known."""
    (facts,) = (network for network in record["networks"] if network["name"] == name)
    if facts["parameters"] is None:
        return f": a file of {facts['bytes'] / 1e6:.2f} MB"
    least = [row["roofline_ms"] for row in comparison["rows"] if _plain(row, name)]
    roofline = f", {least[0]:.1f} ms at the machine's ceilings" if least else ""
    return (
        f": {facts['parameters']:,} parameters, {comparison['gmacs'][name]:.2f} GMACs an image"
        f"{roofline}"
    )


def _plain(row: Record, name: str) -> bool:
    return bool(row["network"] == name and row["precision"] == "fp32" and row["roofline_ms"])


def _cells(row: Record, whole: bool) -> list[str]:
    cells = [
        backend_of(row),
        number(row["median_ms"]),
        number(row["p95_ms"]),
        f"{100 * row['spread']:.0f}{' !' if row['spread'] > NOISY else ''}",
        number(row["images_per_second"]),
        _share(row["roofline_share"], 0),
        _share(row["equal_labels"], 1),
    ]
    if whole:
        cells.append(number(row["end_to_end"]["median_ms"]) if row["end_to_end"] else "-")
    if row["memory_mib"] is not None:
        gpu = row["gpu_memory_mib"]
        cells.append(f"{row['memory_mib']:,}" if gpu is None else f"{gpu:,} of the GPU")
    return cells


def number(value: float) -> str:
    """Three digits, or all before the point: 0.123, 4.56, 78.9, 1234."""
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def _share(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f}"


def _stages(rows: Iterable[Record]) -> str:
    """What does not depend on the backend, as the fastest of them saw it."""
    found = [row["end_to_end"]["stages"] for row in rows if row["end_to_end"]]
    least = {name: min(stages[name] for stages in found) for name in found[0]}
    told = [f"{name} {number(least[name])} ms" for name in least if name != "network"]
    return f"whole: {', '.join(told)}, and the network\n"


def _show_side_by_side(comparison: Record) -> None:
    names = networks_of(comparison)
    backends = list(dict.fromkeys(map(backend_of, comparison["rows"])))
    heads = _heads(names, OUT.width - max(map(len, backends)))
    say(f"side by side, {title_of(comparison)}: median ms, and times that of {heads[0]}")
    if heads[0] == "1":
        say("\n".join(f"{head}  {name}" for head, name in zip(heads, names, strict=True)))
    table = _table(["backend", *heads])
    medians = {(row["network"], backend_of(row)): row["median_ms"] for row in comparison["rows"]}
    for backend in backends:
        first = medians.get((names[0], backend))
        cells = [_against(medians.get((name, backend)), first) for name in names]
        table.add_row(backend, *cells)
    OUT.print(table)


def _heads(names: Sequence[str], width: int) -> list[str]:
    """The networks' names, or numbers where those do not fit, or do not tell them apart."""
    short = [short_name(name) for name in names]
    fits = sum(2 + max(len(name), _CELL) for name in short) <= width
    if fits and len(set(short)) == len(short):
        return short
    return [str(number) for number in range(1, 1 + len(names))]


def short_name(name: str) -> str:
    """The factory's name alone for somebody else's network."""
    return name.rpartition(":")[2]


def _against(value: float | None, first: float | None) -> str:
    if value is None:
        return "-"
    return number(value) if first in (None, value) else f"{number(value)} x{value / first:.2f}"


def not_measured(faults: Sequence[Record]) -> list[str]:
    """One line for each backend and reason, with the networks that it holds for."""
    groups: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        groups.setdefault((fault["backend"], fault["reason"]), []).append(fault["network"])
    return [
        f"{backend} ({', '.join(networks)}): {reason}"
        for (backend, reason), networks in groups.items()
    ]


def _show_layers(layers: Mapping[str, Sequence[Record]]) -> None:
    for name, rows in layers.items():
        say(f"{name}: the least time of each layer at the machine's ceilings, in float32")
        table = _table(["layer", "operation", "output", "MMACs", "MB", "ms", "by"], left=3)
        for row in rows:
            shape = "x".join(map(str, row["shape"][1:]))
            amounts = (row["macs"] / 1e6, row["bytes"] / 1e6, row["bound_ms"])
            told = (f"{amount:.3g}" if amount else "0" for amount in amounts)
            named = (_end_of(row["layer"].removeprefix("network."), 24), row["operation"][:12])
            table.add_row(*named, shape, *told, row["bound_by"])
        OUT.print(table)


def _end_of(text: str, most: int) -> str:
    """The last characters: where in a network a layer is shows at the end of its name."""
    return text if len(text) <= most else f"…{text[1 - most :]}"


def _show_profiles(rows: Iterable[Record]) -> None:
    for row in rows:
        if not row["profile"]:
            continue
        say(f"{row['network']} in {row['backend']}: what the time goes to")
        table = _table(["operation", "% of the time", "ms a run", "calls a run"])
        for part in row["profile"]:
            share, calls = f"{100 * part['share']:.1f}", f"{part['calls']:.0f}"
            table.add_row(part["operation"][:48], share, f"{part['ms']:.3f}", calls)
        OUT.print(table)


def _table(heads: Sequence[str], left: int = 1) -> Table:
    """An open table whose first columns hold words and the others numbers."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    for position, head in enumerate(heads):
        words = position < left
        table.add_column(head, justify="left" if words else "right", no_wrap=words)
    return table


def ceilings_line(ceilings: Record, where: Record) -> str:
    """What the machine is, and what it can do at most."""
    rates = ", ".join(
        f"{rate / 1e9:,.0f} GMAC/s in {name}" for name, rate in ceilings["macs_per_second"].items()
    )
    bandwidth = f"{ceilings['bytes_per_second'] / 1e9:,.1f} GB/s copied"
    if where["gpu"]:
        return f"{where['gpu']}: {rates}, {bandwidth}"
    return f"{where['processor']}, {counted(where['threads'], 'thread')}: {rates}, {bandwidth}"


def noise_warning(record: Record) -> str | None:
    """What is wrong with the numbers, where the spread says that something is."""
    spreads = [row["spread"] for each in record["comparisons"] for row in each["rows"]]
    noisy = sum(spread > NOISY for spread in spreads)
    if not noisy:
        return None
    load = record["load_average"][0]
    busy = f" (load average {load} before it began)" if load is not None else ""
    return (
        f"the machine was busy{busy}: {noisy} of {counted(len(spreads), 'median')} spread by more "
        f"than {100 * NOISY:.0f} %, those marked with !. These numbers are worthless: stop what "
        f"else runs, and measure again."
    )


def throughput_cells(row: Record) -> dict[str, str]:
    """A row of `training_throughput` as text; memory where it was measured."""
    cells = {
        "setting": row["setting"],
        "images/s": f"{row['images_per_second']:.2f}",
        "input/forward/backward %": phase_shares(row),
        "minutes": f"{row['minutes_estimated']:.0f}",
    }
    memory = row["peak_memory_mib"]
    return cells if memory is None else cells | {"peak MiB": f"{memory:,}"}


def phase_shares(row: Record) -> str:
    """`4 / 28 / 67`: input, forward and backward in %; a dash for what cannot be told."""
    shares = (row[f"{phase}_share"] for phase in ("input", "forward", "backward"))
    return " / ".join("-" if share is None else f"{100 * share:.0f}" for share in shares)
