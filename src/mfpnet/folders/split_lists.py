"""Lists of names in text files: which frames a split has, and perhaps their masks."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.folders.names import SPLIT_OF, shown

# Deeper folders are of no use to tell frames apart, and cost memory.
_MOST_FOLDERS = 6


@dataclass(frozen=True)
class Line:
    """A line that says something.

    Attributes:
        place: file and number, for messages.
        text: without the white space around it.
    """

    place: str
    text: str

    def columns(self) -> Iterator[tuple[str, str]]:
        """Every way to read it as two columns: tab, comma or spaces between them."""
        for sign in re.finditer(r"\t+|\s*[,;]\s*| +", self.text):
            yield self.text[: sign.start()].strip(), self.text[sign.end() :].strip()


def split_of_list(name: str) -> str | None:
    """The split of `train.txt`, `val_list.txt` and the like; None for other files."""
    stem, _, suffix = name.lower().rpartition(".")
    word = stem.removesuffix("_list").removeprefix("list_")
    return SPLIT_OF.get(word) if suffix == "txt" else None


def read_list(path: Path) -> list[Line]:
    """The lines of a list, without blank ones and those that begin with `#`.

    Takes UTF-8 with or without a byte order mark, UTF-16 with one, any line ends, names that are
    not UTF-8, and names in double quotes as JSON has them.

    Raises:
        MfpnetError: the file cannot be read, or a quoted name is broken.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MfpnetError(f"cannot read '{shown(path)}': {error.strerror}.") from error
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if wide else "utf-8-sig", "replace" if wide else "surrogateescape")
    lines = enumerate(re.split(r"\r\n|\n|\r", text), start=1)
    found = (Line(f"{shown(path)}, line {number}", line.strip()) for number, line in lines)
    return [_unquoted(line) for line in found if line.text and not line.text.startswith("#")]


def list_text(names: Iterable[str]) -> bytes:
    """The content of a list; `read_list` gives the same names back, whatever is in them."""
    return "".join(f"{_quoted(name)}\n" for name in names).encode()


def _quoted(name: str) -> str:
    plain = name.isprintable() and name == name.strip() and not name.startswith(("#", '"'))
    return name if plain and name else json.dumps(name)


def _unquoted(line: Line) -> Line:
    if not (line.text.startswith('"') and line.text.endswith('"')):
        return line
    try:
        return Line(line.place, str(json.loads(line.text)))
    except ValueError as error:
        raise MfpnetError(f"{line.place}: {line.text} is a broken quoted name.") from error


class Index:
    """Finds what a line names: by name, path, end of a path, file name or stem.

    Args:
        names: the own name of each entry, and its file's path.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._own: dict[str, int] = {}
        self._others: dict[str, set[int]] = {}
        for number, (name, path) in enumerate(names):
            self._own.setdefault(name, number)
            for alias in (*_tails(name), *_tails(path)):
                self._others.setdefault(alias, set()).add(number)

    def find(self, text: str, place: str) -> int | None:
        """The number of the entry that is meant, or None.

        Raises:
            MfpnetError: several could be meant.
        """
        if text in self._own:
            return self._own[text]
        asked = _normal(text)
        found = self._others.get(asked) or self._others.get(_without_suffix(asked), set())
        if len(found) > 1:
            raise MfpnetError(
                f"{place}: '{shown(text)}' could be any of {len(found)} files. Write its folder "
                f"before it."
            )
        return next(iter(found), None)


def _tails(path: str) -> Iterator[str]:
    """A path, and what is left of it without its first folders; with and without its suffix."""
    parts = _normal(path).split("/")
    for start in range(max(len(parts) - _MOST_FOLDERS, 0), len(parts)):
        tail = "/".join(parts[start:])
        yield tail
        yield _without_suffix(tail)


def _without_suffix(path: str) -> str:
    return re.sub(r"(?<=[^/])\.[A-Za-z]{3,4}$", "", path)


def _normal(text: str) -> str:
    parts = unicodedata.normalize("NFC", text).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))
