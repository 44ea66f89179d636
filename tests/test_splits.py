"""Look-alikes stay on one side, the same each time, and lists come back as written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mfpnet.data.pairs import Pair, PairedFiles
from mfpnet.errors import MfpnetError
from mfpnet.folders.held_out import hold_out
from mfpnet.folders.layouts import find_layout
from mfpnet.folders.names import sequence_of
from mfpnet.folders.plans import plan_of, write_plan
from mfpnet.folders.splits import (
    Split,
    has_splits,
    read_splits,
    split_pairs,
    write_splits,
)
from mfpnet.labels import LabelSet
from mfpnet.pixels.pictures import Image
from mfpnet.training.frames import check_watched, load_frames

TWO = LabelSet("two", ("a", "b"), ((0, 0, 0), (255, 255, 255)), 255)


def view(seed: int, shift: int = 0) -> Image:
    """A wide picture of blobs seen through a window that moves: 64x96."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 60, 3), dtype=np.uint8)
    wide = PIL.Image.fromarray(coarse).resize((720, 64), PIL.Image.Resampling.BICUBIC)
    return np.array(wide)[:, shift : shift + 96]


def folder(root: Path, pictures: dict[str, Image]) -> list[Pair]:
    """Pictures and masks of one class, paired."""
    for name, picture in pictures.items():
        for kind, array in (("images", picture), ("masks", np.zeros((64, 96), dtype=np.uint8))):
            (root / kind).mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(array).save(root / kind / f"{name}.png")
    return list(find_layout(root).parts["all"])


def strangers(count: int) -> dict[str, Image]:
    return {f"{seed:03d}": view(seed) for seed in range(count)}


def film(seed: int, frames: int, speed: int) -> dict[str, Image]:
    return {f"film{seed}_{t}": view(seed, speed * t) for t in range(frames)}


def names(split: Split) -> dict[str, list[str]]:
    return {part: [pair.name for pair in pairs] for part, pairs in split.parts.items()}


@pytest.mark.parametrize(
    ("count", "train", "val"), [(2, 1, 1), (3, 2, 1), (5, 4, 1), (10, 8, 2), (40, 32, 8)]
)
def test_a_fifth_is_held_out(tmp_path: Path, count: int, train: int, val: int) -> None:
    pairs = folder(tmp_path, strangers(count))
    split = split_pairs(pairs)
    assert {part: len(found) for part, found in split.parts.items()} == {"train": train, "val": val}
    assert sorted(p.name for part in split.parts.values() for p in part) == [p.name for p in pairs]
    assert split.notes == (
        f"split of {count} pairs in {count} look-alike groups: {train} in train, {val} in val.",
    )


def test_of_one_picture_nothing_is_held_out(tmp_path: Path) -> None:
    split = split_pairs(folder(tmp_path, strangers(1)))
    assert names(split) == {"train": ["000"]}
    assert "Of one picture nothing can be held out" in split.notes[0]


def test_of_copies_of_one_picture_nothing_is_held_out(tmp_path: Path) -> None:
    split = split_pairs(folder(tmp_path, {name: view(0) for name in "abc"}))
    assert names(split) == {"train": ["a", "b", "c"]}
    assert "one and the same picture nothing can be held out" in split.notes[0]


def test_the_split_depends_on_names_and_content_alone(tmp_path: Path) -> None:
    pairs = folder(tmp_path / "a", strangers(12))
    shutil.copytree(tmp_path / "a", tmp_path / "other" / "place")
    moved = list(find_layout(tmp_path / "other" / "place").parts["all"])
    expected = names(split_pairs(pairs))
    assert names(split_pairs(moved[::-1])) == expected
    assert expected["val"] != [pair.name for pair in pairs[:2]]


def test_look_alikes_stay_on_one_side(tmp_path: Path) -> None:
    twice = {f"{name}{again}": picture for name, picture in strangers(20).items() for again in "xy"}
    split = split_pairs(folder(tmp_path, twice))
    sides = [{name[:-1] for name in part} for part in names(split).values()]
    assert sides[0] & sides[1] == set()
    assert len(split.parts["val"]) == 8
    assert "20 look-alike groups" in split.notes[0]


