"""One COCO file, read and checked: its pictures, its categories, and which object is where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfpnet.errors import MfpnetError
from mfpnet.files import read_json
from mfpnet.importers.source_files import split_of

_KEYS = ("images", "annotations", "categories")
_LIST_ADVICE = (
    "a list, as detection results are. Give the file of the annotations, with images, annotations "
    "and categories"
)
# A folder of more is one with a file for each picture.
_MANY_JSONS = 50


@dataclass(frozen=True)
class CocoFile:
    """What a file holds.

    Attributes:
        path: the file.
        split: `train`, `val`, ... after its name or folder; its own name where they say nothing.
        images: its pictures.
        names: of the categories by their id, in order of the id.
        objects: the annotations of each picture, by its id.
        orphans: annotations of pictures that the file does not list.
    """

    path: Path
    split: str
    images: list[dict[str, Any]]
    names: dict[int, str]
    objects: dict[object, list[dict[str, Any]]]
    orphans: list[dict[str, Any]]


def find_coco_files(source: Path) -> tuple[list[CocoFile], list[str]]:
    """The COCO files of a folder, or the one that is named, and a note on what was passed over.

    `instances_*.json` alone where there are some, since captions and key points beside them tell
    of the same pictures.

    Raises:
        MfpnetError: no such file, or one that is no JSON; of a file that is named, why it is none.
    """
    if source.is_file():
        return [read_coco(source)], []
    if not source.is_dir():
        raise MfpnetError(f"there is no file or folder '{source}'. Check the path.")
    paths = sorted(p for depth in ("*.json", "*/*.json") for p in source.glob(depth))
    paths = [p for p in paths if p.name.startswith("instances_")] or paths
    if len(paths) > _MANY_JSONS:
        raise MfpnetError(
            f"'{source}' holds {len(paths)} JSON files, too many for COCO's: name the right one, "
            f"or is this LabelMe's (mfpnet data import labelme)?"
        )
    files, faults = _readable(paths)
    if not files:
        told = "".join(f"\n  {fault}" for fault in faults) or " There is no .json file in it."
        raise MfpnetError(f"'{source}' holds no COCO file with segmentations.{told}")
    return files, [f"passed over: {fault}" for fault in faults]


def _readable(paths: Sequence[Path]) -> tuple[list[CocoFile], list[str]]:
    """Those that are COCO's, and what the others are; a broken one could be a whole split."""
    read = {path: read_json(path) for path in paths}
    faults = {path: fault for path, values in read.items() if (fault := _fault(values))}
    files = [_coco_file(path, values) for path, values in read.items() if path not in faults]
    return files, [_told(path, fault) for path, fault in faults.items()]


def read_coco(path: Path) -> CocoFile:
    """One file.

    Raises:
        MfpnetError: it is no JSON, or not of instances; the text says what it is instead.
    """
    values = read_json(path)
    if fault := _fault(values):
        raise MfpnetError(_told(path, fault))
    return _coco_file(path, values)


def _told(path: Path, fault: str) -> str:
    return f"'{path}' is no COCO file with segmentations: {fault}."


def _coco_file(path: Path, values: dict[str, Any]) -> CocoFile:
    names = _category_names(path, values)
    known = {image["id"] for image in values["images"]}
    objects: dict[object, list[dict[str, Any]]] = {}
    orphans = []
    for annotation in values["annotations"]:
        image = annotation.get("image_id")
        if _is_id(image) and image in known:
            objects.setdefault(image, []).append(annotation)
        else:
            orphans.append(annotation)
    split = split_of(path.stem) or split_of(path.parent.name) or path.stem
    return CocoFile(path, split, values["images"], names, objects, orphans)


def _fault(values: Any) -> str | None:
    if isinstance(values, list):
        return f"it is {_LIST_ADVICE}"
    if not isinstance(values, dict):
        return "it holds no object"
    for key in _KEYS:
        if not _is_records(values.get(key)):
            return f"it has no list '{key}'" + _not_an_instance_file(values, key)
    annotations = values["annotations"]
    if any("segments_info" in found for found in annotations[:1]):
        return "it is of panoptic segmentation. Give the file of the instances"
    if any(not _is_id(image.get("id")) for image in values["images"]):
        return "one of its images has no id"
    if annotations and not any(found.get("segmentation") for found in annotations):
        return (
            f"none of its {len(annotations)} annotations has a segmentation (bounding boxes, key "
            f"points or captions only), so no pixel can be told from another"
        )
    return None


def _not_an_instance_file(values: dict[str, Any], key: str) -> str:
    if key == "annotations" and _is_records(values.get("images")):
        return ", as files of test pictures have none"
    if _is_records(values.get("shapes")):
        return "; it looks like LabelMe's: mfpnet data import labelme"
    return ""


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _category_names(path: Path, values: dict[str, Any]) -> dict[int, str]:
    """Names by id; without a category that only names a group of others and has no object."""
    categories = values["categories"]
    for category in categories:
        if type(category.get("id")) is not int or not _is_text(category.get("name")):
            raise MfpnetError(
                f"'{path}' has a category without a whole number as id and a name: {category}."
            )
    used = {str(found.get("category_id")) for found in values["annotations"]}
    # COCO's own person is in the group person, which makes it no group of others.
    pairs = ((str(each.get("supercategory")), each["name"]) for each in categories)
    groups = {group for group, name in pairs if group != name}
    return {
        category["id"]: category["name"]
        for category in sorted(categories, key=lambda category: category["id"])
        if str(category["id"]) in used or category["name"] not in groups or len(categories) == 1
    }
