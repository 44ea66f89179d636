"""Objects in pictures: predicted, written, drawn, scored, and left out of exported files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from PIL import ImageDraw

from mfpnet.checkpoint import save_weights
from mfpnet.cli import main
from mfpnet.commands.exports import warn_of_left_out
from mfpnet.errors import MfpnetError
from mfpnet.exporting.deployed import Deployed
from mfpnet.instance_scores import object_labels
from mfpnet.instances.drawing import instance_overlay
from mfpnet.instances.grouping import Objects
from mfpnet.labels import CAMVID
from mfpnet.model import MFPNet
from mfpnet.pixels.draw import legend_entries
from mfpnet.pixels.pictures import read_image, read_labels
from mfpnet.predict import Predictor
from mfpnet.synthetic.scenes import draw_scene
from samples import INFO, tiny_network

CAR, PERSON = 8, 9


def seeing() -> MFPNet:
    """A network that sees cars everywhere, and one middle, which it says is where each pixel is."""
    network = tiny_network(instances=True).eval()
    network.info = dataclasses.replace(INFO, things=CAMVID.things)
    assert network.instances is not None
    with torch.no_grad():
        for part in (network.classifier, network.instances.centre, network.instances.offset):
            part.weight.zero_()
            assert part.bias is not None
            part.bias.zero_()
        network.classifier.bias[CAR] = 1  # type: ignore[index]
        network.instances.centre.bias.fill_(9.0)  # type: ignore[union-attr]
    return network


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    network = seeing()
    assert network.info is not None
    save_weights(tmp_path / "apart.safetensors", network, network.info)
    return tmp_path / "apart.safetensors"


def picture(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return draw_scene(1, (height, width)).image


@pytest.mark.parametrize("size", [(64, 96), (128, 192), (50, 70)])
def test_objects_have_the_size_of_the_picture(size: tuple[int, int]) -> None:
    found = Predictor(seeing(), device="cpu").predict(picture(*size))
    assert found.objects is not None
    assert found.objects.instances.shape == found.labels.shape == size
    assert found.objects.instances.dtype == np.uint16
    assert found.counts == {"car": len(found.objects.classes)}
    assert len(found.objects.classes) >= 1


def test_several_views_have_objects_and_tiles_have_none() -> None:
    views = Predictor(seeing(), device="cpu", flip=True).predict(picture(64, 96))
    assert views.counts
    tiled = Predictor(seeing(), device="cpu", tile=(64, 64), overlap=16)
    assert tiled.predict(picture(64, 96)).counts is None
    assert not tiled.finds_instances


def test_a_network_without_the_head_tells_nothing_apart() -> None:
    network = tiny_network().eval()
    network.info = INFO
    assert Predictor(network, device="cpu").predict(picture(64, 96)).objects is None


def test_an_exported_network_has_no_second_head() -> None:
    deployed = Deployed(seeing(), pixels="uint8", output="logits")
    assert not [name for name in deployed.state_dict() if "instances" in name]


def test_predict_writes_objects_and_counts_them(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PIL.Image.fromarray(picture(64, 96)).save(tmp_path / "a.png")
    given = ["predict", weights, tmp_path / "a.png", "--out", tmp_path / "out", "--device", "cpu"]
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in (*given, "--json", tmp_path / "all.json")])
    assert end.value.code == 0
    found = json.loads((tmp_path / "out" / "a.json").read_text("utf-8"))["instances"]
    instances = read_labels(tmp_path / "out" / "a_instances.png")
    assert instances.dtype == np.uint16
    assert instances.max() == len(found) >= 1
    assert set(found) == {"car"}
    assert f"objects: car {len(found)}" in capsys.readouterr().out
    record = json.loads((tmp_path / "all.json").read_text("utf-8"))
    assert record[0]["instances"] == {"car": len(found)}
    assert read_image(tmp_path / "out" / "a_overlay.png").shape[1:] == (96, 3)


def test_evaluate_prints_panoptic_quality(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["evaluate", weights, "--scenes", "2", "--scene-size", "64x96", "--device", "cpu"]
    for more, apart in (((), True), (("--tile", "64x64", "--overlap", "16"), False)):
        with pytest.raises(SystemExit) as end:
            main([str(each) for each in (*given, *more, "--json", tmp_path / "scores.json")])
        assert end.value.code == 0
        record = json.loads((tmp_path / "scores.json").read_text("utf-8"))
        assert ("panoptic" in record) is apart
        assert ("PQ " in capsys.readouterr().out) is apart


def test_every_pixel_of_an_object_gets_its_class() -> None:
    labels = np.array([[0, CAR, PERSON, CAR]], dtype=np.uint8)
    objects = Objects(np.array([[0, 1, 1, 0]], dtype=np.uint16), (PERSON,))
    assert object_labels(labels, objects).tolist() == [[0, PERSON, PERSON, CAR]]


def test_neighbours_are_drawn_in_other_shades_with_a_line_between() -> None:
    labels = np.full((20, 40), CAR, dtype=np.uint8)
    instances = np.ones((20, 40), dtype=np.uint16)
    instances[:, 20:] = 2
    black = np.zeros((20, 40, 3), dtype=np.uint8)
    drawn = instance_overlay(
        black, labels, Objects(instances, (CAR, CAR)), CAMVID.palette, CAMVID.classes
    )
    assert drawn.shape[0] > 20
    assert tuple(drawn[5, 5]) == tuple(value // 2 for value in CAMVID.palette[CAR])
    assert tuple(drawn[5, 30]) != tuple(drawn[5, 5])
    assert (drawn[5, 19] == 255).all()
    assert len(legend_entries(labels, CAMVID.palette, CAMVID.classes)) == 1


def test_what_is_no_object_is_drawn_as_ever() -> None:
    labels = np.zeros((20, 40), dtype=np.uint8)
    none = Objects(np.zeros((20, 40), dtype=np.uint16), ())
    grey = np.full((20, 40, 3), 100, dtype=np.uint8)
    drawn = instance_overlay(grey, labels, none, CAMVID.palette, CAMVID.classes)
    assert (drawn[:20] == (100 + 128) // 2).all()


def test_a_name_is_drawn_once_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two objects in one place: one name; and none on what is too small for it."""
    names: list[int] = []
    write = ImageDraw.ImageDraw.text

    def note(pen: ImageDraw.ImageDraw, *given: Any, **options: Any) -> None:
        names.append("stroke_width" in options)
        write(pen, *given, **options)

    monkeypatch.setattr("PIL.ImageDraw.ImageDraw.text", note)
    grey, found = np.full((60, 120, 3), 100, dtype=np.uint8), []
    for mixed, side in ((1, 60), (2, 60), (1, 6)):
        instances = np.zeros((60, 120), dtype=np.uint16)
        instances[:side, : 2 * side] = 1
        instances[1:side:2, : 2 * side] = mixed
        objects = Objects(instances, (CAR,) * mixed)
        labels = np.where(instances > 0, CAR, 0).astype(np.uint8)
        names.clear()
        instance_overlay(grey, labels, objects, CAMVID.palette, CAMVID.classes)
        found.append(sum(names))
    assert found == [1, 1, 0]


def test_an_export_tells_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_left_out(INFO)
    assert capsys.readouterr().err == ""
    warn_of_left_out(dataclasses.replace(INFO, things=CAMVID.things))
    said = capsys.readouterr().err
    assert "tell objects apart (car, pedestrian, bicyclist), and a file does not" in said


def test_a_file_is_not_asked_for_objects(exported: Callable[..., Path]) -> None:
    predictor = Predictor(exported("onnx", size=(64, 96)), device="cpu")
    assert predictor.predict(picture(64, 96)).objects is None
    with pytest.raises(MfpnetError, match="tells no objects apart: give the weights"):
        predictor.engine.maps(picture(64, 96))


def test_a_card_tells_which_objects_are_told_apart(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["info", str(weights)])
    assert "car, pedestrian, bicyclist" in capsys.readouterr().out
