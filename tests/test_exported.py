"""The `Predictor` on exported files: what it shows them, and what it makes of their answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from colour_files import (
    CLASSES,
    expected_logits,
    manifest,
    write_colour_onnx,
    write_colour_openvino,
)
from mfpnet.errors import MfpnetError
from mfpnet.layers import resize
from mfpnet.pixels.pictures import Image
from mfpnet.pixels.resizing import resize_image, resize_labels
from mfpnet.pixels.rgb_view import rgb_view
from mfpnet.predict import Predictor
from mfpnet.runtimes.exported import ExportedEngine
from mfpnet.runtimes.manifest import Manifest
from samples import INFO, short_network

FIXED = (48, 80)


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    manifests = {
        "any": manifest(),
        "float": manifest(pixels="float"),
        "fixed": manifest(size=FIXED),
        "labels": manifest(output="labels"),
        "fixed-labels": manifest(output="labels", size=FIXED),
    }
    paths = {
        name: write_colour_onnx(folder / f"{name}.onnx", said) for name, said in manifests.items()
    }
    return paths | {"xml": write_colour_openvino(folder / "any.xml", manifest())}


def by_hand(image: Image, seen: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Scaled to a size, mixed, brought back by PyTorch: the labels at the picture's own size."""
    logits = torch.from_numpy(expected_logits(rgb_view(resize_image(image, seen))))
    size = (image.shape[0], image.shape[1])
    return resize(logits[None], size)[0].argmax(dim=0).numpy()


@pytest.mark.parametrize("name", ["any", "float", "xml"])
@pytest.mark.parametrize(
    ("size", "seen"),
    [((64, 96), (64, 96)), ((200, 300), (64, 96)), ((31, 17), (58, 32)), ((50, 90), (50, 90))],
)
def test_a_file_of_any_size_is_shown_what_weights_are_shown(
    files: dict[str, Path], name: str, size: tuple[int, int], seen: tuple[int, int]
) -> None:
    predictor = Predictor(files[name])
    assert predictor.info == INFO
    assert predictor.network_size(size) == seen
    labels = predictor.predict(noise(*size)).labels
    assert labels.dtype == np.uint8
    assert labels.shape == size
    assert (labels == by_hand(noise(*size), seen)).mean() > 0.995


@pytest.mark.parametrize(
    ("size", "seen"),
    [(FIXED, FIXED), ((96, 96), (48, 48)), ((20, 80), (20, 80)), ((24, 20), (48, 40))],
)
def test_a_file_of_one_size_is_shown_a_letterbox(
    files: dict[str, Path], size: tuple[int, int], seen: tuple[int, int]
) -> None:
    predictor = Predictor(files["fixed"])
    assert predictor.network_size(size) == seen
    assert (predictor.predict(noise(*size)).labels == by_hand(noise(*size), seen)).mean() > 0.995
    assert predictor.logits(noise(*seen)).shape == (1, CLASSES, *seen)


