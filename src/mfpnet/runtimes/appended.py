"""A manifest at the end of a file whose format has no place for one."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from mfpnet.files import atomic_path
from mfpnet.runtimes.manifest import MANIFEST_FILE, Manifest

# Of the entry in the archive, so that the same network gives the same bytes.
_WRITTEN = (1980, 1, 1, 0, 0, 0)


def write_with_manifest(path: Path, manifest: Manifest, write: Callable[[Path], object]) -> None:
    """Write a file by `write`, and a zip archive with the manifest behind its last byte.

    Readers of such formats know where their part ends; an archive is found from its end.
    `manifest.manifest_in_zip` reads it.

    Raises:
        MfpnetError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        write(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(zipfile.ZipInfo(MANIFEST_FILE, _WRITTEN), manifest.to_json())
