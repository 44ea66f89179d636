"""`mfpnet data inspect` and `data check`, and that the fixes they print work when followed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from mask_folders import SIZE, Array, areas, smoothed, textured, write_pair
from mfpnet.cli import main
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.folders.plans import plan_of
from mfpnet.masks.class_file import CLASS_FILE, read_classes
from mfpnet.sources import open_dataset

COLOURS = ((0, 0, 0), (128, 64, 128), (220, 20, 60), (0, 128, 192))


def mfpnet(*arguments: object) -> object:
    """The exit status of the program."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def write(root: Path, masks: list[Array]) -> Path:
    for index, mask in enumerate(masks):
        write_pair(root, f"f{index:03}", textured(areas(4, index, SIZE), index), mask)
    return root


def grey(count: int = 20) -> list[Array]:
    return [areas(4, seed).astype(np.uint8) for seed in range(count)]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def check(root: Path, record: Path) -> tuple[object, list[dict[str, Any]]]:
    status = mfpnet("data", "check", "--data", root, "--json", record)
    return status, read(record)["problems"]


def follow(fix: str) -> object:
    """Run the command that a fix names."""
    command = shlex.split(fix[fix.index("mfpnet data") :])
    return mfpnet(*command[1:])


def test_inspect_reports_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "my data", grey())
    before = sorted(root.rglob("*"))
    assert mfpnet("data", "inspect", "--data", root, "--json", tmp_path / "i.json") == 0
    printed = capsys.readouterr().out
    assert sorted(root.rglob("*")) == before
    for text in (
        "20 pairs",
        "median 48x64",
        "8-bit grey",
        "class 3",
        "recommended: crops of 48x64",
    ):
        assert text in printed
    assert f"mfpnet train --data '{root}'" in printed
    record = read(tmp_path / "i.json")
    assert [row["name"] for row in record["classes"]] == [f"class {i}" for i in range(4)]
    assert record["problems"] == []


def test_what_inspect_writes_is_read_and_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "data", grey())
    assert mfpnet("data", "inspect", "--data", root, "--write") == 0
    assert {path.name for path in root.iterdir()} >= {CLASS_FILE, "train.txt", "val.txt"}
    text = (root / CLASS_FILE).read_text().replace("class 1", "wall")
    (root / CLASS_FILE).write_text(text)
    assert mfpnet("data", "inspect", "--data", root, "--write") == 2
    assert "is not overwritten" in capsys.readouterr().err
    assert (root / CLASS_FILE).read_text() == text
    assert mfpnet("data", "inspect", "--data", root, "--json", tmp_path / "i.json") == 0
    assert read(tmp_path / "i.json")["classes"][1]["name"] == "wall"


def test_inspect_writes_to_another_folder(tmp_path: Path) -> None:
    root = write(tmp_path / "data", grey())
    out = tmp_path / "plan"
    assert mfpnet("data", "inspect", "--data", root, "--out", out) == 0
    assert read_classes(out / CLASS_FILE).labels.num_classes == 4
    assert not (root / CLASS_FILE).exists()
    assert mfpnet("data", "check", "--data", root, "--plan", out) == 0


def test_smoothed_colour_masks_are_clean_as_they_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = [smoothed(areas(4, seed, (192, 256)), COLOURS, 4) for seed in range(20)]
    root = write(tmp_path / "data", masks)
    assert mfpnet("data", "check", "--data", root) == 0
    assert "occur only in thin transitions" in capsys.readouterr().out
    assert mfpnet("data", "inspect", "--data", root, "--write") == 0
    assert "unlisted: ignore" in (root / CLASS_FILE).read_text()
    assert mfpnet("data", "check", "--data", root) == 0


def test_a_slip_is_an_error_whose_fix_works(tmp_path: Path) -> None:
    masks = grey()
    masks[3][5, 7] = 77
    root = write(tmp_path / "my data", masks)
    status, found = check(root, tmp_path / "c.json")
    assert (status, len(found)) == (1, 1)
    assert "the value 77 (1 pixel)" in found[0]["what"]
    assert follow(found[0]["fix"]) == 0
    assert check(root, tmp_path / "c.json") == (0, [])


def test_pairs_that_cannot_be_used_are_left_out_by_the_fix(tmp_path: Path) -> None:
    masks = grey()
    masks[4], masks[9] = masks[4][:24, :32], np.full(SIZE, 255, np.uint8)
    root = write(tmp_path / "data", masks)
    (root / "images" / "f010.png").write_bytes(b"")
    (root / "masks" / "f011.png").write_bytes(b"nothing")
    status, found = check(root, tmp_path / "c.json")
    assert status == 1
    assert [each["severity"] for each in found] == ["error", "error", "error", "warning"]
    assert len({each["fix"].partition("mfpnet")[2] for each in found}) == 1
    assert follow(found[0]["fix"]) == 0
    assert check(root, tmp_path / "c.json") == (0, [])
    listed = (root / "train.txt").read_text() + (root / "val.txt").read_text()
    assert len(listed.split()) == 16


def test_the_fix_beside_a_class_file_leaves_it_alone(tmp_path: Path) -> None:
    masks = grey()
    masks[4] = masks[4][:24, :32]
    root = write(tmp_path / "data", masks)
    (root / CLASS_FILE).write_text("classes: [a, b, c, d]\n")
    status, found = check(root, tmp_path / "c.json")
    assert status == 1
    assert follow(found[0]["fix"]) == 0
    assert check(root, tmp_path / "c.json") == (0, [])
    assert (root / CLASS_FILE).read_text() == "classes: [a, b, c, d]\n"


