"""docs/tutorial.md, word for word: every file that it shows is written, every command run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
# Three quarters of a garden are grass: who calls everything grass has a quarter of that as mIoU.
CONSTANT = 0.75 / 4
QUICK = "--epochs 8 --crop-size 96x128 --set shorter_side=120 --threads 1 "
MADE = (
    "runs/garden/weights.safetensors",
    "runs/garden/curves.png",
    "maps.png",
    "worst.png",
    "confusion.png",
    "garden.onnx",
)


def steps(page: str) -> list[tuple[str, str]]:
    """What the page tells to do, in order: (file name, text), or ("", command)."""
    found = []
    pattern = r"(?:<!-- file: (\S+) -->\n)?^```(\w+)\n(.*?)^```$"
    for file, language, text in re.findall(pattern, page, re.MULTILINE | re.DOTALL):
        if language == "sh":
            found += [("", line) for line in text.splitlines()]
        else:
            assert file, f"the tutorial does not say where this goes:\n{text}"
            found.append((file, text))
    return found


def follow(page: str, folder: Path) -> str:
    """Do everything that a page tells, as a reader would; what the commands printed."""
    programs = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join((programs, os.environ["PATH"]))}
    printed = ""
    for file, text in steps(page):
        if file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
            continue
        done = subprocess.run(
            text, shell=True, cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    return printed


def check(folder: Path, printed: str) -> float:
    """That the page has made what it says; the score of the weights."""
    assert "60 pairs" in printed
    assert "0 errors" in printed
    for file in MADE:
        assert (folder / file).is_file(), file
    overlays = [
        folder / out / "garden07_overlay.png" for out in ("predictions", "predictions-onnx")
    ]
    assert all(path.is_file() for path in overlays), list((folder / "predictions").iterdir())
    scores = json.loads((folder / "runs/garden/result.json").read_text())["evaluation"]
    assert list(scores["iou_per_class"]) == ["grass", "path", "pond", "flower"]
    return float(scores["miou"])


def test_the_tutorial_with_a_training_of_seconds(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")
    assert "--minutes 4 " in page
    printed = follow(page.replace("--minutes 4 ", QUICK), tmp_path)
    assert check(tmp_path, printed) > CONSTANT


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_as_it_stands(tmp_path: Path) -> None:
    assert check(tmp_path, follow(PAGE.read_text("utf-8"), tmp_path)) > CONSTANT + 0.3
