"""Per class and per group: differences, what they resolve, and the tables made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import per_class
from mfpnet.ablations.class_differences import (
    class_differences,
    grouped_differences,
    row_named,
    where_it_loses,
)
from mfpnet.ablations.class_groups import groupings_of, mean_runs, thirds
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.labels import CAMVID
from mfpnet.sources import open_dataset
from mfpnet.synthetic.shape_classes import SHAPES60

SMALL = {
    "variant": "small",
    "iou_per_class": [
        {"sky": 0.90, "pole": 0.10, "sign": 0.2, "fence": None},
        {"sky": 0.92, "pole": 0.14, "sign": 0.2, "fence": None},
    ],
}
LARGE = {
    "variant": "large",
    "iou_per_class": [{"sky": 0.92, "pole": 0.52, "sign": 0.1, "fence": 0.3}],
}


def test_each_class_has_its_difference_and_the_baselines_spread() -> None:
    sky, pole, sign = class_differences(SMALL, LARGE)
    assert (sky.name, pole.name, sign.name) == ("sky", "pole", "sign")
    assert (pole.base, pole.other) == pytest.approx((0.12, 0.52))
    assert pole.difference == pytest.approx(0.40)
    assert pole.spread == pytest.approx(np.std([0.10, 0.14], ddof=1))
    assert [each.resolved for each in (sky, pole, sign)] == [False, True, True]


def test_one_seed_of_the_baseline_resolves_nothing() -> None:
    assert not any(each.resolved for each in class_differences(LARGE, SMALL))


def test_a_class_without_any_difference_is_not_resolved() -> None:
    never = {"variant": "never", "iou_per_class": [{"x": 0.0, "y": 0.5}] * 3}
    found = class_differences(never, never | {"variant": "other"})
    assert [(each.difference, each.spread, each.resolved) for each in found] == [(0, 0, False)] * 2
    better = {"variant": "better", "iou_per_class": [{"x": 0.1, "y": 0.5}]}
    assert [each.resolved for each in class_differences(never, better)] == [True, False]


def test_a_group_is_the_mean_of_its_classes_seed_by_seed() -> None:
    groups = {"sky": "wide", "pole": "thin", "sign": "thin"}
    wide, thin = grouped_differences(SMALL, LARGE, groups)
    assert (wide.name, wide.classes, thin.name, thin.classes) == ("wide", 1, "thin", 2)
    assert (thin.base, thin.other) == pytest.approx((0.16, 0.31))
    assert thin.spread == pytest.approx(np.std([0.15, 0.17], ddof=1))


def test_a_sentence_says_where_the_baseline_loses() -> None:
    told = where_it_loses(class_differences(SMALL, LARGE))
    assert told == "It loses 1 of 3 classes (most: pole 40.0), wins 1; 1 not resolved."
    assert where_it_loses([]) == "It loses 0 of 0 classes, wins 0; 0 not resolved."


def test_rows_that_do_not_belong_together_are_refused() -> None:
    other = {"variant": "other", "iou_per_class": [{"cat": 0.1}]}
    with pytest.raises(MfpnetError, match="small and other were scored in different classes"):
        class_differences(SMALL, other)
    with pytest.raises(MfpnetError, match="unknown class with a group 'sky'"):
        grouped_differences(SMALL, LARGE, {"pole": "thin"})
    with pytest.raises(MfpnetError, match=r"'smal'. Did you mean 'small'"):
        row_named([SMALL, LARGE], "smal")


def test_thirds_are_even_and_in_order() -> None:
    values = {"a": 5.0, "b": 1.0, "c": 3.0, "d": 4.0}
    found = thirds(values, ("few", "some", "most"))
    assert found == {"b": "few", "c": "few", "d": "some", "a": "most"}


def test_runs_are_counted_along_the_rows() -> None:
    target = np.array([[0, 0, 1, 1], [0, 1, 0, 11]], dtype=np.uint8)
    pixels, runs = mean_runs(target, CAMVID)
    assert (pixels[:2].tolist(), runs[:2].tolist()) == ([4, 3], [3, 2])
    assert pixels.sum() == 7  # void is no class


def test_of_streets_poles_are_narrow_and_roads_wide() -> None:
    found = groupings_of(open_dataset(DataSource("synthetic", "val", count=6, size=(90, 120))))
    assert list(found) == ["share of the pixels", "width"]
    assert all(set(groups) == set(CAMVID.classes) for groups in found.values())
    assert (found["width"]["pole"], found["width"]["road"]) == ("narrow", "wide")
    assert found["share of the pixels"]["road"] == "most"


def test_the_shapes_bring_their_own_groups() -> None:
    found = groupings_of(open_dataset(DataSource("shapes60", "val", count=1)))
    assert list(found) == ["told apart by", "size", "frequency", "texture of things"]
    assert all(set(groups) == set(SHAPES60.classes) for groups in found.values())
    assert found["texture of things"]["dotted star"] == "dotted"
    assert found["texture of things"]["dotted ground"] == "no thing"


def test_the_tool_writes_a_table_for_classes_and_for_each_grouping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = dict.fromkeys(SHAPES60.classes, 0.5)
    better = scores | {"red flag": 0.75}
    source = {"name": "shapes60", "split": "val", "root": None, "count": 4, "size": [144, 192]}
    rows = [
        {"variant": "small", "iou_per_class": [scores, scores]},
        {"variant": "large", "iou_per_class": [better]},
    ]
    record = {"suite": "s", "recipe": {}, "data": source, "evaluate_on": source, "rows": rows}
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record))
    assert per_class.main([str(path), "--base", "small"]) == 0
    said = capsys.readouterr().out
    assert "| red flag | 50.0 | +25.0 |" in said
    assert "| colour far away (4) | 50.0 | +6.2 |" in said
    assert per_class.main([str(path), "--base", "small", "--against", "larg"]) == 2
    assert "Did you mean 'large'" in capsys.readouterr().err
    assert per_class.main([str(path), "--base", "smal"]) == 2
    assert "Did you mean 'small'" in capsys.readouterr().err
    assert per_class.main([str(tmp_path / "none.json"), "--base", "small"]) == 2
    assert "cannot read" in capsys.readouterr().err
