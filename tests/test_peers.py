"""The large networks to compare with: of the right size, DeepLabV3+'s parts right, trainable."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfpnet import peers
from mfpnet.deeplab import DILATIONS, AtrousPyramid, DeepLabV3Plus
from mfpnet.errors import MfpnetError
from mfpnet.foreign import foreign_network
from mfpnet.measuring.subjects import subject_of
from mfpnet.variants import count_macs, count_parameters

NAMES = [name.replace("-", "_") for name in peers.PEERS]
# Millions of parameters at 19 classes. SegFormer: table 1 of Xie et al. 2021 (B0, B2 with their
# decoders). DeepLabV3+: those of segmentation_models_pytorch, which also is separable throughout.
MILLIONS = {
    "segformer_b0": (3.7, 0.02),
    "segformer_b2": (27.4, 0.02),
    "deeplabv3plus_resnet18": (12.3, 0.03),
    "deeplabv3plus_resnet50": (26.7, 0.03),
}


class Pyramid(nn.Module):
    """A fourth and a sixteenth of the picture, by averages."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return nn.functional.avg_pool2d(image, 4), nn.functional.avg_pool2d(image, 16)


def stage(*strides: int) -> nn.Sequential:
    return nn.Sequential(*[nn.Conv2d(3, 3, 3, stride=s, padding=1, bias=False) for s in strides])


@pytest.mark.parametrize("name", NAMES)
def test_without_transformers_they_say_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MfpnetError, match=r"^(SegFormer|DeepLabV3\+) needs .*'mfpnet\[peers\]'"):
        foreign_network(f"mfpnet.peers:{name}", 19)


def test_a_dilated_stage_is_the_strided_one_at_every_pixel() -> None:
    torch.manual_seed(0)
    strided = stage(2, 1, 1)
    image, dilated = torch.randn(1, 3, 16, 24), copy.deepcopy(strided)
    peers._dilate(dilated)
    found = dilated(image)
    assert found.shape == (1, 3, 16, 24)
    torch.testing.assert_close(found[..., ::2, ::2], strided(image))


def test_the_pyramid_sees_the_whole_picture_in_one_branch_and_its_dilations_in_three() -> None:
    pyramid = AtrousPyramid(4).eval()
    features = torch.randn(1, 4, 48, 48, requires_grad=True)
    reach = []
    for branch in pyramid.branches:
        (gradient,) = torch.autograd.grad(branch(features)[..., 24, 24].sum(), features)
        rows = gradient[0].abs().sum(dim=(0, 2)).nonzero()
        reach.append(int(rows.max() - rows.min()) // 2)
    assert reach == [0, *DILATIONS, 23]
    assert pyramid(features).shape == (1, 256, 48, 48)


def test_the_decoder_gives_logits_at_a_fourth_of_any_size() -> None:
    network = DeepLabV3Plus(Pyramid(), (3, 3), 7).eval()
    for size in ((64, 96), (72, 100)):
        assert network(torch.randn(1, 3, *size)).shape == (1, 7, size[0] // 4, size[1] // 4)


def test_the_decoder_uses_both_of_its_inputs() -> None:
    network = DeepLabV3Plus(Pyramid(), (3, 3), 7).eval()
    fine, coarse = torch.randn(1, 3, 16, 24), torch.randn(1, 3, 4, 6)
    network.backbone = nn.Identity()
    plain = network((fine, coarse))
    assert not torch.equal(network((fine + 1, coarse)), plain)
    assert not torch.equal(network((fine, coarse + 1)), plain)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_they_have_as_many_parameters_as_in_the_literature(name: str) -> None:
    millions, tolerance = MILLIONS[name]
    found = count_parameters(foreign_network(f"mfpnet.peers:{name}", 19)) / 1e6
    assert found == pytest.approx(millions, rel=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_they_take_other_channels_and_odd_sizes(name: str) -> None:
    network = foreign_network(f"mfpnet.peers:{name}", 5, in_channels=4).eval()
    assert network(torch.randn(1, 4, 50, 70)).shape == (1, 5, 50, 70)


@pytest.mark.slow
@pytest.mark.parametrize("depth", peers.RESNETS)
def test_a_real_stage_is_dilated_likewise(depth: int) -> None:
    from transformers import ResNetBackbone, ResNetConfig

    values = peers.RESNETS[depth]
    last = ResNetBackbone(ResNetConfig(**values)).encoder.stages[-1].eval()
    features = torch.randn(1, values["hidden_sizes"][-2], 8, 12)
    expected = last(features)
    peers._dilate(last)
    torch.testing.assert_close(last(features)[..., ::2, ::2], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_attention_of_segformer_is_counted() -> None:
    network = foreign_network("mfpnet.peers:segformer_b0", 19)
    counted = count_macs(network, (64, 96))
    segformer: Any = network.network.network
    segformer.set_attn_implementation("eager")
    assert counted == count_macs(network, (64, 96))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_they_learn_a_picture_by_heart(name: str) -> None:
    torch.manual_seed(0)
    network = foreign_network(f"mfpnet.peers:{name}", 3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    images = torch.randn(2, 3, 64, 64)
    targets = (images.mean(dim=1) > 0).long()
    targets[:, :32] = 2
    losses = []
    for _ in range(20):
        loss = nn.functional.cross_entropy(network(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.75 * losses[0]


@pytest.mark.slow
def test_a_benchmark_knows_them_by_name() -> None:
    subject = subject_of("segformer-b0", None, 4)
    assert subject.network is not None
    assert (subject.network.num_classes, subject.absent) == (4, "")


@pytest.mark.slow
def test_the_command_line_starts_without_transformers() -> None:
    code = (
        "import sys; from mfpnet.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert 'transformers' not in sys.modules\n"
        "import mfpnet.measuring.subjects; assert 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
