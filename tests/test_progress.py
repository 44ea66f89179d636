"""Progress at 80 columns, and in a log file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mfpnet.data.source import DataSource
from mfpnet.recipes import Recipe
from mfpnet.train import train
from mfpnet.training.runs import RunConfig
from mfpnet.views.runlog import progress_bar

LONGEST = "loss 12.345  lr 2.3e-03  12.7 images/s  12 h 05 min left"
CONFIG = RunConfig(
    "mfpnet_fast",
    "tiny",
    Recipe(epochs=2, batch_size=2, crop_size=(32, 64)),
    DataSource("synthetic", "train", count=4, size=(64, 64)),
    threads=1,
)


def terminal(width: int = 80) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, force_terminal=True, color_system=None), out


def lines(out: io.StringIO) -> list[str]:
    """What a terminal showed, frame after frame, without its control sequences."""
    shown = out.getvalue().replace("\r", "\n").replace("\x1b", "\n\x1b")
    plain = (
        line.split("K", 1)[-1] if line.startswith("\x1b[2K") else line for line in shown.split("\n")
    )
    return [line.rstrip() for line in plain if line and not line.startswith("\x1b")]


@pytest.mark.parametrize("width", [80, 120])
def test_longest_line_is_not_squeezed(width: int) -> None:
    console, out = terminal(width)
    with progress_bar(console, "epoch 123/1000", 40, done=7) as bar:
        bar.advance_to(18, LONGEST)
    (last,) = [line for line in lines(out) if LONGEST in line][-1:]
    assert last.startswith("epoch 123/1000 ")
    assert " 45% " in last
    assert "…" not in out.getvalue()
    assert max(map(len, lines(out))) <= width


def test_bar_is_as_wide_as_there_is_room() -> None:
    def bar_width(title: str, text: str) -> int:
        console, out = terminal()
        with progress_bar(console, title, 2) as bar:
            bar.advance_to(2, text)
        return lines(out)[-1].count("━")

    assert bar_width("short", "text") == 24
    assert 1 <= bar_width("epoch 123/1000", LONGEST) < 24


def test_time_is_told_where_there_is_no_text() -> None:
    console, out = terminal()
    with progress_bar(console, "reading camvid train", 2) as bar:
        bar.advance()
        assert bar.text == "0 s left"
        bar.advance()
    assert lines(out)[-1].endswith("100% took 0 s")


def test_log_file_gets_one_line() -> None:
    out = io.StringIO()
    with progress_bar(Console(file=out, width=80), "epoch 123/1000", 40) as bar:
        for step in range(1, 41):
            bar.advance_to(step, LONGEST)
    assert out.getvalue() == f"epoch 123/1000  100%  {LONGEST}\n"
    assert len(out.getvalue()) < 110


def test_log_file_gets_its_line_after_an_error_too() -> None:
    out = io.StringIO()
    with pytest.raises(KeyError), progress_bar(Console(file=out), "[b]reading[/b]", 4) as bar:  # noqa: PT012
        bar.advance("text")
        raise KeyError
    assert out.getvalue() == "[b]reading[/b]  25%  text\n"


def test_training_shows_its_facts(tmp_path: Path) -> None:
    console, out = terminal()
    train(CONFIG, tmp_path / "run", console=console)
    shown = [line for line in lines(out) if line.startswith("epoch 2/2") and "100%" in line]
    for fact in ("loss ", "lr ", " images/s", " left"):
        assert fact in shown[-1]
    assert "…" not in out.getvalue()
    assert max(map(len, lines(out))) <= 80
