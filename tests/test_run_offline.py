"""Training where the network is missing and time is short: packing, going on, stopping in time."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools" / "run_offline.py"


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_offline", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def program(source: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program that has said that it is ready."""
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_run_folder_survives_packing(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "PIECE_BYTES", 40_000)
    run, out = tmp_path / "run", tmp_path / "out"
    (run / "deep").mkdir(parents=True)
    out.mkdir()
    (run / "checkpoint.pt").write_bytes(bytes(range(256)) * 400)
    (run / "deep" / "events").write_bytes(b"x")
    wanted = contents(run)
    (run / ".mfpnet-half-written.pt").write_bytes(b"half")
    tool.pack(run, out)
    pieces = sorted(out.iterdir())
    assert [piece.name for piece in pieces] == ["run.tar.000", "run.tar.001", "run.tar.002"]
    assert max(piece.stat().st_size for piece in pieces) == 40_000
    tool.unpack(out, tmp_path / "again")
    assert contents(tmp_path / "again") == wanted
    with tarfile.open(fileobj=BytesIO(b"".join(p.read_bytes() for p in pieces))) as archive:
        assert sorted(archive.getnames()) == sorted(wanted)


def test_a_later_packing_replaces_the_earlier_one(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "PIECE_BYTES", 15_000)
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    out.mkdir()
    (run / "log").write_bytes(b"a" * 50_000)
    tool.pack(run, out)
    assert len(list(out.iterdir())) > 2
    (run / "log").write_bytes(b"b")
    tool.pack(run, out)
    assert [path.name for path in out.iterdir()] == ["run.tar.000"]
    tool.unpack(out, tmp_path / "again")
    assert contents(tmp_path / "again") == {"log": b"b"}


def test_nothing_to_go_on_from_is_told(tool: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no run\.tar\.000: copy what a run left in OUT"):
        tool.prepare(["train", "--resume", str(tmp_path)], tmp_path / "run")


def test_what_python_is_asked_to_run(tool: ModuleType, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert tool.prepare(["pytest", "-q"], run) == ["pytest", "-q"]
    assert tool.prepare(["info"], run) == ["mfpnet", "info"]
    new = tool.prepare(["train", "--data", "camvid"], run)
    assert new == ["mfpnet", "train", "--data", "camvid", "--out", str(run)]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.yaml").write_text("seed: 1")
    tool.pack(tmp_path / "old", tmp_path)
    resumed = tool.prepare(["train", "--resume", str(tmp_path), "--threads", "1"], run)
    assert resumed == ["mfpnet", "train", "--resume", str(run), "--threads", "1"]
    assert contents(run) == {"config.yaml": b"seed: 1"}


def test_wheels_can_be_imported(tool: ModuleType, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "gift-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("gift.py", "print('hello')")
    site = tool.unpack_wheels(tmp_path, tmp_path / "site")
    code = f"import sys; sys.path.insert(0, {site!r}); import gift"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n"


def test_a_compiled_wheel_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "gift-1.0-cp312-cp312-linux_x86_64.whl").write_bytes(b"")
    with pytest.raises(SystemExit, match="not pure Python"):
        tool.unpack_wheels(tmp_path, tmp_path / "site")


def test_a_program_that_ends_is_waited_for(tool: ModuleType, tmp_path: Path) -> None:
    with program("print('ready', flush=True); raise SystemExit(3)") as process:
        assert tool.wait(process, tmp_path / "none", tmp_path, 30) == 3


def test_when_time_is_over_it_is_interrupted_once(tool: ModuleType, tmp_path: Path) -> None:
    source = """
import signal, sys, time
def stop(*_):
    signal.signal(signal.SIGINT, lambda *_: sys.exit(99))
    time.sleep(0.5)
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
time.sleep(30)
"""
    begun = time.monotonic()
    with program(source) as process:
        assert tool.wait(process, tmp_path / "none", tmp_path, 0.2) == 130
    assert time.monotonic() - begun < 20


def test_a_program_that_does_not_stop_is_ended(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "GRACE", 0.2)
    source = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    with program(f"{source}; print('ready', flush=True); time.sleep(30)") as process:
        assert tool.wait(process, tmp_path / "none", tmp_path, 0.1) == -9


def test_the_run_folder_is_packed_on_the_way(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "PACK_EVERY", 0.05)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("{}")
    # It ends once it sees the piece that can only have been written meanwhile.
    source = f"""
import pathlib, time
print("ready", flush=True)
end = time.monotonic() + 20
while time.monotonic() < end and not pathlib.Path({str(tmp_path / "run.tar.000")!r}).exists():
    time.sleep(0.02)
raise SystemExit(0 if time.monotonic() < end else 1)
"""
    with program(source) as process:
        assert tool.wait(process, tmp_path / "run", tmp_path, 30) == 0


@pytest.mark.slow
def test_a_training_leaves_its_run_folder(tool: ModuleType, tmp_path: Path) -> None:
    options = "--recipe synthetic --variant mfpnet_fast --scenes 8 --scene-size 32x32"
    more = "--epochs 1 --crop-size 32x32 --threads 1 --device cpu"
    command = [sys.executable, str(TOOL), str(tmp_path / "out"), "5", "train"]
    done = subprocess.run(
        [*command, *options.split(), *more.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    tool.unpack(tmp_path / "out", tmp_path / "run")
    files = {"config.yaml", "metrics.jsonl", "weights.safetensors", "result.json"}
    assert files <= set(contents(tmp_path / "run"))
    assert "the run folder lies in" in done.stderr


def test_too_few_words_show_how(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(TOOL), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "OUT MINUTES train" in done.stderr
