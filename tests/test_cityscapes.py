from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cityscapes_tree import CITIES, street, write_frame, write_tree
from mfpnet.data.cityscapes import Cityscapes, read_mask
from mfpnet.data.cityscapes_labels import (
    CITYSCAPES,
    LABELS,
    colours_of,
    label_ids_of,
    label_ids_of_colours,
    train_ids_of,
)
from mfpnet.data.datasets import load_checked
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.pixels.pictures import read_labels, write_png
from mfpnet.sources import open_dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cityscapesscripts.helpers import labels as official
    from cityscapesscripts.preparation.json2labelImg import json2labelImg


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("cityscapes"))


def test_every_row_of_the_table_is_the_official_one() -> None:
    ours = [
        (row.name, row.label_id, row.train_id, row.category, row.ignored, row.colour)
        for row in LABELS
    ]
    theirs = [
        (row.name, row.id, row.trainId, row.category, row.ignoreInEval, row.color)
        for row in official.labels
    ]
    assert ours == theirs


def test_the_label_set_follows_the_train_ids() -> None:
    assert CITYSCAPES.num_classes == 19
    for index, (name, colour) in enumerate(
        zip(CITYSCAPES.classes, CITYSCAPES.palette, strict=True)
    ):
        assert official.trainId2label[index].name == name
        assert official.trainId2label[index].color == colour


def test_ids_are_converted_as_by_the_official_dictionaries() -> None:
    ids = np.arange(34, dtype=np.uint8).reshape(2, 17)
    expected = [official.id2label[int(value)].trainId for value in ids.ravel()]
    assert train_ids_of(ids).ravel().tolist() == expected
    train_ids = np.array([*range(19), 255])
    back = [official.trainId2label[int(value)].id for value in train_ids]
    assert label_ids_of(train_ids).tolist() == back
    assert train_ids_of(label_ids_of(train_ids)).tolist() == train_ids.tolist()


def test_a_license_plate_is_ignored_in_every_coding() -> None:
    assert train_ids_of(np.array([-1, 255], dtype=np.int32)).tolist() == [255, 255]
    assert train_ids_of(np.array([255], dtype=np.uint8)).tolist() == [255]


def test_colours_go_both_ways() -> None:
    ids = np.arange(34, dtype=np.uint8)
    colours = colours_of(ids)
    assert colours.tolist() == [list(official.id2label[int(value)].color) for value in ids]
    back = label_ids_of_colours(colours)
    # Labels of one colour become the first of them; no scored class is among those that change,
    # but a group of poles is drawn as a pole, which is what its colour says.
    changed = {int(value): int(found) for value, found in zip(ids, back, strict=True)}
    assert {value: found for value, found in changed.items() if value != found} == {
        **dict.fromkeys((1, 2, 3, 4), 0),
        18: 17,
    }
    assert label_ids_of_colours(np.array([[0, 0, 142]], dtype=np.uint8)).tolist() == [26]


def test_unknown_values_are_named() -> None:
    with pytest.raises(MfpnetError, match=r"\(1, 2, 3\) is none of Cityscapes' \(2 pixels"):
        label_ids_of_colours(np.array([[0, 0, 0], [1, 2, 3], [1, 2, 3]], dtype=np.uint8))
    with pytest.raises(MfpnetError, match=r"34 is no label id of Cityscapes \(1 pixels"):
        train_ids_of(np.array([33, 34], dtype=np.uint8))
    with pytest.raises(MfpnetError, match="300 is no label id"):
        train_ids_of(np.array([300], dtype=np.uint16))
    with pytest.raises(MfpnetError, match="-2 is no label id"):
        train_ids_of(np.array([-2]))
    with pytest.raises(MfpnetError, match="19 is no train id"):
        label_ids_of(np.array([19], dtype=np.uint8))


def test_a_split_has_its_frames_in_order(tree: Path) -> None:
    train = open_dataset(DataSource("cityscapes", "train", str(tree)))
    names = [train.frame_name(index) for index in range(len(train))]
    assert names == [
        *("aachen_000000_000000", "aachen_000000_000001", "aachen_000000_000002"),
        *("bochum_000000_000000", "bochum_000000_000001"),
    ]
    assert Counter(map(train.sequence, range(5))) == {"aachen_000000": 3, "bochum_000000": 2}
    image, target = load_checked(train, 0)
    wanted, ids = street(0)
    assert np.array_equal(image, wanted)
    assert np.array_equal(target, train_ids_of(ids))
    assert set(np.unique(target)) <= {*range(19), 255}


@pytest.mark.parametrize(
    ("split", "frames"),
    [("train+val", 9), ("train/aachen", 3), ("train-aachen", 2), ("train/aachen+val/lindau", 5)],
)
def test_parts_of_the_data(tree: Path, split: str, frames: int) -> None:
    assert len(Cityscapes(tree, split)) == frames


def test_unknown_parts(tree: Path) -> None:
    with pytest.raises(MfpnetError, match=r"city in split train 'achen'. Did you mean 'aachen'"):
        Cityscapes(tree, "train/achen")
    with pytest.raises(MfpnetError, match=r"split of cityscapes 'vla'. Did you mean 'val'"):
        Cityscapes(tree, "vla")


def test_test_can_be_looked_at_but_not_scored(tree: Path) -> None:
    test = Cityscapes(tree, "test")
    assert test.image(0).shape == (64, 128, 3)
    with pytest.raises(MfpnetError, match=r"has no public labels.*--submit"):
        test.load(0)


