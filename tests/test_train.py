from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from rich.console import Console
from torch import Tensor

from mask_folders import areas, write_folder
from mfpnet.checkpoint import load_model, save_weights
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import evaluate
from mfpnet.info import ModelInfo
from mfpnet.predict import Predictor
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.train import train
from mfpnet.training.lock import alone_in
from mfpnet.training.losses import cross_entropy
from mfpnet.training.runs import read_config
from mfpnet.variants import create_model
from samples import INFO, RUN, STREETS, UNSEEN, quiet, small_and_fast, tiny_network, with_recipe


@pytest.fixture(autouse=True, scope="module")
def _tiny() -> Iterator[None]:
    with small_and_fast():
        yield


EVALUATED = dataclasses.replace(
    with_recipe(optimizer="adamw", ema=0.9, epochs=4),
    evaluate_on=UNSEEN,
    evaluate_every=2,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run and what `train` returned."""
    folder = tmp_path_factory.mktemp("run") / "new" / "folder"
    return folder, train(EVALUATED, folder, console=quiet())


def test_run_leaves_everything_in_its_folder(run: tuple[Path, dict[str, Any]]) -> None:
    folder, result = run
    assert sorted(file.name for file in folder.iterdir()) == [
        "checkpoint.pt",
        "config.yaml",
        "curves.png",
        "metrics.jsonl",
        "result.json",
        "weights.safetensors",
    ]
    assert read_config(folder / "config.yaml") == EVALUATED
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert state["step"] == 12
    with PIL.Image.open(folder / "curves.png") as picture:
        assert min(picture.size) > 100
    written = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(result))


def test_metrics_have_one_line_an_epoch(run: tuple[Path, dict[str, Any]]) -> None:
    folder, result = run
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["epoch"] for record in records] == [1, 2, 3, 4]
    assert [("miou" in record) for record in records] == [False, True, False, True]
    assert records[-1]["miou"] == result["evaluation"]["miou"]
    assert records[-1]["loss"] == result["loss"] < records[0]["loss"]
    assert records[0]["lr"] > records[1]["lr"] > records[3]["lr"] == 0


def test_result_describes_the_run(run: tuple[Path, dict[str, Any]]) -> None:
    result = run[1]
    assert (result["frames"], result["steps"]) == (6, 12)
    assert result["parameters"] == sum(
        p.numel() for p in create_model("tiny", num_classes=11).parameters()
    )
    assert result["evaluation"]["frames"] == 3
    assert result["environment"]["threads"] == 1
    assert result["config"]["recipe"]["epochs"] == 4


def test_weights_are_the_ones_that_were_scored(run: tuple[Path, dict[str, Any]]) -> None:
    folder, result = run
    model = load_model(folder)
    assert isinstance(model.info, ModelInfo)
    assert (model.info.variant, model.info.recipe, model.info.epochs) == ("tiny", "custom", 4)
    assert (model.info.data, model.info.split) == ("synthetic", "train")
    assert model.info.input_size == (64, 96)
    assert model.info.score == result["evaluation"]["miou"]
    assert model.info.score_on == "synthetic val"
    assert model.info.iou == tuple(result["evaluation"]["iou_per_class"].values())
    predictor = Predictor(model, device="cpu")
    again = evaluate(predictor, SyntheticStreets("val", 3, (64, 96)))
    assert again.scores.miou == pytest.approx(result["evaluation"]["miou"], abs=2e-3)


def test_averaged_weights_are_saved(run: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = run
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    saved = load_model(folder).state_dict()
    assert torch.equal(saved["classifier.bias"], state["ema"]["classifier.bias"])
    assert not torch.equal(saved["classifier.bias"], state["model"]["classifier.bias"])


def test_used_folder_is_refused(run: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = run
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(MfpnetError, match=r"holds a run already.*--resume .*--out") as caught:
        train(EVALUATED, folder, console=quiet())
    assert str(folder) in str(caught.value)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_folder_that_a_run_is_at_work_in_is_refused(tmp_path: Path) -> None:
    """By another process; what that one has there stays as it is."""
    folder = tmp_path / "run"
    held = (
        "import sys, pathlib\n"
        "from mfpnet.training.lock import alone_in\n"
        f"with alone_in(pathlib.Path({str(folder)!r})):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        for resume in (False, True):
            with pytest.raises(MfpnetError, match=r"not ended is at work in .*run'.*--out"):
                train(RUN, folder, resume=resume, console=quiet())
        assert [path.name for path in folder.iterdir()] == [".lock"]
        other.kill()
    train(with_recipe(epochs=1), folder, console=quiet())
    assert not (folder / ".lock").exists()


def test_one_process_may_take_its_folder_twice(tmp_path: Path) -> None:
    with alone_in(tmp_path / "a" / "run"):
        with alone_in(tmp_path / "a" / "run"):
            pass
        assert (tmp_path / "a" / "run" / ".lock").exists()
    assert not list(tmp_path.iterdir())
    with alone_in(tmp_path / "a" / "run"):
        (tmp_path / "a" / "notes").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["notes"]


def test_evaluating_on_training_frames_is_refused_unless_allowed(tmp_path: Path) -> None:
    watch = dataclasses.replace(STREETS, count=2)
    config = dataclasses.replace(with_recipe(epochs=1), evaluate_on=watch)
    with pytest.raises(MfpnetError, match=r"2 of 2 frames.*--allow-overlap"):
        train(config, tmp_path / "a", console=quiet())
    assert not list(tmp_path.iterdir()), "nothing that looks like a run to go on with"
    allowed = dataclasses.replace(config, allow_overlap=True)
    assert train(allowed, tmp_path / "a", console=quiet())["evaluation"]["frames"] == 2


def test_nothing_but_void_trains(tmp_path: Path) -> None:
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    grey = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    PIL.Image.fromarray(grey).save(tmp_path / "train" / "a_1.png")
    PIL.Image.fromarray(np.full((64, 64), 11, np.uint8)).save(tmp_path / "trainannot" / "a_1.png")
    data = DataSource("camvid", "train", root=str(tmp_path))
    config = dataclasses.replace(with_recipe(ohem_threshold=0.7), data=data)
    result = train(config, tmp_path / "run", console=quiet())
    assert result["config"]["data"]["root"] is None
    assert result["loss"] == 0
    assert result["steps"] == 2
    state = load_model(tmp_path / "run").state_dict()
    assert all(bool(value.isfinite().all()) for value in state.values())


def test_weights_to_start_from_are_used(tmp_path: Path) -> None:
    torch.manual_seed(123)
    model = create_model("tiny", num_classes=11)
    save_weights(tmp_path / "w.safetensors", model, INFO)
    config = dataclasses.replace(
        with_recipe(epochs=1, learning_rate=1e-12, weight_decay=0.0),
        init=str(tmp_path / "w.safetensors"),
    )
    train(config, tmp_path / "run", console=quiet())
    trained = load_model(tmp_path / "run")
    assert trained.info is not None
    assert trained.info.started_from == "w.safetensors"
    scored = dataclasses.replace(INFO, score=0.612, score_on="camvid test")
    save_weights(tmp_path / "w.safetensors", model, scored)
    train(config, tmp_path / "again", console=quiet())
    started = load_model(tmp_path / "again").info
    assert started is not None
    assert started.started_from == "w.safetensors (61.2 % on camvid test)"
    learnt = trained.get_parameter("classifier.weight")
    torch.testing.assert_close(learnt, model.get_parameter("classifier.weight"))


def test_broken_start_stops_at_once(tmp_path: Path) -> None:
    model = create_model("tiny", num_classes=11)
    with torch.no_grad():
        model.get_parameter("classifier.weight")[0] = float("nan")
    save_weights(tmp_path / "w.safetensors", model, INFO)
    config = dataclasses.replace(RUN, init=str(tmp_path / "w.safetensors"))
    with pytest.raises(MfpnetError, match="loss became nan at step 0"):
        train(config, tmp_path / "run", console=quiet())
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("mine\n")
    (tmp_path / "run" / "notes.txt").touch()
    with pytest.raises(MfpnetError, match="loss became nan at step 0"):
        train(config, tmp_path / "run", console=quiet())
    assert {"config.yaml", "notes.txt"} <= {path.name for path in (tmp_path / "run").iterdir()}


def test_a_run_takes_its_folder_before_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looks(*arguments: object, **options: object) -> None:
        assert (tmp_path / "run" / "config.yaml").is_file()
        raise MfpnetError("no frames")

    monkeypatch.setattr("mfpnet.train.open_session", looks)
    with pytest.raises(MfpnetError, match="no frames"):
        train(RUN, tmp_path / "run", console=quiet())
    assert not (tmp_path / "run").exists()


def test_huge_learning_rate_is_named(tmp_path: Path) -> None:
    config = with_recipe(learning_rate=1e30, optimizer="sgd")
    with pytest.raises(MfpnetError, match=r"became (nan|inf) at step 1 \(learning rate .*e\+29\)"):
        train(config, tmp_path / "run", console=quiet())


def test_last_epochs_see_whole_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def remember(logits: Tensor, target: Tensor, **options: Any) -> Tensor:
        shapes.append(tuple(logits.shape))
        return cross_entropy(logits, target, **options)

    monkeypatch.setattr("mfpnet.training.objective.cross_entropy", remember)
    train(with_recipe(full_frame_epochs=1), tmp_path / "run", console=quiet())
    assert shapes == [(2, 11, 64, 64)] * 3 + [(2, 11, 64, 96)] * 3


def test_curves_are_left_out_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    out = io.StringIO()
    train(with_recipe(epochs=1), tmp_path, console=Console(file=out, width=200))
    assert not (tmp_path / "curves.png").exists()
    assert (tmp_path / "result.json").exists()
    assert "curves.png is left out" in out.getvalue()
    assert "mfpnet[plot]" in out.getvalue()


def test_what_is_kept_of_other_classes_is_told_in_their_own_names(tmp_path: Path) -> None:
    classes = ("train [/tram]", "road :car:")
    known = dataclasses.replace(INFO, classes=(*classes, "b"), palette=INFO.palette[:3])
    save_weights(tmp_path / "w.safetensors", tiny_network(num_classes=3), known)
    folder, out = tmp_path / "photos", io.StringIO()
    write_folder(folder, [areas(2, seed).astype(np.uint8) for seed in range(4)])
    (folder / "classes.yaml").write_text(f"classes: {json.dumps(classes)}\n")
    data = DataSource("folder", "all", str(folder))
    init = str(tmp_path / "w.safetensors")
    config = dataclasses.replace(with_recipe(epochs=1), data=data, init=init)
    train(config, tmp_path / "run", console=Console(file=out, width=300))
    assert "2 of the same name kept (train [/tram], road :car:)" in out.getvalue()
