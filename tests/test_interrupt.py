from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

import mfpnet
from mfpnet.checkpoint import load_checkpoint
from mfpnet.data.source import DataSource
from mfpnet.recipes import Recipe
from mfpnet.train import train
from mfpnet.training.interrupt import catch_stop
from mfpnet.training.runs import RunConfig, write_config
from mfpnet.views.runlog import read_metrics


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with catch_stop(lambda: None) as stop:
        assert not stop.asked
        signal.raise_signal(number)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="bug"), catch_stop(lambda: None):
        raise ValueError("bug")
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_trains_without_handlers() -> None:
    seen: list[bool] = []

    def work() -> None:
        with catch_stop(lambda: None) as stop:
            seen.append(stop.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


CONFIG = RunConfig(
    variant="mfpnet_fast",
    recipe_name="custom",
    recipe=Recipe(epochs=1, batch_size=2, crop_size=(64, 64)),
    data=DataSource("synthetic", "train", count=4, size=(64, 96)),
    device="cpu",
    threads=1,
)

# Trains, but the first step lasts until the signal was sent.
CHILD = """
import sys, time
from pathlib import Path
from mfpnet.training import objective as module
from mfpnet.errors import MfpnetError
from mfpnet.training.runs import read_config
from mfpnet.train import train
folder = Path(sys.argv[1])
real = module.cross_entropy
def wait_for_the_signal(*arguments, **options):
    (folder / "training").touch()
    while not (folder / "signalled").exists():
        time.sleep(0.05)
    return real(*arguments, **options)
module.cross_entropy = wait_for_the_signal
try:
    train(read_config(folder / "child.yaml"), folder / "run")
except MfpnetError as error:
    print(error)
    sys.exit(2)
"""


def interrupted_child(folder: Path) -> tuple[int, str]:
    """Exit status and output of a training process that got a SIGINT in its first step."""
    environment = {**os.environ, "PYTHONPATH": str(Path(mfpnet.__path__[0]).parent)}
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (folder / "training").exists() and time.monotonic() < deadline:
            assert process.poll() is None, "the training ended before its first step"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        (folder / "signalled").touch()
        said, _ = process.communicate(timeout=120)
    return process.returncode, said


def test_process_that_was_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path / "child.yaml", CONFIG)
    folder, threads = tmp_path / "run", torch.get_num_threads()
    status, said = interrupted_child(tmp_path)
    assert status == 2
    assert f"stopped at step 1 of 2. Nothing is lost: mfpnet train --resume {folder}" in said
    assert load_checkpoint(folder / "checkpoint.pt")["step"] == 1
    assert not (folder / "weights.safetensors").exists()
    monkeypatch.setattr("mfpnet.train.training_curves", lambda records, path: None)
    train(CONFIG, folder, resume=True)
    train(CONFIG, tmp_path / "straight")
    torch.set_num_threads(threads)
    stopped, straight = (path / "weights.safetensors" for path in (folder, tmp_path / "straight"))
    assert stopped.read_bytes() == straight.read_bytes()
    losses = [
        read_metrics(path.parent / "metrics.jsonl")[0]["loss"] for path in (stopped, straight)
    ]
    assert losses[0] == losses[1]
