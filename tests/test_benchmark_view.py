"""What a benchmark's record looks like: tables, warnings, bars."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mfpnet.errors import MfpnetError
from mfpnet.views import benchmark_view, show
from mfpnet.views.benchmark_view import noise_warning, not_measured, number, show_benchmark
from mfpnet.views.latency_chart import latency_bars


def row(network: str, backend: str, ms: float, **changes: Any) -> dict[str, Any]:
    made = {
        "network": network,
        "backend": backend,
        "precision": "fp32",
        "median_ms": ms,
        "p95_ms": 1.1 * ms,
        "spread": 0.02,
        "images_per_second": 1000 / ms,
        "equal_labels": 1.0,
        "end_to_end": {
            "median_ms": ms + 20,
            "stages": {"decode": 5.0, "resize": 4.0, "network": ms, "argmax": 1.0, "write": 10.0},
        },
        "profile": None,
        "memory_mib": None,
        "gpu_memory_mib": None,
        "roofline_ms": 10.0,
        "roofline_share": 10 / ms,
    }
    return made | changes


def record(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    names = dict.fromkeys(row["network"] for row in rows)
    return {
        "output": "labels",
        "networks": [{"name": name, "parameters": 1_234_567, "bytes": None} for name in names],
        "ceilings": {"macs_per_second": {"fp32": 4.5e10}, "bytes_per_second": 8.25e9},
        "comparisons": [
            {
                "size": [360, 480],
                "batch_size": 1,
                "gmacs": dict.fromkeys(names, 2.5),
                "rows": list(rows),
                "not_measured": [],
                "layers": None,
            }
        ],
        "load_average": [0.1, 1.0],
        "environment": {"processor": "A chip", "threads": 2, "gpu": None},
    } | changes


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(width=80, record=True)
    for module in (show, benchmark_view):
        monkeypatch.setattr(module, "OUT", console)
    monkeypatch.setattr(show, "ERR", console)
    return console


def printed(console: Console, told: dict[str, Any]) -> str:
    show_benchmark(told)
    return console.export_text()


LONGEST = "inference-channels-last"


def test_a_table_fits_and_says_all(shown: Console) -> None:
    text = printed(shown, record(row("mfpnet", LONGEST, 40.0, memory_mib=123)))
    (line,) = [line for line in text.splitlines() if line.startswith(LONGEST)]
    assert line.split() == [LONGEST, "40.0", "44.0", "2", "25.0", "25", "100.0", "60.0", "123"]
    assert "1,234,567 parameters, 2.50 GMACs an image, 10.0 ms at the machine's ceilings" in text
    assert "decode 5.00 ms, resize 4.00 ms, argmax 1.00 ms, write 10.0 ms, and the network" in text
    assert "A chip, 2 threads: 45 GMAC/s in fp32, 8.2 GB/s copied" in text
    assert "side by side" not in text
    assert max(len(line) for line in text.splitlines() if "─" in line or LONGEST in line) <= 80


def test_networks_stand_side_by_side(shown: Console) -> None:
    rows = [row("mfpnet", "eager", 40.0), row("mfpnet", "onnxruntime", 20.0)]
    text = printed(shown, record(*rows, row("peers:dabnet", "eager", 60.0)))
    table = text[text.index("side by side") :].splitlines()
    assert table[1].split() == ["backend", "mfpnet", "dabnet"]
    assert table[3].split() == ["eager", "40.0", "60.0", "x1.50"]
    assert table[4].split() == ["onnxruntime", "20.0", "-"]


def test_long_names_that_begin_alike_are_numbered(shown: Console) -> None:
    names = [f"mfpnet_fast_camvid-360x480-{end}-labels.onnx" for end in ("fp32", "int8", "fp16")]
    rows = [
        row(name, "onnxruntime", 20.0, precision=name[27:31], equal_labels=None) for name in names
    ]
    text = printed(shown, record(*rows))
    table = text[text.index("side by side") :].splitlines()
    assert table[0].endswith("times that of 1")
    assert table[1:4] == [f"{number}  {name}" for number, name in enumerate(names, 1)]
    assert table[4].split() == ["backend", "1", "2", "3"]
    assert table[6].split() == ["onnxruntime", "20.0", "-", "-"]
    assert table[7].split() == ["onnxruntime", "int8", "-", "20.0", "-"]


def test_what_was_not_measured_is_told_once() -> None:
    faults = [
        {"network": name, "backend": backend, "reason": reason}
        for name in ("a", "b")
        for backend, reason in (("litert", "not here"), ("openvino", f"broken in {name}"))
    ]
    assert not_measured(faults) == [
        "litert (a, b): not here",
        "openvino (a): broken in a",
        "openvino (b): broken in b",
    ]


def test_a_busy_machine_is_warned_of(shown: Console) -> None:
    told = record(row("a", "eager", 40.0, spread=0.16), row("a", "openvino", 20.0, spread=0.15))
    told["load_average"] = [3.2, 4.0]
    warning = noise_warning(told)
    assert warning is not None
    assert "load average 3.2 before it began" in warning
    assert "1 of 2 medians spread by more than 15 %" in warning
    assert "worthless" in warning
    text = printed(shown, told)
    assert warning in text.replace("\n", "")
    assert re.search(r"eager +40\.0 +44\.0 +16 !", text)
    assert re.search(r"openvino +20\.0 +22\.0 +15 +50", text)


def test_a_quiet_machine_is_not() -> None:
    assert noise_warning(record(row("a", "eager", 40.0))) is None


def test_layers_and_profiles_are_shown_when_recorded(shown: Console) -> None:
    part = {"operation": "aten::conv", "share": 0.9, "ms": 1.5, "calls": 3.0}
    told = record(row("a", "eager", 40.0, profile=[part]))
    layer = {"layer": "initial.0", "operation": "convolution", "shape": [1, 2, 3, 4]}
    amounts = {"macs": 2_000_000, "bytes": 3_000_000, "bound_ms": 0.25, "bound_by": "bytes"}
    told["comparisons"][0]["layers"] = {"a": [layer | amounts]}
    text = printed(shown, told)
    assert re.search(r"initial\.0 +convolution +2x3x4 +2 +3 +0\.25 +bytes", text)
    assert re.search(r"aten::conv +90\.0 +1\.500 +3", text)


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "0.123"), (4.567, "4.57"), (78.94, "78.9"), (1234.5, "1234")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_bars_name_every_network_and_backend(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    rows = [row("mfpnet", "eager", 40.0), row("peers:dabnet", "eager", 60.0)]
    rows.append(row("net.onnx", "onnxruntime", 6.25, roofline_ms=None))
    latency_bars(record(*rows), tmp_path / "bars.svg")
    text = (tmp_path / "bars.svg").read_text("utf-8")
    names = ("mfpnet", "dabnet", "net.onnx", "eager", "onnxruntime", "40.0", "60.0", "6.25")
    for drawn in (*names, "360x480, batch 1: median in ms"):
        assert f"<!-- {drawn} -->" in text


def test_the_legend_stays_on_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    drawn: list[Any] = []
    monkeypatch.setattr(
        "mfpnet.views.latency_chart.save_figure", lambda figure, _: drawn.append(figure)
    )
    names = [f"mfpnet_fast_camvid-360x480-{end}-labels.onnx" for end in ("fp32", "int8", "fp16")]
    for several in (names, ["mfpnet", "mfpnet_fast", "dabnet"]):
        latency_bars(record(*(row(name, "eager", 40.0) for name in several)), tmp_path / "a.png")
        figure = drawn.pop()
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_nothing_measured_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(MfpnetError, match="no backend was measured"):
        latency_bars(record(), tmp_path / "bars.svg")
