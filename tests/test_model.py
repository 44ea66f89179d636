"""Promises of the network; `python tests/test_model.py` prints the golden values anew."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import Tensor, nn

import mfpnet.model
from mfpnet.model import MFPNet
from mfpnet.model_config import MFPNetConfig
from mfpnet.variants import count_parameters, create_model, list_models, variant_config

SIZES = [(32, 32), (33, 47), (97, 65)]
NAMES = ["initial", *(f"{kind}{i}" for kind in ("stage", "graph") for i in (1, 2, 3))]
DECODER = ["decoder3", "decoder2", "decoder1", "head"]
BOXES = ["InitialBlock", "Downsampling", "BRM", "BRMBlock", "SGCN", "ASPP", "MFPNet"]

SMALL = MFPNetConfig(
    num_classes=5,
    in_channels=4,
    stem_channels=8,
    stem_convs=2,
    channels=(8, 12),
    strides=(2, 4),
    dilations=((1, 3), (2,)),
    attention=False,
    block_residual=False,
    sgcn=("glore", None),
    nodes=5,
    aspp_dilations=(2,),
    head_channels=8,
)
PAPER, FAST = (variant_config(name, num_classes=11) for name in ("mfpnet", "mfpnet_fast"))
GOLDEN: dict[str, tuple[MFPNetConfig, list[float]]] = {
    "mfpnet": (
        PAPER,
        [0.310427, 0.490953, 0.505466, 0.464789, -0.0258045, -0.270916],
    ),
    "mfpnet_fast": (
        FAST,
        [0.754088, 0.546114, -0.447002, 1.00737, 0.319149, -1.17819],
    ),
    "small": (SMALL, [0.198611, 0.27423, -0.166939, -0.153359, 0.330686, 0.0377689]),
}


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def a_step(model: nn.Module, image: Tensor) -> list[float]:
    """The loss before and after one step of gradient descent on one batch."""
    target = (image[:, 0] > 0).long()
    losses = []
    for _ in range(2):
        loss = F.cross_entropy(model(image), target)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.sub_(1e-4 * parameter.grad)
    return losses


@pytest.mark.parametrize("name", list_models())
def test_it_has_one_million_parameters(name: str) -> None:
    with torch.device("meta"):
        assert 995_000 <= count_parameters(create_model(name)) <= 1_005_000


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", list_models())
def test_a_batch_of_one_of_any_size_trains(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    model = create_model(name, num_classes=2)
    image = noise(1, 3, *size)
    assert model(image).shape == (1, 2, *size)
    before, after = a_step(model, image)
    assert after < before


@pytest.mark.parametrize("name", list_models())
def test_a_camvid_frame_goes_through(name: str) -> None:
    model = create_model(name, num_classes=11).eval()
    with torch.inference_mode():
        assert model(noise(1, 3, 360, 480)).shape == (1, 11, 360, 480)


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize(("classes", "channels"), [(1, 1), (2, 4), (300, 3)])
def test_any_number_of_classes_and_channels(name: str, classes: int, channels: int) -> None:
    model = create_model(name, num_classes=classes, in_channels=channels).eval()
    with torch.inference_mode():
        assert model(noise(2, channels, 32, 32)).shape == (2, classes, 32, 32)


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("size", [(64, 96), (97, 65)])
def test_features_are_named_and_sized_by_their_strides(name: str, size: tuple[int, int]) -> None:
    model = create_model(name).eval()
    with torch.inference_mode():
        features = model.forward_features(noise(1, 3, *size))
    assert list(features) == NAMES + DECODER
    config = model.config
    for key, value in features.items():
        stage = int(key[-1]) if key[-1].isdigit() else 0
        stride = config.strides[stage - 1] if stage else 2
        width = config.channels[stage - 1] if stage else config.stem_channels
        if key == "head":
            stride, width = config.strides[0], config.head_channels
        assert value.shape == (1, width, *(-(-side // stride) for side in size)), key


@pytest.mark.parametrize("box", BOXES)
def test_each_box_of_the_figure_is_a_class(box: str) -> None:
    kind = getattr(mfpnet.model, box)
    for config in (PAPER, FAST):
        assert any(type(module) is kind for module in MFPNet(config).modules())


@pytest.mark.parametrize("config", [PAPER, FAST, SMALL], ids=["paper", "fast", "small"])
def test_every_parameter_receives_a_gradient(config: MFPNetConfig) -> None:
    torch.manual_seed(2)
    model = MFPNet(config)
    logits = model(noise(2, config.in_channels, 64, 64))
    (logits * noise(*logits.shape, seed=1)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_a_batch_is_its_images_one_by_one() -> None:
    model = filled(MFPNet(FAST)).eval()
    images = noise(3, 3, 48, 40)
    with torch.inference_mode():
        torch.testing.assert_close(
            model(images), torch.cat([model(image[None]) for image in images]), atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("config", [PAPER, FAST], ids=["paper", "fast"])
def test_exported_is_eager(config: MFPNetConfig) -> None:
    model = filled(MFPNet(config)).eval()
    image = noise(1, 3, 65, 48)
    exported = torch.export.export(model, (torch.zeros_like(image),)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(image), model(image), atol=1e-4, rtol=1e-4)


def test_weights_survive_a_file_without_pickle() -> None:
    source, image = filled(MFPNet(SMALL)).eval(), noise(1, 4, 32, 32)
    target = MFPNet(SMALL).eval()
    twin = copy.deepcopy(target)
    target.load_state_dict(load(save(source.state_dict())))
    with torch.no_grad():
        assert torch.equal(target(image), source(image))
        assert not torch.equal(twin(image), source(image))


def filled(model: MFPNet) -> MFPNet:
    """Every number by a formula, so that the logits depend on no random generator."""
    for place, (name, tensor) in enumerate(model.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        wave = torch.arange(1, tensor.numel() + 1, dtype=torch.float64).add(place).sin()
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 0
        if fan_in:
            wave *= (2 / fan_in) ** 0.5
        elif name.endswith(("running_var", "weight")):
            wave = (0.25 if tensor.numel() == 1 else 1.0) + 0.2 * wave
        else:
            wave *= 0.1
        tensor.copy_(wave.view(tensor.shape))
    return model


def golden_values(config: MFPNetConfig, dtype: torch.dtype) -> list[float]:
    """Size of the logits, and five of them."""
    rows, columns = torch.arange(64.0)[:, None], torch.arange(96.0)[None]
    planes = [((i + 2) * rows / 9 + columns / (i + 3)).sin() for i in range(config.in_channels)]
    model = filled(MFPNet(config)).to(dtype).eval()
    with torch.no_grad():
        logits = model(torch.stack(planes)[None].to(dtype))[0]
    chosen = logits[[0, 1, 2, 3, 4], [0, 9, 31, 50, 63], [0, 71, 40, 13, 95]]
    return [logits.abs().mean().item(), *chosen.tolist()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", GOLDEN)
def test_the_logits_are_those_of_the_day_they_were_frozen(name: str, dtype: torch.dtype) -> None:
    config, expected = GOLDEN[name]
    assert golden_values(config, dtype) == pytest.approx(expected, rel=1e-3)


if __name__ == "__main__":
    for title, (wiring, _) in GOLDEN.items():
        print(title, [float(f"{value:.6g}") for value in golden_values(wiring, torch.float64)])
