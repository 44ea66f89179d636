from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from mask_folders import SIZE, Array, areas, textured, write_pair
from mfpnet.errors import MfpnetError
from mfpnet.folders.inspection import class_weights, ignoring, inspect, only_usable, split_anew
from mfpnet.folders.plans import Plan, plan_of
from mfpnet.folders.problems import Problem, balance, folder_problems
from mfpnet.folders.scan import scan
from mfpnet.training.losses import class_weights as torch_class_weights


def write(root: Path, masks: list[Array], first: int = 0) -> None:
    """Frames whose look goes with their number, so that no two are alike."""
    for index, mask in enumerate(masks, first):
        write_pair(root, f"f{index:03}", textured(areas(4, index, SIZE), index), mask)


def grey(count: int, first: int = 0) -> list[Array]:
    return [areas(4, seed).astype(np.uint8) for seed in range(first, first + count)]


def wrong(root: Path) -> list[Problem]:
    plan = plan_of(root)
    return folder_problems(plan, scan(plan), root)


def only(problems: list[Problem], severity: str) -> Problem:
    found = [problem for problem in problems if problem.severity == severity]
    assert len(found) == 1
    return found[0]


def test_a_scan_counts_what_a_hand_count_does(tmp_path: Path) -> None:
    masks = grey(10)
    masks[2][:4] = 255
    write(tmp_path, masks)
    plan = plan_of(tmp_path)
    found = scan(plan)
    every = np.bincount(np.concatenate([mask.ravel() for mask in masks]), minlength=256)
    assert found.counts().tolist() == every[:4].tolist()
    assert sum(each.void for each in found.pairs) == every[255]
    images = [np.array(PIL.Image.open(pair.image)) / 255 for pair in plan.parts["train"]]
    pixels = np.concatenate([image.reshape(-1, 3) for image in images])
    assert found.mean == pytest.approx(pixels.mean(axis=0), abs=1e-3)
    assert found.std == pytest.approx(pixels.std(axis=0), abs=1e-3)


def test_an_inspection_tells_all_that_was_asked_for(tmp_path: Path) -> None:
    write(tmp_path, grey(20))
    plan = plan_of(tmp_path)
    record = inspect(plan, scan(plan), [], tmp_path)
    assert (record["frames"], sum(record["splits"].values())) == (20, 20)
    assert record["sizes"]["median"] == list(SIZE)
    assert (record["channels"], record["bits"], record["masks"]) == (3, 8, "index")
    assert sum(row["share"] for row in record["classes"]) == pytest.approx(1)
    shares = [row["share"] for row in record["classes"]]
    assert record["imbalance"] == pytest.approx(max(shares) / min(shares), abs=0.1)
    assert record["recipe"]["crop_size"] == list(SIZE)
    assert record["command"] == f"mfpnet train --data {tmp_path}"


def test_weights_are_those_of_the_loss() -> None:
    counts = np.array([1000, 20, 0, 345])
    expected = torch_class_weights(torch.from_numpy(counts)).tolist()
    assert class_weights(counts) == pytest.approx(expected, abs=1e-3)
    assert class_weights(counts)[2] == pytest.approx(1 / math.log(1.1), abs=1e-3)


def test_a_clean_folder_has_no_problems(tmp_path: Path) -> None:
    write(tmp_path, grey(20))
    assert wrong(tmp_path) == []


def test_masks_of_another_size_are_one_problem_with_all_their_names(tmp_path: Path) -> None:
    masks = grey(20)
    masks = [mask[:24] if index < 5 else mask for index, mask in enumerate(masks)]
    write(tmp_path, masks)
    found = only(wrong(tmp_path), "error")
    assert "5 masks of another size" in found.what
    assert "is 24x64, its image 48x64" in found.what
    assert len(found.places) == 5
    assert found.lines()[1].endswith(" and 2 more")
    assert f"mfpnet data inspect --data {tmp_path} --write --only-usable" in found.fix


def test_a_mask_turned_by_a_quarter_is_called_that(tmp_path: Path) -> None:
    masks = grey(12)
    masks[3] = masks[3].T
    write(tmp_path, masks)
    assert "turned by a quarter" in only(wrong(tmp_path), "error").what


def test_broken_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, grey(12))
    (tmp_path / "images" / "f001.png").write_bytes(b"")
    (tmp_path / "masks" / "f002.png").write_bytes(b"nothing")
    image, mask = wrong(tmp_path)
    assert "1 image cannot be used" in image.what
    assert "f001.png" in image.places[0]
    assert "1 mask cannot be used" in mask.what
    assert "f002.png" in mask.places[0]


