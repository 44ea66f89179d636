from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfpnet.layers import (
    ChannelAttention,
    FactorisedConv,
    PReLU,
    Size,
    conv_bn_prelu,
    convolution,
    pair,
    resize,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_a_pair_is_height_and_width() -> None:
    assert pair(3) == (3, 3)
    assert pair((3, 1)) == (3, 1)


@pytest.mark.parametrize("kernel", [1, 3, (3, 1), (1, 3)])
@pytest.mark.parametrize("dilation", [1, 2, 16])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 5)])
def test_a_convolution_keeps_or_halves_the_size(
    kernel: Size, dilation: int, size: tuple[int, int]
) -> None:
    image = torch.zeros(1, 2, *size)
    assert convolution(2, 3, kernel, dilation=dilation)(image).shape == (1, 3, *size)
    halved = tuple(math.ceil(side / 2) for side in size)
    strided = convolution(2, 3, kernel, stride=2, dilation=dilation)
    assert strided(image).shape == (1, 3, *halved)


def test_conv_bn_prelu_has_no_bias_before_its_norm() -> None:
    block = conv_bn_prelu(4, 6, 3, stride=2, dilation=2)
    convolved, normed, activated = block
    assert isinstance(convolved, nn.Conv2d)
    assert convolved.bias is None
    assert (convolved.stride, convolved.dilation) == ((2, 2), (2, 2))
    assert isinstance(normed, nn.BatchNorm2d)
    assert isinstance(activated, PReLU)
    assert sum(p.numel() for p in block.parameters()) == 4 * 6 * 9 + 2 * 6 + 1


def both_paths(slope: float, features: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Output, gradient of the input and of the slope: ours in training, then PyTorch's."""
    results = []
    for module in (PReLU(), nn.PReLU()):
        module = module.double()
        nn.init.constant_(module.weight, slope)
        leaf = features.clone().requires_grad_()
        output = module(leaf)
        (output * noise(*features.shape, seed=1)).sum().backward()
        assert leaf.grad is not None
        assert module.weight.grad is not None
        results.append((output.detach(), leaf.grad, module.weight.grad))
    return results


@pytest.mark.parametrize("slope", [0.25, 0.0, 1.5, -0.3])
def test_the_fast_prelu_is_pytorchs(slope: float) -> None:
    ours, theirs = both_paths(slope, noise(2, 3, 4, 5))
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference)


def test_prelu_passes_gradcheck_and_is_the_same_in_eval() -> None:
    module = PReLU().double()
    features = noise(2, 3, 4)
    # The kink at 0 has no derivative for the numerical side to agree with.
    features = (features + 0.1 * features.sign()).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, slope: torch.func.functional_call(module, {"weight": slope}, (x,)),
        (features, torch.full((1,), 0.25, dtype=torch.float64, requires_grad=True)),
    )
    torch.testing.assert_close(module.train()(features), module.eval()(features))


def test_prelu_keeps_half_precision() -> None:
    module = PReLU()
    features = noise(2, 3).bfloat16().requires_grad_()
    output = module(features)
    output.sum().backward()
    assert output.dtype == torch.bfloat16
    assert features.grad is not None
    assert features.grad.dtype == torch.bfloat16
    assert module.weight.grad is not None
    assert module.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_depthwise_pair_is_one_separable_filter_a_channel(dilation: int) -> None:
    block = FactorisedConv(4, dilation=dilation, depthwise=True).double().eval()
    tall, wide = block[0].weight, block[2].weight
    assert isinstance(tall, Tensor)
    assert isinstance(wide, Tensor)
    image = noise(2, 4, 11, 9)
    full = F.conv2d(image, tall * wide, padding=dilation, dilation=dilation, groups=4)
    torch.testing.assert_close(block(image), block[4](block[3](full)))


def test_a_dense_pair_mixes_channels_and_has_a_prelu_between() -> None:
    block = FactorisedConv(4)
    assert [type(part) for part in block] == [
        nn.Conv2d,
        PReLU,
        nn.Conv2d,
        nn.BatchNorm2d,
        PReLU,
    ]
    assert sum(p.numel() for p in block.parameters()) == 2 * 4 * 4 * 3 + 4 + 2 * 4 + 2
    depthwise = FactorisedConv(4, depthwise=True)
    assert sum(p.numel() for p in depthwise.parameters()) == 2 * 4 * 3 + 2 * 4 + 1


@pytest.mark.parametrize("depthwise", [False, True])
def test_dilation_spreads_an_impulse(depthwise: bool) -> None:
    block = FactorisedConv(2, dilation=3, depthwise=depthwise).eval()
    with torch.no_grad():
        for index in (0, 2):
            block[index].weight.fill_(1.0)  # type: ignore[operator]
        if not depthwise:
            block[0].bias.zero_()  # type: ignore[operator]
        image = torch.zeros(1, 2, 11, 11)
        image[0, :, 5, 5] = 1
        hit = block(image)[0, 0].nonzero().tolist()
    assert hit == [[y, x] for y in (2, 5, 8) for x in (2, 5, 8)]


def test_channel_attention_is_a_gate_from_the_neighbouring_channels() -> None:
    attention = ChannelAttention().double()
    assert [p.numel() for p in attention.parameters()] == [3]
    taps = attention.conv.weight.flatten().tolist()
    image = noise(2, 5, 3, 4)
    for b in range(2):
        means = [0.0, *(float(image[b, c].mean()) for c in range(5)), 0.0]
        for c in range(5):
            total = sum(tap * means[c + offset] for offset, tap in enumerate(taps))
            gate = 1 / (1 + math.exp(-total))
            assert attention.gates(image)[b, c, 0, 0].item() == pytest.approx(gate)
            torch.testing.assert_close(attention(image)[b, c], image[b, c] * gate)


def naive_bilinear(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(h, w) -> size, with the pixels' centres at halves and the border repeated."""
    height, width = image.shape
    result = torch.zeros(size, dtype=image.dtype)
    for y in range(size[0]):
        for x in range(size[1]):
            v = min(max((y + 0.5) * height / size[0] - 0.5, 0), height - 1)
            u = min(max((x + 0.5) * width / size[1] - 0.5, 0), width - 1)
            for row in {math.floor(v), math.ceil(v)}:
                for column in {math.floor(u), math.ceil(u)}:
                    weight = (1 - abs(v - row)) * (1 - abs(u - column))
                    result[y, x] += weight * image[row, column]
    return result


@pytest.mark.parametrize("size", [(8, 10), (7, 5), (2, 3), (4, 9)])
def test_resize_is_bilinear_without_aligned_corners(size: tuple[int, int]) -> None:
    image = noise(1, 1, 4, 5)
    torch.testing.assert_close(resize(image, size)[0, 0], naive_bilinear(image[0, 0], size))


def test_resize_to_the_same_size_copies_nothing() -> None:
    image = noise(1, 2, 4, 5)
    assert resize(image, (4, 5)) is image
