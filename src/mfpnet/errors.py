"""The one exception a user is meant to read, and the sentences that recur in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MfpnetError(Exception):
    """A problem the user can fix.

    The text names the file or option, what was found and what to do. The command line prints it
    without a traceback and ends with `exit_status`.
    """

    exit_status = 2


def unknown_name(kind: str, name: str, known: Iterable[str]) -> MfpnetError:
    """An error for a misspelt name: what kind it is, the nearest known one, and all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return MfpnetError(f"unknown {kind} '{name}'.{hint} Known: {', '.join(names) or 'none'}.")


def missing_extra(extra: str, feature: str) -> MfpnetError:
    """An error for an optional dependency that is not installed: the feature and the extra."""
    return MfpnetError(
        f"{feature} needs an optional package: pip install 'mfpnet[{extra}]', or '.[{extra}]' in a "
        f"checkout."
    )
