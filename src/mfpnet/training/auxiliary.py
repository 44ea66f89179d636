"""Extra classifiers that teach the deep stages directly, for training only."""

from __future__ import annotations

from torch import Tensor, nn

from mfpnet.layers import convolution, initialise, resize, strided_size
from mfpnet.model import MFPNet


class AuxiliaryHeads(nn.Module):
    """A network with a 1x1 classifier on each decoder stage but the last (Lee et al. 2015).

    (B, C_in, H, W) -> the network's logits, then those of each head, deepest stage first, all
    (B, num_classes, H, W), or a stride of it. `network` is what is kept when training is over.
    """

    def __init__(self, network: MFPNet) -> None:
        super().__init__()
        config = network.config
        self.network = network
        self.stages = [f"decoder{number}" for number in range(len(config.channels), 1, -1)]
        self.heads = nn.ModuleList(
            convolution(channels, config.num_classes, 1, bias=True)
            for channels in reversed(config.channels[1:])
        )
        self.heads.apply(initialise)

    def forward(self, image: Tensor, stride: int = 1) -> tuple[Tensor, ...]:
        """See the class."""
        features = self.network.forward_features(image)
        size = strided_size(image, stride)
        logits = [self.network.classifier(features["head"])]
        pairs = zip(self.stages, self.heads, strict=True)
        logits += [head(features[stage]) for stage, head in pairs]
        return tuple(resize(each, size) for each in logits)
