"""`mfpnet inspect`: its pictures, its files, and what it says to a slip."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspected import watched
from mfpnet.checkpoint import save_weights
from mfpnet.cli import main
from mfpnet.errors import MfpnetError
from mfpnet.inspect import STUDIES, inspect, load_inspected
from mfpnet.pixels.pictures import write_png
from mfpnet.studies.picture import drawn_picture, read_picture
from mfpnet.synthetic.scenes import draw_scene
from samples import INFO
from test_cli_misuse import complaint


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inspected") / "tiny.safetensors"
    save_weights(path, watched(), INFO)
    return path


def street_files(folder: Path, size: tuple[int, int] = (64, 96)) -> tuple[Path, Path]:
    scene = draw_scene(3, size)
    picture, mask = folder / "street.png", folder / "mask.png"
    write_png(picture, scene.image)
    write_png(mask, scene.labels)
    return picture, mask


def test_the_verb_prints_draws_and_records(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, mask = street_files(tmp_path)
    options = ["--target", mask, "--only", "gridding", "receptive-field", "--out", tmp_path / "out"]
    arguments = ["inspect", weights, picture, *options, "--json", tmp_path / "found.json"]
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert "gridding:\n  Stage 1, dilations 1: whole BRMs see 100 % of 7x7" in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "gridding.png",
        "receptive-field.png",
    ]
    record = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert list(record["studies"]) == ["gridding", "receptive-field"]
    assert record["classes_counted"]
    assert str(tmp_path) not in json.dumps(record)


def test_a_picture_comes_at_the_size_of_the_network_with_its_mask(tmp_path: Path) -> None:
    picture, mask = street_files(tmp_path, (128, 192))
    seen = read_picture(watched(), picture, mask)
    assert tuple(seen.image.shape) == (1, 3, *INFO.input_size)
    assert seen.view.shape == (*INFO.input_size, 3)
    assert seen.labels is not None
    assert seen.labels.shape == INFO.input_size
    counted = seen.labels[seen.labels < 11]
    assert set(np.unique(counted)) <= set(np.unique(draw_scene(3, (128, 192)).labels))
    expected = (seen.view[5, 7] / 255 - np.array(INFO.mean)) / np.array(INFO.std)
    assert seen.image[0, :, 5, 7].tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_target_without_the_networks_classes_is_no_target(tmp_path: Path) -> None:
    picture, mask = street_files(tmp_path)
    write_png(mask, np.full((64, 96), 200, dtype=np.uint8))
    seen = read_picture(watched(), picture, mask)
    assert seen.labels is None
    # By its file's name: the sentence goes into the record.
    assert seen.unlabelled == f"'{mask.name}' holds none of the network's 11 classes"
    assert read_picture(watched(), picture).unlabelled.startswith("no target was given")


def test_every_study_takes_a_picture_without_classes(tmp_path: Path) -> None:
    picture, _ = street_files(tmp_path)
    network = watched(dilations=((1,),) * 3)
    others = [name for name in STUDIES if name != "residuals"]  # whose trainings need no picture
    found = inspect(network, read_picture(network, picture), only=others)
    assert [study.name for study in found] == others


def test_a_drawn_street_has_the_networks_classes_by_their_names() -> None:
    network = watched()
    network.info = replace(INFO, classes=(*INFO.classes[3:], "a", "b", "c"))
    seen, whole = drawn_picture(network).labels, drawn_picture(watched()).labels
    assert seen is not None
    assert whole is not None
    assert (seen[whole == 3] == 0).all()  # road
    assert (seen[whole == 0] >= 11).all()  # sky is none of them
    network.info = replace(INFO, classes=tuple("abcdefghijk"))
    assert "shows none of the network's 11 classes" in drawn_picture(network).unlabelled


def test_slips_are_answered(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, mask = street_files(tmp_path)
    small = tmp_path / "small.png"
    write_png(small, np.zeros((20, 40, 3), dtype=np.uint8))
    large = tmp_path / "large.png"
    write_png(large, np.zeros((65, 96), dtype=np.uint8))
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:200])
    slips: list[tuple[list[object], str]] = [
        (
            [weights, "--only", "graphs"],
            "unknown study 'graphs'. Did you mean 'graph'? Known: atte",
        ),
        ([weights, picture, "--target", large], "is 65x96 and"),
        ([weights, "--target", mask], "--target is the mask of a picture: give IMAGE too."),
        ([weights, small], "is 20x40: there is nothing to look at in less than 32x32 pixels."),
        ([weights, broken], "is a broken picture"),
        ([weights, tmp_path / "none.png"], "there is no picture"),
        ([weights, "--steps", 0], "--steps is 0: it must be at least 1."),
        ([weights, "--out", picture], "which is a file: give a folder."),
        (["mfpnet_fast"], "'mfpnet_fast' is a network without weights"),
        (["mfpnet_fast_camvid_int8"], "is an exported file, which cannot be looked into"),
        (["some.onnx"], "is an exported file, which cannot be looked into"),
        (["nothing"], "unknown weights 'nothing'."),
    ]
    for arguments, expected in slips:
        assert expected in complaint(capsys, "inspect", *arguments)


def test_a_drawn_street_before_weights_of_photos_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["inspect", "mfpnet_fast_camvid", "--only", "gridding", "--out", str(tmp_path)])
    assert "a drawn street, which weights of camvid have not learnt" in capsys.readouterr().err


def test_somebody_elses_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_weights(path, watched(), replace(INFO, variant="package.module:factory"))
    with pytest.raises(MfpnetError, match="is of somebody else's network"):
        load_inspected(str(path))


def test_pictures_of_other_channels_have_to_be_given() -> None:
    network = watched(in_channels=5)
    network.info = replace(INFO, mean=(0.5,) * 5, std=(0.5,) * 5)
    with pytest.raises(MfpnetError, match="takes 5 channels of 8 bits, and streets are drawn"):
        drawn_picture(network)
