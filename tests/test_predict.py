from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch

import samples
from mfpnet.checkpoint import save_weights
from mfpnet.errors import MfpnetError
from mfpnet.labels import CAMVID
from mfpnet.layers import resize
from mfpnet.model import MFPNet
from mfpnet.pixels.enlarge import enlarged_labels
from mfpnet.pixels.pictures import Image
from mfpnet.predict import Predictor
from mfpnet.prediction import Prediction
from mfpnet.runtimes.eager import labels_in_strips
from samples import Recorder, modest_network

INFO = dataclasses.replace(samples.INFO, input_size=(96, 128))


def tiny(num_classes: int = 11) -> MFPNet:
    model = modest_network(num_classes=num_classes)
    classes = tuple(f"class {index}" for index in range(num_classes))
    model.info = INFO if num_classes == 11 else dataclasses.replace(INFO, classes=classes)
    return model


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(tiny(), device="cpu")


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "size", [(360, 480), (31, 17), (1, 1), (1, 9), (96, 128), (33, 300), (720, 961)]
)
def test_labels_have_the_size_of_the_picture(predictor: Predictor, size: tuple[int, int]) -> None:
    prediction = predictor.predict(noise(*size))
    assert prediction.labels.shape == size
    assert prediction.labels.dtype == np.uint8
    assert prediction.labels.max() < 11
    assert sum(prediction.fractions.values()) == pytest.approx(1)
    assert set(prediction.fractions) <= set(CAMVID.classes)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((96, 128), (96, 128)),
        ((90, 500), (90, 500)),
        ((192, 256), (96, 128)),
        ((256, 192), (128, 96)),
        ((1080, 1920), (96, 171)),
        ((31, 17), (58, 32)),
        ((1, 1), (32, 32)),
    ],
)
def test_only_larger_pictures_are_scaled_down(
    predictor: Predictor, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert predictor.network_size(size) == expected


def test_full_size_keeps_the_size() -> None:
    predictor = Predictor(tiny(), device="cpu", full_size=True)
    assert predictor.network_size((1080, 1920)) == (1080, 1920)
    assert predictor.network_size((31, 17)) == (58, 32)


def test_network_gets_what_it_was_trained_on(predictor: Predictor) -> None:
    """At the training size: the picture normalised, nothing else, and the best class wins."""
    image = noise(96, 128)
    unit = torch.tensor(image).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(v)[:, None, None] for v in (INFO.mean, INFO.std))
    with torch.no_grad():
        expected = tiny()((unit - mean) / std)
    assert torch.allclose(predictor.logits(image), expected, atol=1e-4)
    labels = predictor.predict(image).labels
    assert (labels == expected[0].argmax(0).numpy()).mean() > 0.999


def test_network_sees_the_scaled_picture() -> None:
    recorder = Recorder()
    network = recorder.as_network()
    network.info = INFO
    prediction = Predictor(network, device="cpu").predict(noise(192, 256))
    assert recorder.seen == [(96, 128)]
    assert prediction.labels.shape == (192, 256)


def test_file_path_and_pillow_image_are_pictures_too(predictor: Predictor, tmp_path: Path) -> None:
    image = noise(40, 50)
    picture = PIL.Image.fromarray(image)
    picture.save(tmp_path / "a.png")
    expected = predictor.predict(image).labels
    for given in (picture, tmp_path / "a.png", str(tmp_path / "a.png")):
        assert np.array_equal(predictor.predict(given).labels, expected)


def test_picture_is_not_changed(predictor: Predictor) -> None:
    image = noise(40, 50)
    copy = image.copy()
    image.flags.writeable = False
    predictor.predict(image)
    assert np.array_equal(image, copy)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3), dtype=np.float32),
        np.zeros((8, 8), dtype=np.uint8),
        np.zeros((8, 8, 4), dtype=np.uint8),
        np.zeros((3, 8, 8), dtype=np.uint8),
        np.zeros((0, 8, 3), dtype=np.uint8),
        np.zeros((1, 8, 8, 3), dtype=np.uint8),
    ],
    ids=lambda array: f"{array.shape} {array.dtype}",
)
def test_array_that_is_no_picture(predictor: Predictor, array: npt.NDArray[Any]) -> None:
    with pytest.raises(MfpnetError, match=r"must be \(H, W, 3\) uint8 RGB; this one is") as caught:
        predictor.predict(array)
    assert str(array.shape) in str(caught.value)
    assert str(array.dtype) in str(caught.value)


def test_missing_and_broken_pictures_are_named(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    for name in ("a.jpg", "none.jpg"):
        with pytest.raises(MfpnetError, match=name):
            predictor.predict(tmp_path / name)


def test_weights_file_is_a_model(tmp_path: Path) -> None:
    model = tiny()
    save_weights(tmp_path / "w.safetensors", model, INFO)
    loaded = Predictor(tmp_path / "w.safetensors", device="cpu")
    assert loaded.info == INFO
    image = noise(64, 64)
    assert np.array_equal(loaded.predict(image).labels, Predictor(model).predict(image).labels)


def test_network_without_info_is_refused() -> None:
    model = tiny()
    model.info = None
    with pytest.raises(MfpnetError, match="has no info: load it with load_model"):
        Predictor(model)


def test_unknown_device_is_refused() -> None:
    with pytest.raises(MfpnetError, match=r"device 'gpu' cannot be used.*--device auto"):
        Predictor(tiny(), device="gpu")


@pytest.mark.parametrize(("classes", "kind"), [(255, np.uint8), (300, np.uint16)])
def test_many_classes_need_wider_labels(
    classes: int, kind: type[np.generic], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny(classes)
    with torch.no_grad():
        assert model.classifier.bias is not None
        model.classifier.bias[classes - 1] = 1e6
    prediction = Predictor(model, device="cpu").predict(noise(32, 48))
    assert prediction.labels.dtype == kind
    assert (prediction.labels == classes - 1).all()
    assert prediction.fractions == {f"class {classes - 1}": 1.0}


def test_fractions_are_in_class_order() -> None:
    labels = np.array([[2, 2, 2, 0]], dtype=np.uint8)
    assert list(Prediction(labels, ("a", "b", "c")).fractions.items()) == [("a", 0.25), ("c", 0.75)]


@pytest.mark.parametrize("size", [(40, 60), (121, 77), (20, 30), (13, 90)])
def test_strips_are_what_one_interpolation_gives(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.randn(5, 20, 30, generator=torch.Generator().manual_seed(0))
    whole = resize(logits[None], size)[0].argmax(dim=0).numpy()
    monkeypatch.setattr("mfpnet.pixels.enlarge.STRIP_VALUES", 5 * size[1] * 7)
    for labels in (labels_in_strips(logits, size), enlarged_labels(logits.numpy(), size)):
        assert labels.shape == size
        assert (labels == whole).mean() > 0.999
