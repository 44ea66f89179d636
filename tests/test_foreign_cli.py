"""Somebody else's network through the program, and who may make its code run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
import torch
from torch import nn

from mfpnet.checkpoint import load_model, read_info
from mfpnet.cli import main
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.foreign import ForeignNetwork
from mfpnet.labels import CAMVID
from mfpnet.recipes import Recipe
from mfpnet.training.building import build_network
from mfpnet.training.runs import RunConfig, read_config
from mfpnet.training.transfer import start_from
from mfpnet.variants import create_network

TOYS = """
from pathlib import Path
from torch import nn

Path("imported").touch()


class ToyNet(nn.Sequential):
    def __init__(self, num_classes, width=8):
        super().__init__(
            nn.Conv2d(3, width, 3, stride=4, padding=1),
            nn.BatchNorm2d(width),
            nn.Hardswish(),
            nn.Conv2d(width, num_classes, 1),
        )

    def forward(self, image):
        return {"out": super().forward(image)}


def stubborn(num_classes):
    return nn.Conv2d(3, 5, 1)
"""
SPEC = "toys:ToyNet"
SMALL = ("--scenes", 4, "--scene-size", "64x64")
TRAIN = ("train", *SMALL, "--crop-size", "32x64", "--batch-size", 2, "--threads", 1)


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A current folder with a module and a picture in it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "toys.py").write_text(TOYS)
    PIL.Image.new("RGB", (40, 40)).save(folder / "photo.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        yield
    sys.modules.pop("toys", None)


@pytest.fixture
def _not_imported() -> None:
    """As in a process that has not seen the module yet."""
    sys.modules.pop("toys", None)
    Path("imported").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def run(_home: None) -> Path:
    """A finished run of two epochs."""
    given = ("--model", SPEC, "--epochs", 2, "--evaluate-split", "val", "--out", "run")
    assert mfpnet(*TRAIN, *given, "--json", "result.json") == 0
    return Path("run")


def mfpnet(*arguments: object) -> object:
    """The exit status."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Standard error of a call that must end with status 2."""
    assert mfpnet(*arguments) == 2
    return capsys.readouterr().err


def test_a_run_is_evaluated_and_predicted_with(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = json.loads(Path("result.json").read_text())
    # 3x3x3 and a bias, batch norm, a 1x1 for eleven classes.
    assert result["parameters"] == 8 * 28 + 16 + 11 * 9
    assert read_config(run / "config.yaml").variant == SPEC
    val = ("--split", "val", "--scenes", 1, "--scene-size", "64x64")
    assert mfpnet("evaluate", run, "--model", SPEC, *val, "--json", "scores.json") == 0
    scores = json.loads(Path("scores.json").read_text())
    assert scores["miou"] == result["evaluation"]["miou"]
    assert scores["weights"]["variant"] == SPEC
    assert mfpnet("predict", run, "photo.png", "--model", SPEC, "--out", "out") == 0
    assert Path("out/photo_overlay.png").is_file()
    assert "1 predicted, 0 skipped" in capsys.readouterr().out


def test_runs_have_a_folder_that_every_system_can_name() -> None:
    assert mfpnet(*TRAIN, "--model", SPEC, "--epochs", 1) == 0
    assert (Path("runs") / "toys.ToyNet-synthetic" / "weights.safetensors").is_file()


@pytest.mark.usefixtures("_not_imported")
def test_a_file_alone_makes_nobodys_code_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = "belongs to somebody else's network. Its code is not in the file, and is run only if "
    for line in (
        ("evaluate", run, *SMALL),
        ("predict", run, "photo.png"),
        ("train", "--resume", run),
        ("train", "--config", run / "config.yaml", "--out", "other"),
    ):
        assert f"{named}you name it: --model {SPEC}\n" in complaint(capsys, *line)
    with pytest.raises(MfpnetError, match=named):
        load_model(run)
    with pytest.raises(
        MfpnetError, match=r"and --model is toys:stubborn\..* name it: --model toys:T"
    ):
        load_model(run, "toys:stubborn")
    assert mfpnet("info", run) == 0
    assert SPEC in capsys.readouterr().out
    assert read_info(run).variant == SPEC
    assert "toys" not in sys.modules
    assert not Path("imported").exists()
    load_model(run, SPEC)
    assert Path("imported").exists()  # the trap works


def test_our_weights_take_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    said = complaint(capsys, "predict", "mfpnet_fast_camvid", "photo.png", "--model", SPEC)
    assert "mfpnet_fast_camvid.safetensors' belongs to a network of mfpnet itself" in said
    assert f"leave out --model {SPEC}" in said


def test_stopped_and_resumed_equals_uninterrupted(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []

    def hook(module: nn.Module, inputs: object) -> None:
        """The third step is the first of the second epoch."""
        if isinstance(module, ForeignNetwork):
            calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    given = ("--model", SPEC, "--epochs", 2, "--evaluate-split", "val", "--out", "stopped")
    handle = nn.modules.module.register_module_forward_pre_hook(hook)
    assert mfpnet(*TRAIN, *given) == 130
    handle.remove()
    assert f"mfpnet train --resume stopped --model {SPEC}\n" in capsys.readouterr().err
    assert mfpnet("train", "--resume", "stopped", "--model", SPEC) == 0
    name = "weights.safetensors"
    assert (Path("stopped") / name).read_bytes() == (run / name).read_bytes()
    said = complaint(capsys, *TRAIN, *given)
    assert f"continue it with mfpnet train --resume stopped --model {SPEC}, or" in said


def test_a_config_is_used_with_its_model(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ("train", "--config", run / "config.yaml", "--out", "again")
    said = complaint(capsys, *config, "--model", "toys:stubborn")
    assert "belongs to somebody else's network, and --model is toys:stubborn." in said
    assert mfpnet(*config, "--model", SPEC) == 0
    name = "weights.safetensors"
    assert (Path("again") / name).read_bytes() == (run / name).read_bytes()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"--variant mfpnet_fast --model {SPEC}", "both name the network"),
        ("--model mfpnet_fast", "write package.module:factory. A network of mfpnet itself"),
        (f"--variant {SPEC}", f"--variant is '{SPEC}': give somebody else's network as --model"),
        ("--model toys:ToyNat", "Did you mean 'ToyNet'?"),
        ("--model toys:stubborn", "toys:stubborn returned 5 channels for 11 classes"),
    ],
)
def test_slip_is_explained(line: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected in complaint(capsys, *TRAIN, "--out", "slip", *line.split())
    assert not Path("slip").exists()


def test_training_starts_from_weights_of_the_same_network(run: Path) -> None:
    recipe = Recipe(epochs=1, batch_size=2, crop_size=(32, 64), auxiliary=0.4)
    config = RunConfig(SPEC, "custom", recipe, DataSource("synthetic", "train"), init="run")
    network = build_network(config, CAMVID, torch.device("cpu"))
    assert isinstance(network, ForeignNetwork)  # heads on the decoder's stages are for ours
    expected = load_model(run, SPEC).state_dict()
    found = network.state_dict()
    assert all(torch.equal(found[key], expected[key]) for key in found if "num_" not in key)
    with pytest.raises(MfpnetError, match="from another network"):
        start_from(run, create_network("mfpnet_fast", 11), CAMVID)
    with pytest.raises(MfpnetError, match="from another network"):
        start_from("mfpnet_fast_camvid", network, CAMVID)
