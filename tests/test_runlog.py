from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from mfpnet.errors import MfpnetError
from mfpnet.views import runlog
from mfpnet.views.runlog import METRICS_FILE, MetricsLog, format_seconds, progress_bar, read_metrics

RECORDS = [{"epoch": epoch, "loss": 1 / epoch} for epoch in (1, 2, 3)]


def written(folder: Path) -> Path:
    log = MetricsLog(folder)
    for record in RECORDS:
        log.add(record)
    return folder / METRICS_FILE


def test_records_come_back(tmp_path: Path) -> None:
    assert read_metrics(written(tmp_path)) == RECORDS
    assert read_metrics(tmp_path / "none.jsonl") == []


def test_new_run_starts_an_empty_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    MetricsLog(tmp_path)
    assert path.read_bytes() == b""


def test_resumed_run_keeps_what_its_checkpoint_has_seen(tmp_path: Path) -> None:
    path = written(tmp_path)
    log = MetricsLog(tmp_path, keep_epochs=2)
    assert log.records == read_metrics(path) == RECORDS[:2]


def test_half_written_line_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    log = MetricsLog(tmp_path, keep_epochs=3)
    log.add(RECORDS[2])
    assert read_metrics(path) == RECORDS


def test_last_record_is_amended(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, keep_epochs=3)
    for record in RECORDS:
        log.add(record)
    log.amend({"miou": 0.5})
    assert read_metrics(tmp_path / METRICS_FILE) == [*RECORDS[:2], {**RECORDS[2], "miou": 0.5}]


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path)
    log.path.unlink()
    log.path.mkdir()
    with pytest.raises(MfpnetError, match=r"cannot write '.*metrics.jsonl'"):
        log.add(RECORDS[0])


class Events:
    """What TensorBoard is told."""

    def __init__(self) -> None:
        self.scalars: list[tuple[str, float, int]] = []

    def add_scalar(self, key: str, value: float, step: int) -> None:
        self.scalars.append((key, value, step))

    def flush(self) -> None:
        pass


def test_tensorboard_gets_every_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = Events()
    monkeypatch.setattr(runlog, "_event_writer", lambda folder: events)
    log = MetricsLog(tmp_path, tensorboard=True)
    log.add({"epoch": 1, "loss": 0.5, "lr": 1e-3, "images_per_second": 9.0, "miou": 0.25})
    assert sorted(events.scalars) == [
        ("images_per_second", 9.0, 1),
        ("loss", 0.5, 1),
        ("lr", 1e-3, 1),
        ("miou", 0.25, 1),
    ]


def test_missing_tensorboard_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MfpnetError, match=r"TensorBoard.*mfpnet\[log\]"):
        MetricsLog(tmp_path, tensorboard=True)


def test_progress_tells_what_it_does() -> None:
    out = io.StringIO()
    with progress_bar(Console(file=out, width=120), "epoch 1/2", 4, done=1) as bar:
        bar.advance("loss 2.0")
        bar.advance_to(4, "loss 1.5")
    assert "epoch 1/2" in out.getvalue()
    assert "100%" in out.getvalue()
    assert "loss 1.5" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_seconds_are_readable(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
