"""LiteRT and ExecuTorch files, as far as it can be tested where nothing writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mfpnet.errors import MfpnetError
from mfpnet.exporting import writing
from mfpnet.exporting.deployed import Deployed
from mfpnet.exporting.tracing import trace
from mfpnet.runtimes.appended import write_with_manifest
from mfpnet.runtimes.manifest import Manifest, manifest_in_zip
from mfpnet.synthetic.scenes import draw_scene
from samples import INFO, modest_network, short_network

CONTENT = b"TFL3" + bytes(range(256))


def test_the_manifest_lies_behind_the_last_byte(tmp_path: Path) -> None:
    path, manifest = tmp_path / "net.tflite", Manifest(INFO, "uint8", "labels", "fp32", (64, 96))
    write_with_manifest(path, manifest, lambda file: file.write_bytes(CONTENT))
    assert path.read_bytes().startswith(CONTENT)
    assert manifest_in_zip(path) == manifest
    first = path.read_bytes()
    write_with_manifest(path, manifest, lambda file: file.write_bytes(CONTENT))
    assert path.read_bytes() == first


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(file: Path) -> None:
        file.write_bytes(CONTENT)
        raise ValueError("not that one")

    manifest = Manifest(INFO, "uint8", "labels", "fp32", (64, 96))
    with pytest.raises(ValueError, match="not that one"):
        write_with_manifest(tmp_path / "net.pte", manifest, fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("format", "path", "text"),
    [
        ("litert", "net.tflite", "`make export-litert` in a checkout"),
        ("executorch", "net.pte", "pip install 'mfpnet[executorch]'"),
    ],
)
def test_without_what_writes_it(
    monkeypatch: pytest.MonkeyPatch, format: str, path: str, text: str
) -> None:
    monkeypatch.setattr(writing, "find_spec", lambda name: None)
    with pytest.raises(MfpnetError) as refused:
        writing.check_target(Path(path), format, (64, 96), "fp32", 1)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("size", "precision", "found"),
    [(None, "fp32", "dynamic is asked for"), ((64, 96), "fp16", "fp16 is asked for")],
)
def test_one_size_and_float32(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] | None, precision: str, found: str
) -> None:
    monkeypatch.setattr(writing, "find_spec", lambda name: name)
    with pytest.raises(MfpnetError, match=found):
        writing.check_target(Path("net.tflite"), "litert", size, precision, 1)


def test_the_straight_way_to_labels_is_as_right() -> None:
    model, image = modest_network(), torch.tensor(draw_scene(0, (64, 96)).image[None])
    with torch.no_grad():
        short = Deployed(model, pixels="uint8", output="labels")(image)
        straight = Deployed(model, pixels="uint8", output="labels", straight=True)(image)
    assert np.unique(short).size > 1
    assert (short == straight).float().mean() > 0.999


def test_the_straight_graph_has_no_shape_that_depends_on_the_picture() -> None:
    operations = [
        {str(node.target) for node in trace(deployed, (64, 96)).graph.nodes}
        for deployed in (
            Deployed(short_network(), pixels="uint8", output="labels", straight=straight)
            for straight in (False, True)
        )
    ]
    assert ["aten.nonzero.default" in found for found in operations] == [True, False]
