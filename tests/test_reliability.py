"""Calibration over a data set: what is counted, and that no pixel meets a temperature it made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from mfpnet.errors import MfpnetError
from mfpnet.evaluating import reliability
from mfpnet.evaluating.calibration import fit_temperature
from mfpnet.evaluating.reliability import calibrate, network_runs
from mfpnet.labels import CAMVID, LabelSet
from mfpnet.layers import resize
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Image, Labels
from mfpnet.pixels.resizing import resize_image
from mfpnet.predict import Predictor
from samples import INFO, tiny_network

SIZE = (40, 48)


@dataclass
class Frames:
    """Noise with labels that the network finds by chance, or more often than that."""

    drives: str
    targets: list[Labels]
    labels: LabelSet = CAMVID
    name: str = "noise"
    split: str = "val"
    size: tuple[int, int] = SIZE

    def __len__(self) -> int:
        return len(self.drives)

    def frame_name(self, index: int) -> str:
        return f"frame{index}"

    def sequence(self, index: int) -> str:
        return self.drives[index]

    def image(self, index: int) -> Image:
        generator = np.random.default_rng(index)
        return generator.integers(0, 256, (*self.size, 3), dtype=np.uint8)

    def load(self, index: int) -> tuple[Image, Labels]:
        return self.image(index), self.targets[index]

    def describe(self, index: int) -> str:
        return f"mask of {self.frame_name(index)}"


class Mixer(Predictor):
    """Logits that are mixtures of red, green and blue: as sure as a trained network, and quick."""

    def logits(self, pixels: Raster) -> torch.Tensor:
        mixture = torch.randn(11, 3, generator=torch.Generator().manual_seed(0)) * 8
        return torch.einsum("kc,hwc->khw", mixture, torch.from_numpy(pixels) / 255 - 0.5)[None]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    network = tiny_network()
    network.info = INFO
    return Mixer(network, device="cpu")


def logits_of(predictor: Predictor, data: Frames, index: int) -> torch.Tensor:
    seen = resize_image(data.image(index), predictor.network_size(data.size))
    return resize(predictor.logits(seen), data.size)[0].flatten(1).T.double()


def frames(predictor: Predictor, drives: str, size: tuple[int, int] = SIZE) -> Frames:
    """Targets drawn from the network's softmax, flatter in drive b; each seventh pixel is void."""
    data = Frames(drives, [], size=size)
    for index, drive in enumerate(drives):
        logits = logits_of(predictor, data, index) / {"b": 4.0}.get(drive, 2.0)
        generator = torch.Generator().manual_seed(index)
        drawn = torch.multinomial(logits.softmax(dim=1), 1, generator=generator)
        target = drawn.numpy().astype(np.uint8).reshape(size)
        target.flat[::7] = 11
        data.targets.append(target)
    return data


def pixels_of(predictor: Predictor, data: Frames, drive: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, C) and labels (N,) of all pixels of a drive but void."""
    chosen = [index for index in range(len(data)) if data.drives[index] == drive]
    logits = torch.cat([logits_of(predictor, data, index) for index in chosen])
    labels = torch.from_numpy(np.stack([data.targets[index] for index in chosen]).ravel()).long()
    return logits[labels != 11], labels[labels != 11]


def error_by_brute_force(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Calibration error and NLL."""
    sure, likeliest = logits.softmax(dim=1).max(dim=1)
    right, total = (likeliest == labels).double(), 0.0
    for index in range(15):
        inside = (sure > index / 15) & (sure <= (index + 1) / 15)
        total += abs(float((right[inside] - sure[inside]).sum()))
    return total / len(labels), float(torch.nn.functional.cross_entropy(logits, labels))


def test_each_drive_is_scored_with_the_temperature_of_the_other(predictor: Predictor) -> None:
    data = frames(predictor, "aabb")
    found = calibrate(predictor, data)
    pixels = {drive: pixels_of(predictor, data, drive) for drive in "ab"}
    fitted = {
        drive: fit_temperature(logits.numpy(), labels.numpy())
        for drive, (logits, labels) in pixels.items()
    }
    assert found.temperature_per_drive == pytest.approx({"a": fitted["b"], "b": fitted["a"]})
    assert fitted["b"] > 1.4 * fitted["a"]
    labels = torch.cat([pixels[drive][1] for drive in "ab"])
    before = torch.cat([pixels[drive][0] for drive in "ab"])
    after = torch.cat([pixels["a"][0] / fitted["b"], pixels["b"][0] / fitted["a"]])
    record = found.as_dict()
    expected = error_by_brute_force(before, labels), error_by_brute_force(after, labels)
    assert (record["ece_before"], record["nll_before"]) == pytest.approx(expected[0], rel=1e-3)
    assert (record["ece_after"], record["nll_after"]) == pytest.approx(expected[1], rel=1e-3)
    assert sum(found.before.pixels) == sum(found.after.pixels) == len(labels)


