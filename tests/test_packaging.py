"""The wheel that users install holds everything that the source tree has."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "src" / "mfpnet"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run([*command, str(PROJECT)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("mfpnet-*-py3-none-any.whl")
    return zipfile.ZipFile(path)


def in_wheel(paths: list[Path]) -> set[str]:
    return {path.relative_to(PACKAGE.parent).as_posix() for path in paths}


def test_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    modules = in_wheel(list(PACKAGE.rglob("*.py")))
    assert "mfpnet/errors.py" in modules
    assert modules <= set(wheel.namelist())


def test_wheel_holds_the_weights_byte_for_byte(wheel: zipfile.ZipFile) -> None:
    weights = sorted((PACKAGE / "weights").iterdir())
    assert {path.suffix for path in weights} == {".safetensors", ".onnx"}
    assert in_wheel(weights) == {n for n in wheel.namelist() if n.startswith("mfpnet/weights/")}
    for path in weights:
        assert wheel.read(path.relative_to(PACKAGE.parent).as_posix()) == path.read_bytes()


def test_wheel_holds_the_maps_between_label_sets(wheel: zipfile.ZipFile) -> None:
    maps = in_wheel(sorted((PACKAGE / "label_maps").iterdir()))
    assert "mfpnet/label_maps/camvid-idd_lite.yaml" in maps
    assert maps <= set(wheel.namelist())


def test_wheel_is_typed_and_licensed(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "mfpnet/py.typed" in names
    (licence,) = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel.read(licence) == (PROJECT / "LICENSE").read_bytes()


def test_wheel_has_the_program_and_no_tests(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    (entry,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
    assert "mfpnet = mfpnet.cli:main" in wheel.read(entry).decode()
    assert not [name for name in names if name.startswith("tests/")]