def test_a_new_split_takes_the_place_of_the_lists_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "data", grey())
    for split, numbers in (("list_train", range(16)), ("val", range(16, 18)), ("test", (18, 19))):
        (root / f"{split}.txt").write_text("".join(f"f{n:03}\n" for n in numbers))
    assert mfpnet("data", "inspect", "--data", root, "--write", "--new-split") == 0
    said = capsys.readouterr().out
    for name in ("list_train.txt.old", "val.txt.old", "test.txt.old"):
        assert f"{name} (a list that was there)" in said
    assert set(plan_of(root).parts) == {"train", "val"}
    assert len(plan_of(root).pairs("all")) == 20
    assert mfpnet("data", "check", "--data", root) == 0


def test_a_leak_ends_with_a_new_split(tmp_path: Path) -> None:
    masks = grey(16)
    write(tmp_path / "data" / "train", masks)
    for index in (12, 13, 14, 15, 3):
        image = textured(areas(4, index, SIZE), index)
        write_pair(tmp_path / "data" / "val", f"v{index}", image, masks[index])
    for index in (12, 13, 14, 15):
        for folder in ("images", "masks"):
            (tmp_path / "data" / "train" / folder / f"f{index:03}.png").unlink()
    root = tmp_path / "data"
    status, found = check(root, tmp_path / "c.json")
    assert status == 1
    assert "1 image in two splits" in found[0]["what"]
    assert follow(found[0]["fix"]) == 0
    assert check(root, tmp_path / "c.json") == (0, [])


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (np.zeros(SIZE, np.uint8), "one class only"),
        (np.full(SIZE, 255, np.uint8), "nothing is labelled"),
    ],
)
def test_nothing_to_learn_is_told(
    mask: Array, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "data", [mask] * 6)
    status, found = check(root, tmp_path / "c.json")
    assert status == 1
    assert text in found[0]["what"]
    assert mfpnet("data", "inspect", "--data", root) == 2
    assert text in capsys.readouterr().err


def test_all_256_values_are_refused_and_the_line_that_is_named_helps(tmp_path: Path) -> None:
    blocks = np.kron(np.arange(256).reshape(16, 16), np.ones((4, 4), dtype=int)).astype(np.uint8)
    root = tmp_path / "data"
    for index in range(8):
        image = textured(areas(4, index, (64, 64)), index)
        write_pair(root, f"f{index}", image, np.roll(blocks, 4 * index, axis=1))
    status, found = check(root, tmp_path / "c.json")
    assert status == 1
    assert "`classes: 256`" in found[0]["what"]
    (root / CLASS_FILE).write_text("classes: 256\n")
    status, found = check(root, tmp_path / "c.json")
    assert (status, [each for each in found if each["severity"] == "error"]) == (0, [])


def test_inspect_is_of_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet("data", "inspect") == 2
    assert "a folder of your own, and --data is synthetic" in capsys.readouterr().err


def test_a_plan_is_of_folders(capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet("data", "check", "--data", "synthetic", "--scenes", "1", "--plan", "nosuch") == 2
    assert "--plan is of a folder of your own" in " ".join(capsys.readouterr().err.split())


def test_frames_are_read_with_the_channels_that_are_asked_for(tmp_path: Path) -> None:
    """Of photos with and without alpha: RGB by themselves, four channels where all have them."""
    root, channels = write(tmp_path / "data", grey(20)), ("--channels", 4)
    for path in sorted((root / "images").iterdir())[:-1]:
        with PIL.Image.open(path) as picture:
            picture.convert("RGBA").save(path)
    record = tmp_path / "i.json"
    assert mfpnet("data", "inspect", "--data", root, "--json", record) == 0
    assert (read(record)["channels"], read(record)["command"][-4:]) == (3, "data")
    assert mfpnet("data", "inspect", "--data", root, *channels, "--json", record) == 1
    found = read(record)
    assert (found["channels"], len(found["mean"])) == (4, 4)
    assert found["command"] == f"mfpnet train --data {root} --channels 4"
    assert found["problems"][0]["places"] == [str(root / "images" / "f019.png")]
    command = ("data", "check", "--data", root, *channels, "--json", record)
    assert mfpnet(*command) == 1
    fix = read(record)["problems"][0]["fix"]
    assert fix.endswith(f"--data {root} --channels 4 --write --only-usable")
    assert follow(fix) == 0
    assert mfpnet(*command) == 0


def test_a_fault_of_frames_names_the_check_that_finds_it(tmp_path: Path) -> None:
    root = write(tmp_path / "data", grey(4))
    picture = root / "images" / "f000.png"
    picture.write_bytes(b"no picture")
    with pytest.raises(MfpnetError, match=r"run: mfpnet data check --data \S+ --channels 4$"):
        open_dataset(DataSource("folder", "all", str(root), channels=4))


def test_check_of_one_split(tmp_path: Path) -> None:
    write(tmp_path / "data" / "train", grey(12))
    write(tmp_path / "data" / "val", [mask[:24] for mask in grey(12)])
    assert mfpnet("data", "check", "--data", tmp_path / "data", "--split", "train") == 0
    PIL.Image.new("L", (5, 5)).save(tmp_path / "data" / "train" / "masks" / "f001.png")
    assert mfpnet("data", "check", "--data", tmp_path / "data", "--split", "train") == 1


def test_a_fault_of_a_plan_is_mended_in_the_folder(tmp_path: Path) -> None:
    masks = grey()
    root = write(tmp_path / "data", masks)
    assert mfpnet("data", "inspect", "--data", root, "--out", tmp_path / "plan") == 0
    masks[3][5, 7] = 77
    write(root, masks)
    command = ("data", "check", "--data", root, "--plan", tmp_path / "plan")
    assert mfpnet(*command, "--json", tmp_path / "c.json") == 1
    fix = read(tmp_path / "c.json")["problems"][0]["fix"]
    assert fix.endswith(f"mfpnet data inspect --data {root} --write --ignore 77")
