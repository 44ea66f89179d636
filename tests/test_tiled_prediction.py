"""`Predictor` and the verbs with tiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor, nn

from colour_files import expected_logits, manifest, write_colour_onnx
from mfpnet.cli import main
from mfpnet.errors import MfpnetError
from mfpnet.layers import Gathered
from mfpnet.pixels.pictures import Image, read_image, read_labels
from mfpnet.pixels.resizing import reduced
from mfpnet.predict import Predictor
from mfpnet.runtimes.whole_picture import SHARE, told_of_picture
from samples import Recorder, modest_network

FIXED = (48, 80)


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mfpnet(*arguments: object) -> object:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    said = {
        "any": manifest(),
        "fixed": manifest(size=FIXED),
        "labels": manifest(output="labels"),
    }
    return {name: write_colour_onnx(folder / f"{name}.onnx", each) for name, each in said.items()}


@pytest.mark.parametrize("name", ["any", "fixed"])
@pytest.mark.parametrize("size", [(150, 200), (40, 300), (200, 60), (48, 80), (30, 50)])
def test_an_exported_file_sees_a_large_picture_at_its_own_size(
    files: dict[str, Path], name: str, size: tuple[int, int]
) -> None:
    labels = Predictor(files[name], tile=FIXED).predict(noise(*size)).labels
    assert labels.shape == size
    if min(size) >= 32:
        assert (labels == expected_logits(noise(*size)).argmax(axis=0)).mean() > 0.995


def test_tiles_that_a_file_does_not_take_are_refused(files: dict[str, Path]) -> None:
    with pytest.raises(MfpnetError, match="--tile is 64x64, and this file takes 48x80"):
        Predictor(files["fixed"], tile=(64, 64))
    with pytest.raises(MfpnetError, match=r"^--tile: .* this file gives labels only"):
        Predictor(files["labels"], tile=FIXED)


def test_a_network_sees_tiles_and_the_whole_picture_once() -> None:
    recorder = Recorder()
    predictor = Predictor(recorder.as_network(), device="cpu", tile=(64, 64), overlap=16)
    assert predictor.predict(noise(100, 64)).labels.shape == (100, 64)
    assert recorder.seen == [(64, 64), (64, 64)]  # of others' networks nothing is known
    recorder.seen.clear()
    predictor.predict(noise(64, 60))
    assert recorder.seen == [(64, 60)]


def test_one_tile_is_the_picture_itself() -> None:
    network, image = modest_network(), noise(96, 128)
    whole = Predictor(network, device="cpu", full_size=True)
    tiled = Predictor(network, device="cpu", tile=(96, 128))
    assert np.array_equal(tiled.predict(image).labels, whole.predict(image).labels)
    assert tiled.untiled().tiling is None
    assert tiled.untiled().network_size((300, 400)) == (300, 400)


def test_what_was_told_of_one_picture_is_gone_with_it() -> None:
    predictor = Predictor(modest_network(), device="cpu", tile=(64, 64))
    small = noise(64, 64)
    before = np.asarray(predictor.logits(small))
    predictor.predict(noise(130, 150))
    assert np.array_equal(np.asarray(predictor.logits(small)), before)


class Mean(nn.Module):
    """Gathers the mean of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.gathered = Gathered()

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.gathered(values.mean(dim=0, keepdim=True))
        return found


def test_a_tile_mixes_what_it_gathers_with_what_the_whole_picture_gave() -> None:
    network = Mean()
    with told_of_picture(network, lambda: network(torch.tensor([10.0, 30.0]))):
        assert network(torch.tensor([4.0])).item() == pytest.approx(4 + SHARE * (20 - 4))
    assert network(torch.tensor([4.0])).item() == 4


def test_an_mfpnet_s_tiles_are_told_of_attention_graph_and_head() -> None:
    network = modest_network()
    predictor = Predictor(network, device="cpu", tile=(64, 64))
    form = predictor.engine._form  # type: ignore[attr-defined]
    places = sum(isinstance(module, Gathered) for module in form.modules())
    assert places == 6 + 3 + 1
    bright, dark = np.full((64, 64, 3), 250, np.uint8), np.zeros((64, 64, 3), np.uint8)
    with predictor.engine.told_of(bright):
        beside_bright = np.asarray(predictor.logits(dark))
    assert not np.allclose(beside_bright, np.asarray(predictor.logits(dark)))


def test_a_picture_is_reduced_to_fit() -> None:
    smooth = np.linspace(0, 250, 1200)[:, None, None].repeat(1600, axis=1).repeat(3, axis=2)
    small = reduced(smooth.astype(np.uint8), (96, 96))
    assert small.shape == (72, 96, 3)
    assert np.abs(small[:, 50, 0] - np.linspace(0, 250, 72)).max() <= 3
    assert reduced(noise(40, 50), (96, 96)).shape == (40, 50, 3)


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10_000)


@pytest.mark.usefixtures("small_limit")
def test_pictures_that_pillow_warns_of_are_read_without_a_word(tmp_path: Path) -> None:
    PIL.Image.fromarray(noise(150, 100)).save(tmp_path / "large.png")
    assert np.array_equal(read_image(tmp_path / "large.png"), noise(150, 100))
    PIL.Image.fromarray(noise(300, 100)).save(tmp_path / "huge.png")
    with pytest.raises(MfpnetError, match=r"huge\.png' is too large a picture"):
        read_image(tmp_path / "huge.png")


def test_predict_and_evaluate_in_tiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PIL.Image.fromarray(noise(100, 200)).save(tmp_path / "a.png")
    weights, tiles = "mfpnet_fast_synthetic", ("--tile", "64x96", "--overlap", "20")
    out, record = tmp_path / "out", tmp_path / "record.json"
    assert mfpnet("predict", weights, tmp_path / "a.png", *tiles, "--out", out) == 0
    assert read_labels(out / "a_labels.png").shape == (100, 200)
    scenes = ("--scenes", "2", "--scene-size", "96x128")
    assert mfpnet("evaluate", weights, *scenes, *tiles, "--json", record) == 0
    found: dict[str, Any] = json.loads(record.read_text("utf-8"))["tiles"]
    assert found["tile"] == [64, 96]
    assert found["overlap"] == 20
    assert 0.3 < found["agreement"] <= 1
    assert "tiles of 64x96, overlap 20: " in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("--overlap", "16"), "--overlap is of tiles: give --tile too"),
        (("--tile", "16x64"), "--tile is 16x64: it must be at least 32x32"),
        (("--tile", "64x64", "--overlap", "40"), "it must be 0 to 32"),
        (("--tile", "64"), "--tile is '64': write height x width"),
        (("--tile", "64x64", "--calibration"), "--calibration is of whole frames"),
        (("--tile", "64x64", "--save", "w.safetensors"), "--save is of whole frames"),
    ],
)
def test_unusable_options_are_refused(
    given: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet("evaluate", "mfpnet_fast_synthetic", *given) == 2
    assert text in capsys.readouterr().err
