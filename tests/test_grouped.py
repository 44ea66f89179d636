from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from known_trees import camvid_tree, idd_tree
from mfpnet.checkpoint import save_weights
from mfpnet.cli import main
from mfpnet.data.camvid import CamVid
from mfpnet.data.idd_lite import IddLite
from mfpnet.data.map_file import find_map, identity_map, read_map
from mfpnet.data.mapping import packaged_maps
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import evaluate
from mfpnet.evaluating.grouped import sides_of
from mfpnet.labels import CAMVID
from mfpnet.predict import Predictor
from samples import INFO, modest_network, tiny_network

SIZE = (64, 96)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(modest_network(), device="cpu")


@pytest.fixture
def idd(tmp_path: Path) -> Path:
    return idd_tree(tmp_path / "idd", "val", 3, SIZE)


def partial_map(folder: Path) -> Path:
    """What the random network sees most belongs to no group."""
    values = {
        "name": "partial",
        "from": {"name": "camvid", "classes": list(CAMVID.classes)},
        "to": {
            "name": "idd_lite",
            "ignore_index": 255,
            "classes": {
                name: [index, 0, 0]
                for index, name in enumerate(find_map("camvid-idd_lite").target.classes)
            },
        },
        "groups": [
            {"name": "way", "from": ["road", "pavement"], "to": ["drivable", "non-drivable"]},
            {"name": "high", "from": ["sky", "tree"], "to": ["sky", "far objects"]},
        ],
        "ignore": {
            "from": ["building", "pole", "sign", "fence", "car", "pedestrian", "bicyclist"],
            "to": ["living things", "vehicles", "roadside objects"],
        },
    }
    path = folder / "partial.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    return path


def test_an_identity_map_gives_the_plain_scores(predictor: Predictor, tmp_path: Path) -> None:
    dataset = CamVid(camvid_tree(tmp_path, "test", 3, SIZE), "test")
    plain = evaluate(predictor, dataset)
    sides = sides_of(predictor, dataset, identity_map(CAMVID))
    found = evaluate(sides.predictor, sides.dataset, scored=sides.scored)
    assert found.as_dict() == plain.as_dict()


def test_a_network_that_tells_objects_apart_is_scored_in_groups_too(idd: Path) -> None:
    network = modest_network(instances=True)
    network.info = replace(INFO, things=("car", "pedestrian"))
    predictor, dataset = Predictor(network, device="cpu"), IddLite(idd, "val")
    sides = sides_of(predictor, dataset, find_map("camvid-idd_lite"))
    found = evaluate(sides.predictor, sides.dataset, scored=sides.scored)
    network.info = INFO
    plain = sides_of(Predictor(network, device="cpu"), dataset, find_map("camvid-idd_lite"))
    expected = evaluate(plain.predictor, plain.dataset, scored=plain.scored)
    assert found.as_dict() == expected.as_dict()


def test_without_a_map_nothing_changes(predictor: Predictor, idd: Path) -> None:
    dataset = IddLite(idd, "val")
    sides = sides_of(predictor, dataset, None)
    assert (sides.predictor, sides.dataset, sides.scored) == (predictor, dataset, 7)


def test_predictions_and_targets_meet_in_groups(predictor: Predictor, idd: Path) -> None:
    """Against a count of our own, pixel by pixel."""
    dataset = IddLite(idd, "val")
    to_group = np.array([6, 5, 4, 0, 1, 5, 4, 4, 3, 2, 2])
    matrix: npt.NDArray[np.int64] = np.zeros((7, 7), dtype=np.int64)
    for index in range(len(dataset)):
        image, target = dataset.load(index)
        groups = to_group[predictor.predict(image).labels]
        np.add.at(matrix, (target[target < 7], groups[target < 7]), 1)
    sides = sides_of(predictor, dataset, find_map("camvid-idd_lite"))
    found = evaluate(sides.predictor, sides.dataset, scored=sides.scored)
    np.testing.assert_array_equal(found.counts, matrix)
    assert found.names == found.classes == find_map("camvid-idd_lite").labels.classes


def test_a_class_of_no_group_is_a_miss_and_is_never_dropped(
    predictor: Predictor, idd: Path, tmp_path: Path
) -> None:
    dataset = IddLite(idd, "val")
    sides = sides_of(predictor, dataset, read_map(partial_map(tmp_path)))
    found = evaluate(sides.predictor, sides.dataset, scored=sides.scored)
    # drivable 0 and non-drivable 1 are way; far objects 5 and sky 6 are high; the rest is void
    target_group = np.array([0, 0, -1, -1, -1, 1, 1])
    group_of = np.array([1, 2, 2, 0, 0, 1, 2, 2, 2, 2, 2])
    matrix: npt.NDArray[np.int64] = np.zeros((3, 3), dtype=np.int64)
    for index in range(len(dataset)):
        image, target = dataset.load(index)
        true = np.where(target < 7, target_group[np.minimum(target, 6)], -1)
        np.add.at(
            matrix, (true[true >= 0], group_of[predictor.predict(image).labels][true >= 0]), 1
        )
    np.testing.assert_array_equal(found.counts, matrix)
    assert matrix[:, 2].sum() > 0
    assert found.names == ("way", "high", "other")
    ious = [matrix[i, i] / (matrix[i].sum() + matrix[:, i].sum() - matrix[i, i]) for i in (0, 1)]
    assert found.scores.iou_per_class == pytest.approx(ious)
    assert found.scores.miou == pytest.approx(np.mean(ious))
    assert found.scores.pixel_accuracy == pytest.approx(np.trace(matrix) / matrix.sum())
    assert found.interval is None or found.interval[0] <= found.scores.miou
    assert len(found.interval_per_class) == len(found.boundary_iou) == 2


