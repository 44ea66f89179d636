"""The program that has TensorFlow, where there is none; and how its values are stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mfpnet.errors import MfpnetError
from obedient import Obedient
from stored import Value

CHILD = Path(__file__).resolve().parents[1] / "tools" / "tensorflow_child.py"


def test_it_answers_and_survives_what_it_cannot_do(tmp_path: Path) -> None:
    pictures = np.zeros((2, 32, 40, 3), np.uint8)
    np.save(tmp_path / "pictures.npy", pictures)
    with Obedient([sys.executable, str(CHILD), str(tmp_path / "network.onnx"), "1"], {}) as child:
        assert child.ask("ping") == {}
        with pytest.raises(MfpnetError, match="AttributeError"):
            child.ask("dance")
        with pytest.raises(MfpnetError, match="KeyError: 'tensorflow'"):
            child.ask("run", runner="tensorflow")
        assert child.ask("load", path=str(tmp_path / "pictures.npy")) == {"pictures": 2}


def test_only_answers_reach_its_output() -> None:
    code = (
        "import tensorflow_child as t, os, sys\n"
        "with t.answers() as stream:\n"
        "    os.write(1, b'noise of a library')\n"
        "    print('answer', file=stream)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHILD.parent, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("answer\n", "noise of a library")


def test_a_value_stored_channels_last_is_the_same_value() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    plain = Value(array)
    turned = Value(plain.channels_last(), last=True)
    assert turned.tensor.shape == (2, 4, 5, 3)
    assert plain.shape == turned.shape == [2, 3, 4, 5]
    assert [turned.axis(number) for number in (0, 1, 2, 3, -1)] == [0, 3, 1, 2, 2]
    assert np.array_equal(turned.plain(), array)
    assert np.array_equal(turned.tensor[1, 2, 3], array[1, :, 2, 3])


def test_points_are_turned_like_pictures() -> None:
    array = np.arange(6).reshape(1, 2, 3)
    assert np.array_equal(Value(array).channels_last(), array.transpose(0, 2, 1))
    assert np.array_equal(Value(array.transpose(0, 2, 1), last=True).plain(), array)
