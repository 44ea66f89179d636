"""What each verb of deployment does with its options: call the function of its name, print it."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any

from mfpnet import deploy_options as given
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.options import check_at_least, parse_size
from mfpnet.show import say, show_rows, warn


def benchmark(options: given.BenchmarkOptions) -> int:
    """`mfpnet benchmark`."""
    from mfpnet.throughput import EPOCH_FRAMES, EPOCHS, training_throughput

    if not options.batch_size:
        raise MfpnetError("--batch-size names no size: give one or more, as in 8 16.")
    smallest = min(options.batch_size)
    check_at_least(1, batch_size=smallest, rounds=options.rounds, threads=options.threads)
    size = parse_size(options.size, "--size")
    if min(size) < 32:
        raise MfpnetError(f"--size is '{options.size}': at least 32x32.")
    record = training_throughput(
        size=size,
        batch_sizes=options.batch_size,
        device=options.device,
        threads=options.threads,
        rounds=options.rounds,
        compiled=options.compiled,
        only=options.only,
    )
    for (variant, batch_size), rows in groupby(record["rows"], itemgetter("variant", "batch_size")):
        say(f"{variant}, batch {batch_size}")
        cells = [_throughput_cells(row) for row in rows]
        show_rows(cells, tuple(cells[0]))
    for fault in record["failed"]:
        warn("{variant}, batch {batch_size}, {setting}: {reason}".format(**fault))
    say(f"minutes: estimated for {EPOCHS} epochs of {EPOCH_FRAMES} frames")
    if options.json_file:
        write_json(options.json_file, record)
    return 0


def _throughput_cells(row: dict[str, Any]) -> dict[str, str]:
    shares = (row[f"{phase}_share"] for phase in ("input", "forward", "backward"))
    cells = {
        "setting": row["setting"],
        "images/s": f"{row['images_per_second']:.2f}",
        "input/forward/backward %": " / ".join(f"{100 * share:.0f}" for share in shares),
        "minutes": f"{row['minutes_estimated']:.0f}",
    }
    memory = row["peak_memory_mib"]
    return cells if memory is None else cells | {"peak MiB": f"{memory:,}"}
