"""The promise: what an exported file computes is what the network computes."""

from __future__ import annotations

import copy
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from torch import Tensor, nn

from mfpnet.errors import MfpnetError
from mfpnet.export import export, report_path, write_exported
from mfpnet.exporting.openvino_writer import save_openvino
from mfpnet.exporting.report import on_data, refuse_mismatch
from mfpnet.exporting.verification import compare, frame_batches, overall, street_batches
from mfpnet.files import staged_files
from mfpnet.foreign import ForeignNetwork
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.pixels.resizing import resize_image
from mfpnet.runtimes.backends import open_backend
from mfpnet.runtimes.manifest import Manifest
from mfpnet.runtimes.openvino_backend import openvino_core
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.synthetic.streets import SyntheticStreets
from mfpnet.variants import Network
from samples import INFO, short_network

Exported = Callable[..., Path]
Array = npt.NDArray[Any]

FIXED = ((64, 96), (64, 96))
ANY = ((97, 131), (32, 32), (64, 200))


def own_logits(model: Network, picture: Array) -> Array:
    """By hand, and by nothing that exports: (H, W, 3) uint8 -> (C, H, W)."""
    normalised = (picture / 255 - np.array(INFO.mean)) / np.array(INFO.std)
    with torch.no_grad():
        image = torch.tensor(normalised.transpose(2, 0, 1)[None], dtype=torch.float32)
        return np.asarray(model(image)[0].numpy())


def as_file_takes_it(picture: Array, manifest: Manifest) -> Array:
    if manifest.pixels == "uint8":
        return picture[None]
    return (picture.transpose(2, 0, 1)[None] / 255).astype(np.float32)


# Tracing takes seconds, so `make test-all` looks at the rest of the combinations.
QUICK = [
    ("onnx", None, "logits", "uint8"),
    ("onnx", (64, 96), "labels", "float"),
    ("openvino", (64, 96), "logits", "uint8"),
    ("torch-export", (64, 96), "logits", "uint8"),
]
ALL = product(
    ("onnx", "openvino", "torch-export"),
    (None, (64, 96)),
    ("logits", "labels"),
    ("uint8", "float"),
)
SLOW = [pytest.param(*case, marks=pytest.mark.slow) for case in ALL if case not in QUICK]


@pytest.mark.parametrize(("format", "size", "output", "pixels"), [*QUICK, *SLOW])
def test_exported_is_eager(
    exported: Exported, format: str, size: tuple[int, int] | None, output: str, pixels: str
) -> None:
    model = short_network()
    backend = open_backend(exported(format, size=size, output=output, pixels=pixels), threads=1)
    for seed, sides in enumerate(ANY if size is None else FIXED):
        picture = draw_scene(100 + seed, sides).image
        expected = own_logits(model, picture)
        assert backend.manifest is not None
        found = backend.run(as_file_takes_it(picture, backend.manifest))[0]
        if output == "logits":
            assert (found.dtype, found.shape) == (np.float32, (11, *sides))
            assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
            found = found.argmax(axis=0)
        else:
            assert (found.dtype, found.shape) == (np.uint8, sides)
        labels = expected.argmax(axis=0)
        assert (found == labels).mean() > 0.999
        assert len(np.unique(labels)) > 2  # else equal labels would mean nothing


@pytest.mark.parametrize(
    "format",
    [
        "onnx",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("openvino", "torch-export")),
    ],
)
def test_float16_is_near(exported: Exported, format: str) -> None:
    backend = open_backend(exported(format, precision="fp16"), threads=1)
    picture = draw_scene(5, (64, 96)).image
    expected = own_logits(short_network(), picture)
    found = backend.run(picture[None])[0]
    assert 1e-6 < np.abs(found - expected).max() / np.abs(expected).max() < 0.01
    assert (found.argmax(axis=0) == expected.argmax(axis=0)).mean() > 0.995


