from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfpnet.errors import MfpnetError
from mfpnet.runtimes.manifest import Manifest
from samples import INFO

MANIFEST = Manifest(INFO, "uint8", "logits", "fp16", (360, 480))
HERE = Path("net.onnx")


@pytest.mark.parametrize("size", [None, (360, 480)])
def test_text_and_back(size: tuple[int, int] | None) -> None:
    manifest = Manifest(INFO, "float", "labels", "int8", size)
    text = manifest.to_json()
    assert "\n" not in text
    assert Manifest.from_json(text, HERE) == manifest
    assert json.loads(text)["info"]["classes"] == list(INFO.classes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pixels": "bgr"}, "pixels is 'bgr'"),
        ({"output": ["logits"]}, "output is "),
        ({"size": [360]}, "two whole numbers or null"),
        ({"size": ["360", "480"]}, "two whole numbers or null"),
        ({"size": 360}, "two whole numbers or null"),
        ({"precision": None}, "precision is None"),
        ({"more": 1}, "it should hold"),
        ({"info": {"variant": "x"}}, "missing"),
        ({"info": 3}, "info is 3"),
        ({"info": INFO.as_dict() | {"future": 1}}, "newer mfpnet"),
        ({"precision": "int99"}, "precision is 'int99'"),
        ({"info": INFO.as_dict() | {"classes": 5}}, "classes is 5"),
        ({"info": INFO.as_dict() | {"classes": [0, 1]}}, "classes is (0, 1)"),
        ({"info": INFO.as_dict() | {"palette": [[1, 2, 3]]}}, "palette is ((1, 2, 3),)"),
        (
            {"info": INFO.as_dict() | {"palette": [[300, 2, 3]] * len(INFO.classes)}},
            "palette is ((300, 2, 3)",
        ),
        ({"info": INFO.as_dict() | {"mean": ["a", "b", "c"]}}, "mean is ('a', 'b', 'c')"),
        ({"info": INFO.as_dict() | {"std": [0.5]}}, "std is (0.5,)"),
        ({"info": INFO.as_dict() | {"std": [0.5, 0, 0.5]}}, "std is (0.5, 0, 0.5)"),
        ({"info": INFO.as_dict() | {"input_size": [0, 0]}}, "input_size is (0, 0)"),
    ],
)
def test_a_manifest_that_says_something_else(changes: dict[str, Any], reason: str) -> None:
    values = json.loads(MANIFEST.to_json()) | changes
    with pytest.raises(MfpnetError, match=r"'net\.onnx' has a manifest that this") as caught:
        Manifest.from_json(json.dumps(values), HERE)
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", ["", "no json", "[]", "null", '{"info": {}}'])
def test_text_that_is_no_manifest(text: str) -> None:
    with pytest.raises(MfpnetError, match=r"Upgrade mfpnet, or export the weights anew"):
        Manifest.from_json(text, HERE)
