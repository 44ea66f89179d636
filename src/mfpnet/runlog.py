"""What a run tells while it goes: metrics.jsonl, TensorBoard if asked for, and a progress bar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mfpnet.errors import MfpnetError, missing_extra
from mfpnet.files import write_atomically

METRICS_FILE = "metrics.jsonl"


class MetricsLog:
    """One JSON line an epoch in `metrics.jsonl`, and the same numbers in TensorBoard.

    Args:
        folder: the run's folder.
        keep_epochs: lines of later epochs are dropped: a resumed run writes them again.
        tensorboard: write events too; needs the extra `log`.
    """

    def __init__(self, folder: Path, *, keep_epochs: int = 0, tensorboard: bool = False) -> None:
        self.path = folder / METRICS_FILE
        self.records = [r for r in read_metrics(self.path) if r["epoch"] <= keep_epochs]
        text = "".join(json.dumps(record) + "\n" for record in self.records)
        write_atomically(self.path, text.encode())
        self._events = _event_writer(folder) if tensorboard else None

    def add(self, record: dict[str, Any]) -> None:
        """Append an epoch's numbers; `epoch` counts from 1."""
        self.records.append(record)
        try:
            with self.path.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
        except OSError as error:
            raise MfpnetError(f"cannot write '{self.path}': {error.strerror}.") from error
        if self._events:
            for key in ("loss", "learning_rate", "images_per_second", "miou"):
                if key in record:
                    self._events.add_scalar(key, record[key], record["epoch"])
            self._events.flush()

    def amend(self, values: dict[str, Any]) -> None:
        """Add values to the last epoch's record."""
        last = {**self.records.pop(), **values}
        text = "".join(json.dumps(record) + "\n" for record in self.records)
        write_atomically(self.path, text.encode())
        self.add(last)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a metrics file, none where there is none; a half-written end is left out."""
    records: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return records


def _event_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise missing_extra("log", "TensorBoard logging") from error
    return SummaryWriter(str(folder / "tensorboard"))


class Bar:
    """A running progress bar; `advance` moves it by a step and shows what is passed as text."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress, self._task = progress, task

    def advance_to(self, done: int, text: str = "") -> None:
        """To a number of steps."""
        self._progress.update(self._task, completed=done, text=text)

    def advance(self, text: str = "") -> None:
        """One step further."""
        self._progress.update(self._task, advance=1, text=text)


@contextmanager
def progress_bar(console: Console, title: str, total: int, *, done: int = 0) -> Iterator[Bar]:
    """A bar with a title, a percentage, time taken, time left and a text; one line in a log."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        yield Bar(progress, progress.add_task(title, total=total, completed=done, text=""))


def format_seconds(seconds: float) -> str:
    """`45 s`, `12 min`, `2 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
