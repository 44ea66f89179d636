"""Test-time augmentation: the mean over mirrored and scaled views, computed here by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet.errors import MfpnetError
from mfpnet.model import MFPNet
from mfpnet.pixels.pictures import Image
from mfpnet.predict import Predictor
from samples import INFO, Recorder, modest_network, tiny_network

SIZE = (64, 96)


@pytest.fixture(scope="module")
def model() -> MFPNet:
    return modest_network()


def noise(height: int = SIZE[0], width: int = SIZE[1]) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def network_on(model: MFPNet, image: Image) -> Tensor:
    """The network's logits (1, C, h, w), with nothing of the package in between."""
    mean, std = (np.array(values, dtype=np.float32) for values in (INFO.mean, INFO.std))
    batch = (image.astype(np.float32) / 255 - mean) / std
    with torch.no_grad():
        logits: Tensor = model(torch.from_numpy(batch.transpose(2, 0, 1)[None].copy()))
    return logits


def mean_by_hand(
    model: MFPNet, image: Image, flips: Sequence[bool], scales: Sequence[float]
) -> Tensor:
    """Mean probability (1, C, H, W) over the views."""
    height, width = image.shape[:2]
    views = []
    for scale in scales:
        picture = PIL.Image.fromarray(image)
        size = (round(width * scale), round(height * scale))
        scaled = np.array(picture.resize(size, PIL.Image.Resampling.BILINEAR))
        for flip in flips:
            logits = network_on(model, np.fliplr(scaled) if flip else scaled)
            logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
            probability = logits.softmax(dim=1)
            views.append(probability.flip(-1) if flip else probability)
    return torch.stack(views).mean(dim=0)


def test_nothing_changes_where_nothing_is_asked_for(model: MFPNet) -> None:
    plain = Predictor(model, device="cpu")
    assert (plain.flip, plain.scales) == (False, (1.0,))
    same = Predictor(model, device="cpu", flip=False, scales=(1,))
    assert torch.equal(plain.logits(noise()), same.logits(noise()))
    assert torch.allclose(plain.logits(noise()), network_on(model, noise()), atol=1e-4)


@pytest.mark.parametrize(
    ("flip", "scales"),
    [(True, (1.0,)), (False, (0.75, 1.0, 1.5)), (True, (0.75, 1.25)), (False, (1.5,))],
    ids=["flip", "scales", "both", "one scale"],
)
def test_views_are_averaged(model: MFPNet, flip: bool, scales: tuple[float, ...]) -> None:
    logits = Predictor(model, device="cpu", flip=flip, scales=scales).logits(noise())
    expected = mean_by_hand(model, noise(), (False, True) if flip else (False,), scales)
    assert logits.shape == (1, 11, *SIZE)
    assert torch.allclose(logits.exp(), expected, atol=1e-4)
    assert torch.allclose(logits.exp().sum(dim=1), torch.ones(1, *SIZE), atol=1e-4)
    plain = Predictor(model, device="cpu").logits(noise()).softmax(dim=1)
    assert not torch.allclose(plain, expected, atol=1e-3), "a view more should make a difference"


def test_labels_are_those_of_the_mean(model: MFPNet) -> None:
    predictor = Predictor(model, device="cpu", flip=True, scales=(0.75, 1.0))
    expected = mean_by_hand(model, noise(), (False, True), (0.75, 1.0))
    labels = predictor.predict(noise()).labels
    assert (labels == expected[0].argmax(dim=0).numpy()).mean() > 0.999


def test_flip_makes_left_and_right_alike(model: MFPNet) -> None:
    predictor = Predictor(model, device="cpu", flip=True)
    one, other = predictor.logits(noise()), predictor.logits(np.fliplr(noise()))
    assert torch.allclose(one, other.flip(-1), atol=1e-4)


def test_probabilities_too_small_for_a_float_stay_finite() -> None:
    sure = tiny_network().eval()
    sure.info = INFO
    with torch.no_grad():
        assert sure.classifier.bias is not None
        sure.classifier.bias[3] = 1000.0
    logits = Predictor(sure, device="cpu", flip=True).logits(noise())
    assert torch.isfinite(logits).all()
    assert logits.min() < -900


def test_small_pictures_are_not_made_smaller() -> None:
    recorder = Recorder()
    predictor = Predictor(recorder.as_network(), device="cpu", scales=(0.25, 2.0))
    predictor.logits(noise(32, 48))
    predictor.logits(noise(64, 96))
    assert recorder.seen == [(32, 48), (64, 96), (32, 48), (128, 192)]


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, -1.0), (4.1,), (math.inf,), (math.nan,)])
def test_bad_scales_are_refused(model: MFPNet, scales: tuple[float, ...]) -> None:
    wanted = r"one or more numbers above 0 and up to 4, as in --scales"
    with pytest.raises(MfpnetError, match=wanted) as caught:
        Predictor(model, device="cpu", scales=scales)
    assert ", ".join(map(str, scales)) in str(caught.value)
