from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

from mfpnet.checkpoint import save_weights
from mfpnet.cli import main
from mfpnet.commands.facts import facts_of
from mfpnet.errors import MfpnetError
from samples import INFO, short_network


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with weights in it."""
    monkeypatch.chdir(tmp_path)
    save_weights(Path("net.safetensors"), short_network(), INFO)
    return tmp_path


def export(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["export", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_file_and_its_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("net.safetensors", "--output", "labels", "--pixels", "float", "--threads", 1)
    assert export(*given, "--json", "copy.json") == 0
    name = "net-64x96-fp32-labels-float.onnx"
    printed = capsys.readouterr().out
    assert f"{name}: checked in onnxruntime; report in {name}.report.json" in printed
    assert "labels only" in printed
    assert " ms, 1 thread, for a batch of 1 at 64x96 (95 % below " in printed
    assert "argmax" not in printed
    report = json.loads((here / f"{name}.report.json").read_text("utf-8"))
    assert report["latency"]["threads"] == 1
    assert json.loads((here / "copy.json").read_text("utf-8")) == report
    (image,) = onnx.load(here / name).graph.input
    assert [side.dim_value for side in image.type.tensor_type.shape.dim] == [1, 3, 64, 96]
    assert len(list(here.iterdir())) == 4


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--size", "31x64"), "--size is '31x64': at least 32x32."),
        (("--size", "0x64"), "--size is '0x64': write height x width, as in 360x480."),
        (
            ("--size", "99999x99999"),
            "size 99999x99999 is too large: at most 67 megapixels, since a file takes the whole "
            "picture at once. Larger ones go in tiles (mfpnet predict --tile).",
        ),
        (("--json", "net.safetensors/a.json"), "cannot write 'net.safetensors/a.json'"),
        (("--size", "any"), "--size is 'any': write height x width, as in 360x480, or dynamic."),
        (("--out", "a.tflite"), "change the name, or give --format litert, which writes .tflite."),
        (("--out", "net"), "files of format onnx end in .onnx: change the name."),
        (("--batch", 0), "--batch is 0: it must be at least 1."),
        (("--threads", 0), "--threads is 0: it must be at least 1."),
        (("--out", "net.xml"), "'net.xml' ends in '.xml', and files of format onnx end in .onnx"),
        (("--format", "executorch"), "pip install 'mfpnet[executorch]'"),
        (("--max-drop", 1), "--max-drop is of --precision int8, and the file is fp32: leave it"),
        (("--calibrate", 8, "--precision", "fp16"), "--calibrate is of --precision int8"),
        (("--calibrate-split", "val"), "--calibrate-split is of --precision int8"),
        (("--model", "peers:light"), "leave out --model peers:light"),
    ],
)
def test_misuse(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[Any, ...], text: str
) -> None:
    assert export("net.safetensors", *arguments) == 2
    assert text in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["net.safetensors"]


def test_a_file_is_called_after_the_folder_of_its_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "run").mkdir()
    (here / "net.safetensors").rename(here / "run" / "weights.safetensors")
    monkeypatch.chdir(here / "run")
    assert export(".") == 0
    assert (here / "run" / "run-64x96-fp32.onnx").is_file()


def test_no_such_weights(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("nothing.safetensors") == 2
    assert "'nothing.safetensors' does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mfpnet_fast_camvid_int8", "net.onnx", "net.pt2"])
def test_an_exported_file_is_not_exported_again(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert export(name) == 2
    assert f"'{name}' is an exported file already" in capsys.readouterr().err


def test_the_half_of_an_openvino_model_points_to_the_other(here: Path) -> None:
    (here / "net.bin").write_bytes(bytes(100))
    with pytest.raises(MfpnetError, match="truncated or no safetensors file"):
        facts_of("net.bin")
    (here / "net.xml").write_bytes(b"")
    with pytest.raises(MfpnetError, match=r"belongs to an OpenVINO model. Give 'net.xml'"):
        facts_of("net.bin")


def test_a_missing_library_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxslim", None)
    assert export("net.safetensors") == 2
    assert "writing ONNX files needs an optional package" in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["net.safetensors"]
