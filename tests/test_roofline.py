"""What each layer has to do, by hand, and the least time that it takes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfpnet.exporting.deployed import Deployed
from mfpnet.measuring.ceilings import Ceilings, measure_ceilings
from mfpnet.measuring.roofline import Layer, bounds, layers_of, least_time
from mfpnet.variants import count_macs
from samples import INFO, tiny_network

CPU = torch.device("cpu")
# A million multiply-accumulates, or a million bytes, in a millisecond.
EVEN = Ceilings({"fp32": 1e9, "bf16": 2e9}, 1e9)
IMAGE = torch.zeros(1, 3, 8, 10)
WEIGHTS, BIAS = 4 * 3 * 3 * 3, 4


class Of(nn.Module):
    """Some layers and a function of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.slope = nn.PReLU()


class Plain(Of):
    def forward(self, image: Tensor) -> Tensor:
        return self.first(image)  # type: ignore[no-any-return]


class Activated(Of):
    def forward(self, image: Tensor) -> Tensor:
        return F.relu(self.slope(self.norm(self.first(image)) * 2).contiguous())


class Residual(Of):
    def forward(self, image: Tensor) -> Tensor:
        hidden = self.first(image)
        return self.second(hidden) + hidden  # type: ignore[no-any-return]


class Gated(Of):
    def forward(self, image: Tensor) -> Tensor:
        hidden = self.first(image)
        return hidden * torch.sigmoid(hidden.mean(dim=(2, 3), keepdim=True))  # type: ignore[no-any-return]


class Joined(Of):
    def forward(self, image: Tensor) -> Tensor:
        hidden = self.first(image)
        return torch.cat((hidden, self.second(hidden)), dim=1).flatten(2)


class Enlarged(Of):
    def forward(self, image: Tensor) -> Tensor:
        large = F.interpolate(self.first(image), scale_factor=2, mode="bilinear")
        return large.argmax(dim=1).to(torch.uint8)


def seen(module: nn.Module) -> list[Layer]:
    return layers_of(module.eval(), IMAGE)


def test_a_convolution_by_hand() -> None:
    (layer,) = seen(Plain())
    assert (layer.name, layer.operation, layer.shape) == ("first", "convolution", (1, 4, 8, 10))
    assert layer.macs == 8 * 10 * WEIGHTS
    assert layer.values == 3 * 80 + WEIGHTS + BIAS + 4 * 80
    assert layer.bytes_in("fp32") == 4 * layer.values
    assert layer.bytes_in("bf16") == 2 * layer.values


def test_what_a_backend_fuses_moves_nothing() -> None:
    (plain,), (fused,) = seen(Plain()), seen(Activated())
    assert fused.macs == plain.macs
    # Mean, variance, scale and shift of each channel; the one slope is a constant.
    assert fused.values == plain.values + 4 * 4


def test_a_residual_is_read_once_more() -> None:
    first, second = seen(Residual())
    assert first.values == seen(Plain())[0].values
    assert second.values == (4 * 80 + 16 + 4 * 80) + 4 * 80
    assert second.macs == 80 * 16


def test_a_gate_is_read_and_its_features_are_not() -> None:
    conv, mean = seen(Gated())
    assert conv.values == seen(Plain())[0].values + 4
    assert (mean.operation, mean.values, mean.macs) == ("mean", 4 * 80 + 4, 0)


def test_joining_is_free() -> None:
    assert [layer.operation for layer in seen(Joined())] == ["convolution", "convolution"]
    assert seen(Joined())[1].values == 4 * 80 + 16 + 4 * 80


def test_whole_numbers_keep_their_size() -> None:
    _, resize, argmax = seen(Enlarged())
    assert resize.operation.startswith("upsample_bilinear2d")
    assert resize.values == 4 * 80 + 4 * 320
    # The change of type is fused: a byte for each label is written, not eight.
    assert (argmax.values, argmax.other_bytes) == (4 * 320, 320)
    assert argmax.bytes_in("bf16") == 2 * 4 * 320 + 320


def test_products_of_matrices_are_seen() -> None:
    class Product(Of):
        def forward(self, image: Tensor) -> Tensor:
            hidden = self.first(image).flatten(2)
            return torch.bmm(hidden, hidden.transpose(1, 2))

    _, product = seen(Product())
    assert (product.operation, product.macs) == ("bmm", 4 * 4 * 80)


def test_a_bound_is_the_larger_of_the_two() -> None:
    heavy = Layer("a", "convolution", (1,), macs=3_000_000, values=250_000, other_bytes=0)
    light = Layer("b", "mean", (1,), macs=0, values=500_000, other_bytes=1_000_000)
    rows = bounds([heavy, light], EVEN, "fp32")
    assert [row["bound_ms"] for row in rows] == pytest.approx([3, 3])
    assert [row["bound_by"] for row in rows] == ["MACs", "bytes"]
    assert least_time([heavy, light], EVEN, "fp32") == pytest.approx(6)
    assert least_time([heavy, light], EVEN, "bf16") == pytest.approx(1.5 + 2)


def test_no_multiplication_of_a_network_is_lost() -> None:
    network = tiny_network().eval()
    layers = layers_of(network, torch.zeros(1, 3, 64, 96))
    assert sum(layer.macs for layer in layers) == count_macs(network, (64, 96))
    assert {layer.name.split(".")[0] for layer in layers} >= {"initial", "encoder", "head"}


def test_the_inference_form_has_less_to_do() -> None:
    network = tiny_network().eval()
    network.info = INFO
    deployed = Deployed(network, pixels="uint8", output="logits")
    ours = layers_of(deployed, torch.zeros(1, 64, 96, 3, dtype=torch.uint8))
    plain = layers_of(network, torch.zeros(1, 3, 64, 96))
    assert sum(layer.macs for layer in ours) < sum(layer.macs for layer in plain)


def test_the_machine_has_ceilings() -> None:
    found = measure_ceilings(CPU, ("fp32", "bf16"), sides=(64, 128), copied=2**20)
    assert set(found.macs_per_second) == {"fp32", "bf16"}
    assert min(found.macs_per_second.values()) > 1e6
    assert found.bytes_per_second > 1e6


def test_a_rate_is_that_of_the_fastest_try(monkeypatch: pytest.MonkeyPatch) -> None:
    # Marks before and after four tries: the first takes a second and does not count.
    marks = iter([0.0, 1, 1, 1.5, 1.5, 1.75, 2, 3])
    monkeypatch.setattr("mfpnet.measuring.ceilings.time.perf_counter", lambda: next(marks))
    found = measure_ceilings(CPU, (), copied=2**20)
    monkeypatch.undo()
    assert found.bytes_per_second == 2 * 2**20 / 0.25  # read and written


def test_the_better_of_two_ceilings() -> None:
    busy = Ceilings({"fp32": 5e8, "bf16": 3e9}, 2e9)
    assert EVEN.better(busy) == Ceilings({"fp32": 1e9, "bf16": 3e9}, 2e9)
