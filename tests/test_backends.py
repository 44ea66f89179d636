"""Exported files in their runtimes: what they compute, and every file that is refused."""

from __future__ import annotations

import builtins
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from colour_files import (
    MIXTURE,
    expected_logits,
    manifest,
    write_colour_onnx,
    write_colour_openvino,
)
from mfpnet.errors import MfpnetError
from mfpnet.pixels.pictures import Image
from mfpnet.runtimes import backends
from mfpnet.runtimes.backends import EXPORTED, find_exported, open_backend
from mfpnet.runtimes.manifest import MANIFEST_FILE, Manifest
from samples import INFO


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def complaint(path: Path, **arguments: Any) -> str:
    with pytest.raises(MfpnetError) as caught:
        open_backend(path, **arguments)
    assert str(path) in str(caught.value)
    return str(caught.value)


def write_pt2(path: Path, said: Manifest | None) -> Path:
    """A colour file of torch.export, of 48x64 uint8."""

    class Colours(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            mean = 255 * torch.tensor(INFO.mean)
            unit = (image.float() - mean) / 255
            mixture = torch.from_numpy(MIXTURE)
            return torch.matmul(unit, mixture.T).permute(0, 3, 1, 2)

    example = torch.zeros(1, 48, 64, 3, dtype=torch.uint8)
    program = torch.export.export(Colours(), (example,))
    torch.export.save(program, path, extra_files={MANIFEST_FILE: said.to_json()} if said else None)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_colour_onnx(folder / "any.onnx", manifest())
    write_colour_onnx(folder / "float.onnx", manifest(pixels="float", size=(48, 64)))
    write_colour_openvino(folder / "any.xml", manifest())
    write_pt2(folder / "fixed.pt2", manifest(size=(48, 64)))
    return folder


@pytest.mark.parametrize(
    ("file", "name", "shape"),
    [
        ("any.onnx", "onnxruntime", (1, None, None, 3)),
        ("any.xml", "openvino", (1, None, None, 3)),
        ("fixed.pt2", "torch-export", (1, 48, 64, 3)),
    ],
)
def test_a_file_computes_what_it_should(
    folder: Path, file: str, name: str, shape: tuple[int | None, ...]
) -> None:
    backend = open_backend(folder / file, threads=1)
    assert (backend.name, backend.input_shape, backend.input_dtype) == (name, shape, "uint8")
    assert backend.manifest == manifest(size=(48, 64) if file == "fixed.pt2" else None)
    for size in [(48, 64), (33, 50)][: 1 if file == "fixed.pt2" else 2]:
        found = backend.run(noise(*size)[None])
        assert found.dtype == np.float32
        assert np.allclose(found[0], expected_logits(noise(*size)), atol=1e-3)


def test_results_are_not_overwritten_by_the_next_run(folder: Path) -> None:
    for file in ("any.onnx", "any.xml", "fixed.pt2"):
        backend = open_backend(folder / file, threads=1)
        first = backend.run(noise(48, 64)[None])
        kept = first.copy()
        backend.run(255 - noise(48, 64)[None])
        assert np.array_equal(first, kept), file


def test_float_pixels_are_another_layout(folder: Path) -> None:
    backend = open_backend(folder / "float.onnx")
    assert (backend.input_shape, backend.input_dtype) == ((1, 3, 48, 64), "float32")
    batch = noise(48, 64).transpose(2, 0, 1)[None].astype(np.float32) / 255
    assert np.allclose(backend.run(batch)[0], expected_logits(noise(48, 64)), atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x07" * 50, b"PK\x03\x04 no zip"])
@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_broken_files_are_named(
    tmp_path: Path, content: bytes, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    text = complaint(path)
    assert "cannot be opened by" in text
    assert "copy or export it again" in text
    assert capfd.readouterr().err == ""


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "photos.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", "no network")
    assert "cannot be opened by torch-export: it holds no exported program" in complaint(path)


def test_truncated_files_are_broken(folder: Path, tmp_path: Path) -> None:
    for file in ("any.onnx", "any.xml", "any.bin", "fixed.pt2"):
        for other in folder.glob("any.*"):
            (tmp_path / other.name).write_bytes(other.read_bytes())
        whole = (folder / file).read_bytes()
        (tmp_path / file).write_bytes(whole[: len(whole) // 2])
        path = tmp_path / file.replace(".bin", ".xml")
        assert "It is damaged, another kind of file" in complaint(path)


def test_xml_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "page.xml"
    path.write_text("<html><body>model</body></html>", "utf-8")
    path.with_suffix(".bin").write_bytes(b"")
    assert "is no OpenVINO model: it does not begin with <net" in complaint(path)


def test_xml_without_its_weights(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "any.xml").write_bytes((folder / "any.xml").read_bytes())
    assert "has no 'any.bin' beside it, where its weights are" in complaint(tmp_path / "any.xml")


def test_a_file_of_several_inputs(folder: Path, tmp_path: Path) -> None:
    model = onnx.load(folder / "any.onnx")
    model.graph.input.add().CopyFrom(model.graph.input[0])
    model.graph.input[1].name = "mask"
    onnx.save(model, tmp_path / "two.onnx")
    text = complaint(tmp_path / "two.onnx", foreign=True)
    assert "it takes 2 inputs, and a network here takes one" in text


def test_foreign_files_are_taken_only_where_asked_for(tmp_path: Path) -> None:
    files = [
        write_colour_onnx(tmp_path / "foreign.onnx", None, name="input.1"),
        write_pt2(tmp_path / "foreign.pt2", None),
    ]
    for path in files:
        text = complaint(path)
        assert "was not exported by mfpnet: it has no manifest" in text
        assert "mfpnet export" in text
        assert open_backend(path, foreign=True).manifest is None
    assert "('input.1', float32 (1, 3, any, any))" in complaint(files[0])


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"name": "input.1"}, "'input.1', uint8 (1, 48, 64, 3)"),
        ({"dtype": "float32"}, "'image', float32 (1, 48, 64, 3)"),
        ({"shape": (1, "h", "w", 3)}, "'image', uint8 (1, any, any, 3)"),
        ({"shape": (1, 64, 48, 3)}, "'image', uint8 (1, 64, 48, 3)"),
    ],
    ids=["name", "type", "size", "order"],
)
def test_an_input_that_contradicts_the_manifest(
    tmp_path: Path, changes: dict[str, Any], found: str
) -> None:
    path = write_colour_onnx(tmp_path / "a.onnx", manifest(size=(48, 64)), **changes)
    for foreign in (False, True):
        text = complaint(path, foreign=foreign)
        assert f"takes another input than its manifest says: {found}" in text
        assert "'image', uint8 (any, 48, 64, 3)" in text
        assert "export it again" in text


