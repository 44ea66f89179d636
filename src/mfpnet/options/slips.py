"""Slips of a command line that the parser would pass over in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from mfpnet.errors import MfpnetError


def check_once(given: Sequence[str]) -> None:
    """Refuse an option given twice: the parser would take the last one.

    Raises:
        MfpnetError: an option is given twice.
    """
    for name, times in Counter(filter(None, map(_option, given))).items():
        if times > 1:
            raise MfpnetError(
                f"{name} is given {times} times: write it once. Where it takes several values they "
                f"follow each other, as in {name} A B."
            )


def check_not_empty(given: Sequence[str], verbs: Any) -> None:
    """Refuse a list without a value: `--only` alone would be everything, not nothing.

    Args:
        given: words of the command line.
        verbs: union of dataclasses, the options of the verbs.

    Raises:
        MfpnetError: an option that takes several values has none.
    """
    lists = set(_lists(verbs))
    for word, following in zip(given, [*given[1:], "--"], strict=False):
        if word.replace("_", "-") in lists and following.startswith("--"):
            raise MfpnetError(f"{word} has no value: give one or more behind it, or leave it out.")


def _option(word: str) -> str:
    return word.partition("=")[0].replace("_", "-") if word.startswith("--") else ""


def _lists(hint: Any) -> Iterator[str]:
    """Options that take any number of values, of a dataclass or of all in a type."""
    if not (isinstance(hint, type) and is_dataclass(hint)):
        for part in get_args(hint):
            yield from _lists(part)
        return
    for field, kind in get_type_hints(hint, include_extras=True).items():
        if _is_list(kind):
            renamed = [extra.name for extra in get_args(kind)[1:] if getattr(extra, "name", None)]
            yield "--" + (renamed[0] if renamed else field).replace("_", "-")
        else:
            yield from _lists(kind)


def _is_list(kind: Any) -> bool:
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    return get_origin(kind) is tuple and Ellipsis in get_args(kind)
