"""Known large networks to compare with, each a factory for `--model` and `--with`: random weights.

`mfpnet train --model mfpnet.peers:segformer_b0`, and likewise `segformer_b2`,
`deeplabv3plus_resnet18` and `deeplabv3plus_resnet50`. SegFormer (Xie et al. 2021) and the ResNets
(He et al. 2016) are those of transformers, extra `peers`; nothing is downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from mfpnet.deeplab import DeepLabV3Plus
from mfpnet.errors import missing_extra

RESNETS: dict[int, dict[str, Any]] = {
    18: {
        "depths": [2, 2, 2, 2],
        "layer_type": "basic",
        "hidden_sizes": [64, 128, 256, 512],
    },
    50: {
        "depths": [3, 4, 6, 3],
        "layer_type": "bottleneck",
        "hidden_sizes": [256, 512, 1024, 2048],
    },
}
# What differs from B0, whose values are the defaults of transformers.
SEGFORMER_B2: dict[str, Any] = {
    "depths": [3, 4, 6, 3],
    "hidden_sizes": [64, 128, 320, 512],
    "decoder_hidden_size": 768,
}


def segformer_b0(num_classes: int, in_channels: int = 3) -> nn.Module:
    """SegFormer-B0: (B, in_channels, H, W) -> logits (B, num_classes, H / 4, W / 4).

    Raises:
        MfpnetError: transformers is not installed.
    """
    return _segformer(num_classes, in_channels, {})


def segformer_b2(num_classes: int, in_channels: int = 3) -> nn.Module:
    """SegFormer-B2, as `segformer_b0`.

    Raises:
        MfpnetError: transformers is not installed.
    """
    return _segformer(num_classes, in_channels, SEGFORMER_B2)


def deeplabv3plus_resnet18(num_classes: int, in_channels: int = 3) -> nn.Module:
    """DeepLabV3+ on ResNet-18: (B, in_channels, H, W) -> logits (B, num_classes, H / 4, W / 4).

    Raises:
        MfpnetError: transformers is not installed.
    """
    return _deeplab(num_classes, in_channels, 18)


def deeplabv3plus_resnet50(num_classes: int, in_channels: int = 3) -> nn.Module:
    """DeepLabV3+ on ResNet-50, as `deeplabv3plus_resnet18`.

    Raises:
        MfpnetError: transformers is not installed.
    """
    return _deeplab(num_classes, in_channels, 50)


# By the names that `mfpnet benchmark` knows.
PEERS: dict[str, Callable[[int], nn.Module]] = {
    "segformer-b0": segformer_b0,
    "segformer-b2": segformer_b2,
    "deeplabv3plus-resnet18": deeplabv3plus_resnet18,
    "deeplabv3plus-resnet50": deeplabv3plus_resnet50,
}


class _Logits(nn.Module):
    """A network of transformers as one that returns its logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image).logits
        return logits


def _segformer(num_classes: int, in_channels: int, values: dict[str, Any]) -> nn.Module:
    library = _transformers("SegFormer")
    config = library.SegformerConfig(num_labels=num_classes, num_channels=in_channels, **values)
    network = library.SegformerForSemanticSegmentation(config)
    network.segformer.apply(_initialise)
    return _Logits(network)


def _initialise(module: nn.Module) -> None:
    """He initialisation by outputs, as in SegFormer's own code.

    transformers starts every convolution at 0.02, made for weights that are loaded over it: the
    depth-wise ones then pass on next to nothing.
    """
    if isinstance(module, nn.Conv2d):
        outputs = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / outputs))


def _deeplab(num_classes: int, in_channels: int, depth: int) -> nn.Module:
    library, values = _transformers("DeepLabV3+"), RESNETS[depth]
    config = library.ResNetConfig(
        num_channels=in_channels, out_features=["stage1", "stage4"], **values
    )
    backbone = library.ResNetBackbone(config)
    _dilate(backbone.encoder.stages[-1])
    widths = values["hidden_sizes"]
    return DeepLabV3Plus(_Features(backbone), (widths[0], widths[-1]), num_classes)


class _Features(nn.Module):
    """A backbone of transformers as one that returns its features."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.backbone(image).feature_maps)


def _dilate(stage: nn.Module) -> None:
    """Leave out a stage's stride; its later 3x3 convolutions look as far as with it.

    Those before the stride, and the strided one, see what they saw.
    """
    strided = False
    for module in stage.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if module.kernel_size == (3, 3):
            if strided:
                module.dilation = module.padding = (2, 2)
            strided = True
        module.stride = (1, 1)


def _transformers(network: str) -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise missing_extra("peers", network) from error
    found: ModuleType = transformers
    return found
