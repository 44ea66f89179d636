"""Networks of other channels and 16 bits, from files through training to exported files."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import tifffile
import torch

from mfpnet.checkpoint import load_model, read_info, save_weights
from mfpnet.cli import main
from mfpnet.data.datasets import frame_format
from mfpnet.data.derived import Derived
from mfpnet.data.source import FOLDER, DataSource
from mfpnet.errors import MfpnetError
from mfpnet.export import export
from mfpnet.exporting.writing import write_exported
from mfpnet.foreign import foreign_network
from mfpnet.info import ModelInfo
from mfpnet.labels import CAMVID
from mfpnet.measuring.subjects import check_measurable
from mfpnet.model import MFPNet
from mfpnet.pixels.bands import fitted, read_header
from mfpnet.pixels.format import RGB, PixelFormat, Raster, storable
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.predict import Predictor
from mfpnet.quantise import Target, quantise
from mfpnet.runtimes.manifest import Manifest, Pixels
from mfpnet.sources import open_dataset
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.training.frames import load_frames
from mfpnet.training.input_layer import FIRST, adapt_input
from mfpnet.training.teachers import check_teacher
from mfpnet.training.transfer import start_from
from mfpnet.transforms import Augmentation, augment, normalise
from samples import INFO, short_network, small_and_fast, tiny_network

SIZE = (64, 64)
TELLING = 3  # the only band in which the classes differ

CPU = torch.device("cpu")


def disc(random: np.random.Generator) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    top, left = random.uniform(12, 52, 2)
    inside: npt.NDArray[np.bool_] = np.hypot(y - top, x - left) < random.uniform(12, 22)
    return inside.astype(np.uint8)


def five_bands(mask: npt.NDArray[np.uint8], random: np.random.Generator) -> Raster:
    """Of a sensor that fills little of its 16 bits."""
    bands = random.integers(900, 1500, (*SIZE, 5))
    bands[..., TELLING] = random.integers(1200, 1600, SIZE) + 900 * mask.astype(int)
    return bands.astype(np.uint16)


def save_bands(path: Path, pixels: Raster) -> None:
    tifffile.imwrite(
        path.with_suffix(".tif"), pixels, photometric="minisblack", planarconfig="contig"
    )


def folder_of(root: Path, count: int, seed: int, save: Callable[[Path, Raster], None]) -> Path:
    random = np.random.default_rng(seed)
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for number in range(count):
        mask = disc(random)
        save(root / "images" / f"{number:03}", five_bands(mask, random))
        PIL.Image.fromarray(mask).save(root / "masks" / f"{number:03}.png")
    return root


def save_grey(path: Path, pixels: Raster) -> None:
    eight = (pixels[..., TELLING] // 12).astype(np.uint8)
    PIL.Image.fromarray(eight).save(path.with_suffix(".png"))


def mfpnet(*arguments: object) -> object:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def trained(root: Path, *more: object) -> Path:
    usual = ("--variant", "tiny", "--epochs", 10, "--batch-size", 4, "--crop-size", "64x64")
    given = ("train", "--data", root / "data", *usual, "--threads", 1, "--out", root / "run")
    assert mfpnet(*given, *more) == 0
    return root / "run"


def score(weights: Path, data: Path, *more: object) -> float:
    out = data.parent / "score.json"
    assert mfpnet("evaluate", weights, "--data", data, "--split", "all", "--json", out, *more) == 0
    return float(json.loads(out.read_text())["miou"])


def labels_of(weights: Path, pictures: Path, out: Path) -> list[npt.NDArray[Any]]:
    assert mfpnet("predict", weights, pictures, "--out", out) == 0
    return [np.array(PIL.Image.open(file)) for file in sorted(out.glob("*_labels.png"))]


@pytest.fixture(scope="module")
def bands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run with five bands of 16 bits, its data, and data that it has not seen."""
    root = tmp_path_factory.mktemp("bands")
    folder_of(root / "data", 16, 0, save_bands)
    folder_of(root / "unseen", 4, 1, save_bands)
    with small_and_fast():
        trained(root)
        yield root


def test_a_band_beyond_rgb_is_learnt(bands: Path) -> None:
    info = read_info(bands / "run")
    assert info.format == PixelFormat(5, 16)
    assert info.mean[TELLING] == pytest.approx(1600 / 65535, rel=0.2)
    assert 0 < info.std[0] < 0.005
    # Calling everything background comes to 42 %.
    assert score(bands / "run", bands / "unseen") > 0.6


