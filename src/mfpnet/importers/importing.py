"""`mfpnet data import`: one importer for each format, one folder made of what it read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mfpnet.errors import MfpnetError
from mfpnet.files import check_free
from mfpnet.importers.coco import import_coco
from mfpnet.importers.colours import import_camvid32, import_colours
from mfpnet.importers.imported import Import, check_pictures, write_import
from mfpnet.importers.labelme import import_labelme
from mfpnet.importers.yolo import import_yolo
from mfpnet.options.importing import Format, ImportOptions

IMPORTERS: dict[Format, Callable[[ImportOptions], Import]] = {
    "coco": import_coco,
    "labelme": import_labelme,
    "yolo": import_yolo,
    "colours": import_colours,
    "camvid32": import_camvid32,
}
# Options that mean something to some formats only, and what they are when left out.
_ONLY_FOR: dict[str, tuple[Format, ...]] = {
    "images": ("coco", "labelme"),
    "classes": ("labelme", "yolo", "colours"),
    "overlap": ("coco", "labelme", "yolo"),
    "background": ("coco", "labelme", "yolo"),
    "crowd": ("coco",),
    "boxes": ("yolo",),
    "line_width": ("labelme",),
    "keep_all": ("camvid32",),
}


def import_labels(options: ImportOptions) -> dict[str, Any]:
    """Make the folder.

    Returns:
        `format`, `source`, `folder`, and what :func:`mfpnet.importers.imported.write_import` says.

    Raises:
        MfpnetError: nothing to import, pictures that are missing, an option of another format, or
            a folder that cannot be made.
    """
    _check(options)
    found = IMPORTERS[options.format](options)
    check_pictures(found, skip_missing=options.skip_missing)
    record = write_import(found, options.out, link=options.link)
    where = {"source": str(options.source), "folder": str(options.out)}
    return {"format": options.format, **where, **record}


def _check(options: ImportOptions) -> None:
    check_free(options.out)
    usual = ImportOptions(options.format, options.source, options.out)
    for name, formats in _ONLY_FOR.items():
        if options.format not in formats and getattr(options, name) != getattr(usual, name):
            option = f"--{name.replace('_', '-')}"
            raise MfpnetError(f"{option} is for {' and '.join(formats)}: leave it out.")
    if options.images and not options.images.is_dir():
        raise MfpnetError(f"--images is '{options.images}', which is no folder.")
