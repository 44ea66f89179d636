"""Weights as float16: half the file, and the network that the file holds is the one scored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mfpnet.checkpoint import load_model, round_to_half, save_weights
from mfpnet.errors import MfpnetError
from samples import INFO, tiny_network


def test_rounded_weights_are_the_nearest_float16() -> None:
    network, before = tiny_network(), tiny_network().state_dict()
    round_to_half(network)
    for name, value in network.state_dict().items():
        assert value.dtype == before[name].dtype
        expected = torch.from_numpy(before[name].numpy().astype("float16").astype("float32"))
        assert torch.equal(value.float(), expected), name
    assert any(not torch.equal(v, before[n]) for n, v in network.state_dict().items())


def test_float16_file_holds_the_rounded_network_in_half_the_space(tmp_path: Path) -> None:
    network = tiny_network()
    save_weights(tmp_path / "full.safetensors", network, INFO)
    round_to_half(network)
    path = tmp_path / "half.safetensors"
    save_weights(path, network, INFO, half=True)
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    full = (tmp_path / "full.safetensors").stat().st_size
    assert path.stat().st_size - header == pytest.approx((full - header) / 2, rel=0.01)
    loaded = load_model(path)
    assert loaded.info == INFO
    assert all(
        torch.equal(value, network.state_dict()[n]) for n, value in loaded.state_dict().items()
    )
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}


def test_weights_beyond_float16_are_refused(tmp_path: Path) -> None:
    network = tiny_network()
    with torch.no_grad():
        assert network.classifier.bias is not None
        network.classifier.bias[0] = 70_000.0
    complaint = r"classifier.bias holds a weight that float16 cannot hold.*leave out --half"
    with pytest.raises(MfpnetError, match=complaint):
        round_to_half(network)
    with pytest.raises(MfpnetError, match=complaint):
        save_weights(tmp_path / "w.safetensors", network, INFO, half=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_can_be_written_over_the_one_that_was_loaded(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_network(), INFO)
    network = load_model(path)
    round_to_half(network)
    save_weights(path, network, INFO, half=True)
    again = load_model(path).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in network.state_dict().items())
