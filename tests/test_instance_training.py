"""A network that tells objects apart: its head, its targets on the way, and its training."""

from __future__ import annotations

import dataclasses
import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mfpnet.checkpoint import load_model, save_weights
from mfpnet.data.subset import Subset
from mfpnet.errors import MfpnetError
from mfpnet.instances.pixel_codes import instances_in, labels_in, pixel_codes
from mfpnet.labels import CAMVID
from mfpnet.runtimes.inference_form import InferenceMFPNet, to_inference_form
from mfpnet.sources import open_dataset, open_joined
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.train import TrainingStoppedError, train
from mfpnet.training.budget import step_seconds
from mfpnet.training.checks import check_config
from mfpnet.training.frames import load_frames
from mfpnet.training.instance_training import InstanceObjective
from mfpnet.training.runs import RunConfig, read_config, write_config
from mfpnet.training.transfer import start_from
from mfpnet.transforms import Augmentation, augment
from mfpnet.variants import count_parameters, create_model, create_network
from samples import INFO, RUN, STREETS, UNSEEN, quiet, small_and_fast, tiny_network

CONFIG = dataclasses.replace(RUN, instances=True, evaluate_on=UNSEEN)


@pytest.fixture(autouse=True, scope="module")
def _tiny() -> Iterator[None]:
    with small_and_fast() as patch:
        patch.setattr("mfpnet.train.training_curves", lambda records, path: None)
        yield


def test_the_drawn_streets_are_what_they_were() -> None:
    """Records stand on them: pictures and labels as before there were instances beside them."""
    seen = hashlib.sha256()
    for seed, size in ((0, (90, 120)), (7, (64, 96)), (2_000_003, (90, 120))):
        scene = draw_scene(seed, size)
        seen.update(scene.image.tobytes() + scene.labels.tobytes())
    assert seen.hexdigest() == "6ad9121c020e61f09ac2a6abd0922c8c1cbf3dc7b2f96aaea8c1e77fd7db9a84"


def test_instances_are_of_the_scene_that_is_asked_for() -> None:
    streets = SyntheticStreets("val", 3, (64, 96))
    things = [CAMVID.classes.index(name) for name in CAMVID.things]
    for index in (2, 0, 0):
        found = streets.instances(index)
        assert np.array_equal(found > 0, np.isin(streets.load(index)[1], things))
    few = Subset(streets, 1).instances
    assert few is not None
    assert np.array_equal(few(0), streets.instances(1))


def test_labels_and_instances_are_one_number_and_two_again() -> None:
    labels, instances = np.array([[0, 11, 999]], np.uint16), np.array([[0, 3, 32767]], np.uint16)
    codes = torch.from_numpy(pixel_codes(labels, instances)).long()
    assert labels_in(codes).tolist() == labels.tolist()
    assert instances_in(codes).tolist() == instances.tolist()


