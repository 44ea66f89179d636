from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mfpnet.exact_dilation import ExactDilatedConv2d, with_exact_dilation
from mfpnet.variants import create_model


def gradients(model: nn.Module, image: Tensor, *, bf16: bool) -> dict[str, Tensor]:
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        output = model(image)
    output.float().square().mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def noise(*shape: int) -> Tensor:
    image = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    return image.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kernel", [(3, 1), (1, 3), (3, 3)])
@pytest.mark.parametrize(("channels", "groups"), [(16, 16), (24, 1), (64, 64)])
def test_gradients_in_bf16_are_those_in_fp32(
    kernel: tuple[int, int], channels: int, groups: int
) -> None:
    """Without the fix, on processors with AMX, these are wrong or NaN."""
    spread = (4 if kernel[0] > 1 else 1, 4 if kernel[1] > 1 else 1)
    padding = (spread[0] * (kernel[0] // 2), spread[1] * (kernel[1] // 2))
    layer = nn.Conv2d(
        channels, channels, kernel, dilation=spread, padding=padding, groups=groups, bias=False
    )
    layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = with_exact_dilation(nn.Sequential(layer))
    image = noise(8, channels, 36, 48)
    exact = gradients(model, image, bf16=False)["0.weight"]
    found = gradients(model, image, bf16=True)["0.weight"]
    assert (found - exact).abs().max() < 0.02 * exact.abs().max()


def test_only_dilated_convolutions_change_and_only_in_training() -> None:
    model = with_exact_dilation(create_model("mfpnet_fast", num_classes=5))
    kinds = {module for module in model.modules() if isinstance(module, nn.Conv2d)}
    assert all(isinstance(m, ExactDilatedConv2d) == (max(m.dilation) > 1) for m in kinds)
    assert any(isinstance(m, ExactDilatedConv2d) for m in kinds)
    layer = next(m for m in kinds if isinstance(m, ExactDilatedConv2d))
    features = noise(1, layer.in_channels, 8, 8)
    plain = nn.Conv2d.forward(layer, features)
    torch.testing.assert_close(layer(features), plain)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(features).dtype == torch.bfloat16
        torch.testing.assert_close(layer(features).float(), plain, atol=0.02, rtol=0.02)
        assert layer.eval()(features).dtype == torch.bfloat16