def test_all_codings_of_the_official_tool_are_read_alike(tmp_path: Path) -> None:
    boxes = {
        "road": (0, 32, 127, 63),
        "car": (20, 30, 60, 50),
        "license plate": (30, 40, 40, 44),
        "ego vehicle": (0, 58, 127, 63),
        "out of roi": (0, 0, 127, 2),
        "rectification border": (0, 0, 3, 63),
        "polegroup": (100, 10, 104, 40),
        "sky": (10, 3, 90, 20),
    }
    objects = [
        {"label": name, "polygon": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]}
        for name, (x0, y0, x1, y1) in boxes.items()
    ]
    polygons = tmp_path / "p.json"
    polygons.write_text(json.dumps({"imgHeight": 64, "imgWidth": 128, "objects": objects}))
    made = {}
    for coding, end in (("ids", "labelIds"), ("trainIds", "labelTrainIds"), ("color", "color")):
        path = tmp_path / f"aachen_000000_000000_gtFine_{end}.png"
        json2labelImg(str(polygons), str(path), coding)
        made[end] = read_mask(path)
    assert set(np.unique(made["labelIds"])) == {0, 10, 13, 255}
    assert np.array_equal(made["labelIds"], made["labelTrainIds"])
    # A group of poles has the colour of a pole: colours alone cannot tell that it is not scored.
    differ = made["labelIds"] != made["color"]
    assert set(made["color"][differ]) == {5}
    assert not (read_labels(tmp_path / "aachen_000000_000000_gtFine_labelIds.png") == 255).any()


def test_train_ids_and_colours_are_read_where_only_they_are(tmp_path: Path) -> None:
    image, ids = street(0)
    for number in range(3):
        write_frame(tmp_path, "train", f"ulm_000000_{number:06d}", (image, ids))
    folder = tmp_path / "gtFine" / "train" / "ulm"
    name = "ulm_000000_{:06d}_gtFine_{}.png"
    write_png(folder / name.format(1, "labelTrainIds"), train_ids_of(ids))
    write_png(folder / name.format(2, "color"), colours_of(ids))
    for number in (1, 2):
        (folder / name.format(number, "labelIds")).unlink()
    data = Cityscapes(tmp_path, "train")
    targets = [data.load(index)[1] for index in range(3)]
    assert np.array_equal(targets[0], targets[1])
    assert np.array_equal(targets[0], targets[2])
    write_png(folder / name.format(1, "labelTrainIds"), ids)
    with pytest.raises(MfpnetError, match=r"000001_gtFine_labelTrainIds.png: .* is no train id"):
        data.load(1)


def test_lossless_webp_stands_for_png(tree: Path, tmp_path: Path) -> None:
    write_frame(tmp_path, "train", "ulm_000000_000000", street(0))
    folder = tmp_path / "leftImg8bit" / "train" / "ulm"
    png = folder / "ulm_000000_000000_leftImg8bit.png"
    import PIL.Image

    PIL.Image.open(png).save(png.with_suffix(".webp"), lossless=True)
    with pytest.raises(MfpnetError, match="the same frame twice"):
        Cityscapes(tmp_path, "train")
    png.unlink()
    data = Cityscapes(tmp_path, "train")
    assert np.array_equal(data.load(0)[0], street(0)[0])


def test_labels_missing_for_some_cities_are_counted(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train": {"aachen": 3, "bochum": 2, "ulm": 1}}, (64, 64))
    for path in (tmp_path / "gtFine" / "train" / "bochum").iterdir():
        path.unlink()
    (tmp_path / "gtFine/train/aachen/aachen_000000_000001_gtFine_labelIds.png").unlink()
    expected = (
        r"3 of 6 frames of cityscapes train have no mask below .*gtFine/train .*: "
        r"aachen 1 of 3, bochum 2 of 2. Fix: unpack gtFine_trainvaltest.zip again, or leave a city "
        r"out: --split train-bochum."
    )
    with pytest.raises(MfpnetError, match=expected):
        Cityscapes(tmp_path, "train")
    assert len(Cityscapes(tmp_path, "train/ulm")) == 1


def test_missing_parts_of_the_root_are_named(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match=r"leftImg8bit/val has no .*leftImg8bit_trainvaltest.zip"):
        Cityscapes(tmp_path, "val")
    write_tree(tmp_path, {"val": {"lindau": 2}}, (64, 64))
    (tmp_path / "gtFine").rename(tmp_path / "elsewhere")
    with pytest.raises(MfpnetError, match=r"2 of 2 frames .*lindau 2 of 2. Fix: unpack gtFine_tr"):
        Cityscapes(tmp_path, "val")


def test_coarse_labels_are_of_train_extra(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train_extra": {"bad-honnef": 2, "ulm": 1}}, (64, 64))
    (tmp_path / "gtFine").rename(tmp_path / "gtCoarse")
    for path in sorted(tmp_path.glob("gtCoarse/*/*/*.png")):
        path.rename(path.with_name(path.name.replace("gtFine", "gtCoarse")))
    assert len(Cityscapes(tmp_path, "train_extra-bad-honnef")) == 1
    data = Cityscapes(tmp_path, "train_extra/bad-honnef")
    assert data.sequence(0) == "bad-honnef_000000"
    assert len(data) == 2
    assert data.load(1)[1].shape == (64, 64)


def test_a_frame_of_another_name_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {"val": {"lindau": 1}}, (64, 64))
    folder = tmp_path / "leftImg8bit" / "val" / "lindau"
    next(folder.iterdir()).rename(folder / "street_leftImg8bit.png")
    with pytest.raises(MfpnetError, match="not named as Cityscapes names its frames"):
        Cityscapes(tmp_path, "val")


def test_the_tree_of_the_tests_holds_every_kind_of_void(tree: Path) -> None:
    found: set[int] = set()
    for path in tree.glob("gtFine/train/*/*.png"):
        found |= set(np.unique(read_labels(path)).tolist())
    assert {1, 2, 3, 5} <= found
    assert sum(sum(cities.values()) for cities in CITIES.values()) == 11
