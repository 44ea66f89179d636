"""What the program says to a slip: one sentence, status 2, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mfpnet
from mfpnet.cli import main, parse
from mfpnet.options.ablate import AblateOptions
from mfpnet.options.deploy import BenchmarkOptions
from mfpnet.options.verbs import PredictOptions, TrainOptions

SMALL = ["--scenes", "4", "--scene-size", "64x64", "--crop-size", "32x64", "--batch-size", "2"]


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Standard error of a call that must end with status 2, in one line."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return " ".join(printed.replace("│", " ").split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "train --variant mfpnet_fats",
            "unknown variant 'mfpnet_fats'. Did you mean 'mfpnet_fast'?",
        ),
        ("train --recipe camvid_fall", "unknown recipe 'camvid_fall'. Did you mean 'camvid_full'?"),
        ("train --split trian", "unknown split 'trian'. Did you mean 'train'?"),
        ("train --init nothing", "unknown weights 'nothing'."),
        ("train --teacher nothing", "unknown weights 'nothing'."),
        ("train --set lovazs=1", "lovazs is no setting."),
        ("train --epochs 5 --set epochs=9", "epochs is given twice"),
        ("train --set distillation=0.9", "name one by --teacher"),
        ("train --set lovasz=1 --set ema=0", "--set is given 2 times"),
        ("train --epochs 5 --epochs=9", "--epochs is given 2 times"),
        ("ablate depth --seeds 0 0", "--seeds 0 0 names a seed twice"),
        ("ablate variants --variant mfpnet", "suite variants has no baseline that --variant"),
        ("ablate depth --baseline-seeds 1 1", "--baseline-seeds 1 1 names a seed twice"),
        ("ablate depth --json /dev/null/a.json", "cannot write '/dev/null/a.json'"),
        ("train --parts 9", "--parts is 9: a batch has 8 frames."),
        ("train --set class_mix=2", "class_mix is 2: it must be 0 to 1."),
        ("train --instances --set class_mix=0.5", "with --instances no class_mix"),
        ("train --set power=-1", "power is -1: it must be 0 or more."),
        ("train --teacher mfpnet_fast_camvid,", "with a comma between several"),
        (
            "train --teacher mfpnet_fast_camvid --set distillation=0",
            "--teacher would be asked and never listened to",
        ),
        (
            "train --variant mfpnet --init mfpnet_fast_camvid",
            "mfpnet_fast_camvid.safetensors' is from another network",
        ),
        (
            "train --variant mfpnet_fast --init mfpnet_fast_camvid_int8",
            "--init is mfpnet_fast_camvid_int8, an exported file, and takes weights: give those",
        ),
        ("train --teacher mfpnet_fast_camvid_int8", "--teacher is mfpnet_fast_camvid_int8, an"),
        ("evaluate mfpnet_fast_camvid --json .", "cannot write '.': it is a folder."),
        ("evaluate mfpnet_fast_camvid --maps /dev/null/m.png", "cannot write '/dev/null/m.png'"),
        ("evaluate mfpnet_fast_camvid --bars /dev/null/b.svg", "cannot write '/dev/null/b.svg'"),
        ("evaluate mfpnet_fast_camvid --worst w.txt", "--worst is 'w.txt'"),
        ("evaluate mfpnet_fast_camvid --reliability r.xyz", "--reliability is 'r.xyz'"),
        ("train --evaluate-last 3", "--evaluate-last is 3, but nothing is evaluated"),
        ("train --crop-size 32", "--crop-size is '32': write height x width, as in 360x480."),
        ("train --crop-size 16x64", "crop_size (16, 64) is too small"),
        ("train --scene-size 0x64", "--scene-size is '0x64'"),
        ("train --scenes 0", "0 scenes of (180, 240): at least one"),
        ("train --epochs 0", "epochs is 0: it must be above 0."),
        ("train --evaluate-every -1", "--evaluate-every is -1: it must be at least 0."),
        ("train --threads 0", "--threads is 0: it must be at least 1."),
        ("train --data camvid", "say where with --root DIR"),
        ("train --data camvid --root none", "none/train is not a folder"),
        ("train --evaluate-split vla", "unknown split 'vla'. Did you mean 'val'?"),
        ("train --data camvdi", "unknown data 'camvdi'. Did you mean 'camvid'?"),
        ("train --data /dev/null", "that is a file: give the folder of images and masks."),
        ("train --epoch 3", "Perhaps you meant: --epochs"),
        ("train --seed x", "Error parsing --seed"),
        ("train --config none.yaml", "'none.yaml' cannot be read as a config"),
        ("train --resume none", "'none' holds no run: it has no config.yaml."),
        ("train --resume none --epochs 9", "so --epochs cannot stand beside it"),
        ("train --config none.yaml --scenes 9", "so --scenes cannot stand beside it"),
        ("train --resume none --config none.yaml", "so --config cannot stand beside it"),
        ("train --device gpu", "device 'gpu' cannot be used"),
        ("evaluate", "Missing from mfpnet evaluate: WEIGHTS"),
        ("evaluate nothing", "unknown weights 'nothing'."),
        ("evaluate runs/none", "'runs/none' does not exist."),
        ("predict w.safetensors", "no picture was named"),
        ("predict w.safetensors none.jpg", "there is no file or folder 'none.jpg'."),
        ("predict none.safetensors .", "there is no picture in folder '.'"),
        ("info camvid_fall", "unknown name 'camvid_fall'. Did you mean 'camvid_full'?"),
        ("ablate spendig", "unknown suite 'spendig'. Did you mean 'spending'?"),
        ("ablate spending --only fast-tabel", "Did you mean 'fast-table'?"),
        ("ablate spending --recipe shrot", "unknown recipe 'shrot'. Did you mean 'short'?"),
        ("ablate spending --seeds", "--seeds has no value: give one or more"),
        ("ablate spending --only --quick", "--only has no value"),
        ("evaluate mfpnet_fast_camvid --scales", "--scales has no value: give one or more"),
        ("ablate spending --with", "--with has no value"),
        ("benchmark --size 10", "--size is '10'"),
        ("benchmark --rounds 0", "--rounds is 0: it must be at least 1."),
        ("benchmark --size 10x64", "--size is '10x64': at least 32x32."),
        ("benchmark --batch-size 0", "--batch-size is 0: it must be at least 1."),
        ("benchmark mfpnet_fats", "Did you mean 'mfpnet_fast'?"),
        ("benchmark none.onnx", "there is no file 'none.onnx'."),
        ("benchmark --only eagre", "unknown backend on cpu 'eagre'. Did you mean 'eager'?"),
        ("benchmark --only eager --precision bf16", "leave no backend to measure"),
        ("benchmark --end-to-end none.jpg", "there is no file or folder 'none.jpg'."),
        ("benchmark --picture bars.txt", "give a name that ends in .png, .svg or .pdf."),
        ("benchmark --training --layers", "--layers is not for --training: leave it out."),
        ("benchmark --scaling --layers", "--layers is not for --scaling: leave it out."),
        ("benchmark --scaling --only eagre", "unknown backend on cpu 'eagre'."),
        ("benchmark --training --scaling", "--training and --scaling measure different things"),
        ("benchmark --scaling --picture s.bmp2", "give a name that ends in .png, .svg or .pdf."),
        ("benchmark --picture /dev/null/b.png", "cannot write '/dev/null/b.png'"),
        ("benchmark --training --size 64x64 96x96", "--training takes one --size."),
        ("data check --data camvid", "say where with --root DIR"),
        ("data draw --data camvid --root .", "data draw is for --data synthetic"),
        ("data paint", "Available subcommands: inspect, check, import, draw"),
        ("trian", "Unrecognized options: trian"),
    ],
)
def test_slip_is_explained(
    line: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert expected in complaint(capsys, *line.split())
    assert list(tmp_path.iterdir()) == [], "a slip left something behind"


def test_used_folder_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"hours of work")
    assert f"--resume {tmp_path}" in complaint(capsys, "train", *SMALL, "--out", tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == b"hours of work"


def test_words_are_taken_as_a_user_expects() -> None:
    line = "train --evaluate-split val --scene-size 64x96 --tensorboard --json r"
    train = parse(line.split())
    assert isinstance(train, TrainOptions)
    assert (train.evaluate_split, train.data.scene_size, train.tensorboard) == (
        "val",
        "64x96",
        True,
    )
    assert train.json_file == Path("r")
    line = "ablate spending --seeds 0 1 --only a b --json r"
    ablate = parse(line.split())
    assert isinstance(ablate, AblateOptions)
    assert (ablate.suite, ablate.seeds, ablate.only) == ("spending", (0, 1), ("a", "b"))
    for line in ("W a.jpg b.jpg --out d", "--out d W a.jpg b.jpg", "W --out d a.jpg b.jpg"):
        predict = parse(["predict", *line.split()])
        assert isinstance(predict, PredictOptions)
        assert (predict.weights, predict.images, predict.out) == (
            "W",
            ("a.jpg", "b.jpg"),
            Path("d"),
        )
    benchmark = parse(["benchmark", "--compiled"])
    assert isinstance(benchmark, BenchmarkOptions)
    assert benchmark.compiled


@pytest.mark.parametrize(
    "verb",
    [
        *("info", "train", "evaluate", "predict", "ablate", "benchmark", "demo"),
        *("data inspect", "data check", "data import", "data draw"),
    ],
)
def test_help_fits_in_80_columns(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        parse([*verb.split(), "--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert "--json FILE" in printed
    assert "None" not in printed
    assert max(map(len, printed.splitlines())) <= 80


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A fresh interpreter that finds the package where this one found it."""
    source = str(Path(mfpnet.__path__[0]).parent)
    return subprocess.Popen(
        [sys.executable, *code.split("\n", 1), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": source, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# pytest's own folders are closed to others; the child enters before it gives up being root.
LOCKED = """-c
import os, sys
from mfpnet.cli import main
import mfpnet.train, mfpnet.commands.verbs
os.chdir(sys.argv[1])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
main(["train", "--variant", "mfpnet_fast", "--out", "run"])
"""


def test_folder_without_permission(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    process = child(LOCKED, locked)
    _, printed = process.communicate(timeout=60)
    locked.chmod(0o755)
    assert process.returncode == 2, printed
    assert printed.startswith("mfpnet: cannot write 'run/.lock': Permission denied")
    assert "Traceback" not in printed


def test_interrupted_training_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    given = ("train", "--variant", "mfpnet_fast", *SMALL, "--threads", 1, "--epochs", 9)
    process = child("-m\nmfpnet", *given, "--out", run)
    assert process.stderr
    for line in process.stderr:
        if line.startswith("epoch 2/9"):
            process.send_signal(signal.SIGINT)
            break
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert f"mfpnet train --resume {run}" in printed
    assert "Traceback" not in printed
    assert not (run / "weights.safetensors").exists()
    resumed = child("-m\nmfpnet", "train", "--resume", run)
    _, printed = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, printed
    assert "epoch 9/9  100%" in printed
    assert "epoch 1/9" not in printed
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 9
    assert (run / "weights.safetensors").is_file()


def test_compiling_wants_a_compiler(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(SystemExit) as end:
        main(["train", "--compile", "--device", "cpu"])
    assert end.value.code == 2
    assert "--compile needs a C++ compiler" in capsys.readouterr().err
