"""What is inside an exported file, seen without this package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import openvino
import PIL.Image
import pytest

from mfpnet.runtimes.manifest import Manifest
from mfpnet.runtimes.openvino_backend import openvino_core
from mfpnet.synthetic.scenes import draw_scene
from samples import INFO, short_network

Exported = Callable[..., Path]
ROOT = Path(__file__).parents[1]
EXAMPLE = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs" / "export.md").read_text("utf-8"), re.M | re.S
)


def sides(value: onnx.ValueInfoProto) -> list[int | str]:
    return [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]


def test_an_onnx_file_is_named_and_typed(exported: Exported) -> None:
    proto = onnx.load(exported("onnx", size=None))
    onnx.checker.check_model(proto, full_check=True)
    (image,), (logits,) = proto.graph.input, proto.graph.output
    assert (image.name, sides(image)) == ("image", [1, "height", "width", 3])
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert (logits.name, sides(logits)) == ("logits", [1, 11, "height", "width"])
    assert logits.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 18)]
    assert proto.producer_name == "mfpnet"


def test_a_fixed_file_has_no_arithmetic_on_sizes(exported: Exported) -> None:
    proto = onnx.load(exported("onnx", size=(64, 96), output="labels", pixels="float"))
    (image,), (labels,) = proto.graph.input, proto.graph.output
    assert (image.name, sides(image)) == ("image", [1, 3, 64, 96])
    assert (labels.name, sides(labels)) == ("labels", [1, 64, 96])
    assert labels.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [node.op_type for node in proto.graph.node if node.op_type == "Shape"] == []


def test_nothing_of_the_training_or_of_this_machine_is_left(exported: Exported) -> None:
    path = exported("onnx", size=None)
    proto = onnx.load(path)
    kinds = {node.op_type for node in proto.graph.node}
    assert kinds.isdisjoint({"Dropout", "PRelu", "Identity"})
    norms = [node for node in proto.graph.node if node.op_type == "BatchNormalization"]
    assert [len(node.output) for node in norms] == [1] * len(norms)  # more are for training
    assert {node.domain for node in proto.graph.node} == {""}
    assert list(proto.functions) == []
    data = path.read_bytes()
    assert str(ROOT).encode() not in data
    assert b"site-packages" not in data
    # The weights, and little beside them.
    weights = sum(value.numel() for value in short_network().parameters()) * 4
    assert len(data) < weights + 60_000


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_onnx_file_knows_its_classes(exported: Exported, precision: str) -> None:
    path = exported("onnx", size=None if precision == "fp32" else (64, 96), precision=precision)
    proto = onnx.load(path)
    (entry,) = proto.metadata_props
    assert entry.key == "mfpnet"
    found = Manifest.from_json(entry.value, path)
    size = None if precision == "fp32" else (64, 96)
    assert found == Manifest(INFO, "uint8", "logits", precision, size)
    assert json.loads(entry.value)["info"]["palette"][0] == [128, 128, 128]


def test_float16_weights_are_stored_as_such(exported: Exported) -> None:
    proto = onnx.load(exported("onnx", precision="fp16"))
    large = [tensor for tensor in proto.graph.initializer if np.prod(tensor.dims) > 16]
    assert large
    assert {tensor.data_type for tensor in large} == {onnx.TensorProto.FLOAT16}
    (image,), (logits,) = proto.graph.input, proto.graph.output
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert logits.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_an_openvino_file_is_named_and_knows_its_classes(exported: Exported) -> None:
    path = exported("openvino")
    model = openvino_core().read_model(path)
    assert [port.get_any_name() for port in (*model.inputs, *model.outputs)] == ["image", "logits"]
    assert model.inputs[0].element_type == openvino.Type.u8
    assert list(model.outputs[0].shape) == [1, 11, 64, 96]
    found = Manifest.from_json(model.get_rt_info("mfpnet").astype(str), path)
    assert found == Manifest(INFO, "uint8", "logits", "fp32", (64, 96))
    report = json.loads(path.with_name(f"{path.name}.report.json").read_text("utf-8"))
    assert set(report["files"]) == {path.name, path.with_suffix(".bin").name}


@pytest.mark.slow
def test_openvino_float16_halves_the_weights(exported: Exported) -> None:
    full, half = (exported("openvino", precision=name) for name in ("fp32", "fp16"))
    sizes = [path.with_suffix(".bin").stat().st_size for path in (full, half)]
    assert 0.45 < sizes[1] / sizes[0] < 0.6


def test_a_pt2_file_holds_its_manifest_and_no_paths(exported: Exported) -> None:
    path = exported("torch-export")
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/mfpnet.json"))
        assert Manifest.from_json(archive.read(name).decode(), path).size == (64, 96)
        for member in archive.namelist():
            assert str(ROOT).encode() not in archive.read(member)
    # A picture that came along as an example would be 18 kB here and half a megabyte in earnest.
    weights = sum(value.numel() for value in short_network().parameters()) * 4
    assert path.stat().st_size < weights + 300_000


PT2 = """
import json, sys
sys.modules["mfpnet"] = None
import torch
files = {"mfpnet.json": ""}
module = torch.export.load(sys.argv[1], extra_files=files).module()
logits = module(torch.zeros(1, 64, 96, 3, dtype=torch.uint8))
print(json.loads(files["mfpnet.json"])["precision"], *logits.shape)
"""


def test_a_pt2_file_runs_without_this_package(exported: Exported) -> None:
    command = [sys.executable, "-c", PT2, str(exported("torch-export"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["fp32", "1", "11", "64", "96"]


@pytest.mark.parametrize("output", ["logits", "labels"])
def test_the_example_of_the_page_needs_nothing_of_ours(
    exported: Exported, tmp_path: Path, output: str
) -> None:
    (example,) = EXAMPLE
    shutil.copy(exported("onnx", output=output), tmp_path / "mfpnet_fast_camvid-360x480-fp32.onnx")
    PIL.Image.fromarray(draw_scene(1, (128, 192)).image).save(tmp_path / "photo.jpg")
    blocked = "import sys; sys.modules['mfpnet'] = sys.modules['torch'] = None\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocked + example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(json.loads(done.stdout.replace("'", '"'))) <= set(INFO.classes)
    with PIL.Image.open(tmp_path / "labels.png") as labels:
        assert (labels.size, labels.mode) == ((192, 128), "P")
        assert labels.getpalette()[:6] == [128, 128, 128, 128, 0, 0]  # type: ignore[index]