def test_instances_move_with_their_labels() -> None:
    """Each object has one class, in the frame and in every crop, scaled and mirrored."""
    store = load_frames(open_dataset(STREETS), torch.device("cpu"), instances=True)
    images, codes, sizes = store.pick(torch.arange(6))
    classes = {int(code) // 65536: int(code) % 65536 for code in codes[0].unique()}
    options = Augmentation((64, 64), scale=(0.5, 2.0), sought=(8,), sought_share=0.5)
    _, moved = augment(
        images,
        codes,
        options,
        mean=store.mean,
        std=store.std,
        ignore_index=11,
        generator=torch.Generator().manual_seed(1),
        sizes=sizes,
    )
    numbers, labels = instances_in(moved), labels_in(moved)
    assert torch.equal(numbers > 0, (labels >= 8) & (labels <= 10))
    found = set(zip(numbers[0].flatten().tolist(), labels[0].flatten().tolist(), strict=True))
    assert {pair for pair in found if pair[0]} <= set(classes.items())
    assert len(numbers[0].unique()) > 1


def test_the_head_costs_little_and_none_costs_nothing() -> None:
    plain, apart = (create_model("mfpnet_fast", instances=each) for each in (False, True))
    assert count_parameters(apart) - count_parameters(plain) == 10981
    assert not [name for name in plain.state_dict() if name.startswith("instances")]
    assert {*apart.state_dict()} > {*plain.state_dict()}


def test_the_logits_are_the_same_with_and_without_the_maps() -> None:
    network, image = tiny_network(instances=True).eval(), torch.randn(1, 3, 45, 70)
    form = to_inference_form(network)
    assert isinstance(form, InferenceMFPNet)
    with torch.no_grad():
        maps = network.with_instances(image)
        assert torch.equal(maps[0], network(image))
        for one, two in zip(maps, form.with_instances(image), strict=True):
            assert torch.allclose(one, two, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
    assert [tuple(each.shape[1:]) for each in maps] == [(11, 45, 70), (1, 45, 70), (2, 45, 70)]
    halved = network.with_instances(image, stride=2)
    assert [tuple(each.shape[2:]) for each in halved] == [(23, 35)] * 3


def test_the_loss_has_both_parts() -> None:
    codes = torch.zeros(1, 4, 4, dtype=torch.long)
    maps = torch.zeros(1, 3, 4, 4), torch.full((1, 1, 4, 4), 0.1), torch.zeros(1, 2, 4, 4)
    objective = InstanceObjective(
        lambda logits, labels, images: labels.sum() + 5.0, ignore_index=9, stride=1
    )
    assert objective(maps, codes, maps[0]).item() == pytest.approx(5 + 200 * 0.1**2)


def test_a_trained_network_is_scored_by_its_objects(tmp_path: Path) -> None:
    result = train(CONFIG, tmp_path, console=quiet())
    network = load_model(tmp_path)
    assert network.config.instances
    assert network.info is not None
    assert network.info.things == ("car", "pedestrian", "bicyclist")
    assert result["config"]["instances"]
    assert 0 <= result["evaluation"]["panoptic"]["all"]["pq"] < 1
    assert not [name for name in network.state_dict() if name.startswith("network.")]


def test_the_time_of_a_step_is_measured_with_both_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Tensor] = []
    compute = InstanceObjective.__call__

    def noting(objective: InstanceObjective, maps: tuple[Tensor, ...], *more: Tensor) -> Tensor:
        given.append(more[0])
        return compute(objective, maps, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(InstanceObjective, "__call__", noting)
    assert step_seconds(CONFIG, CAMVID) > 0
    assert instances_in(given[-1]).max() > 1


def test_stopped_and_resumed_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(
        CONFIG,
        evaluate_on=None,
        recipe=dataclasses.replace(CONFIG.recipe, ema=0.9, loss_stride=2, rare_crops=0.5),
    )
    train(config, tmp_path / "straight", console=quiet())
    calls: list[int] = []
    compute = InstanceObjective.__call__

    def press_ctrl_c(objective: InstanceObjective, *given: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return compute(objective, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(InstanceObjective, "__call__", press_ctrl_c)
        with pytest.raises(TrainingStoppedError):
            train(config, tmp_path / "stopped", console=quiet())
    train(read_config(tmp_path / "stopped" / "config.yaml"), tmp_path / "stopped", resume=True,
          console=quiet())  # fmt: skip
    one, two = (tmp_path / name / "weights.safetensors" for name in ("straight", "stopped"))
    assert one.read_bytes() == two.read_bytes()


def test_an_older_config_has_no_instances(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_config(path, RUN)
    text = path.read_text("utf-8")
    assert "instances: false\n" in text
    path.write_text(text.replace("instances: false\n", ""), "utf-8")
    assert read_config(path) == RUN


def test_data_without_instances_is_refused() -> None:
    """Several data sets as one have none."""
    config = dataclasses.replace(CONFIG, extra=(STREETS,))
    with pytest.raises(MfpnetError, match=r"--instances needs data .*has label maps only"):
        check_config(config)
    with pytest.raises(MfpnetError, match="label maps only"):
        load_frames(open_joined((STREETS, STREETS)), torch.device("cpu"), instances=True)


def refused(config: RunConfig) -> str:
    with pytest.raises(MfpnetError) as error:
        check_config(config)
    return str(error.value)


def test_what_excludes_instances_is_refused() -> None:
    with_heads = dataclasses.replace(CONFIG.recipe, auxiliary=0.4)
    assert "exclude each other" in refused(dataclasses.replace(CONFIG, recipe=with_heads))
    with pytest.raises(MfpnetError, match="--instances is of mfpnet's own networks"):
        create_network("samples:Recorder", 11, instances=True)


def test_weights_begin_with_and_without_the_head(tmp_path: Path) -> None:
    paths = {}
    for apart in (False, True):
        paths[apart] = tmp_path / f"{apart}.safetensors"
        save_weights(paths[apart], tiny_network(instances=apart), INFO)
    torch.manual_seed(3)
    network = tiny_network(instances=True)
    head = network.state_dict()["instances.offset.weight"].clone()
    note = start_from(paths[False], network, CAMVID)
    assert note is not None
    assert "has no instance head: it starts anew" in note
    assert torch.equal(network.state_dict()["instances.offset.weight"], head)
    assert start_from(paths[True], network, CAMVID) is None
    note = start_from(paths[True], tiny_network(), CAMVID)
    assert note is not None
    assert "is left out" in note
