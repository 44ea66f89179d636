"""`mfpnet benchmark` from the command line, on a network made tiny."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfpnet.cli import main, parse
from mfpnet.errors import MfpnetError
from mfpnet.options.deploy import BenchmarkOptions
from samples import small_and_fast

SMALL = ("benchmark", "tiny", "--size", "64x96", "--rounds", "2", "--threads", "1")
QUICK = ("--only", "eager", "inference", "--device", "cpu")
PEER = """
from torch import nn

def narrow(num_classes):
    return nn.Conv2d(3, num_classes, 3, stride=2, padding=1)
"""


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path) -> Iterator[None]:
    with small_and_fast() as patch:
        patch.setattr("mfpnet.measuring.ceilings._SIDES_CPU", (256,))
        patch.setattr("mfpnet.measuring.ceilings._COPIED_CPU", 2**22)
        patch.setattr("mfpnet.measuring.endtoend._DRAWN_SIZE", (96, 128))
        patch.chdir(tmp_path)
        yield


def mfpnet(*arguments: str) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def test_it_prints_draws_and_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "others.py").write_text(PEER)
    extras = ("--picture", "bars.svg", "--json", "record.json", "--against", "others:narrow")
    assert mfpnet(*SMALL, *QUICK, *extras) == 0
    record: dict[str, Any] = json.loads(Path("record.json").read_text("utf-8"))
    rows = record["comparisons"][0]["rows"]
    assert [(row["network"], row["backend"]) for row in rows] == [
        ("tiny", "eager"),
        ("tiny", "inference"),
        ("others:narrow", "eager"),
        ("others:narrow", "inference"),
    ]
    printed = capsys.readouterr().out
    assert "side by side, 64x96, batch 1" in printed
    assert "others:narrow, 64x96, batch 1: 532 parameters" in printed  # 19 x (3 x 9 + 1)
    assert "<!-- narrow -->" in Path("bars.svg").read_text("utf-8")


def test_a_record_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet(*SMALL, *QUICK, "--model-only", "--json", "-") == 0
    told = capsys.readouterr()
    record = json.loads(told.out)
    assert told.out.count("\n") == 1
    assert "tiny, 64x96, batch 1" in told.err
    assert "\n64x96, batch 1: starting tiny in eager ...\n" in told.err
    assert record["environment"]["threads"] == 1
    assert record["comparisons"][0]["rows"][0]["end_to_end"] is None


def test_the_way_of_a_picture_of_ones_own(tmp_path: Path) -> None:
    assert mfpnet("data", "draw", "--scenes", "1", "--scene-size", "64x64", "--out", "scenes") == 0
    pictures = ("--end-to-end", "scenes/train", "--json", "record.json")
    assert mfpnet(*SMALL, *QUICK, *pictures) == 0
    record = json.loads(Path("record.json").read_text("utf-8"))
    assert record["comparisons"][0]["rows"][0]["end_to_end"]["median_ms"] > 0


def test_pictures_of_a_way_that_is_left_out_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert mfpnet(*SMALL, *QUICK, "--model-only", "--end-to-end", "nothing.png") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert (
        "--model-only leaves out the way that --end-to-end names pictures for: give one of" in told
    )


def test_a_picture_that_is_none_is_known_before_anything_is_timed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.jpg").write_text("no picture")
    assert mfpnet(*SMALL, *QUICK, "--end-to-end", "bad.jpg") == 2
    told = capsys.readouterr().err
    assert "'bad.jpg'" in told
    assert "what the machine can do" not in told


def test_a_record_is_written_before_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(record: object, path: Path) -> None:
        raise MfpnetError("the disk is full")

    monkeypatch.setattr("mfpnet.commands.benchmark_verb.latency_bars", fails)
    extras = ("--model-only", "--picture", "bars.svg", "--json", "record.json")
    assert mfpnet(*SMALL, *QUICK, *extras) == 2
    assert json.loads(Path("record.json").read_text("utf-8"))["comparisons"][0]["rows"]


def test_names_come_before_or_after_the_options() -> None:
    for line in ("a b --size 64x64 96x96 --against c:d", "--against c:d --size 64x64 96x96 -- a b"):
        try:
            options = parse(["benchmark", *line.split()])
        except SystemExit:
            pytest.fail(line)
        assert isinstance(options, BenchmarkOptions)
        assert (options.networks, options.against) == (("a", "b"), ("c:d",))
        assert options.size == ("64x64", "96x96")
