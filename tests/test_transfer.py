from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mfpnet.checkpoint import save_weights
from mfpnet.errors import MfpnetError
from mfpnet.labels import CAMVID, LabelSet
from mfpnet.model import MFPNet
from mfpnet.training.checks import check_config
from mfpnet.training.optim import build_optimizer
from mfpnet.training.stepper import Stepper, train_one_epoch
from mfpnet.training.transfer import frozen_parts, start_from
from samples import INFO, RUN, TINY, tiny_network

FARM = LabelSet("farm", ("tree", "tractor", "sky"), ((0, 9, 0), (9, 0, 0), (0, 0, 9)), 255)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A trained network of CamVid's classes: every weight differs from a fresh one's."""
    network = tiny_network()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.5)
    path = tmp_path / "street" / "weights.safetensors"
    save_weights(path, network, INFO)
    return path


def test_weights_of_the_same_classes_are_copied_whole(weights: Path) -> None:
    model = MFPNet(TINY)
    assert start_from(weights, model, CAMVID) is None
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in load_file(weights).items())


def test_of_other_classes_all_but_the_classifier_is_copied(weights: Path) -> None:
    model = tiny_network(num_classes=3)
    fresh = {name: value.clone() for name, value in model.classifier.state_dict().items()}
    note = start_from(weights, model, FARM)
    assert note is not None
    assert "street knows 11 other classes" in note
    assert "3 of farm; 2 of the same name kept (tree, sky)" in note
    trained = load_file(weights)
    for name, value in model.state_dict().items():
        if not name.startswith("classifier") and "num_batches" not in name:
            assert torch.equal(value, trained[name]), name
    for name, value in model.classifier.state_dict().items():
        old = trained[f"classifier.{name}"]
        assert torch.equal(value[0], old[CAMVID.classes.index("tree")])
        assert torch.equal(value[1], fresh[name][1])
        assert torch.equal(value[2], old[CAMVID.classes.index("sky")])


def test_as_many_classes_in_another_order_are_other_classes(weights: Path) -> None:
    model = tiny_network()
    labels = replace(CAMVID, classes=CAMVID.classes[::-1], palette=CAMVID.palette[::-1])
    start_from(weights, model, labels)
    old = load_file(weights)["classifier.weight"]
    assert torch.equal(model.classifier.weight, old.flip(0))


def test_a_network_of_another_shape_stays_as_it_was(weights: Path) -> None:
    model = tiny_network(num_classes=3, attention=False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(MfpnetError, match=r"from another network: .* names differ"):
        start_from(weights, model, FARM)
    with pytest.raises(MfpnetError, match="missing in"):
        start_from(weights, tiny_network(stem_convs=3), CAMVID)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_frozen_encoder_keeps_weights_and_statistics() -> None:
    model = tiny_network(num_classes=3)
    frozen = frozen_parts(model)
    for part in frozen:
        part.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = build_optimizer(model, "adamw", learning_rate=0.1, weight_decay=0.1, momentum=0.9)
    stepper = Stepper(model, optimizer, total_steps=2, frozen=frozen)
    batch = torch.rand(2, 3, 64, 64), torch.zeros(2, 64, 64, dtype=torch.long)

    def loss(logits: torch.Tensor, targets: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, targets)

    train_one_epoch([batch, batch], stepper, loss, lambda _: False)
    moved = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    parts = {name.split(".")[0] for name in moved}
    assert parts >= {"graphs", "decoder", "head", "classifier"}
    assert not parts & {"initial", "entries", "encoder"}


def test_nothing_is_frozen_at_random() -> None:
    config = replace(RUN, variant="mfpnet_fast", freeze="encoder")
    with pytest.raises(MfpnetError, match=r"--freeze encoder .* give --init too"):
        check_config(config)
    check_config(replace(config, init="mfpnet_fast_camvid"))
