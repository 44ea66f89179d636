"""Where a verb's record goes: to a file that was seen to be writable first, or to the output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mfpnet.files import check_writable, read_json
from mfpnet.views.show import say


def recorded(verb: Callable[[Any], int], options: Any) -> int:
    """Run a verb whose `--json` names a file; `-` is one line on the standard output.

    With `-`, what the verb tells goes to the standard error, so that a pipe gets the record alone.

    Raises:
        MfpnetError: the file cannot be written, before anything is done; or as the verb.
    """
    path: Path | None = options.json_file
    if path == Path("-"):
        return _printed(verb, options)
    if path:
        check_writable(path)
    return verb(options)


def _printed(verb: Callable[[Any], int], options: Any) -> int:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        try:
            with redirect_stdout(sys.stderr):
                return verb(replace(options, json_file=path))
        finally:  # a verb can fail after it wrote: at a picture, or when it is stopped
            if path.exists():
                say(json.dumps(read_json(path), ensure_ascii=False))