def test_frames_of_a_data_set_are_compared(exported: Exported) -> None:
    data = SyntheticStreets("test", count=3, size=(128, 192))
    batches = list(frame_batches(data, (64, 96), 2))
    assert [batch.shape for batch in batches] == [(2, 64, 96, 3)] * 2
    assert np.array_equal(batches[1][0], batches[1][1])
    (whole,) = frame_batches(SyntheticStreets("test", count=1, size=(128, 192)), None, 1)
    assert np.array_equal(whole[0], data.load(0)[0])

    backend = open_backend(exported("onnx", size=None), threads=1)
    singles = [batch[:1] for batch in batches]
    checks = compare(short_network(), backend, singles)
    found = on_data(data, overall(checks))
    assert (found["data"], found["split"], found["frames"]) == ("synthetic", "test", 3)
    assert found["equal_labels"] == pytest.approx(np.mean([c.equal_labels for c in checks]))
    assert found["max_difference"] == max(c.max_difference or 0 for c in checks)


def test_frames_of_mixed_sizes_make_batches_of_the_size_of_their_first() -> None:
    class Mixed(SyntheticStreets):
        def load(self, index: int) -> tuple[Image, Labels]:
            self.size = ((64, 96), (96, 64), (80, 80))[index % 3]
            return super().load(index)

    data = Mixed("test", count=5)
    batches = list(frame_batches(data, None, 2))
    assert [batch.shape for batch in batches] == [(2, 64, 96, 3), (2, 80, 80, 3), (2, 96, 64, 3)]
    np.testing.assert_array_equal(batches[1][0], data.load(2)[0])
    np.testing.assert_array_equal(batches[1][1], resize_image(data.load(3)[0], (80, 80)))
    singles = list(frame_batches(data, None, 1))
    assert [batch.shape[1:3] for batch in singles[:3]] == [(64, 96), (96, 64), (80, 80)]


@pytest.mark.slow
def test_pictures_of_a_batch_do_not_mix(exported: Exported) -> None:
    backend = open_backend(exported("onnx", batch=2), threads=1)
    pictures = np.stack([draw_scene(seed, (64, 96)).image for seed in (7, 8)])
    for found, picture in zip(backend.run(pictures), pictures, strict=True):
        expected = own_logits(short_network(), picture)
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_report_says_what_was_checked(exported: Exported) -> None:
    path = exported("onnx", size=None)
    report = json.loads(report_path(path).read_text("utf-8"))
    assert report["file"] == path.name
    assert report["runtime"]["name"] == "onnxruntime"
    assert report["bytes"] == path.stat().st_size
    assert [check["size"] for check in report["checks"]] == [[97, 131], [64, 200], [64, 96]]
    assert report["equal_labels"] == min(check["equal_labels"] for check in report["checks"])
    assert 0.999 <= report["equal_labels"] <= 1
    assert 0 < report["max_difference"] < 0.01
    assert report["limits"]["equal_labels"] == 0.999
    assert 0 < report["latency"]["median_ms"] <= report["latency"]["p95_ms"]
    assert report["latency"]["threads"] == 1
    assert report["environment"]["packages"]["torch"]


def spoilt(path: Path, target: Path, factor: float) -> None:
    """The ONNX file with the weights of its classifier times a factor."""
    proto = onnx.load(path)
    (weight,) = (t for t in proto.graph.initializer if t.name == "network.classifier.weight")
    values = onnx.numpy_helper.to_array(weight) * np.float32(factor)
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save(proto, target)


@pytest.mark.parametrize(
    ("factor", "seen"),
    [
        (-1, "logits differ by up to"),
        (1.01, "100.00 % of labels equal, logits differ"),  # labels alone would not show it
        (float("nan"), "logits differ by up to nan"),
    ],
)
def test_a_mismatch_leaves_no_file(
    exported: Exported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    factor: float,
    seen: str,
) -> None:
    good = exported("onnx", size=None)

    def sabotage(model: Network, path: Path, **_: object) -> Manifest:
        spoilt(good, path, factor)
        return Manifest(INFO, "uint8", "logits", "fp32", None)

    monkeypatch.setattr("mfpnet.export.write_exported", sabotage)
    (tmp_path / "net.onnx").write_bytes(b"the previous one")
    with pytest.raises(MfpnetError) as refused:
        export(short_network(), tmp_path / "net.onnx", format="onnx", size=None, threads=1)
    text = str(refused.value)
    assert text.startswith(f"'{tmp_path}/net.onnx' is not left behind: what onnxruntime computes")
    assert all(size in text for size in ("97x131: ", "64x200: ", "64x96: "))
    assert seen in text
    assert "wanted for fp32: 99.9 % equal labels" in text
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_bytes() == b"the previous one"


