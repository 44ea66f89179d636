"""What `inspect` says of channel attention."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inspected import drawn, left_as_it_was, one_stage, street, watched
from mfpnet.errors import MfpnetError
from mfpnet.layers import ChannelAttention
from mfpnet.model import BRM
from mfpnet.studies.attention import (
    attention_layers,
    attention_study,
    gates_over,
    held_gates,
    views_of,
)
from mfpnet.studies.study import Picture


def test_every_layer_has_its_place() -> None:
    names = list(attention_layers(watched(dilations=((1, 2), (2,), (4,)))))
    assert names[:4] == ["encoder 1.1", "encoder 1.2", "encoder 2.1", "encoder 3.1"]
    assert names[4:] == ["decoder 3.1", "decoder 2.1", "decoder 1.1", "decoder 1.2"]


def test_the_gates_are_those_of_each_view() -> None:
    network, images = one_stage(), [view.image for view in views_of(street().image)]
    layers = attention_layers(network)
    gates = gates_over(network, layers, images)["encoder 1.1"]
    assert gates.shape == (6, 4)
    with torch.no_grad():
        brm = network.get_submodule("encoder.0.brms.0")
        assert isinstance(brm, BRM)
        entered = network.entries[0](network.initial(images[3]))
        means = brm.local(brm.reduce(entered)).mean(dim=(0, 2, 3))
        taps = network.get_parameter("encoder.0.brms.0.attention.conv.weight")[0, 0]
        padded = torch.nn.functional.pad(means, (1, 1))
        by_hand = torch.stack([(padded[i : i + 3] * taps).sum() for i in range(4)]).sigmoid()
    torch.testing.assert_close(gates[3], by_hand)


def test_a_picture_is_seen_mirrored_and_in_part() -> None:
    views = {view.name: view.image for view in views_of(street((48, 66)).image)}
    assert torch.equal(views["mirrored"].flip(3), views["whole"])
    assert torch.equal(views["bottom right"], views["whole"][..., 16:, 22:])
    assert len(views_of(street((32, 64)).image)) == 2


def test_gates_held_at_what_they_are_change_nothing() -> None:
    network, picture = watched(), street()
    layers = attention_layers(network)
    gates = {name: each[0] for name, each in gates_over(network, layers, [picture.image]).items()}
    with torch.no_grad():
        expected = network(picture.image)
        with held_gates(layers, gates):
            torch.testing.assert_close(network(picture.image), expected)
        with held_gates(layers, {name: 0 * each for name, each in gates.items()}):
            assert not torch.allclose(network(picture.image), expected)


def test_the_study() -> None:
    network = one_stage()
    with left_as_it_was(network):
        study = attention_study(network, street(), others=[street((64, 64)).image])
    first = study.numbers["layers"][0]
    assert first["layer"] == "encoder 1.1"
    assert sum(first["histogram_shares"]) == pytest.approx(1)
    assert study.numbers["views"][-1] == "other 1"
    held = study.numbers["all_layers"]["all_gates_at_the_layer_mean"]
    assert 0 <= held["labels_changed_share"] <= 1
    assert held["miou"] is not None
    assert study.warnings == ()
    assert "encoder 1.1" in drawn(study)


def test_attention_that_suppresses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: ChannelAttention, features: Tensor) -> Tensor:
        return torch.full((1, features.shape[1], 1, 1), 0.05)

    monkeypatch.setattr(ChannelAttention, "gates", closed)
    study = attention_study(one_stage(), street(target=False))
    assert study.numbers["all_layers"]["share_below_0.1"] == 1
    assert study.numbers["all_layers"]["each_gate_at_its_mean"]["labels_changed_share"] == 0
    assert study.numbers["miou"] is None
    assert len(study.warnings) == 2
    assert "encoder 1.1: 100 % of its gates are below 0.1" in study.warnings[0]


def test_a_network_without_attention() -> None:
    study = attention_study(one_stage(attention=False), street())
    assert study.lines == ("This network has no channel attention.",)
    assert drawn(study) == [study.lines[0]]


def test_a_target_of_another_size_is_refused() -> None:
    small, large = street((48, 64)), street((64, 64))
    wrong = Picture("wrong", small.view, small.image, large.labels)
    with pytest.raises(MfpnetError, match=r"the target is \(64, 64\) and the picture \(48, 64\)"):
        attention_study(one_stage(), wrong)
