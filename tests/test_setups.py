"""From options to a run: what a run keeps does not depend on the folder in which it was begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfpnet.checkpoint import save_weights
from mfpnet.errors import MfpnetError
from mfpnet.options.data import DataChoice
from mfpnet.options.verbs import TrainOptions
from mfpnet.training.runs import CONFIG_FILE, source_name, without_places, write_config
from mfpnet.training.settled import config_to_resume
from mfpnet.training.setups import config_from_options
from samples import INFO, tiny_network

CAMVID = DataChoice(data="camvid", root=Path("data"))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_paths_are_kept_as_absolute_ones_and_names_as_names(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", tiny_network(), INFO)
    (tmp_path / "run").mkdir()
    options = TrainOptions(CAMVID, init="w.safetensors", teacher="run,mfpnet_fast_camvid")
    config = config_from_options(options)
    assert config.data.root == str(tmp_path / "data")
    assert config.init == str(tmp_path / "w.safetensors")
    assert config.teachers == (str(tmp_path / "run"), "mfpnet_fast_camvid")


def test_a_record_says_no_place() -> None:
    options = TrainOptions(
        CAMVID, evaluate_split="test", init="/home/me/runs/a/weights.safetensors", teacher="/home/b"
    )
    config = without_places(config_from_options(options))
    assert config.evaluate_on is not None
    assert (config.data.root, config.evaluate_on.root) == (None, None)
    assert (config.init, config.teachers) == ("a", ("b",))


def test_a_run_goes_on_with_data_in_another_place(tmp_path: Path) -> None:
    config = config_from_options(TrainOptions(CAMVID, evaluate_split="test"))
    write_config(tmp_path / "run" / CONFIG_FILE, config)
    same = config_to_resume(TrainOptions(resume=tmp_path / "run"), tmp_path / "run")
    assert same == config
    moved = config_to_resume(
        TrainOptions(DataChoice(root=Path("other")), resume=tmp_path / "run"), tmp_path / "run"
    )
    assert moved.evaluate_on is not None
    assert moved.data.root == moved.evaluate_on.root == str(tmp_path / "other")
    assert moved.recipe == config.recipe


def test_a_folder_of_data_is_of_camvid() -> None:
    for data in (DataChoice(root=Path("data")), DataChoice("synthetic", Path("data"))):
        with pytest.raises(MfpnetError, match=r"camvid.*, and the data is synthetic"):
            config_from_options(TrainOptions(data))
    run = Path("run")
    write_config(run / CONFIG_FILE, config_from_options(TrainOptions()))
    with pytest.raises(MfpnetError, match="this run draws its own: leave it out"):
        config_to_resume(TrainOptions(DataChoice(root=Path("data")), resume=run), run)


def test_what_weights_are_called(tmp_path: Path) -> None:
    assert source_name("mfpnet_fast_camvid") == "mfpnet_fast_camvid"
    assert source_name("runs/wide/weights.safetensors") == "wide"
    assert source_name("runs/wide") == "wide"
    assert source_name(".") == tmp_path.name
