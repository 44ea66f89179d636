"""Run mfpnet from a checkout where PyTorch is, nothing can be downloaded and time is short.

    python tools/run_offline.py OUT MINUTES train --data camvid --root DIR ...
    python tools/run_offline.py OUT MINUTES train --resume PIECES
    python tools/run_offline.py OUT MINUTES benchmark --json OUT/speed.json
    python tools/run_offline.py OUT MINUTES pytest tests/test_gpu.py

What the machine lacks lies in `.carry/wheels`, as wheels of pure Python. When the minutes are over
the program is interrupted as by Ctrl-C, and a training writes its checkpoint; a minute later it is
ended. A training's run folder is left in OUT as `run.tar.000`, `run.tar.001`, ..., small enough for
doors that let no large file through, anew each minute in case the machine is lost. PIECES is a
folder that holds such files, from which the run goes on; `cat run.tar.* | tar x` unpacks them.

Only the standard library is used here: what is in the wheels is not there yet.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / ".carry" / "wheels"
PIECE_BYTES = 15 * 2**20
PACK_EVERY = 60.0
GRACE = 60.0


def main(arguments: list[str]) -> int:
    """Run one command; its exit status, 130 where a training stopped because time was over."""
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    out, minutes, command = Path(arguments[0]), float(arguments[1]), arguments[2:]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        search = [unpack_wheels(WHEELS, Path(scratch) / "site"), str(ROOT / "src")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([*search, *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONUNBUFFERED": "1",
        }
        program = [sys.executable, "-m", *prepare(command, run)]
        with subprocess.Popen(program, env=environment) as process:
            status = wait(process, run, out, 60 * minutes)
        pack(run, out)
    if run_pieces := sorted(out.glob("run.tar.???")):
        print(f"the run folder lies in {', '.join(map(str, run_pieces))}", file=sys.stderr)
    return status


def unpack_wheels(wheels: Path, site: Path) -> str:
    """Unpack the wheels of a folder into another, for PYTHONPATH; none are needed."""
    for wheel in sorted(wheels.glob("*.whl")):
        if not wheel.name.endswith("-none-any.whl"):
            raise SystemExit(f"'{wheel}' is not pure Python: install it on the machine instead.")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return str(site)


def prepare(command: list[str], run: Path) -> list[str]:
    """What `python -m` is to run; a training gets its run folder, unpacked where it goes on."""
    if command[0] == "pytest":
        return command
    if command[0] == "train" and "--resume" in command:
        place = command.index("--resume") + 1
        unpack(Path(*command[place : place + 1]), run)
        command = [*command[:place], str(run), *command[place + 1 :]]
    elif command[0] == "train":
        command = [*command, "--out", str(run)]
    return ["mfpnet", *command]


def wait(process: subprocess.Popen[bytes], run: Path, out: Path, seconds: float) -> int:
    """Wait for a program, interrupt it when its time is over, and end it where it does not stop."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            return process.wait(timeout=min(left, PACK_EVERY))
        except subprocess.TimeoutExpired:
            pack(run, out)
    print("time is over: interrupting ...", file=sys.stderr)
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(timeout=GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def pack(run: Path, out: Path) -> None:
    """Leave the run folder's files in `out` as `run.tar.000`, ...; the latest replaces the rest."""
    if not run.is_dir():
        return
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(run.rglob("*")):
            # The names of half-written files begin with a dot.
            if path.is_file() and not path.name.startswith("."):
                archive.add(path, path.relative_to(run))
    data = buffer.getvalue()
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    for number, piece in enumerate(pieces):
        (out / f"run.tar.{number:03d}.new").write_bytes(piece)
    for number in range(len(pieces)):
        path = out / f"run.tar.{number:03d}"
        path.with_name(f"{path.name}.new").replace(path)
    for old in set(out.glob("run.tar.???")) - {
        out / f"run.tar.{n:03d}" for n in range(len(pieces))
    }:
        old.unlink()


def unpack(pieces: Path, run: Path) -> None:
    """The inverse of `pack`."""
    found = sorted(pieces.glob("run.tar.???"))
    if not found:
        raise SystemExit(f"'{pieces}' holds no run.tar.000: copy what a run left in OUT there.")
    data = io.BytesIO(b"".join(path.read_bytes() for path in found))
    with tarfile.open(fileobj=data) as archive:
        archive.extractall(run, filter="data")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
