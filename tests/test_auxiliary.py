from __future__ import annotations

import pytest
import torch

from mfpnet.training.auxiliary import AuxiliaryHeads
from mfpnet.variants import create_model


@pytest.mark.parametrize("stride", [1, 2])
def test_the_first_logits_are_the_networks_own(stride: int) -> None:
    network = create_model("mfpnet_fast", num_classes=5).eval()
    heads = AuxiliaryHeads(network)
    image = torch.randn(2, 3, 45, 64)
    with torch.no_grad():
        logits = heads(image, stride=stride)
        assert torch.equal(logits[0], network(image, stride=stride))
    assert [each.shape for each in logits] == [logits[0].shape] * 3


def test_each_head_teaches_its_stage() -> None:
    heads = AuxiliaryHeads(create_model("mfpnet_fast", num_classes=5))
    heads(torch.randn(2, 3, 32, 32))[1].sum().backward()
    deepest = heads.network.decoder[-1]
    assert any(parameter.grad is not None for parameter in deepest.parameters())
    assert all(parameter.grad is None for parameter in heads.network.decoder[0].parameters())
