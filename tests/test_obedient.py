"""The way to a program in another environment and back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mfpnet.errors import MfpnetError
from obedient import Obedient

PROGRAM = """
import json, os, sys
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "fail":
        answer = {"error": "ValueError: no such runner"}
    elif command["do"] == "end":
        print("what went wrong", file=sys.stderr)
        sys.exit(3)
    else:
        answer = {"given": command, "variable": os.environ.get("MFPNET_TEST")}
    print(json.dumps(answer), flush=True)
"""


def program(tmp_path: Path) -> Obedient:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return Obedient([sys.executable, str(path)], {"MFPNET_TEST": "here"})


def test_commands_are_answered_in_turn(tmp_path: Path) -> None:
    with program(tmp_path) as child:
        for number in range(3):
            answer = child.ask("count", number=number)
            assert answer == {"given": {"do": "count", "number": number}, "variable": "here"}


def test_a_failure_is_told_and_the_program_goes_on(tmp_path: Path) -> None:
    with program(tmp_path) as child:
        with pytest.raises(MfpnetError, match="failed at 'fail': ValueError: no such runner"):
            child.ask("fail")
        assert child.ask("count")["given"] == {"do": "count"}


def test_an_ended_program_is_told_with_its_last_words(tmp_path: Path) -> None:
    with program(tmp_path) as child:
        with pytest.raises(MfpnetError, match=r"(?s)status 3 at 'end'.*what went wrong"):
            child.ask("end")
        with pytest.raises(MfpnetError, match="ended with status 3 at 'count'"):
            child.ask("count")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"cannot start '.*nothing': No such file"):
        Obedient([str(tmp_path / "nothing")], {})
