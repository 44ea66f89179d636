from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import samples
from mfpnet import checkpoint
from mfpnet.checkpoint import (
    find_weights,
    load_model,
    save_weights,
)
from mfpnet.errors import MfpnetError
from samples import TINY, tiny_network

INFO = dataclasses.replace(samples.INFO, score=0.5, score_on="Straße")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_weights(path, tiny_network(), INFO)
    return path


def test_loaded_network_is_the_saved_one(tmp_path: Path) -> None:
    model = tiny_network()
    images = torch.randn(2, 3, 64, 96)
    model(images)  # moves the batch norm statistics away from their start
    save_weights(tmp_path / "w.safetensors", model, INFO)
    loaded = load_model(tmp_path / "w.safetensors")
    assert loaded.info == INFO
    assert loaded.config == TINY
    assert not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded(images), model.eval()(images))


def test_run_folder_and_text_path_are_names_too(weights: Path) -> None:
    assert find_weights(weights.parent) == find_weights(str(weights)) == weights
    assert load_model(str(weights.parent)).info == INFO


def test_same_network_gives_the_same_file(tmp_path: Path) -> None:
    contents = set()
    for number in range(8):
        save_weights(tmp_path / f"{number}.safetensors", tiny_network(), INFO)
        contents.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(contents) == 1


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def as_pickle(path: Path) -> None:
    torch.save(tiny_network().state_dict(), path)


def as_old_pickle(path: Path) -> None:
    torch.save(tiny_network().state_dict(), path, _use_new_zipfile_serialization=False)


def as_plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1.0]}))


def as_text(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4000000\n")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def without_header(path: Path) -> None:
    save_file(load_file(path), path)


def with_header(**values: str) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        header = {"info": json.dumps(INFO.as_dict()), "config": json.dumps(vars(TINY))}
        save_file(load_file(path), path, header | values)

    return rewrite


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (truncate, "truncated"),
        (empty, "truncated"),
        (as_text, "truncated or no safetensors"),
        (as_pickle, "is a PyTorch pickle, which can run code.*weights.safetensors"),
        (as_old_pickle, "is a PyTorch pickle"),
        (as_plain_pickle, "is a PyTorch pickle"),
        (without_header, "no mfpnet header"),
        (with_header(config="{"), "header"),
        (with_header(config='{"num_clases": 3}'), "header.*num_clases"),
        (with_header(config='{"strides": [3, 6, 12]}'), "header.*strides"),
        (with_header(info="[]"), "header"),
        (with_header(info='{"variant": "x"}'), "header.*classes"),
        (with_header(info='{"sharpness": 1}'), "newer mfpnet.*sharpness"),
        (with_header(config=json.dumps({**vars(TINY), "num_classes": 5})), "does not fit.*classes"),
    ],
)
def test_unusable_weights_are_named(
    weights: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    damage(weights)
    with pytest.raises(MfpnetError, match=complaint) as caught:
        load_model(weights)
    assert str(weights) in str(caught.value)


def test_missing_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MfpnetError, match=r"none.safetensors' does not exist.*bundled name"):
        find_weights(tmp_path / "none.safetensors")
    with pytest.raises(MfpnetError, match=r"holds no weights.safetensors: has its training run"):
        find_weights(tmp_path)
    bundled = {"mfpnet_fast_camvid": tmp_path / "x.safetensors"}
    monkeypatch.setattr(checkpoint, "bundled_weights", lambda: bundled)
    assert find_weights("mfpnet_fast_camvid") == tmp_path / "x.safetensors"
    with pytest.raises(MfpnetError, match=r"'mfpnet_fast_camvit'.*mean 'mfpnet_fast_camvid'"):
        find_weights("mfpnet_fast_camvit")
