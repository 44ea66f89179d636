from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mfpnet.errors import MfpnetError
from mfpnet.views.canvas import new_figure, save_figure
from mfpnet.views.run_charts import confusion_picture, iou_bars, training_curves

pytest.importorskip("matplotlib", reason="needs the extra `plot`")

CLASSES = ("sky", "road", "car")
COUNTS = np.array([[90, 10, 0], [0, 0, 0], [1, 1, 6]])


def epoch_records(count: int) -> list[dict[str, object]]:
    return [
        {"epoch": epoch, "loss": 2 / epoch, "lr": 0.002 / epoch, "images_per_second": 9.0}
        for epoch in range(1, count + 1)
    ]


def svg_of(path: Path) -> str:
    """The text of an SVG chart; matplotlib writes every drawn string as a comment in it."""
    return path.read_text(encoding="utf-8")


def assert_drawn(path: Path) -> None:
    with PIL.Image.open(path) as picture:
        pixels = np.array(picture.convert("L"))
    assert min(pixels.shape) > 300
    assert pixels.std() > 5


def test_curves_of_epochs_with_scores_now_and_then(tmp_path: Path) -> None:
    records = epoch_records(6)
    records[2]["miou"], records[5]["miou"] = 0.251, 0.433
    training_curves(records, tmp_path / "c.png")
    training_curves(records, tmp_path / "c.svg")
    assert_drawn(tmp_path / "c.png")
    text = svg_of(tmp_path / "c.svg")
    for drawn in ("training loss", "learning rate", "mIoU in %", "43.3", "epoch"):
        assert f"<!-- {drawn} -->" in text
    assert "<!-- 25.1 -->" not in text


def test_curves_without_a_score_have_no_panel_for_it(tmp_path: Path) -> None:
    training_curves(epoch_records(3), tmp_path / "c.svg")
    assert "mIoU" not in svg_of(tmp_path / "c.svg")


def test_curves_of_steps_a_single_record_and_a_lost_step(tmp_path: Path) -> None:
    steps: list[dict[str, object]] = [
        {"epoch": 1 + step // 50, "loss": float("nan") if step == 7 else 1.0 + step % 3}
        for step in range(150)
    ]
    training_curves(steps, tmp_path / "steps.png")
    training_curves(epoch_records(1), tmp_path / "one.png")
    assert_drawn(tmp_path / "steps.png")
    assert_drawn(tmp_path / "one.png")


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ([], "nothing to draw"),
        ([{"epoch": 1}], "nothing to draw"),
        ([{"loss": 1.0}], "'epoch' of a metrics record is None"),
        ([{"epoch": 1, "loss": "low"}], "'loss' of a metrics record is 'low'"),
    ],
)
def test_unusable_records(tmp_path: Path, records: list[dict[str, object]], complaint: str) -> None:
    with pytest.raises(MfpnetError, match=complaint):
        training_curves(records, tmp_path / "c.png")
    assert list(tmp_path.iterdir()) == []


def test_confusion_is_normalised_by_row(tmp_path: Path) -> None:
    confusion_picture(COUNTS, CLASSES, tmp_path / "m.png")
    confusion_picture(COUNTS, CLASSES, tmp_path / "m.svg")
    assert_drawn(tmp_path / "m.png")
    text = svg_of(tmp_path / "m.svg")
    for number, times in (("90", 1), ("10", 1), ("75", 1), ("12", 2), ("–", 3)):
        assert text.count(f"<!-- {number} -->") == times
    for name in CLASSES:
        assert text.count(f"<!-- {name} -->") == 2


def test_confusion_of_many_classes_draws_the_rarest_as_one(tmp_path: Path) -> None:
    names = [f"class {index}" for index in range(1000)]
    confusion_picture(np.diag(np.arange(1000)), names, tmp_path / "m.svg")
    text = svg_of(tmp_path / "m.svg")
    assert text.count("<!-- 961 others -->") == 2
    assert text.count("<!-- class 999 -->") == 2
    assert "<!-- class 960 -->" not in text
    assert text.count("<!-- 100 -->") == 40


