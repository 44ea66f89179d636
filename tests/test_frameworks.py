"""The make targets of TensorFlow, LiteRT and ExecuTorch; they install what they need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mfpnet.runtimes.manifest import manifest_in_zip

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def make(*arguments: str) -> None:
    done = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.mark.parametrize("weights", ["mfpnet_fast_camvid", "mfpnet"])
def test_tensorflow_gives_the_networks_labels(tmp_path: Path, weights: str) -> None:
    make(".venv-tensorflow/.installed")
    path, tool = tmp_path / "record.json", ROOT / "tools" / "bench_tensorflow.py"
    options = ["--size", "96x128", "--rounds", "3", "--json", str(path)]
    subprocess.run([sys.executable, str(tool), weights, *options], check=True)
    record = json.loads(path.read_text("utf-8"))
    shares = {row["backend"]: row["equal_labels"] for row in record["rows"]}
    assert {"eager", "tensorflow", "litert"} <= set(shares)
    assert min(shares.values()) >= 0.999
    # Channels stay last: nothing is turned.
    assert "Transpose" not in record["operations"]["tensorflow"]


@pytest.mark.parametrize(("format", "suffix"), [("litert", ".tflite"), ("executorch", ".pte")])
@pytest.mark.parametrize("output", ["logits", "labels"])
def test_files_are_written_and_checked(
    tmp_path: Path, format: str, suffix: str, output: str
) -> None:
    path = tmp_path / f"network{suffix}"
    options = f"OPTIONS=--size 96x128 --output {output}"
    make(f"export-{format}", "WEIGHTS=mfpnet_fast_camvid", f"OUT={path}", options)
    manifest = manifest_in_zip(path)
    assert manifest is not None
    assert (manifest.size, manifest.output) == ((96, 128), output)
    report = json.loads(path.with_name(f"{path.name}.report.json").read_text("utf-8"))
    assert report["equal_labels"] >= 0.999
