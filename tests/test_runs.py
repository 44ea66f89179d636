from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.known_recipes import RECIPES, get_recipe, told_recipe
from mfpnet.recipes import Recipe
from mfpnet.training.runs import RunConfig, changed_recipe, read_config, write_config

FULL = RunConfig(
    variant="mfpnet_fast",
    recipe_name="synthetic",
    recipe=Recipe(2, 3, crop_size=(64, 96), ohem_threshold=0.7, weight_decay=1e-5),
    data=DataSource("camvid", "train-0006R0", root="/data/Straße"),
    evaluate_on=DataSource("synthetic", "val", count=4, size=(64, 96)),
    evaluate_every=5,
    evaluate_last=2,
    init="mfpnet_camvid",
    teachers=("mfpnet_camvid", "runs/wide"),
    seed=7,
    device="cpu",
    threads=1,
    deterministic=True,
    allow_overlap=True,
    compile=True,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def altered(path: Path, section: str | None, **values: Any) -> Path:
    """A written config with some values changed."""
    write_config(path, FULL)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    (config if section is None else config[section]).update(values)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_comes_back_equal(path: Path, recipe: str) -> None:
    config = RunConfig("mfpnet", recipe, get_recipe(recipe), DataSource())
    write_config(path, config)
    assert read_config(path) == config


def test_every_setting_comes_back_equal(path: Path) -> None:
    write_config(path, FULL)
    assert read_config(path) == FULL


def test_file_is_readable_yaml(path: Path) -> None:
    write_config(path, FULL)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("variant: mfpnet_fast\n")
    assert "python" not in text
    assert yaml.safe_load(text)["recipe"]["crop_size"] == [64, 96]


@pytest.mark.parametrize("section", [None, "recipe", "data", "evaluate_on"])
def test_unknown_setting_is_named(path: Path, section: str | None) -> None:
    with pytest.raises(MfpnetError, match=r"learning_rat is no setting. Known:") as caught:
        read_config(altered(path, section, learning_rat=1))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("section", "key"), [(None, "variant"), ("recipe", "epochs")])
def test_missing_setting_is_named(path: Path, section: str | None, key: str) -> None:
    write_config(path, FULL)
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    del (values if section is None else values[section])[key]
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(MfpnetError, match=f"no complete config.*'{key}'") as caught:
        read_config(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (None, "recipe", 5),
        (None, "data", ["camvid"]),
        (None, "seed", "many"),
        (None, "threads", 1.5),
        (None, "deterministic", "no"),
        ("recipe", "epochs", "lots"),
        ("recipe", "epochs", 2.5),
        ("recipe", "epochs", True),
        # What YAML makes of 1e-3: without a dot it is text.
        ("recipe", "learning_rate", "1e-3"),
        ("recipe", "crop_size", 256),
        ("recipe", "crop_size", [256, 352, 3]),
        ("recipe", "optimizer", "adan"),
        ("data", "root", 3),
    ],
)
def test_value_of_another_kind_is_named(
    path: Path, section: str | None, key: str, value: Any
) -> None:
    with pytest.raises(MfpnetError) as caught:
        read_config(altered(path, section, **{key: value}))
    text = str(caught.value)
    assert str(path) in text
    assert key in text or isinstance(value, int | list)
    assert str(value) in text or repr(value) in text or repr(tuple(value)) in text


def test_whole_number_is_a_fraction_too(path: Path) -> None:
    assert read_config(altered(path, "recipe", learning_rate=1)).recipe.learning_rate == 1


