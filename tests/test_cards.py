from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from mfpnet.cards import card_of, licence_of, limits_of
from mfpnet.info import ModelInfo
from mfpnet.views import show
from samples import INFO

IOU = (0.9, 0.68, 0.2, 0.86, 0.6, 0.65, 0.18, None, 0.64, 0.3, 0.499)
SCORED = replace(
    INFO,
    data="camvid",
    split="train+val",
    recipe="camvid_full",
    epochs=48,
    score=0.494,
    score_on="camvid test",
    score_frames=233,
    score_interval=(0.470, 0.516),
    iou=IOU,
    iou_interval=tuple(None if iou is None else (iou - 0.01, iou + 0.01) for iou in IOU),
    licence=licence_of("camvid"),
)


def printed(card: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> str:
    page = Console(file=io.StringIO(), width=80, markup=False)  # as `show.OUT` is
    monkeypatch.setattr(show, "OUT", page)
    show.show_card("[weights]/w.safetensors", card)
    assert isinstance(page.file, io.StringIO)
    return page.file.getvalue()


def test_card_says_what_it_is_worth_and_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(card_of(SCORED, parameters=1_001_160, size=4_100_000), monkeypatch)
    for expected in (
        "[weights]/w.safetensors",
        "camvid train+val",
        "camvid_full, 48 epochs",
        "64x96",
        "1,001,160",
        "4.10 MB",
        "49.4 % (95 % interval 47.0 to 51.6) on camvid test, 233 frames",
        "research use only",
        "sign         │  18.0 │  17.0 to 19.0 │",
        "fence        │ absent │",
        "- One city (Cambridge)",
    ):
        assert " ".join(expected.split()) in " ".join(text.split()), text
    assert max(map(len, text.splitlines())) <= 80


def test_weak_and_absent_classes_are_read_off_the_scores() -> None:
    limits = limits_of(SCORED)
    assert limits[-2:] == [
        "Weak classes, more often wrong than right (IoU in %): sign 18, pole 20, pedestrian 30, "
        "bicyclist 50.",
        "Not scored, because camvid test has none: fence.",
    ]
    strong = replace(SCORED, iou=(0.9,) * 11)
    assert limits_of(strong) == limits[:-2]


def test_weights_without_a_score_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_of(INFO, parameters=None, size=2_000_000)
    assert card["limits"] == ["Nobody has measured what these weights are worth."]
    text = printed(card, monkeypatch)
    assert "not measured: mfpnet evaluate WEIGHTS --save FILE" in text
    assert "not known without its code" in text
    assert "IoU %" not in text
    assert "sky, building, pole" in text


def test_score_without_classes_as_older_files_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {
        name: value
        for name, value in SCORED.as_dict().items()
        if name not in ("score_frames", "score_interval", "iou", "iou_interval")
    }
    info = ModelInfo.from_dict(json.loads(json.dumps(old)))
    assert (info.score, info.score_interval, info.score_frames) == (0.494, None, 0)
    assert (info.iou, info.iou_interval) == ((), ())
    text = printed(card_of(info, parameters=1, size=1), monkeypatch)
    assert "49.4 % on camvid test" in text
    assert "Weak" not in text


def test_card_is_data_with_everything_in_it() -> None:
    card = card_of(SCORED, parameters=7, size=9)
    data = json.loads(json.dumps(card))
    assert data["parameters"] == 7
    assert data["bytes"] == 9
    assert data["limits"] == limits_of(SCORED)
    facts = {name: data[name] for name in SCORED.as_dict()}
    assert ModelInfo.from_dict(facts) == SCORED


@pytest.mark.parametrize(
    ("data", "licence", "limit"),
    [
        ("camvid", "research use only", "nothing is known of other cities"),
        ("synthetic", "no limit", "not for real pictures"),
        ("elsewhere", "that of the training data", "Nobody has measured"),
    ],
)
def test_licence_and_limits_follow_the_data(data: str, licence: str, limit: str) -> None:
    assert licence_of(data).startswith(licence)
    assert any(limit in sentence for sentence in limits_of(replace(INFO, data=data)))


def test_card_says_what_the_training_went_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for started_from, shown in (("", False), ("older.safetensors", True)):
        info = replace(SCORED, started_from=started_from)
        text = printed(card_of(info, parameters=1, size=1), monkeypatch)
        assert ("went on from" in text) is shown
        assert started_from in text


def test_weights_of_two_data_sets_have_the_limits_of_both() -> None:
    limits = limits_of(replace(SCORED, data="idd_lite+camvid", classes=("road",) * 7))
    assert limits[0].startswith("Hyderabad, Bangalore and their outskirts")
    assert "; One city (Cambridge)" in limits[0]
    assert limits[2].startswith("7 classes:")
    both = "research use only, as IDD itself; research use only, as CamVid itself"
    assert licence_of("idd_lite+camvid") == both
    assert licence_of("camvid+camvid", ["research use only, as CamVid itself"]).count(";") == 0
    assert licence_of("idd_lite+synthetic") == "research use only, as IDD itself"
