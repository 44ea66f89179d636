from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mfpnet.data.cityscapes_labels import CITYSCAPES
from mfpnet.data.idd_lite import IDD_LITE
from mfpnet.data.map_file import find_map, fitting_maps, identity_map, read_map
from mfpnet.data.mapping import VOID, carried, packaged_maps
from mfpnet.errors import MfpnetError
from mfpnet.labels import CAMVID, LabelSet

SETS = {
    "camvid": CAMVID,
    "idd_lite": IDD_LITE,
    "cityscapes": CITYSCAPES,
    "kitti": CITYSCAPES,  # KITTI's semantic benchmark has Cityscapes' classes
}
SMALL: dict[str, Any] = {
    "name": "town-country",
    "from": {"name": "town", "classes": ["road", "path", "house", "dog"]},
    "to": {
        "name": "country",
        "ignore_index": 9,
        "classes": {"field": [0, 200, 0], "way": [90, 90, 90], "barn": [200, 0, 0]},
    },
    "groups": [
        {"name": "ground", "from": ["road", "path"], "to": ["way"]},
        {"name": "built", "from": ["house"], "to": ["barn"], "colour": [1, 2, 3]},
    ],
    "ignore": {"from": ["dog"], "to": ["field"]},
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "map.yaml"
    path.write_text(yaml.safe_dump({**SMALL, **changes}, sort_keys=False), "utf-8")
    return path


def complaint(folder: Path, **changes: Any) -> str:
    with pytest.raises(MfpnetError) as found:
        read_map(written(folder, **changes))
    assert "map.yaml" in str(found.value)
    return str(found.value)


@pytest.mark.parametrize("name", sorted(packaged_maps()))
def test_a_packaged_map_is_between_the_label_sets_of_its_name(name: str) -> None:
    found, (source, target) = find_map(name), name.split("-")
    assert (found.name, found.source, found.target.name) == (name, source, target)
    assert found.classes == SETS[source].classes
    assert found.target == SETS[target]
    assert name in fitting_maps(SETS[source].classes, SETS[target].classes)


def test_the_maps_that_the_pages_promise_are_there() -> None:
    assert {"camvid-idd_lite", "cityscapes-camvid", "kitti-camvid"} <= set(packaged_maps())


def test_camvid_goes_to_idd_lite_as_its_description_says() -> None:
    told = {
        "road": 0,
        "pavement": 1,
        "pedestrian": 2,
        "bicyclist": 2,
        "car": 3,
        "pole": 4,
        "sign": 4,
        "fence": 4,
        "building": 5,
        "tree": 5,
        "sky": 6,
    }
    table = find_map("camvid-idd_lite").into_target()
    assert dict(zip(CAMVID.classes, table.tolist(), strict=True)) == told


def test_kitti_goes_where_cityscapes_goes() -> None:
    kitti, cityscapes = find_map("kitti-camvid"), find_map("cityscapes-camvid")
    assert (kitti.groups, kitti.ignored) == (cityscapes.groups, cityscapes.ignored)


def test_tables_of_a_map(tmp_path: Path) -> None:
    found = read_map(written(tmp_path))
    assert found.into_target().tolist() == [1, 1, 2, 9]
    assert found.source_groups().tolist() == [0, 0, 1, VOID]
    assert found.target_groups().tolist() == [VOID, 0, 1]
    # A group's colour is its own, or that of its first class in the target.
    assert found.labels == LabelSet(
        "town-country", ("ground", "built"), ((90, 90, 90), (1, 2, 3)), VOID
    )


def test_a_class_that_may_be_several_teaches_nothing(tmp_path: Path) -> None:
    groups = [
        {"name": "ground", "from": ["road", "path"], "to": ["way", "field"]},
        {"name": "built", "from": ["house"], "to": ["barn"]},
    ]
    found = read_map(written(tmp_path, groups=groups, ignore={"from": ["dog"], "to": []}))
    assert found.into_target().tolist() == [9, 9, 2, 9]
    assert found.source_groups().tolist() == [0, 0, 1, VOID]


def test_labels_outside_of_the_table_become_void() -> None:
    labels = np.array([[0, 1], [2, 255]], dtype=np.uint8)
    assert carried(labels, np.array([5, 4]), 11).tolist() == [[5, 4], [11, 11]]
    assert carried(labels, np.array([300, 4]), 11).dtype == np.uint16


def test_an_identity_map_changes_nothing() -> None:
    found = identity_map(IDD_LITE)
    assert found.into_target().tolist() == list(range(7))
    assert found.labels.palette == IDD_LITE.palette


@pytest.mark.parametrize("side", ["from", "to"])
def test_a_class_left_out_is_named_with_the_fix(tmp_path: Path, side: str) -> None:
    lost = {"from": "dog", "to": "field"}[side]
    text = complaint(tmp_path, ignore={**SMALL["ignore"], side: []})
    assert f"class '{lost}' of {side} is in no group" in text
    assert f"({side}: [{lost}])" in text


def test_a_class_in_two_places_is_refused(tmp_path: Path) -> None:
    text = complaint(tmp_path, ignore={"from": ["dog", "path"], "to": ["field"]})
    assert "class 'path' of from is named 2 times (group 'ground', ignore)" in text


def test_a_misspelt_class_finds_the_right_one(tmp_path: Path) -> None:
    groups = [{"name": "ground", "from": ["road", "pahts"], "to": ["way"]}, SMALL["groups"][1]]
    text = complaint(tmp_path, groups=groups)
    assert "group 'ground': unknown class of from 'pahts'. Did you mean 'path'?" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"grups": []}, "unknown key of a map 'grups'. Did you mean 'groups'?"),
        ({"from": {"name": "town"}}, "from lacks 'classes'"),
        ({"from": ["road"]}, "from is ['road'], a mapping"),
        ({"to": {**SMALL["to"], "ignore_index": 2}}, "ignore_index is 2"),
        ({"to": {**SMALL["to"], "classes": ["field"]}}, "each with its colour"),
        ({"to": {**SMALL["to"], "classes": {"field": [0, 0, 256]}}}, "colour of 'field'"),
        ({"groups": []}, "groups is a list of 1 to"),
        ({"groups": [{"name": "ground", "from": "road", "to": ["way"]}]}, "from of group 'ground'"),
        ({"groups": [{"name": "g", "from": [], "to": ["way"]}]}, "on one side only"),
        ({"groups": [SMALL["groups"][0], {**SMALL["groups"][1], "name": "ground"}]}, "2 groups"),
    ],
)
def test_a_map_of_another_form_is_refused(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    assert expected in complaint(tmp_path, **changes)


def test_what_is_no_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("name: [", "utf-8")
    with pytest.raises(MfpnetError, match="cannot be read as a map"):
        read_map(tmp_path / "map.yaml")


def test_maps_are_found_by_name_and_by_file(tmp_path: Path) -> None:
    assert find_map(str(written(tmp_path))).name == "town-country"
    with pytest.raises(MfpnetError, match=r"Did you mean 'camvid-idd_lite'\?"):
        find_map("camvid-idd")
    with pytest.raises(MfpnetError, match=r"'other\.yaml' does not exist"):
        find_map("other.yaml")
