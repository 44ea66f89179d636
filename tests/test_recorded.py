"""Where a verb's record goes, and that a bad place is known before the work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from mfpnet.commands.recorded import recorded
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.views.show import say


@dataclass(frozen=True)
class Options:
    json_file: Path | None = None


def verb(options: Options) -> int:
    say("at work")
    if options.json_file:
        write_json(options.json_file, {"found": "ä", "values": [1, 2]})
    return 1


def never(options: Options) -> int:
    pytest.fail("work was begun")


def test_a_file_gets_the_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "record.json"
    assert recorded(verb, Options(path)) == 1
    assert json.loads(path.read_text("utf-8"))["found"] == "ä"
    assert recorded(verb, Options()) == 1
    assert capsys.readouterr().out == "at work\n" * 2


def test_a_pipe_gets_the_record_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert recorded(verb, Options(Path("-"))) == 1
    told = capsys.readouterr()
    assert told.out == '{"found": "ä", "values": [1, 2]}\n'
    assert told.err == "at work\n"


def test_a_record_survives_what_comes_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    def failing(options: Options) -> int:
        verb(options)
        raise MfpnetError("the disk is full")

    with pytest.raises(MfpnetError, match="the disk is full"):
        recorded(failing, Options(Path("-")))
    assert json.loads(capsys.readouterr().out)["values"] == [1, 2]


def test_what_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MfpnetError, match=r"cannot write '.*record\.json'"):
        recorded(never, Options(tmp_path / "file" / "record.json"))
    with pytest.raises(MfpnetError, match="it is a folder"):
        recorded(never, Options(tmp_path))


def test_nothing_is_left_of_the_look(tmp_path: Path) -> None:
    def failing(options: Options) -> int:
        raise MfpnetError("no such weights")

    with pytest.raises(MfpnetError, match="no such weights"):
        recorded(failing, Options(tmp_path / "a" / "b" / "record.json"))
    assert not list(tmp_path.iterdir())
