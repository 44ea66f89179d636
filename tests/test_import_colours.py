"""Colour masks, Pascal VOC's and CamVid's, as folders to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from coco_samples import write_picture
from mfpnet.data.camvid_labels import COLOURS, GROUPS, VOID
from mfpnet.data.voc import VOC
from mfpnet.errors import MfpnetError
from mfpnet.folders.folder import Folder
from mfpnet.importers.importing import import_labels
from mfpnet.labels import CAMVID, voc_colour
from mfpnet.options.importing import Format, ImportOptions
from mfpnet.pixels.pictures import read_labels

SIZE = (32, 44)
RED, GREEN = (200, 30, 30), (30, 200, 30)


def stripes(colours: list[tuple[int, int, int]]) -> np.ndarray[Any, Any]:
    """(H, W, 3) with one vertical stripe for each colour."""
    columns = np.arange(SIZE[1]) * len(colours) // SIZE[1]
    row = np.array(colours, dtype=np.uint8)[columns]
    return np.broadcast_to(row, (SIZE[0], *row.shape)).copy()


def write_mask(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path)


def imported(format: Format, source: Path, **options: Any) -> dict[str, Any]:
    return import_labels(ImportOptions(format, source, source.parent / "out", **options))


def mask_of(source: Path, name: str = "a") -> np.ndarray[Any, Any]:
    return read_labels(source.parent / "out" / "masks" / f"{name}.png")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two pictures with masks of black, red and green stripes."""
    for name in ("a", "b"):
        write_picture(tmp_path / "in" / "images" / f"{name}.png", SIZE)
        mask = stripes([(0, 0, 0), RED, GREEN])
        write_mask(tmp_path / "in" / "masks" / f"{name}.png", mask)
    return tmp_path / "in"