def test_bars_of_many_classes_are_the_best_and_the_worst(tmp_path: Path) -> None:
    names = [f"class {index}" for index in range(150)]
    values = [None, *(index / 150 for index in range(149))]
    iou_bars(names, {"only": values}, tmp_path / "b.svg")
    text = svg_of(tmp_path / "b.svg")
    assert "40 of 150 classes: the best and the worst" in text
    for drawn, times in (("class 149", 1), ("class 130", 1), ("class 1", 1), ("class 75", 0)):
        assert text.count(f"<!-- {drawn} -->") == times
    assert "<!-- absent -->" not in text


def test_confusion_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 x 3"):
        confusion_picture(COUNTS[:2], CLASSES, tmp_path / "m.png")


def test_bars_show_percent_and_absent_classes(tmp_path: Path) -> None:
    series = {"mfpnet": [0.912, None, 1.0], "mfpnet_fast": [0.875, None, 0.0]}
    iou_bars(CLASSES, series, tmp_path / "b.png")
    iou_bars(CLASSES, series, tmp_path / "b.svg")
    assert_drawn(tmp_path / "b.png")
    text = svg_of(tmp_path / "b.svg")
    assert text.count("<!-- absent -->") == 2
    for drawn in ("mfpnet", "mfpnet_fast", "91.2", "87.5", "100.0", "0.0", *CLASSES):
        assert f"<!-- {drawn} -->" in text


def test_names_with_dollars_are_no_formulas(tmp_path: Path) -> None:
    names = ("$x_$", "from $5 to $9", "a\\$b")
    iou_bars(names, {"$y^$": [0.1, 0.2, 0.3], "b": [0.1] * 3}, tmp_path / "b.svg")
    confusion_picture(COUNTS, names, tmp_path / "m.svg")
    for chart in ("b.svg", "m.svg"):
        assert all(f"<!-- {name} -->" in svg_of(tmp_path / chart) for name in names)
    assert "<!-- $y^$ -->" in svg_of(tmp_path / "b.svg")
    confusion_picture(COUNTS, names, tmp_path / "m.png")
    assert_drawn(tmp_path / "m.png")


def test_powers_on_a_logarithmic_axis_are_formulas(tmp_path: Path) -> None:
    figure = new_figure(4, 3)
    axes = figure.subplots()
    axes.plot([1, 1000], [1, 1000])
    axes.set_yscale("log")
    save_figure(figure, tmp_path / "p.svg")
    text = svg_of(tmp_path / "p.svg")
    assert "<!-- $\\mathdefault{10^{2}}$ -->" in text
    assert "scale(0.7)" in text  # the exponent, raised and small


def test_one_series_needs_no_legend(tmp_path: Path) -> None:
    iou_bars(CLASSES, {"only": [0.1, 0.2, 0.3]}, tmp_path / "b.svg")
    assert "only" not in svg_of(tmp_path / "b.svg")


@pytest.mark.parametrize("series", [{}, {"a": [0.1]}, {"a": [0.1] * 3, "b": [0.1] * 4}])
def test_bars_of_another_length_are_refused(
    tmp_path: Path, series: dict[str, list[float | None]]
) -> None:
    with pytest.raises(ValueError, match="3 classes"):
        iou_bars(CLASSES, series, tmp_path / "b.png")


@pytest.mark.parametrize("name", ["chart.xyz", "chart"])
def test_unknown_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MfpnetError, match=r"ends in \.png"):
        iou_bars(CLASSES, {"a": [0.1, 0.2, 0.3]}, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MfpnetError, match=r"mfpnet\[plot\]"):
        training_curves(epoch_records(2), tmp_path / "c.png")


def test_pyplot_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    iou_bars(CLASSES, {"a": [0.1, 0.2, 0.3]}, tmp_path / "b.png")
    assert_drawn(tmp_path / "b.png")
