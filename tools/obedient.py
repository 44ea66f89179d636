"""A program that answers commands, each a line of JSON, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from mfpnet.errors import MfpnetError

_LINES = 12


class Obedient:
    """A running program: `with Obedient(command) as program: program.ask("ping")`.

    Args:
        command: the program and its arguments.
        environment: variables beside those of this process.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = Path(command[0]).name
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the program runs
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                env=os.environ | dict(environment),
            )
        except OSError as error:
            self._words.close()
            raise MfpnetError(f"cannot start '{command[0]}': {error.strerror}.") from error

    def __enter__(self) -> Obedient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._words.close()

    def ask(self, do: str, **command: Any) -> dict[str, Any]:
        """Give a command and wait for its answer.

        Raises:
            MfpnetError: the program ended, or the command failed; the text has its reason.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **command}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended(do) from None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended(do)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MfpnetError(f"{self.name} failed at '{do}': {answer['error']}")
        return answer

    def _ended(self, do: str) -> MfpnetError:
        status = self._process.wait()
        self._words.seek(0)
        last = self._words.read().decode("utf-8", "replace").splitlines()[-_LINES:]
        said = "\n".join(["", *(f"  {line}" for line in last)])
        return MfpnetError(f"{self.name} ended with status {status} at '{do}':{said}")