LISTS = {
    "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\nx:200,30,30::\n"
    "y:30,200,30::\n",
    "class_dict.csv": "name,r,g,b\nbackground,0,0,0\nx,200,30,30\ny,30,200,30\n",
    "label_colors.txt": "0 0 0 background\n200 30 30\tx\n30 200 30\ty\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_colours_give_names(source: Path, tmp_path: Path, name: str) -> None:
    listed = tmp_path / f"my_{name}"
    listed.write_text(LISTS[name])
    record = imported("colours", source, classes=listed)
    assert record["classes"] == ["background", "x", "y"]
    expected = np.arange(SIZE[1]) * 3 // SIZE[1]
    np.testing.assert_array_equal(mask_of(source), np.broadcast_to(expected, SIZE))
    data = Folder(tmp_path / "out", "all")
    assert data.labels.palette == ((0, 0, 0), RED, GREEN)
    assert len(data) == 2


def test_a_list_beside_the_masks_is_found(source: Path) -> None:
    (source / "labelmap.txt").write_text(LISTS["labelmap.txt"])
    assert imported("colours", source)["classes"] == ["background", "x", "y"]


def test_what_a_list_calls_void_is_ignored(source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("x,200,30,30\ny,30,200,30\nvoid,0,0,0\n")
    assert imported("colours", source, classes=listed)["classes"] == ["x", "y"]
    assert set(np.unique(mask_of(source))) == {0, 1, 255}


def test_a_colour_that_the_list_lacks_is_named(source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("background,0,0,0\nx,200,30,30\n")
    with pytest.raises(MfpnetError, match=r"\[30, 200, 30\].*list\.csv' does not list"):
        imported("colours", source, classes=listed)
    listed.write_text("background\nx\n")
    with pytest.raises(MfpnetError, match="without colours"):
        imported("colours", source, classes=listed)


def test_smoothed_borders_are_ignored_and_their_share_stated(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        wide = PIL.Image.fromarray(stripes([(0, 0, 0), RED, GREEN])).resize((440, 320), 0)
        smooth = wide.rotate(20, PIL.Image.Resampling.BICUBIC).resize((44, 32), 2)
        smooth.save(source / "masks" / f"{name}.png")
    listed = tmp_path / "list.csv"
    listed.write_text("background,0,0,0\nx,200,30,30\ny,30,200,30\n")
    record = imported("colours", source, classes=listed)
    assert "thin transitions" in record["notes"][-1]
    mask = mask_of(source)
    share = (mask == 255).mean()
    assert 0.02 < share < 0.3
    assert f"{100 * share:.2g} % of the pixels" in record["notes"][-1]


def test_pascal_voc_in_its_own_tree_with_its_lists(tmp_path: Path) -> None:
    source = tmp_path / "in"
    border = 255
    for index, name in enumerate(("a", "b", "c")):
        write_picture(source / "JPEGImages" / f"{name}.jpg", SIZE)
        pixels = np.full(SIZE, index + 1, dtype=np.uint8)
        pixels[:, :10], pixels[:, 10:12] = 0, border
        mask = PIL.Image.fromarray(pixels)
        mask.putpalette([part for i in range(256) for part in voc_colour(i)])
        path = source / "SegmentationClass" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask.save(path)
    for split, names in {"train": "a\nb\n", "val": "c\n"}.items():
        path = source / "ImageSets" / "Segmentation" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(names)
    record = imported("colours", source, classes=Path("voc"))
    assert record["classes"] == list(VOC.classes)
    assert record["splits"] == {"train": 2, "val": 1}
    assert set(np.unique(mask_of(source, "b"))) == {0, 2, 255}


def test_camvids_grouping_takes_every_label_once() -> None:
    assert tuple(GROUPS) == CAMVID.classes
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted([*grouped, VOID]) == sorted(COLOURS)
    assert len(set(COLOURS.values())) == 32


def test_the_page_shows_the_same_grouping() -> None:
    page = (Path(__file__).parents[1] / "docs" / "import.md").read_text("utf-8")
    for name, labels in GROUPS.items():
        assert f"| {name} | {', '.join(labels)} |" in page


def write_camvid(source: Path, colours: list[tuple[int, int, int]]) -> None:
    write_picture(source / "701_StillsRaw_full" / "0001TP_1.png", SIZE)
    write_mask(source / "LabeledApproved_full" / "0001TP_1_L.png", stripes(colours))


def test_camvids_own_masks_become_eleven_classes(tmp_path: Path) -> None:
    names = ("Sky", "Archway", "TrafficLight", "Truck_Bus", "Void")
    write_camvid(tmp_path / "in", [COLOURS[name] for name in names])
    record = imported("camvid32", tmp_path / "in")
    assert record["classes"] == list(CAMVID.classes)
    row = mask_of(tmp_path / "in", "0001TP_1")[0]
    kept = [CAMVID.classes[value] for value in dict.fromkeys(row.tolist()) if value < 11]
    assert kept == ["sky", "building", "sign", "car"]
    assert row[-1] == 11
    assert Folder(tmp_path / "out", "all").labels.ignore_index == 11


def test_folders_of_splits_and_a_mask_without_a_picture(tmp_path: Path) -> None:
    colours = [COLOURS["Sky"], COLOURS["Road"]]
    for index, split in enumerate(("train", "val", "test")):
        write_picture(tmp_path / "in" / split / f"f_{index}.png", SIZE)
        write_mask(tmp_path / "in" / f"{split}_labels" / f"f_{index}_L.png", stripes(colours))
    assert imported("camvid32", tmp_path / "in")["splits"] == {"test": 1, "train": 1, "val": 1}
    assert len(Folder(tmp_path / "out", "val")) == 1
    (tmp_path / "out").rename(tmp_path / "first")
    write_mask(tmp_path / "in" / "val_labels" / "gone_L.png", stripes(colours))
    with pytest.raises(MfpnetError, match=r"(?s)1 of 4.*gone_L"):
        imported("camvid32", tmp_path / "in")


def test_all_of_camvids_labels_may_be_kept(tmp_path: Path) -> None:
    write_camvid(tmp_path / "in", [COLOURS["Archway"], COLOURS["Wall"], COLOURS[VOID]])
    record = imported("camvid32", tmp_path / "in", keep_all=True)
    assert len(record["classes"]) == 31
    row = mask_of(tmp_path / "in", "0001TP_1")[0]
    assert [record["classes"][value] for value in dict.fromkeys(row[row < 31].tolist())] == [
        "Archway",
        "Wall",
    ]
    assert row[-1] == 255


def test_a_slip_in_a_camvid_mask_is_ignored_and_another_format_refused(tmp_path: Path) -> None:
    write_camvid(tmp_path / "in", [COLOURS["Sky"], COLOURS["Road"]])
    mask = tmp_path / "in" / "LabeledApproved_full" / "0001TP_1_L.png"
    pixels = np.array(PIL.Image.open(mask))
    pixels[0, :3] = (1, 2, 3)
    write_mask(mask, pixels)
    record = imported("camvid32", tmp_path / "in")
    assert record["changed"][0]["places"] == [f"{mask.name} (0.21 % of it)"]
    assert (mask_of(tmp_path / "in", "0001TP_1")[0, :3] == 11).all()
    (tmp_path / "out").rename(tmp_path / "first")
    write_mask(mask, stripes([RED, GREEN]))
    with pytest.raises(MfpnetError, match=r"\[200, 30, 30\]"):
        imported("camvid32", tmp_path / "in")
    assert not (tmp_path / "out").exists()


def test_masks_of_another_size_count_as_missing(source: Path) -> None:
    write_mask(source / "masks" / "b.png", stripes([(0, 0, 0), RED, GREEN])[:20])
    with pytest.raises(MfpnetError, match=r"(?s)1 of 2.*32x44, mask 20x44.*--skip-missing"):
        imported("colours", source)
    assert imported("colours", source, skip_missing=True)["pictures"] == 1


def test_lists_that_are_none_say_so(source: Path, tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="there is no file"):
        imported("colours", source, classes=tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(MfpnetError, match="no list of labels"):
        imported("colours", source, classes=tmp_path / "empty.txt")