def test_maps_that_fit_neither_side_are_refused(predictor: Predictor, idd: Path) -> None:
    with pytest.raises(MfpnetError, match="comes from 19 classes of cityscapes, the weights know"):
        sides_of(predictor, IddLite(idd, "val"), find_map("cityscapes-camvid"))
    camvid = CamVid(camvid_tree(idd, "val", 1, SIZE), "val")
    with pytest.raises(MfpnetError, match="leads to 7 classes of idd_lite"):
        sides_of(predictor, camvid, find_map("camvid-idd_lite"))


def test_a_group_is_not_called_as_what_is_in_none(
    predictor: Predictor, idd: Path, tmp_path: Path
) -> None:
    path = partial_map(tmp_path)
    path.write_text(path.read_text("utf-8").replace("name: high", "name: other"), "utf-8")
    with pytest.raises(MfpnetError, match=r"map partial has a group 'other'.*\(building, pole"):
        sides_of(predictor, IddLite(idd, "val"), read_map(path))


def test_a_group_may_be_called_other_where_all_classes_are_in_one(
    predictor: Predictor, idd: Path, tmp_path: Path
) -> None:
    values = yaml.safe_load(packaged_maps()["camvid-idd_lite"].read_text("utf-8"))
    values["groups"][0]["name"] = "other"
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    sides = sides_of(predictor, IddLite(idd, "val"), read_map(path))
    assert sides.predictor.info.classes[0] == "other"


def test_the_predictor_itself_stays_as_it_was(predictor: Predictor, idd: Path) -> None:
    sides = sides_of(predictor, IddLite(idd, "val"), find_map("camvid-idd_lite"))
    assert predictor.info.classes == CAMVID.classes
    assert len(sides.predictor.info.classes) == 7
    image = IddLite(idd, "val").load(0)[0]
    groups = sides.predictor.untiled().predict(image)
    assert groups.labels.max() < 7
    assert set(groups.fractions) <= set(groups.classes)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_weights(path, tiny_network(), INFO)
    return path


def run_cli(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_evaluate_with_a_map(weights: Path, idd: Path, tmp_path: Path) -> None:
    data = ("--data", "idd_lite", "--root", idd, "--split", "val", "--device", "cpu")
    pictures = [tmp_path / f"{name}.png" for name in ("maps", "worst", "bars", "picture")]
    given = [part for path in pictures for part in (f"--{path.stem}", path)]
    record: Any = tmp_path / "record.json"
    own = partial_map(tmp_path)
    assert run_cli("evaluate", weights, *data, "--map", own, *given, "--json", record) == 0
    found = json.loads(record.read_text("utf-8"), parse_constant=pytest.fail)
    assert all(path.is_file() for path in pictures)
    assert found["map"]["name"] == "partial"
    assert found["map"]["groups"]["way"]["to"] == ["drivable", "non-drivable"]
    assert set(found["iou_per_class"]) == {"way", "high"}
    assert len(found["confusion_matrix"]) == 3
    assert found["weights"]["classes"] == list(CAMVID.classes)


def test_evaluate_on_other_classes_points_to_the_map(
    weights: Path, idd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", "idd_lite", "--root", idd, "--split", "val", "--device", "cpu")
    assert run_cli("evaluate", weights, *data) == 2
    assert "with --map camvid-idd_lite." in capsys.readouterr().err
    given = (*data, "--map", "camvid-idd_lite")
    for option, path in (("--save", "w.safetensors"), ("--reliability", "r.png")):
        assert run_cli("evaluate", weights, *given, option, tmp_path / path) == 2
        assert f"{option} is of the network's own classes" in capsys.readouterr().err
    assert run_cli("evaluate", weights, *data, "--map", "camvid-idd") == 2
    assert "Did you mean 'camvid-idd_lite'" in capsys.readouterr().err


def test_evaluate_on_some_frames(weights: Path, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "camvid", "test", 4, SIZE)
    record = tmp_path / "record.json"
    given = ("--data", "camvid", "--root", root, "--frames", 2, "--device", "cpu")
    assert run_cli("evaluate", weights, *given, "--json", record) == 0
    assert json.loads(record.read_text("utf-8"))["frames"] == 2
