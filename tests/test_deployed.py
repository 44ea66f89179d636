from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfpnet.errors import MfpnetError
from mfpnet.exporting.deployed import Deployed, example_input
from mfpnet.foreign import ForeignNetwork
from mfpnet.runtimes.manifest import Pixels
from samples import INFO, modest_network, tiny_network

MEAN, STD = (torch.tensor(values).view(1, 3, 1, 1) for values in (INFO.mean, INFO.std))


def picture(height: int, width: int, batch: int = 1) -> Tensor:
    values = np.random.default_rng(height).integers(0, 256, (batch, height, width, 3))
    return torch.tensor(values.astype(np.uint8))


def as_float(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2) / 255


def given(pixels: Pixels, image: Tensor) -> Tensor:
    return image if pixels == "uint8" else as_float(image)


@pytest.mark.parametrize("pixels", ["uint8", "float"])
@pytest.mark.parametrize("size", [(64, 96), (33, 131)])
def test_the_logits_are_the_networks_own(pixels: Pixels, size: tuple[int, int]) -> None:
    model, image = modest_network(), picture(*size)
    with torch.no_grad():
        expected = model((as_float(image) - MEAN) / STD)
        found = Deployed(model, pixels=pixels, output="logits")(given(pixels, image))
    assert found.dtype == torch.float32
    # Zero padding right at the border is what the folded normalisation could get wrong.
    assert torch.allclose(found, expected, atol=1e-3)
    assert expected.std() > 0.1


@pytest.mark.parametrize("size", [(64, 96), (45, 70)])
def test_labels_are_the_largest_logits(size: tuple[int, int]) -> None:
    model, image = modest_network(), picture(*size, batch=2)
    with torch.no_grad():
        logits = Deployed(model, pixels="uint8", output="logits")(image)
        labels = Deployed(model, pixels="uint8", output="labels")(image)
    assert (labels.dtype, labels.shape) == (torch.uint8, (2, *size))
    assert (labels == logits.argmax(dim=1)).float().mean() > 0.999


def test_more_than_255_classes_need_wider_labels() -> None:
    model = modest_network(num_classes=256)
    names = tuple(map(str, range(256)))
    model.info = dataclasses.replace(INFO, classes=names, palette=((0, 0, 0),) * 256)
    assert Deployed(model, pixels="uint8", output="labels")(picture(64, 96)).dtype == torch.int32
    assert Deployed(model, pixels="uint8", output="labels")(picture(45, 70)).dtype == torch.int32


def test_the_network_given_stays_as_it_is() -> None:
    model = modest_network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Deployed(model, pixels="uint8", output="logits").half()(picture(32, 32))
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_half_precision_is_inside_only() -> None:
    model, image = modest_network(), picture(64, 96)
    half = Deployed(model, pixels="float", output="logits").half()
    with torch.no_grad():
        found = half(as_float(image))
        expected = Deployed(model, pixels="float", output="logits")(as_float(image))
    assert found.dtype == torch.float32
    assert {value.dtype for value in half.state_dict().values() if value.ndim} == {torch.float16}
    assert 0 < (found - expected).abs().max() < 0.05 * expected.abs().max()


class Bias(nn.Module):
    """The first convolution of somebody else's network is somewhere, or nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"out": image * self.weight}


def test_a_foreign_network_is_normalised_too() -> None:
    model = ForeignNetwork(Bias(), "peers:bias", 3)
    model.info = dataclasses.replace(INFO, classes=("r", "g", "b"), palette=((0, 0, 0),) * 3)
    image = picture(40, 50)
    with torch.no_grad():
        logits = Deployed(model, pixels="uint8", output="logits")(image)
        labels = Deployed(model, pixels="uint8", output="labels")(image)
    expected = (as_float(image) - MEAN) / STD
    assert torch.allclose(logits, expected, atol=1e-5)
    assert torch.equal(labels, logits.argmax(dim=1).to(torch.uint8))


def test_an_example_has_the_documented_form() -> None:
    taken = example_input("uint8", (32, 48), batch=2), example_input("float", (32, 48))
    assert [(x.shape, x.dtype) for x in taken] == [
        ((2, 32, 48, 3), torch.uint8),
        ((1, 3, 32, 48), torch.float32),
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pixels": "uint9"}, "unknown pixels 'uint9'. Did you mean 'uint8'?"),
        ({"output": "label"}, "unknown output 'label'. Did you mean 'labels'?"),
    ],
)
def test_a_misspelt_form_is_refused(changes: dict[str, Any], text: str) -> None:
    form: dict[str, Any] = {"pixels": "uint8", "output": "logits", **changes}
    with pytest.raises(MfpnetError) as refused:
        Deployed(modest_network(), **form)
    assert str(refused.value).startswith(text)


def test_a_network_without_info_is_refused() -> None:
    with pytest.raises(MfpnetError, match="has no info"):
        Deployed(tiny_network(), pixels="uint8", output="logits")


def test_pixels_have_the_bits_of_the_network() -> None:
    with pytest.raises(MfpnetError, match="--pixels is uint16, and the network takes 3 channels"):
        Deployed(modest_network(), pixels="uint16", output="logits")