def test_frames_are_seen_as_the_network_takes_them(predictor: Predictor) -> None:
    """A network of one channel, on frames of three."""
    network = tiny_network(in_channels=1)
    network.info = replace(INFO, mean=(0.4,), std=(0.3,))
    grey = calibrate(Predictor(network, device="cpu"), frames(predictor, "aabb"))
    assert sum(grey.before.pixels) > 0


def test_a_drive_has_no_say_in_its_own_temperature(predictor: Predictor) -> None:
    data = frames(predictor, "abcc")
    scrambled = replace(data, targets=[data.targets[0], 10 - data.targets[1].clip(max=10)])
    scrambled.targets += data.targets[2:]
    first, second = (
        calibrate(predictor, given).temperature_per_drive for given in (data, scrambled)
    )
    assert first["b"] == second["b"]
    assert first["a"] != second["a"]
    assert first["c"] != second["c"]


def test_a_single_drive_takes_turns_in_halves(predictor: Predictor) -> None:
    whole = frames(predictor, "aaaaa")
    found = calibrate(predictor, whole)
    halves = calibrate(predictor, replace(whole, drives="ffsss"))
    assert list(found.temperature_per_drive) == ["a, first half", "a, second half"]
    expected = list(halves.temperature_per_drive.values())
    assert list(found.temperature_per_drive.values()) == expected
    assert found.as_dict()["ece_after"] == halves.as_dict()["ece_after"]


def test_calibration_is_a_function_of_the_data(predictor: Predictor) -> None:
    data = frames(predictor, "ab")
    assert calibrate(predictor, data).as_dict() == calibrate(predictor, data).as_dict()


def test_larger_frames_are_counted_pixel_by_pixel_in_strips(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = frames(predictor, "ab", size=(130, 150))
    whole = calibrate(predictor, data).as_dict()
    assert sum(calibrate(predictor, data).before.pixels) == sum(
        (t != 11).sum() for t in data.targets
    )
    monkeypatch.setattr("mfpnet.pixels.enlarge.STRIP_VALUES", 11 * 150 * 9)
    strips = calibrate(predictor, data).as_dict()
    for name in ("ece_before", "ece_after", "nll_before", "nll_after"):
        assert strips[name] == pytest.approx(whole[name], rel=1e-4)


def test_memory_does_not_grow_with_the_frames(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def remember(
        logits: np.ndarray[tuple[int, int], np.dtype[np.float32]], labels: object
    ) -> float:
        sizes.append(logits.size)
        return 2.0

    monkeypatch.setattr(reliability, "fit_temperature", remember)
    monkeypatch.setattr(reliability, "FIT_FRAMES", 16)
    monkeypatch.setattr(reliability, "FIT_VALUES", 5000)
    runs = []
    data = frames(predictor, "".join(chr(97 + index) for index in range(20)) + "u" * 20)
    found = calibrate(predictor, data, on_frame=lambda: runs.append(1))
    assert len(sizes) == reliability.FOLDS
    assert max(sizes) <= 5000
    assert min(sizes) > 3000
    assert len(runs) == network_runs(data) == 40 + 16
    assert list(found.temperature_per_drive) == list(dict.fromkeys(data.drives))


def test_void_alone_and_single_frames_are_refused(predictor: Predictor) -> None:
    one = frames(predictor, "a")
    with pytest.raises(MfpnetError, match="needs two frames or more"):
        calibrate(predictor, one)
    void = frames(predictor, "ab")
    void.targets[1][:] = 11
    with pytest.raises(MfpnetError, match="needs pixels to be fitted to"):
        calibrate(predictor, void)


def test_mended_confidence_is_better(predictor: Predictor) -> None:
    record = calibrate(predictor, frames(predictor, "acde")).as_dict()
    assert isinstance(record["ece_before"], float)
    assert isinstance(record["ece_after"], float)
    assert record["ece_after"] < 0.2 * record["ece_before"]
