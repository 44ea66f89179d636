from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from known_trees import camvid_tree
from mfpnet.checkpoint import save_weights
from mfpnet.cli import main
from mfpnet.commands.stress import Stressed, show
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import Evaluation
from mfpnet.evaluating.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from mfpnet.evaluating.grouped import sides_of
from mfpnet.evaluating.robustness import Robustness, chosen_corruptions
from mfpnet.metrics import Scores
from mfpnet.options.evaluate import EvaluateOptions
from mfpnet.pixels.pictures import Image
from mfpnet.predict import Predictor
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.views.corruption_chart import corruption_picture
from samples import INFO, modest_network, tiny_network


@pytest.fixture(scope="module")
def scene() -> Image:
    return draw_scene(0, (112, 160)).image


def distance(image: Image, other: Image) -> float:
    return float(np.abs(image.astype(float) - other).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_severity_is_further_from_the_picture(scene: Image, name: str) -> None:
    far = [distance(scene, corrupt(scene, name, severity, "a")) for severity in SEVERITIES]
    assert far[0] > 0
    # The numbers of fog grow in strength and fall in roughness: it need not be strictly further.
    assert far == sorted(far) or (name == "fog" and far[4] > far[0])


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (47, 33)])
def test_any_size_keeps_its_size(name: str, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = corrupt(image, name, 5, "a")
    assert found.shape == image.shape
    assert found.dtype == np.uint8


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "motion_blur", "fog"])
def test_chance_is_a_function_of_frame_and_severity(scene: Image, name: str) -> None:
    first = corrupt(scene, name, 3, "0001TP_000030")
    np.testing.assert_array_equal(first, corrupt(scene, name, 3, "0001TP_000030"))
    assert distance(first, corrupt(scene, name, 3, "0001TP_000060")) > 0


@pytest.mark.parametrize("name", ["defocus_blur", "brightness", "dark", "contrast", "jpeg"])
def test_the_others_have_no_chance_in_them(scene: Image, name: str) -> None:
    np.testing.assert_array_equal(corrupt(scene, name, 3, "a"), corrupt(scene, name, 3, "b"))


def test_noise_has_the_strength_of_the_paper() -> None:
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    for severity, deviation in ((1, 0.08), (3, 0.18)):
        found = corrupt(grey, "gaussian_noise", severity, "a")
        assert found.std() / 255 == pytest.approx(deviation, rel=0.03)
    # 60 photons at full light: the deviation is the square root of their share.
    found = corrupt(grey, "shot_noise", 1, "a")
    assert found.std() / 255 == pytest.approx(np.sqrt(128 / 255 / 60), rel=0.03)