def test_the_rest_of_a_letterbox_is_zero_once_normalised(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[npt.NDArray[Any]] = []
    engine = ExportedEngine(files["fixed"])
    run = engine._run.run

    def watched(batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shown.append(batch)
        return run(batch)

    monkeypatch.setattr(engine._run, "run", watched)
    engine.logits(noise(20, 30))
    assert shown[0].shape == (1, *FIXED, 3)
    assert np.array_equal(shown[0][0, :20, :30], noise(20, 30))
    rest = np.concatenate([shown[0][0, 20:].reshape(-1, 3), shown[0][0, :, 30:].reshape(-1, 3)])
    assert np.abs(rest / 255 - INFO.mean).max() <= 0.5 / 255
    assert np.ptp(rest, axis=0).max() == 0


def test_long_thin_pictures_fit_too(files: dict[str, Path]) -> None:
    for name in ("fixed", "fixed-labels"):
        for size in ((1, 1), (1, 400), (400, 1)):
            assert Predictor(files[name]).predict(noise(*size)).labels.shape == size


@pytest.mark.parametrize("name", ["labels", "fixed-labels"])
def test_labels_are_enlarged_by_the_nearest(files: dict[str, Path], name: str) -> None:
    predictor, image = Predictor(files[name]), noise(150, 180)
    seen = predictor.network_size((150, 180))
    small = expected_logits(rgb_view(resize_image(image, seen))).argmax(axis=0).astype(np.uint8)
    expected = resize_labels(small, (150, 180))
    assert (predictor.predict(image).labels == expected).mean() > 0.995


def test_views_are_averaged_as_those_of_weights(files: dict[str, Path]) -> None:
    image = noise(64, 96)
    views = []
    for scale in (0.75, 1.0):
        scaled = rgb_view(resize_image(image, (round(64 * scale), round(96 * scale))))
        for side in (1, -1):
            logits = torch.from_numpy(expected_logits(scaled[:, ::side]).copy())
            probability = resize(logits[None], (64, 96)).softmax(dim=1)
            views.append(probability.flip(-1) if side < 0 else probability)
    expected = torch.stack(views).mean(dim=0).numpy()
    found = Predictor(files["any"], flip=True, scales=(0.75, 1.0)).logits(image)
    assert found.shape == (1, CLASSES, 64, 96)
    assert np.allclose(np.exp(found), expected, atol=1e-4)


def complaint(path: Path, **arguments: Any) -> str:
    with pytest.raises(MfpnetError) as caught:
        Predictor(path, **arguments)
    return str(caught.value)


def test_what_a_file_cannot_be_asked(files: dict[str, Path]) -> None:
    for views in ({"flip": True}, {"scales": (1.0, 2.0)}):
        text = complaint(files["labels"], **views)
        assert "gives labels only: export it again with --output logits" in text
    for wish in ({"full_size": True}, {"scales": (2.0,)}):
        text = complaint(files["fixed"], **wish)
        assert "this one takes 48x80: export it again with --size dynamic" in text
    assert "runs on the CPU here. Leave out --device" in complaint(files["any"], device="cuda")
    Predictor(files["fixed"], flip=True, device="cpu")
    with pytest.raises(MfpnetError, match="gives labels and no logits"):
        Predictor(files["labels"]).logits(noise(64, 64))
    with pytest.raises(MfpnetError, match="a file of onnxruntime, no network"):
        _ = Predictor(files["any"]).network


def test_a_file_of_batches_is_refused(tmp_path: Path) -> None:
    path = write_colour_onnx(tmp_path / "four.onnx", manifest(size=FIXED), batch=4)
    assert "takes batches of 4 pictures" in complaint(path)
    assert "--batch 1" in complaint(path)


def test_an_answer_that_contradicts_the_manifest(tmp_path: Path) -> None:
    said = manifest(size=FIXED)
    info = replace(INFO, classes=(*INFO.classes, "one more"), palette=(*INFO.palette, (1, 2, 3)))
    more = Manifest(info, "uint8", "logits", "fp32", FIXED)
    path = write_colour_onnx(tmp_path / "a.onnx", said)
    import onnx

    model = onnx.load(path)
    model.metadata_props[0].value = more.to_json()
    onnx.save(model, path)
    with pytest.raises(MfpnetError, match=r"gave float32 \(1, 11, 48, 80\) where.*\(1, 12, 48, 80"):
        Predictor(path).predict(noise(48, 80))


def test_labels_of_a_file_are_those_of_its_logits(files: dict[str, Path]) -> None:
    for name in ("any", "fixed", "labels", "fixed-labels"):
        labels = ExportedEngine(files[name]).labels(noise(*FIXED), FIXED)
        assert (labels == expected_logits(noise(*FIXED)).argmax(axis=0)).mean() > 0.995


@pytest.mark.parametrize("format", ["onnx", "openvino", "torch-export"])
def test_a_network_and_its_file_see_the_same(exported: Callable[..., Path], format: str) -> None:
    network = Predictor(short_network(), device="cpu")
    file = Predictor(exported(format, size=None))
    assert file.info == network.info
    for size in ((64, 96), (150, 170), (33, 40)):
        image = noise(*size)
        assert network.network_size(size) == file.network_size(size)
        agreed = network.predict(image).labels == file.predict(image).labels
        assert agreed.mean() > 0.999, size
