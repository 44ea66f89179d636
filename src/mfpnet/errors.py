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


def unknown_name(
    kind: str, name: str, known: Iterable[str], *, likeness: float = 0.5
) -> MfpnetError:
    """An error for a misspelt name: what kind it is, the nearest known one, and all of them.

    Args:
        kind: what it should be the name of.
        name: what was given.
        known: what there is.
        likeness: 0 to 1, how near a known name must be to be what was meant.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=likeness)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return MfpnetError(f"unknown {kind} '{name}'.{hint} Known: {', '.join(names) or 'none'}.")


def missing_extra(extra: str, feature: str) -> MfpnetError:
    """An error for an optional dependency that is not installed: the feature and the extra."""
    return MfpnetError(
        f"{feature} needs an optional package: pip install 'mfpnet[{extra}]', or '.[{extra}]' in a "
        f"checkout."
    )
