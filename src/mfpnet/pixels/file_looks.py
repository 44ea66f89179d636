"""What picture files look like, without decoding all that is in them."""

from __future__ import annotations

import functools
from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.pixels.bands import read_view
from mfpnet.pixels.likeness import SIDE, Looks, look_of
from mfpnet.pixels.pictures import opened, picture_to_rgb, readable

# A JPEG decoder can leave out what only sizes beyond this need.
_ENOUGH = (8 * SIDE, 8 * SIDE)


def look_of_file(path: Path) -> Looks | None:
    """What a picture file looks like: (768,), or None where it cannot be read.

    Who reads the file for good says what is wrong with it. A file that has not changed is read
    once in a process.
    """
    try:
        state = path.stat()
        return _look(path, state.st_size, state.st_mtime_ns)
    except (OSError, MfpnetError):
        return None


@functools.lru_cache(maxsize=20_000)
def _look(path: Path, size: int, modified: int) -> Looks:
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        return look_of(read_view(path))
    with readable(path), opened(path) as picture:
        picture.draft("RGB", _ENOUGH)
        return look_of(picture_to_rgb(picture))