def test_a_point_out_of_focus_is_a_disk_that_grows_with_the_picture() -> None:
    areas = []
    for side in (224, 448):
        point = np.zeros((side + 1, side + 1, 3), dtype=np.uint8)
        point[side // 2, side // 2] = 255
        spread = corrupt(point, "defocus_blur", 1, "a")[:, :, 0]
        rows, columns = np.nonzero(spread)
        assert rows.mean() == columns.mean() == side // 2
        areas.append(len(rows))
    assert areas[0] == pytest.approx(np.pi * 3.5**2, rel=0.25)
    assert areas[1] / areas[0] == pytest.approx(4, rel=0.3)


def test_blurs_keep_the_light() -> None:
    flat = np.full((60, 80, 3), 90, dtype=np.uint8)
    for name in ("defocus_blur", "motion_blur"):
        np.testing.assert_array_equal(corrupt(flat, name, 5, "a"), flat)


def test_light_by_hand() -> None:
    pixel = np.array([[[200, 100, 50], [0, 0, 0]]], dtype=np.uint8)
    # V from 200 to 225.5, the other channels in proportion; black becomes grey.
    assert corrupt(pixel, "brightness", 1, "a").tolist() == [[[226, 113, 56], [26, 26, 26]]]
    # One stop: half the light is 2 ** (-1 / 2.2) of the value.
    assert corrupt(pixel, "dark", 1, "a").tolist() == [[[146, 73, 36], [0, 0, 0]]]
    # Means are 100, 50, 25; a tenth and more of the way stays.
    assert corrupt(pixel, "contrast", 1, "a").tolist() == [[[140, 70, 35], [60, 30, 15]]]


@pytest.mark.parametrize(
    ("name", "severity", "expected"),
    [("fogg", 1, "Did you mean 'fog'"), ("fog", 0, "1 to 5"), ("fog", 6, "1 to 5")],
)
def test_what_is_no_corruption_is_refused(
    scene: Image, name: str, severity: int, expected: str
) -> None:
    with pytest.raises(MfpnetError, match=expected):
        corrupt(scene, name, severity, "a")


def test_frames_of_another_kind_are_refused() -> None:
    with pytest.raises(MfpnetError, match="8-bit RGB"):
        corrupt(np.zeros((8, 8, 4), dtype=np.uint8), "fog", 1, "a")


def test_corruptions_are_chosen_by_name() -> None:
    assert chosen_corruptions(["all"]) == tuple(CORRUPTIONS)
    assert chosen_corruptions(["jpeg", "fog", "jpeg"]) == ("fog", "jpeg")
    with pytest.raises(MfpnetError, match="Did you mean 'shot_noise'"):
        chosen_corruptions(["shotnoise"])


def scored(miou: float) -> Evaluation:
    counts = np.zeros((1, 1), dtype=np.int64)
    found = Scores(miou, (miou,), miou)
    return Evaluation("a", "val", 1, ("sky",), counts, found, None, (None,), (None,), ())


def test_the_mean_of_a_corruption_is_of_scores_that_are_not_rounded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = Predictor(modest_network(), device="cpu")
    sides = sides_of(network, SyntheticStreets("val", 1, (64, 64)), None)
    mious = (0.3004, 0.3004, 0.3004, 0.3004, 0.3014)  # 30.0 four times and 30.1, on average 30.06
    found = Robustness(scored(0.5), {"fog": tuple(map(scored, mious))})
    show(Stressed(EvaluateOptions("w"), sides, found, {}))
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "fog" in line]
    cells = row.replace("│", " ").split()
    assert cells == ["fog", *["30.0"] * 4, "30.1", "30.1"]


def test_the_chart_is_drawn(tmp_path: Path) -> None:
    corruption_picture(0.5, {"fog": [0.4, 0.3], "jpeg": [0.5, 0.2]}, tmp_path / "c.svg")
    text = (tmp_path / "c.svg").read_text("utf-8")
    assert text.startswith("<?xml")


def test_evaluate_under_corruptions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, record = tmp_path / "w.safetensors", tmp_path / "record.json"
    save_weights(weights, tiny_network(), INFO)
    root = camvid_tree(tmp_path / "camvid", "test", 2, (64, 96))
    given = ("--data", "camvid", "--root", root, "--corruptions", "jpeg", "fog", "--device", "cpu")
    pictures = ("--picture", tmp_path / "c.png", "--maps", tmp_path / "m.png")

    def run(*more: object) -> int:
        with pytest.raises(SystemExit) as end:
            main([str(each) for each in ("evaluate", weights, *given, *more)])
        assert isinstance(end.value.code, int)
        return end.value.code

    assert run(*pictures, "--json", record) == 0
    found = json.loads(record.read_text("utf-8"), parse_constant=pytest.fail)
    assert list(found["corruptions"]) == ["fog", "jpeg"]
    assert found["severities"] == [1, 2, 3, 4, 5]
    mious = [value for each in found["corruptions"].values() for value in each["miou"]]
    assert len(mious) == 10
    assert found["corrupted_miou"] == pytest.approx(sum(mious) / 10)
    assert found["environment"]["packages"]["numpy"]
    assert "fog 3: mIoU" in capsys.readouterr().out
    assert all(path.is_file() for path in (tmp_path / "c.png", tmp_path / "m.png"))
    assert run("--bars", tmp_path / "b.png") == 2
    assert "--bars is of frames as they are" in capsys.readouterr().err