def test_a_weight_that_training_would_change_is_noticed(exported: Exported, tmp_path: Path) -> None:
    """The comparison is with the network given, not with the file's own."""
    other = copy.deepcopy(short_network())
    with torch.no_grad():
        other.encoder[0].brms[0].reduce[0].weight *= 1.5  # type: ignore[index, union-attr]
    backend = open_backend(exported("onnx", size=None), threads=1)
    checks = compare(other, backend, street_batches([(64, 96)], 1))
    assert checks[0].equal_labels < 0.999
    with pytest.raises(MfpnetError, match="not what the network does"):
        refuse_mismatch(tmp_path / "net.onnx", "onnxruntime", "fp32", checks)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": "onxx"}, "unknown format 'onxx'. Did you mean 'onnx'?"),
        ({"format": "litert"}, "`make export-litert` in a checkout"),
        ({"format": "openvino"}, "ends in '.onnx', and files of format openvino end in .xml"),
        ({"size": (31, 400)}, "size 31x400 is too small: at least 32x32."),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"batch": 0}, "batch is 0: at least 1."),
    ],
)
def test_what_cannot_be_is_said_before_any_work(
    tmp_path: Path, changes: dict[str, Any], text: str
) -> None:
    asked: dict[str, Any] = {"format": "onnx", "size": (64, 96), **changes}
    for function in (export, write_exported):
        with pytest.raises(MfpnetError) as refused:
            function(short_network(), tmp_path / "out" / "net.onnx", **asked)
        assert text in str(refused.value)
    assert list(tmp_path.iterdir()) == []


class Light(nn.Module):
    """Somebody else's: logits at half size, in a dict."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(3, 11, 3, stride=2, padding=1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"out": self.conv(image)}


class Moody(Light):
    """Does one thing or another, depending on what it sees."""

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return super().forward(image if image.mean() > 0 else -image)


def foreign(network: nn.Module) -> ForeignNetwork:
    model = ForeignNetwork(network, "peers:light", 11)
    model.info = INFO
    return model.eval()


def test_a_foreign_network_exports(tmp_path: Path) -> None:
    report = export(
        foreign(Light()),
        tmp_path / "net.onnx",
        format="onnx",
        size=None,
        output="labels",
        threads=1,
        data=SyntheticStreets("test", count=2, size=(64, 96)),
    )
    assert report["equal_labels"] > 0.999
    assert report["on_data"]["frames"] == 2
    assert report["on_data"]["equal_labels"] > 0.999
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.onnx.report.json"]


def test_a_network_that_cannot_be_traced_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="'tiny' cannot be traced by torch") as refused:
        export(foreign(Moody()), tmp_path / "net.onnx", format="onnx", size=None)
    assert "Give a fixed --size HxW" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file can grow beyond the limit, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing(exported: Exported, tmp_path: Path) -> None:
    graph = openvino_core().read_model(exported("openvino"))
    path = tmp_path / "net.xml"
    with (
        small_files(20_000),
        pytest.raises(MfpnetError, match=f"cannot write '{path}' and its weights") as refused,
        staged_files(path) as staged,
    ):
        save_openvino(staged, graph)
    assert "is the disk full" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_closed_folder_is_noticed_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    path = tmp_path / "file" / "net.onnx"
    with pytest.raises(MfpnetError, match=f"cannot write '{path}': {os.strerror(20)}"):
        export(short_network(), path, format="onnx", size=(64, 96))
