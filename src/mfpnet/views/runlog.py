"""What a run tells while it goes: metrics.jsonl, TensorBoard if asked for, and a progress bar."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from mfpnet.errors import MfpnetError, missing_extra
from mfpnet.files import write_atomically

METRICS_FILE = "metrics.jsonl"
TENSORBOARD_FOLDER = "tensorboard"


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
        self._rewrite()
        self._events = _event_writer(folder) if tensorboard else None

    def add(self, record: dict[str, Any]) -> None:
        """Append an epoch's numbers; `epoch` counts from 1."""
        self.records.append(record)
        try:
            with self.path.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
        except OSError as error:
            raise MfpnetError(f"cannot write '{self.path}': {error.strerror}.") from error
        self._tell_tensorboard(record, record["epoch"])

    def amend(self, values: dict[str, Any]) -> None:
        """Add values to the last epoch's record."""
        self.records[-1] |= values
        self._rewrite()
        self._tell_tensorboard(values, self.records[-1]["epoch"])

    def _rewrite(self) -> None:
        text = "".join(json.dumps(record) + "\n" for record in self.records)
        write_atomically(self.path, text.encode())

    def _tell_tensorboard(self, values: dict[str, Any], epoch: int) -> None:
        if self._events:
            for key in {"loss", "lr", "images_per_second", "miou"} & set(values):
                self._events.add_scalar(key, values[key], epoch)
            self._events.flush()


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
    return SummaryWriter(str(folder / TENSORBOARD_FOLDER))


class Bar:
    """How far a piece of work is.

    Attributes:
        total: its steps.
        done: how many of them are over.
        text: what stands behind the percentage; the time left where nothing else is told.
    """

    def __init__(self, total: int, done: int, redraw: Callable[[Bar], None] | None = None) -> None:
        self.total, self.done, self.text = total, done, ""
        self._first, self._begun, self._redraw = done, time.perf_counter(), redraw

    @property
    def percent(self) -> str:
        """`7%`."""
        return f"{100 * self.done // max(self.total, 1)}%"

    def advance_to(self, done: int, text: str = "") -> None:
        """To a number of steps."""
        self.done = done
        self.text = text or self._time()
        if self._redraw:
            self._redraw(self)

    def advance(self, text: str = "") -> None:
        """One step further."""
        self.advance_to(self.done + 1, text)

    def _time(self) -> str:
        taken = time.perf_counter() - self._begun
        if self.done >= self.total:
            return f"took {format_seconds(taken)}"
        left = taken * (self.total - self.done) / max(self.done - self._first, 1)
        return f"{format_seconds(left)} left"


@contextmanager
def progress_bar(console: Console, title: str, total: int, *, done: int = 0) -> Iterator[Bar]:
    """A bar with a title, a percentage and a text that fit in 80 columns; one line in a log."""
    if not console.is_terminal:
        bar = Bar(total, done)
        try:
            yield bar
        finally:
            line = f"{title}  {bar.percent}  {bar.text}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        # The only column that may shrink: a bar gets what the facts leave of the line.
        BarColumn(bar_width=None, table_column=Column(max_width=24)),
        TextColumn("{task.percentage:.0f}%"),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        task = progress.add_task(title, total=total, completed=done, text="")
        yield Bar(total, done, lambda b: progress.update(task, completed=b.done, text=b.text))


def format_seconds(seconds: float) -> str:
    """`45 s`, `12 min`, `2 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