def test_values_outside_of_a_class_file_are_summed_up(tmp_path: Path) -> None:
    masks = grey(12)
    masks[2][0, :3], masks[5][0, 0], masks[5][0, 1] = 9, 9, 12
    write(tmp_path, masks)
    (tmp_path / "classes.yaml").write_text("classes: [a, b, c, d]\n")
    found = only(wrong(tmp_path), "error")
    assert "2 masks with the values 9 (4 pixels), 12 (1 pixel), which no class has" in found.what
    line = found.fix.split("`")[1]
    (tmp_path / "classes.yaml").write_text(f"{line}\nclasses: [a, b, c, d]\n")
    assert wrong(tmp_path) == []


def test_an_all_void_mask_is_a_warning(tmp_path: Path) -> None:
    masks = grey(20)
    masks[7][:] = 255
    write(tmp_path, masks)
    found = only(wrong(tmp_path), "warning")
    assert "1 mask without a single labelled pixel" in found.what


def splits(root: Path, train: list[Array], val: list[Array]) -> None:
    write(root / "train", train)
    write(root / "val", val, first=len(train))


def test_the_same_picture_in_two_splits_is_an_error_that_a_new_split_ends(tmp_path: Path) -> None:
    splits(tmp_path, grey(12), grey(4, 12))
    assert wrong(tmp_path) == []
    twin = PIL.Image.open(tmp_path / "train" / "images" / "f003.png")
    twin.save(tmp_path / "val" / "images" / "f013.png", compress_level=0)
    found = only(wrong(tmp_path), "error")
    assert "1 image in two splits" in found.what
    assert "--new-split" in found.fix
    plan = split_anew(plan_of(tmp_path))
    assert [p for p in folder_problems(plan, scan(plan), tmp_path) if p.severity == "error"] == []


def test_a_class_in_val_alone_is_a_warning(tmp_path: Path) -> None:
    train = [np.minimum(mask, 2) for mask in grey(12)]
    splits(tmp_path, train, grey(4, 12))
    found = only(wrong(tmp_path), "warning")
    assert found.what == "in no training frame, but in others: class 'class 3'"


def test_one_class_in_training_is_an_error(tmp_path: Path) -> None:
    splits(tmp_path, [np.zeros(SIZE, np.uint8)] * 6, grey(4, 12))
    errors = [problem for problem in wrong(tmp_path) if problem.severity == "error"]
    assert "the training frames hold one class only, class 0" in errors[-1].what


def test_rare_classes_are_told_with_share_and_frames(tmp_path: Path) -> None:
    masks = [np.minimum(mask, 1) for mask in grey(20)]
    for mask in masks[:3]:
        mask[20:22, 30:32] = 2
    write(tmp_path, masks)
    found = only(wrong(tmp_path), "warning")
    assert "'class 2' (0.0" in found.what
    plan = plan_of(tmp_path)
    told = balance(plan, scan(plan)) or ""
    train = scan(plan).counts("train")
    assert told.startswith("rarest 'class 2' (0.0")
    assert "of 16 training frames" in told
    assert told.endswith(f"'class 0' has {train[0] / train[2]:,.0f} times as many pixels")


def test_tiny_pictures_are_a_warning(tmp_path: Path) -> None:
    for index in range(12):
        labels = areas(3, index, (24, 60))
        write_pair(tmp_path, f"f{index}", textured(labels, index), labels.astype(np.uint8))
    assert "12 images with a side below 32 pixels" in only(wrong(tmp_path), "warning").what


def planned(root: Path) -> Plan:
    write(root, grey(12))
    return plan_of(root)


def test_values_to_ignore_leave_their_class(tmp_path: Path) -> None:
    plan = ignoring(planned(tmp_path), ["2", "77"])
    assert plan.labels.classes == ("class 0", "class 1", "class 3")
    assert plan.classes.ignore == (255, 2, 77)
    for given, text in ((["0", "1", "2"], "fewer than two"), (["#12"], "--ignore is '#12'")):
        with pytest.raises(MfpnetError, match=text):
            ignoring(planned(tmp_path), given)


def test_only_usable_pairs_are_kept_and_a_split_never_emptied(tmp_path: Path) -> None:
    splits(tmp_path, grey(12), grey(1, 12))
    plan = plan_of(tmp_path)
    (tmp_path / "train" / "images" / "f003.png").write_bytes(b"")
    assert len(only_usable(plan, scan(plan)).parts["train"]) == 11
    (tmp_path / "val" / "images" / "f012.png").write_bytes(b"")
    with pytest.raises(MfpnetError, match="no pair of val can be used"):
        only_usable(plan, scan(plan))


def test_leaving_out_is_offered_only_where_pairs_remain(tmp_path: Path) -> None:
    write(tmp_path, grey(10))
    broken = [*plan_of(tmp_path).parts["val"]]
    broken[0].mask.write_bytes(b"no picture")
    assert "--only-usable" in only(wrong(tmp_path), "error").fix
    for pair in plan_of(tmp_path).parts["train"]:
        pair.image.write_bytes(b"no picture")
    assert all("--only-usable" not in problem.fix for problem in wrong(tmp_path))
