"""One process at a time in a run's folder: two would write over each other's checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.files import check_writable

LOCK_FILE = ".lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder while the block goes on; within it this one may again.

    The lock ends with the process, however that ends. The folder is made where it is missing; of
    what was made here nothing stays that is empty in the end.

    Raises:
        MfpnetError: another process is in it, or it cannot be written to.
    """
    from filelock import FileLock, Timeout  # what only looks for help need not wait for it

    # One lock a process: who holds it already passes.
    lock = FileLock(folder.absolute() / LOCK_FILE, timeout=0, is_singleton=True)
    if lock.is_locked:
        yield
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    check_writable(folder / LOCK_FILE)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise MfpnetError(
            f"a run that has not ended is at work in '{folder}': wait for it, or choose another "
            f"folder with --out."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK_FILE).unlink()
        lock.release()
        with suppress(OSError):
            for each in missing:
                each.rmdir()