@pytest.mark.parametrize(
    "content",
    [b"a: [1,", b"just text", b"- 1\n- 2\n", b"", b"\xff\xfe\x00\x81"],
    ids=["broken", "text", "list", "empty", "binary"],
)
def test_file_that_is_no_config_is_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(MfpnetError, match="config") as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(path: Path) -> None:
    with pytest.raises(MfpnetError, match="No such file") as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_yaml_cannot_run_code(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path.write_text(f"variant: !!python/object/apply:os.mkdir ['{trace}']\n", encoding="utf-8")
    with pytest.raises(MfpnetError, match="cannot be read as a config"):
        read_config(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": -1.0}, r"learning_rate is -1\.0"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"crop_size": (16, 64)}, r"\(16, 64\) is too small"),
        ({"crop_size": (64, 64), "input_size": (20, 64)}, r"\(20, 64\) is too small"),
        ({"scale": (2.0, 0.5)}, r"scale is \(2\.0, 0\.5\)"),
        ({"ohem_threshold": 0.0}, r"ohem_threshold is 0\.0"),
        ({"colour": -0.1}, "colour"),
        ({"noise": -0.1}, "noise"),
        ({"blur": -1}, "blur"),
        ({"ema": 1.0}, r"ema is 1\.0"),
    ],
)
def test_recipe_that_cannot_train(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MfpnetError, match=complaint):
        dataclasses.replace(FULL.recipe, **changes)


def test_unknown_recipe_names_the_near_one() -> None:
    with pytest.raises(MfpnetError, match=r"unknown recipe 'camvid_fall'.*mean 'camvid_full'"):
        get_recipe("camvid_fall")


def test_values_of_a_recipe_are_changed_by_name() -> None:
    changes = ["lovasz=0.5", "scale=[0.4, 1.6]", "ohem_threshold=null", "flip=false", "epochs=9"]
    changed = changed_recipe(FULL.recipe, changes, "--set")
    expected: dict[str, Any] = {"lovasz": 0.5, "scale": (0.4, 1.6), "ohem_threshold": None}
    assert changed == dataclasses.replace(FULL.recipe, epochs=9, flip=False, **expected)
    assert changed_recipe(FULL.recipe, [], "--set") == FULL.recipe
    assert changed_recipe(FULL.recipe, ["learning_rate=1e-3"], "--set").learning_rate == 1e-3
    assert changed_recipe(FULL.recipe, ["crop_size=64x80"], "--set").crop_size == (64, 80)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("lovasz", r"--set has 'lovasz': write name=value, as in lovasz=0\.5"),
        ("lovasz=", "write name=value"),
        ("=3", "write name=value"),
        ("lovazs=1", "'--set': lovazs is no setting. Known: .*lovasz"),
        ("lovasz=much", "'--set': lovasz is 'much', which is no float.$"),
        ("optimizer=lion", "optimizer is 'lion', which is no one of adam, adamw, muon, sgd.$"),
        ("crop_size=64", "crop_size is 64, which is no list of int and int.$"),
        ("scale=[1]", r"scale is \(1,\), which is no"),
        ("scale=[1, 2", "is no YAML value"),
        ("auxiliary=2", "auxiliary is 2: it must be 0 to 1"),
        ("temperature=0", "temperature is 0: it must be above 0"),
    ],
)
def test_a_slip_in_a_changed_value_is_explained(setting: str, expected: str) -> None:
    with pytest.raises(MfpnetError, match=expected):
        changed_recipe(FULL.recipe, [setting], "--set")


@pytest.mark.parametrize("teachers", ["mfpnet_camvid", [3]])
def test_teachers_are_a_list_of_names(path: Path, teachers: object) -> None:
    with pytest.raises(MfpnetError, match=r"teachers is .*, which is no"):
        read_config(altered(path, None, teachers=teachers))


def test_a_recipe_is_told_with_what_was_changed_of_it() -> None:
    recipe = get_recipe("camvid_full")
    assert told_recipe("camvid_full", recipe) == "camvid_full"
    changed = dataclasses.replace(
        recipe,
        epochs=7,
        crop_size=(96, 128),
        scale=(0.75, 1.5),
        flip=False,
        optimizer="adamw",
        learning_rate=0.0012345678,
        weight_decay=1e-5,
        full_frame_epochs=3,
    )
    told = told_recipe("camvid_full", changed)
    assert "crop_size=[96,128], full_frame_epochs=3, scale=[0.75,1.5], flip=false, " in told
    assert ", epochs" not in told
    name, *settings = told.split(", ")
    again = changed_recipe(get_recipe(name), settings, "--set")
    assert dataclasses.replace(again, epochs=7) == changed, "it can be typed behind --set"
    assert told_recipe("custom", changed) == "custom"