def test_video_stays_together(tmp_path: Path) -> None:
    films = {name: view for seed in range(5) for name, view in film(seed, 10, 4).items()}
    split = split_pairs(folder(tmp_path, films))
    assert len({pair.sequence for pair in split.parts["val"]}) == 1
    assert len(split.parts["val"]) == 10
    assert "in 5 look-alike groups" in split.notes[0]
    assert len(split.notes) == 1


def test_one_video_is_cut_in_order_of_time_and_it_is_said(tmp_path: Path) -> None:
    split = split_pairs(folder(tmp_path, film(0, 20, 4)))
    assert names(split)["val"] == [f"film0_{t}" for t in range(16, 20)]
    assert "optimistic" in split.notes[1]


def test_frames_of_a_camera_that_stands_still_are_not_parted(tmp_path: Path) -> None:
    still = {f"cam_{t}": view(3, 40 * (t // 6)) for t in range(18)}
    split = split_pairs(folder(tmp_path, still))
    assert [len(part) for part in split.parts.values()] == [12, 6]
    train, val = ({int(name[4:]) // 6 for name in part} for part in names(split).values())
    assert not train & val


def test_unreadable_pictures_are_told_and_kept(tmp_path: Path) -> None:
    pairs = folder(tmp_path, strangers(6))
    (tmp_path / "images" / "004.png").write_bytes(b"no picture")
    split = split_pairs(pairs)
    assert sum(len(part) for part in split.parts.values()) == 6
    assert split.notes[1] == "1 picture that could not be compared: unreadable (first: 004)."


def held(sequences: Sequence[str], groups: Sequence[int], same: Sequence[int]) -> list[int]:
    names = [f"p{index}" for index in range(len(groups))]
    return sorted(hold_out(names, sequences, groups, same).indices)


def test_every_clip_gives_its_share() -> None:
    sequences = ["day"] * 20 + ["night"] * 20
    chosen = held(sequences, range(40), range(40))
    assert [sum(index < 20 for index in chosen), len(chosen)] == [4, 8]


def test_long_films_are_cut_into_several_blocks() -> None:
    chosen = held(["film"] * 200, [0] * 200, range(200))
    blocks = [i for i in chosen if i - 1 not in chosen]
    assert len(chosen) == pytest.approx(40, abs=2)
    assert len(blocks) == 3


def test_never_more_than_half_is_held_out() -> None:
    assert len(held(["a"] * 3, [0, 1, 1], [0, 1, 2])) == 1
    assert len(held(["a"] * 2, [0, 0], [0, 1])) == 1
    assert held(["a"] * 2, [0, 0], [0, 0]) == []


ODD = [
    "plain",
    "with space",
    " before and after ",
    "# no comment",
    '"quoted"',
    "tab\there",
    "line\nbreak",
    "naïve 漢字 e\u0301",
    "a,b;c",
    "back\\slash",
    os.fsdecode(b"\xff\xfe"),
    "train/a",
    "",
]


def pair(name: str) -> Pair:
    file = f"{name or 'none'}.png"
    return Pair(Path("d/images") / file, Path("d/masks") / file, name, sequence_of(name))


def test_lists_come_back_as_written(tmp_path: Path) -> None:
    pairs = [pair(name) for name in ODD]
    parts = {"train": tuple(pairs[::2]), "val": tuple(pairs[1::2]), "test": ()}
    assert not has_splits(tmp_path / "plan")
    write_splits(tmp_path / "plan", parts)
    assert has_splits(tmp_path / "plan")
    assert read_splits(tmp_path / "plan", pairs[::-1]) == parts
    for file in (tmp_path / "plan").iterdir():
        file.read_bytes().decode("utf-8")


def test_lists_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_splits(tmp_path, {"train": [pair("a")], "val": [pair("b")]})

    def failing() -> Sequence[Pair]:
        class Broken(tuple[Pair, ...]):
            def __iter__(self) -> object:  # type: ignore[override]
                raise OSError(28, "No space left on device")

        return Broken()

    with pytest.raises(MfpnetError, match="No space left"):
        write_splits(tmp_path, {"train": [pair("b")], "val": failing()})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.txt", "val.txt"]
    assert (tmp_path / "train.txt").read_text() == "a\n"


def test_lists_that_were_there_count_no_longer_and_are_kept(tmp_path: Path) -> None:
    parts = {"train": (pair("a"), pair("b")), "val": (pair("c"),)}
    old = {"list_train.txt": "b\n", "train.txt": "c\n", "val.txt": "c\n", "test.txt": "a\n"}
    for name, text in old.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "test.txt.old").write_text("older\n")
    kept = write_splits(tmp_path, parts)
    assert kept == ["list_train.txt.old", "test.txt.old2", "train.txt.old"]
    assert read_splits(tmp_path, [pair(name) for name in "abc"]) == parts
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "train.txt": "a\nb\n",
        "val.txt": "c\n",
        "train.txt.old": "c\n",
        "list_train.txt.old": "b\n",
        "test.txt.old": "older\n",
        "test.txt.old2": "a\n",
    }
    assert write_splits(tmp_path, parts) == []


def test_a_plan_takes_the_lists_that_lie_in_the_folder(tmp_path: Path) -> None:
    pairs = folder(tmp_path, strangers(5))
    (tmp_path / "images" / "maskless.png").write_bytes(pairs[0].image.read_bytes())
    for mask in (tmp_path / "masks").iterdir():
        PIL.Image.fromarray(np.eye(64, 96, dtype=np.uint8)).save(mask)
    (tmp_path / "train.txt").write_text("001\nmaskless\n004\n")
    (tmp_path / "val.txt").write_text("000\n")
    plan = plan_of(tmp_path)
    assert {part: [p.name for p in found] for part, found in plan.parts.items()} == {
        "train": ["001", "004"],
        "val": ["000"],
    }
    write_plan(plan, tmp_path / "plan")
    assert plan_of(tmp_path, tmp_path / "plan").parts == plan.parts


@pytest.mark.parametrize(
    "text",
    [
        b"a\nb\n",
        b"\xef\xbb\xbfa\r\n\r\n# b is next\r\nb\r\n",
        "a\nb\n".encode("utf-16"),
        b"images/a.png\nd/images/b.png\n",
        b"a.png masks/a.png\nb.jpg\tmasks/b.png",
        b"./images/a.png,masks/a.png\r./images\\b.png",
    ],
)
def test_lists_of_any_hand_are_read(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "Train.txt").write_bytes(text)
    pairs = [pair("b"), pair("c"), pair("a")]
    assert read_splits(tmp_path, pairs) == {"train": (pairs[2], pairs[0])}


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        ("a\nnone\n", "b\n", r"train\.txt, line 2: no pair is called 'none'; there are 3"),
        (
            "a\nb\n",
            "\nb\n",
            r"'b' stands in two places: .*train\.txt, line 2, .*val\.txt, line 2",
        ),
        ("\n# a\n", "b\n", r"train\.txt names nothing to train on"),
        ('"a\\q"\n', "b\n", r"train\.txt, line 1: .* is a broken quoted name"),
    ],
)
def test_wrong_lists_are_refused(tmp_path: Path, train: str, val: str, said: str) -> None:
    (tmp_path / "train.txt").write_text(train)
    (tmp_path / "val.txt").write_text(val)
    with pytest.raises(MfpnetError, match=said):
        read_splits(tmp_path, [pair("a"), pair("b"), pair("c")])


def leaking(root: Path) -> dict[str, tuple[Pair, ...]]:
    pairs = folder(root, strangers(4))
    large = PIL.Image.open(pairs[1].image).resize((192, 128), PIL.Image.Resampling.BICUBIC)
    large.save(root / "images" / "renamed.jpg", quality=80)
    PIL.Image.fromarray(np.zeros((128, 192), dtype=np.uint8)).save(root / "masks" / "renamed.png")
    by_name = {pair.name: pair for pair in find_layout(root).parts["all"]}
    return {"train": tuple(pairs[:2]), "val": (pairs[2], by_name["renamed"]), "test": (pairs[3],)}


def test_a_picture_saved_again_is_refused_before_training(tmp_path: Path) -> None:
    import torch

    parts = leaking(tmp_path)
    store = load_frames(PairedFiles("own", "train", TWO, parts["train"]), torch.device("cpu"))
    watched = PairedFiles("own", "val", TWO, parts["val"])
    with pytest.raises(MfpnetError, match=r"1 of 2 .* renamed is 001") as caught:
        check_watched(store, watched)
    assert "--allow-overlap" in str(caught.value)
    check_watched(store, watched, allow_overlap=True)
    check_watched(store, PairedFiles("own", "test", TWO, parts["test"]))
