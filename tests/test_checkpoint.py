from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import mfpnet
from mfpnet.checkpoint import load_checkpoint, save_checkpoint
from mfpnet.errors import MfpnetError


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def as_plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"step": 1}))


def as_text(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\n")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def test_checkpoint_comes_back(tmp_path: Path) -> None:
    state = {"step": 3, "model": {"w": torch.randn(4)}, "ema": None, "losses": [0.1, 2.0]}
    save_checkpoint(tmp_path / "checkpoint.pt", state)
    loaded = load_checkpoint(tmp_path / "checkpoint.pt")
    assert torch.equal(loaded.pop("model")["w"], state.pop("model")["w"])  # type: ignore[index]
    assert loaded == state


@pytest.mark.parametrize("damage", [truncate, empty, as_text, as_plain_pickle])
def test_broken_checkpoint_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1, "model": {"w": torch.zeros(9)}})
    damage(path)
    with pytest.raises(MfpnetError, match="checkpoint") as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)


def test_checkpoint_that_is_none_or_missing(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="nothing to resume from"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    torch.save({"w": torch.zeros(9)}, tmp_path / "other.pt")
    with pytest.raises(MfpnetError, match="no mfpnet checkpoint"):
        load_checkpoint(tmp_path / "other.pt")


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "checkpoint.pt"
    torch.save({"step": 1, "model": Trap(trace)}, path)
    with pytest.raises(MfpnetError, match=r"no checkpoint.*UnpicklingError"):
        load_checkpoint(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists()  # the trap works


FULL_DISK = """
import resource, signal, sys, torch
from pathlib import Path
from mfpnet.checkpoint import save_checkpoint
from mfpnet.errors import MfpnetError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    save_checkpoint(Path(sys.argv[1]), {"step": 2, "model": torch.zeros(100_000)})
except MfpnetError as error:
    print("MfpnetError:", error)
"""


def test_full_disk_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    environment = {**os.environ, "PYTHONPATH": str(Path(mfpnet.__path__[0]).parent)}
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.stdout.startswith(f"MfpnetError: cannot write '{path}'"), child.stderr
    assert load_checkpoint(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