def test_the_exported_file_gives_the_same_labels(bands: Path) -> None:
    pictures, file = bands / "unseen" / "images", bands / "net.onnx"
    assert (
        mfpnet("export", bands / "run", "--out", file, "--data", bands / "unseen", "--split", "all")
        == 0
    )
    report = json.loads(Path(f"{file}.report.json").read_text())
    assert (report["pixels"], report["on_data"]["frames"]) == ("uint16", 4)
    ours = labels_of(bands / "run", pictures, bands / "ours")
    theirs = labels_of(file, pictures, bands / "theirs")
    assert len(ours) == len(theirs) == 4
    assert min(np.mean(a == b) for a, b in zip(ours, theirs, strict=True)) > 0.999
    assert 0.02 < np.mean(ours) < 0.7
    assert read_header(bands / "ours" / "000_overlay.png").format == RGB
    assert mfpnet("info", file) == 0


def test_a_photo_is_refused_with_both_sides_named(bands: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    PIL.Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(photo)
    text = r"photo\.png' has 3 channels of 8 bits, and 5 channels of 16 bits are wanted"
    predictor = Predictor(bands / "run")
    with pytest.raises(MfpnetError, match=text):
        predictor.predict(photo)
    with pytest.raises(MfpnetError, match=r"must be \(H, W, 5\) uint16; this one is \(64, 64, 3\)"):
        predictor.predict(np.zeros((64, 64, 3), np.uint8))


def test_large_pictures_of_bands_are_tiled(bands: Path) -> None:
    random = np.random.default_rng(3)
    picture = np.tile(five_bands(disc(random), random), (3, 2, 1))
    labels = Predictor(bands / "run", tile=(96, 96)).predict(picture).labels
    assert labels.shape == picture.shape[:2]
    whole = Predictor(bands / "run", full_size=True).predict(picture).labels
    assert np.mean(labels == whole) > 0.75


def test_a_frame_unlike_the_first_is_named(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "data", 3, 0, save_bands)
    save_bands(root / "images" / "001", np.zeros((*SIZE, 4), np.uint16))
    data = open_dataset(DataSource(FOLDER, "all", str(root)))
    with pytest.raises(MfpnetError, match=r"001\.tif' has 4 channels .* and 5 channels"):
        load_frames(data, CPU)


def test_one_channel(tmp_path: Path) -> None:
    folder_of(tmp_path / "data", 16, 0, save_grey)
    folder_of(tmp_path / "unseen", 4, 1, save_grey)
    with small_and_fast():
        run = trained(tmp_path, "--channels", 1)
        assert read_info(run).format == PixelFormat(1)
        assert score(run, tmp_path / "unseen") > 0.7
        grey = Predictor(run)
    picture = np.array(PIL.Image.open(tmp_path / "unseen" / "images" / "000.png"))
    labels = grey.predict(picture).labels
    # RGB whose channels are equal is that grey.
    np.testing.assert_array_equal(grey.predict(picture[..., None].repeat(3, 2)).labels, labels)
    np.testing.assert_array_equal(grey.predict(PIL.Image.fromarray(picture)).labels, labels)


def test_grey_photos_stay_rgb_unless_told(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "data", 2, 0, save_grey)
    data = DataSource(FOLDER, "all", str(root))
    assert frame_format(open_dataset(data)) == RGB
    assert frame_format(open_dataset(dataclasses.replace(data, channels=1))) == PixelFormat(1)
    assert frame_format(open_dataset(data.read_as(PixelFormat(1)))) == PixelFormat(1)


@pytest.mark.parametrize("channels", ["0", "-1", "many"])
def test_bad_channels(channels: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder_of(tmp_path / "data", 2, 0, save_grey)
    given = ("data", "check", "--data", root, f"--channels={channels}")
    assert mfpnet(*given) == 2
    assert f"--channels is '{channels}'" in capsys.readouterr().err


def test_known_data_has_its_own_channels(capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet("train", "--channels", "1") == 2
    assert "--channels is of folders of your own, and synthetic is RGB" in capsys.readouterr().err


def info_of_format(frames: PixelFormat) -> ModelInfo:
    """Of a sensor that fills a tenth of its range."""
    mean = tuple(0.03 + 0.01 * number for number in range(frames.channels))
    return dataclasses.replace(INFO, mean=mean, std=(0.02,) * frames.channels, bits=frames.bits)


def network_of(frames: PixelFormat) -> MFPNet:
    network = short_network(in_channels=frames.channels)
    network.info = info_of_format(frames)
    return network


@pytest.mark.parametrize(
    ("format", "frames"),
    [
        ("openvino", PixelFormat(2, 16)),
        ("torch-export", PixelFormat(2, 16)),
        pytest.param("onnx", PixelFormat(1), marks=pytest.mark.slow),
        pytest.param("onnx", PixelFormat(4), marks=pytest.mark.slow),
        pytest.param("openvino", PixelFormat(1), marks=pytest.mark.slow),
        pytest.param("torch-export", PixelFormat(4), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_every_format_takes_other_channels(
    format: str, frames: PixelFormat, tmp_path: Path
) -> None:
    suffix = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}[format]
    network, path = network_of(frames), tmp_path / f"net{suffix}"
    pixels: Pixels = "uint8" if frames.bits == 8 else "uint16"
    export(network, path, format=format, size=SIZE, pixels=pixels, threads=1)
    picture = np.random.default_rng(0).integers(0, frames.highest // 10, (50, 64, frames.channels))
    given = picture.astype(frames.dtype)
    ours, theirs = Predictor(network).predict(given), Predictor(path).predict(given)
    # The file sees a letterbox, so nothing but its upper part is the same.
    assert np.mean(ours.labels == theirs.labels) > 0.5
    boxed = np.random.default_rng(1).integers(0, frames.highest // 10, (*SIZE, frames.channels))
    given = boxed.astype(frames.dtype)
    labels = Predictor(network).predict(given).labels
    assert np.mean(labels == Predictor(path).predict(given).labels) > 0.999


@pytest.mark.slow
def test_float_pixels_and_half_precision_of_16_bits(tmp_path: Path) -> None:
    network = network_of(PixelFormat(2, 16))
    made = functools.partial(export, network, format="onnx", size=SIZE, threads=1)
    assert made(tmp_path / "a.onnx", pixels="float")["equal_labels"] > 0.999
    assert made(tmp_path / "b.onnx", pixels="uint16", precision="fp16")["equal_labels"] > 0.995


def test_pixels_of_other_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        MfpnetError, match="--pixels is uint8, and the network takes 2 channels of 16"
    ):
        export(network_of(PixelFormat(2, 16)), tmp_path / "a.onnx", format="onnx", size=SIZE)


def four_channels(image: Raster, labels: Labels, _: str) -> tuple[Image, Labels]:
    red, green, blue = np.moveaxis(rgb_view(image), 2, 0)
    return np.stack([red, green, blue, red], axis=2), labels


def test_int8_of_four_channels(tmp_path: Path) -> None:
    network = network_of(PixelFormat(4))
    training, unseen = (
        Derived(SyntheticStreets(split, count, SIZE), four_channels)
        for split, count in (("train", 20), ("val", 2))
    )
    target = Target(tmp_path / "a.onnx", "onnx", SIZE)
    quantise(network, target, training, unseen, frames=20, max_drop=100, threads=1)
    labels = Predictor(tmp_path / "a.onnx").predict(unseen.load(0)[0]).labels
    assert labels.shape == SIZE


def test_weights_and_manifests_without_bits_are_of_8(tmp_path: Path) -> None:
    assert read_info("mfpnet_fast_camvid").format == RGB
    old = INFO.as_dict()
    del old["bits"]
    assert ModelInfo.from_dict(old) == INFO
    text = json.dumps(
        {"info": old, "pixels": "uint8", "output": "logits", "precision": "fp32", "size": None}
    )
    assert Manifest.from_json(text, tmp_path).info.format == RGB
    with pytest.raises(MfpnetError, match="bits is 12"):
        ModelInfo.from_dict({**old, "bits": 12})
    with pytest.raises(
        MfpnetError, match="pixels is uint16, and the network takes 3 channels of 8"
    ):
        Manifest.from_json(text.replace('"uint8"', '"uint16"'), tmp_path)


def test_weights_of_bands_come_back(tmp_path: Path) -> None:
    network = network_of(PixelFormat(2, 16))
    assert network.info is not None
    save_weights(tmp_path / "a.safetensors", network, network.info)
    again = load_model(tmp_path / "a.safetensors")
    assert again.info == network.info
    assert again.config.in_channels == 2


def test_16_bits_are_stored_and_normalised_to_the_bit() -> None:
    pixels = np.array([0, 1, 32767, 32768, 65535], np.uint16).reshape(1, 5, 1)
    assert storable(pixels).tolist() == [[[-32768], [-32767], [-1], [0], [32767]]]
    images = torch.from_numpy(storable(pixels)).permute(2, 0, 1)[None]
    mean, std = torch.tensor([0.25]), torch.tensor([0.5])
    expected = (torch.tensor([0, 1, 32767, 32768, 65535]) / 65535 - 0.25) / 0.5
    torch.testing.assert_close(normalise(images, mean, std).flatten(), expected)


def test_colours_of_a_dim_sensor_stay_in_its_range() -> None:
    dim = np.random.default_rng(0).integers(1000, 3000, (8, 32, 32, 2)).astype(np.uint16)
    images = torch.from_numpy(storable(dim)).permute(0, 3, 1, 2)
    mean, std = torch.tensor([2000 / 65535] * 2), torch.tensor([577 / 65535] * 2)
    pixels, _ = augment(
        images,
        torch.zeros(8, 32, 32, dtype=torch.uint8),
        Augmentation((32, 32), colour=0.4),
        mean=mean,
        std=std,
        ignore_index=255,
        generator=torch.Generator().manual_seed(0),
    )
    # Brightness and gamma by up to a factor of 1.5 each move a mean of 3.5 deviations by some 2.
    assert pixels.abs().mean() < 3
    assert pixels.std() > 0.5


def test_the_first_convolution_is_adapted() -> None:
    rgb, weight = tiny_network(), torch.rand(4, 3, 3, 3)
    assert rgb.state_dict()[FIRST].shape[1] == 3
    assert adapt_input(weight, 3) is weight
    adapted = adapt_input(weight, 5)
    assert adapted.shape == (4, 5, 3, 3)
    torch.testing.assert_close(adapted.sum(dim=1), weight.sum(dim=1))


def test_weights_of_rgb_start_a_network_of_bands(tmp_path: Path) -> None:
    rgb, bands = network_of(RGB), network_of(PixelFormat(5, 16))
    assert rgb.info is not None
    save_weights(tmp_path / "a.safetensors", rgb, rgb.info)
    note = start_from(tmp_path / "a.safetensors", bands, CAMVID)
    assert note is not None
    assert "takes 3 channels of 8 bits: the first convolution begins with their mean" in note
    expected = adapt_input(rgb.state_dict()[FIRST], 5)
    torch.testing.assert_close(bands.state_dict()[FIRST], expected)


def test_a_format_without_uint16_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfpnet.exporting.writing.find_spec", lambda name: True)
    with pytest.raises(MfpnetError, match="--format litert knows no uint16: give --pixels float"):
        write_exported(
            network_of(PixelFormat(2, 16)),
            tmp_path / "a.tflite",
            format="litert",
            size=SIZE,
            pixels="uint16",
        )


def test_a_teacher_of_other_channels_is_refused(tmp_path: Path) -> None:
    network = network_of(PixelFormat(4))
    assert network.info is not None
    save_weights(tmp_path / "a.safetensors", network, network.info)
    with pytest.raises(MfpnetError, match="takes 4 channels of 8 bits, and the frames have 3"):
        check_teacher(str(tmp_path / "a.safetensors"), INFO.classes)


def test_a_benchmark_is_of_rgb() -> None:
    with pytest.raises(MfpnetError, match="'it' takes 4 channels"):
        check_measurable(info_of_format(PixelFormat(4)), "it")


def test_a_foreign_network_is_told_of_other_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from torch import nn\ndef rgb(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n"
    code += (
        "def any(num_classes, in_channels):\n    return nn.Conv2d(in_channels, num_classes, 1)\n"
    )
    (tmp_path / "channel_peers.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    network = foreign_network("channel_peers:any", 7, 5)
    assert network(torch.zeros(1, 5, 32, 32)).shape == (1, 7, 32, 32)
    with pytest.raises(
        MfpnetError, match="cannot be called with num_classes and in_channels alone"
    ):
        foreign_network("channel_peers:rgb", 7, 5)


def test_extra_arrays_are_not_guessed_at() -> None:
    with pytest.raises(MfpnetError, match="4 channels of 8 bits, and 3 channels"):
        fitted(np.zeros((4, 4, 4), np.uint8), RGB, "it")
