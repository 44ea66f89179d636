"""Memory that a step frees is kept for the next step instead of going back to the system.

A step on a CPU frees and asks again for a hundred megabytes, in pieces that glibc by default gets
from the system each time: 24,000 pages to be cleared, 7 % of a step (docs/log.md).
"""

from __future__ import annotations

import ctypes

# glibc's names for them in malloc.h, and the largest values that it takes.
_M_TRIM_THRESHOLD, _MOST_KEPT = -1, 2**31 - 1
_M_MMAP_THRESHOLD, _LARGEST_PIECE = -3, 32 * 2**20


def keep_freed_memory() -> None:
    """For the rest of the process, with glibc; with other libraries nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no such function, or no such library
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_PIECE)
    mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