def test_an_input_of_another_rank(tmp_path: Path) -> None:
    torn = write_colour_onnx(tmp_path / "a.onnx", manifest(pixels="float", size=(48, 64)))
    model = onnx.load(torn)
    del model.graph.input[0].type.tensor_type.shape.dim[0]
    onnx.save(model, torn)
    assert "takes another input" in complaint(torn) or "cannot be opened" in complaint(torn)


def test_a_manifest_of_a_newer_mfpnet(tmp_path: Path) -> None:
    path = write_colour_onnx(tmp_path / "a.onnx", manifest())
    model = onnx.load(path)
    model.metadata_props[0].value = '{"future": 1}'
    onnx.save(model, path)
    assert "has a manifest that this mfpnet cannot use" in complaint(path)


@pytest.mark.parametrize(
    ("file", "module", "advice"),
    [
        ("any.onnx", "onnxruntime", "pip install 'mfpnet[onnx]'"),
        ("any.xml", "openvino", "pip install 'mfpnet[openvino]'"),
        ("a.tflite", "ai_edge_litert", "pip install ai-edge-litert"),
        ("a.pte", "executorch", "pip install executorch"),
    ],
)
def test_a_runtime_that_is_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, file: str, module: str, advice: str
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.split(".")[0] == module:
            raise ModuleNotFoundError(f"No module named '{module}'", name=module)
        return real(name, *arguments)

    (folder / file).touch()
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    text = complaint(folder / file)
    assert f"running '{folder / file}' needs" in text
    assert advice in text


def test_what_is_no_exported_file(tmp_path: Path) -> None:
    for name in ("a.safetensors", "a", "a.onnx.json"):
        with pytest.raises(
            MfpnetError, match=r"those end in \.onnx, \.xml, \.pt2, \.tflite, \.pte"
        ):
            open_backend(tmp_path / name)
    assert "does not exist. Give a file" in complaint(tmp_path / "none.onnx")
    (tmp_path / "folder.onnx").mkdir()
    assert "is a folder" in complaint(tmp_path / "folder.onnx")


def test_a_bundled_file_is_found_by_its_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = {"small": folder / "any.onnx"}
    monkeypatch.setattr(backends, "bundled_files", lambda: bundled)
    monkeypatch.chdir(tmp_path)
    assert backends.is_exported("small")
    assert find_exported("small") == folder / "any.onnx"
    with pytest.raises(MfpnetError, match=r"'large.onnx' does not exist.*bundled one: small\."):
        find_exported("large.onnx")


def test_a_zip_at_the_end_of_a_file_holds_the_manifest(tmp_path: Path) -> None:
    from mfpnet.runtimes.manifest import manifest_in_zip

    path = tmp_path / "a.tflite"
    path.write_bytes(b"TFL3" * 100)
    assert manifest_in_zip(path) is None
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MANIFEST_FILE, manifest().to_json())
    assert path.read_bytes().startswith(b"TFL3" * 100)
    assert manifest_in_zip(path) == manifest()


def test_every_ending_has_a_runtime() -> None:
    assert EXPORTED == (".onnx", ".xml", ".pt2", ".tflite", ".pte")


def test_ctrl_c_after_two_openvino_files_interrupts_and_does_not_crash(tmp_path: Path) -> None:
    """On processors with AMX, two runtimes in one process left a signal stack that was free."""
    write_colour_openvino(tmp_path / "any.xml", manifest())
    code = f"""
import gc, signal
from pathlib import Path
from mfpnet.runtimes.openvino_backend import OpenVinoBackend
first, second = (OpenVinoBackend(Path({str(tmp_path / "any.xml")!r}), 1) for _ in range(2))
del first
del second
gc.collect()
# What was freed is given out again, as it is in a program that goes on.
others = [bytearray(20_000) for _ in range(2_000)]
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted", all(not any(each) for each in others))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "interrupted True\n"), ended.stderr
