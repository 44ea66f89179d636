"""Everything about the comparison with TensorFlow that needs no TensorFlow."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import bench_tensorflow as bench
from mfpnet.errors import MfpnetError
from mfpnet.exporting.deployed import Deployed
from mfpnet.measuring.runners import Job
from mfpnet.measuring.subjects import Subject
from mfpnet.synthetic.scenes import draw_scene
from obedient import Obedient
from samples import short_network

SIZE = (64, 96)
# Answers as tensorflow_child.py does, with labels that lie in a file.
FAKE = """
import json, shutil, sys
environment = {"packages": {"tensorflow-cpu": "2.0", "tensorflow": None}}
for line in sys.stdin:
    command = json.loads(line)
    answer = {}
    if command["do"] == "start":
        answer = {"operations": {"tensorflow": {"Conv2D": 2}}, "failed": {"litert": "no"}}
        answer["environment"] = environment
    elif command["do"] == "labels":
        shutil.copy(sys.argv[1], command["path"])
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the other process will answer: the network's own labels, until a test changes them."""
    network = short_network()
    pictures = np.stack([draw_scene(seed, SIZE).image for seed in range(bench.DRAWN)])
    with torch.no_grad():
        found = Deployed(network, pixels="uint8", output="labels")(torch.tensor(pictures))
    path, program = tmp_path / "expected.npy", tmp_path / "fake.py"
    np.save(path, found.numpy())
    program.write_text(FAKE)

    def started(*_: object) -> Obedient:
        return Obedient([sys.executable, str(program), str(path)], {})

    monkeypatch.setattr(bench, "tensorflow", started)
    monkeypatch.setattr(bench, "HERE", ("eager", "inference"))
    subject = Subject("short", "short", network)
    monkeypatch.setattr(bench, "subject_with_weights", lambda name: subject)
    return path


OPTIONS = bench.Options(size="64x96", threads=1, rounds=2)


@pytest.mark.usefixtures("labels")
def test_all_take_turns_and_the_record_has_both_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "record.json"
    assert bench.main(replace(OPTIONS, json=path)) == 0
    record = json.loads(path.read_text("utf-8"))
    assert [row["backend"] for row in record["rows"]] == ["eager", "inference", "tensorflow"]
    assert min(row["equal_labels"] for row in record["rows"]) >= bench.EQUAL
    assert min(row["median_ms"] for row in record["rows"]) > 0
    assert record["environment"]["packages"]["torch"]
    assert record["environment_tensorflow"]["packages"]["tensorflow-cpu"] == "2.0"
    assert (record["size"], record["pictures"]) == ([64, 96], {"drawn": 3})
    out = capsys.readouterr().out
    assert "not measured: litert: no" in out
    assert "TensorFlow 2.0" in out


def test_other_labels_are_refused(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = np.load(labels)
    wrong[:, :1] += 1  # one row of 64
    np.save(labels, wrong)
    assert bench.main(OPTIONS) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "nothing was measured: 98.4" in told
    assert "in tensorflow" in told


def test_labels_of_another_shape_agree_nowhere() -> None:
    found, reference = np.zeros((1, 4, 4)), np.zeros((1, 4, 5))
    assert bench.agreement(found, reference) == 0
    assert bench.agreement(reference, reference) == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (bench.Options(size="360"), "--size is '360'"),
        (bench.Options(rounds=0), "--rounds is 0"),
        (bench.Options(weights="mfpnet_fest_camvid"), "mfpnet_fest_camvid"),
        (bench.Options(size="64x96", root=Path("nowhere")), "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_said(options: bench.Options, text: str) -> None:
    with pytest.raises(MfpnetError) as refused:
        bench.measure(options)
    assert text in str(refused.value)


def test_without_tensorflows_environment(tmp_path: Path) -> None:
    job = Job(SIZE, 1, "labels", torch.device("cpu"), 1)
    options = replace(OPTIONS, python=tmp_path / "python")
    subject = Subject("short", "short", short_network())
    with pytest.raises(MfpnetError, match="`make bench-tensorflow` makes it"):
        bench.tensorflow(options, subject, job, tmp_path)
