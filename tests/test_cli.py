"""The program end to end, on streets of 64x64 that it draws itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from mfpnet.cli import main
from mfpnet.data.mapping import packaged_maps
from mfpnet.labels import CAMVID
from mfpnet.pixels.pictures import read_image, read_labels

SMALL = ["--scene-size", "64x64"]
TRAIN = [
    *("train", "--variant", "mfpnet_fast", "--scenes", "5", *SMALL, "--crop-size", "32x64"),
    *("--batch-size", "2", "--threads", "1"),
]


def mfpnet(*arguments: object) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def read_json(path: Path) -> Any:
    """JSON as the standard has it: a NaN or an infinity is an error."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {path}")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one epoch."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    given = ("--epochs", 1, "--evaluate-split", "val", "--out", folder)
    assert mfpnet(*TRAIN, *given, "--json", folder.parent / "result.json") == 0
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures, all of another size."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, size in {"a.jpg": (64, 80), "b.png": (40, 33), "c.png": (96, 128)}.items():
        pixels = np.random.default_rng(size[0]).integers(0, 256, (*size, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / name)
    return folder


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet() == 0
    printed = capsys.readouterr().out
    assert "usage: mfpnet" in printed
    for verb in ("info", "train", "evaluate", "predict", "ablate", "benchmark", "data", "demo"):
        assert verb in printed


def test_train_leaves_everything_in_its_folder(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.yaml", "metrics.jsonl", "checkpoint.pt", "weights.safetensors"),
        *("result.json", "curves.png"),
    }
    result = read_json(run / "result.json")
    assert read_json(run.parent / "result.json") == result
    assert result["frames"] == 5
    assert result["steps"] == 2
    assert result["evaluation"]["frames"] == 1
    assert 0 <= result["evaluation"]["miou"] <= 1


def test_runs_are_numbered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mfpnet_fast-synthetic", "mfpnet_fast-synthetic-2"):
        assert mfpnet(*TRAIN, "--epochs", 1) == 0
        assert (tmp_path / "runs" / name / "weights.safetensors").is_file()
        assert capsys.readouterr().out.endswith(f"are in runs/{name}\n")


def test_config_of_a_run_is_read_back(run: Path, tmp_path: Path) -> None:
    assert mfpnet("train", "--config", run / "config.yaml", "--out", tmp_path / "again") == 0
    again = tmp_path / "again"
    assert (again / "config.yaml").read_bytes() == (run / "config.yaml").read_bytes()
    first, second = (read_json(folder / "result.json") for folder in (run, again))
    assert second["loss"] == first["loss"]
    assert second["evaluation"] == first["evaluation"]


def test_finished_run_is_resumed_without_a_step(run: Path, tmp_path: Path) -> None:
    folder, record = tmp_path / "run", tmp_path / "r.json"
    shutil.copytree(run, folder)
    (folder / "weights.safetensors").unlink()
    assert mfpnet("train", "--resume", folder, "--threads", 1, "--json", record) == 0
    weights = (folder / "weights.safetensors").read_bytes()
    assert weights == (run / "weights.safetensors").read_bytes()
    assert read_json(record)["evaluation"] == read_json(run / "result.json")["evaluation"]


def test_evaluate_scores_and_draws(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, record = tmp_path / "confusion.png", tmp_path / "scores.json"
    given = ("--scenes", 3, *SMALL, "--picture", picture, "--json", record)
    assert mfpnet("evaluate", run, *given) == 0
    scores = read_json(record)
    assert (scores["data"], scores["split"], scores["frames"]) == ("synthetic", "test", 3)
    assert scores["weights"]["variant"] == "mfpnet_fast"
    assert np.array(scores["confusion_matrix"]).shape == (11, 11)
    assert min(read_image(picture).shape[:2]) > 200
    printed = capsys.readouterr().out
    assert f"mIoU {100 * scores['miou']:.1f} %" in printed
    assert all(name in printed for name in CAMVID.classes)
    table, _, rest = printed.partition("confusion matrix: ")
    assert max(map(len, table.splitlines())) <= 80
    assert rest == f"{picture}\n"


def test_training_score_is_what_evaluate_finds(run: Path, tmp_path: Path) -> None:
    record = tmp_path / "scores.json"
    given = ("--split", "val", "--scenes", 1, *SMALL, "--json", record)
    assert mfpnet("evaluate", run, *given) == 0
    assert read_json(record)["miou"] == read_json(run / "result.json")["evaluation"]["miou"]


def test_predict_a_file(run: Path, pictures: Path, tmp_path: Path) -> None:
    out, record = tmp_path / "out", tmp_path / "fractions.json"
    given = ("--out", out, "--json", record)
    assert mfpnet("predict", run / "weights.safetensors", pictures / "a.jpg", *given) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["a.json", "a_labels.png", "a_overlay.png"]
    labels = read_labels(out / "a_labels.png")
    assert labels.shape == (64, 80)
    (fractions,) = [report["fractions"] for report in read_json(record)]
    assert fractions == read_json(out / "a.json")["fractions"]
    for index, name in enumerate(CAMVID.classes):
        assert fractions.get(name, 0) == pytest.approx(float((labels == index).mean()))


def test_predict_goes_on_after_a_broken_picture(
    run: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "b.png").write_bytes((pictures / "b.png").read_bytes()[:100])
    out, record = tmp_path / "[out]", tmp_path / "fractions.json"
    assert mfpnet("predict", run, pictures, "--out", out, "--json", record) == 1
    assert {path.stem for path in out.glob("*.json")} == {"a", "c"}
    printed = capsys.readouterr()
    assert "skipped" in printed.err
    assert str(pictures / "b.png") in printed.err
    assert f"2 predicted, 1 skipped; results in {out}\n" in printed.out
    assert [bool(report["error"]) for report in read_json(record)] == [False, True, False]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("*.png",), {"b", "c"}),
        (("a.jpg", "c.png"), {"a", "c"}),
        (("b.png", "*.png", "."), {"a", "b", "c"}),
    ],
    ids=["glob", "several", "named twice"],
)
def test_predict_takes_files_folders_and_globs(
    run: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: tuple[str, ...],
    expected: set[str],
) -> None:
    monkeypatch.chdir(pictures)
    assert mfpnet("predict", run, *given, "--out", "out") == 0
    assert {path.stem for path in (pictures / "out").glob("*.json")} == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ((), ("mfpnet_fast", "camvid_full", "spending")),
        (("mfpnet_fast",), ("parameters", "gmacs 360x480", "4, 8, 16")),
        (("fast-table",), ("parameters", "4, 8, 16")),
        (("camvid",), ("0.001", "360x480", "adam")),
        (("spending",), ("fast-table", "paper-table")),
    ],
    ids=["everything", "variant", "network of a suite", "recipe", "suite"],
)
def test_info(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    assert mfpnet("info", *name, "--json", tmp_path / "info.json") == 0
    printed = capsys.readouterr().out
    assert all(text in printed for text in expected), printed
    assert max(map(len, printed.splitlines())) <= 80
    assert read_json(tmp_path / "info.json")


def test_info_of_a_map_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "m.yaml"
    own.write_bytes(packaged_maps()["camvid-idd_lite"].read_bytes())
    assert mfpnet("info", own, "--json", tmp_path / "own.json") == 0
    assert mfpnet("info", "camvid-idd_lite", "--json", tmp_path / "packaged.json") == 0
    assert read_json(tmp_path / "own.json") == read_json(tmp_path / "packaged.json")
    capsys.readouterr()
    assert mfpnet("info", tmp_path / "nosuch.yaml") == 2
    assert "nosuch.yaml' does not exist. Give a .yaml" in " ".join(capsys.readouterr().err.split())


def test_info_of_a_run_tells_the_licence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mfpnet("info", run, "--json", tmp_path / "info.json") == 0
    assert "licence" in capsys.readouterr().out
    facts = read_json(tmp_path / "info.json")
    assert facts["licence"].startswith("no limit")
    assert facts["classes"] == list(CAMVID.classes)
    assert facts["bytes"] == (run / "weights.safetensors").stat().st_size


def test_drawn_scenes_can_be_checked_and_predicted(run: Path, tmp_path: Path) -> None:
    drawn, record = tmp_path / "scenes", tmp_path / "data.json"
    given = ("--scenes", 2, *SMALL, "--out", drawn, "--json", record)
    assert mfpnet("data", "draw", *given) == 0
    assert read_json(record)["scenes"] == 2
    assert read_image(drawn / "train_overlay" / "train_00001.png").shape[1] == 64
    on_disk = ("--data", "camvid", "--root", drawn)
    assert mfpnet("data", "check", *on_disk, "--json", record) == 0
    assert read_json(record) == {"frames": 2, "problems": []}
    assert mfpnet("predict", run, drawn / "train", "--out", tmp_path / "out") == 0


def test_scenes_are_not_drawn_among_older_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("data", "draw", *SMALL, "--out", tmp_path, "--scenes")
    assert mfpnet(*command, 3) == 0
    kept = sorted(tmp_path.rglob("*"))
    assert mfpnet(*command, 2) == 2
    complaint = " ".join(capsys.readouterr().err.split())
    assert f"'{tmp_path / 'train'}' is there already and not empty" in complaint
    assert sorted(tmp_path.rglob("*")) == kept
    assert mfpnet(*command, 2, "--split", "val") == 0  # beside them they may stand


def test_data_check_finds_a_bad_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mfpnet("data", "draw", "--scenes", 2, *SMALL, "--out", tmp_path) == 0
    mask = tmp_path / "trainannot" / "train_00001.png"
    PIL.Image.fromarray(np.full((64, 64), 77, dtype=np.uint8)).save(mask)
    assert mfpnet("data", "check", "--data", "camvid", "--root", tmp_path) == 1
    printed = capsys.readouterr().out
    assert f"{mask}: labels [77] are out of range" in printed
    assert "2 frames, 1 with a problem" in printed
