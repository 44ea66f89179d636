"""Somebody else's network: what it may return, what can go wrong, how its weights are kept."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfpnet.checkpoint import load_model, save_weights
from mfpnet.errors import MfpnetError
from mfpnet.foreign import ForeignNetwork, file_name, foreign_network, is_foreign
from mfpnet.info import ModelInfo
from mfpnet.variants import create_network

TOYS = """
from torch import nn

LAYERS = 2


class ToyNet(nn.Sequential):
    def __init__(self, num_classes, width=8):
        convs = nn.Conv2d(3, width, 3, stride=4, padding=1), nn.Conv2d(width, num_classes, 1)
        super().__init__(convs[0], nn.BatchNorm2d(width), convs[1])


def tied(num_classes):
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, num_classes, 1))
    network[1].weight = network[0].weight
    return network


def of_nothing():
    return ToyNet(11)


def failing(num_classes):
    raise OSError("no weights here")


def counting(num_classes):
    return num_classes


def frozen(num_classes):
    return nn.Identity()


class Pooled(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, num_classes, 1), nn.BatchNorm2d(num_classes))

    def forward(self, image):
        return self.head(image.mean((2, 3), keepdim=True))  # the line that is named
"""
SPEC = "toys:ToyNet"


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A current folder with modules in it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "toys.py").write_text(TOYS)
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "needy.py").write_text("import thing_that_nobody_has\n")
    (folder / "slip.py").write_text("def (\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        yield
    for name in ("toys", "broken", "needy", "slip", "page_example"):
        sys.modules.pop(name, None)


class Fixed(nn.Module):
    """Returns what it is given."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    def forward(self, image: Tensor) -> object:
        return self.value


LOGITS = torch.randn(2, 5, 8, 12, generator=torch.Generator().manual_seed(0))
IMAGE = torch.zeros(2, 3, 33, 48)


@pytest.mark.parametrize(
    "returned",
    [LOGITS, (LOGITS, LOGITS.sum()), [LOGITS], {"out": LOGITS, "aux": None}],
    ids=["tensor", "tuple", "list", "dict"],
)
@pytest.mark.parametrize(("stride", "size"), [(1, (33, 48)), (2, (17, 24))])
def test_logits_are_found_and_brought_to_size(
    returned: object, stride: int, size: tuple[int, int]
) -> None:
    network = ForeignNetwork(Fixed(returned), SPEC, 5)
    found = network(IMAGE, stride=stride)
    assert torch.equal(found, F.interpolate(LOGITS, size=size, mode="bilinear"))
    assert network.info is None


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (None, "returned None"),
        ([], "returned a list of nothing"),
        ((3, LOGITS), "returned a tuple of int, Tensor"),
        ({"logits": LOGITS}, "returned a dict with keys 'logits'"),
        (LOGITS[0], r"returned a tensor of shape \(5, 8, 12\)"),
        ("logits", "returned a value of type str"),
        (LOGITS[:, :4], "returned 4 channels for 5 classes: its factory must use num_classes"),
    ],
)
def test_anything_else_is_named(returned: object, text: str) -> None:
    with pytest.raises(MfpnetError, match=f"toys:ToyNet {text}"):
        ForeignNetwork(Fixed(returned), SPEC, 5)(IMAGE)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("toy:ToyNet", "there is no module 'toy' for toy:ToyNet, neither in the current folder"),
        ("toys.deep:ToyNet", "there is no module 'toys.deep' for"),
        ("toys:ToyNat", "unknown factory in module toys: 'ToyNat'. Did you mean 'ToyNet'?"),
        ("toys:LAYERS", "'LAYERS' of module toys is a value of type int and cannot be called"),
        ("toys:of_nothing", "toys:of_nothing cannot be called with num_classes alone (got an"),
        ("toys:failing", "toys:failing failed: OSError: no weights here"),
        ("toys:counting", "toys:counting returned a value of type int, not a torch.nn.Module"),
        ("toys:frozen", "toys:frozen returned a network without any parameter to train"),
        ("broken:net", "importing 'broken' failed: ZeroDivisionError: division by zero"),
        ("needy:net", "importing 'needy' failed: ModuleNotFoundError: No module named 'thing_that"),
        ("slip:net", "importing 'slip' failed: SyntaxError: "),
        ("toys:", "'toys:' names no network: write package.module:factory"),
        ("./toys.py:ToyNet", "'./toys.py:ToyNet' names no network"),
        ("toys:ToyNet:x", "'toys:ToyNet:x' names no network"),
    ],
)
def test_unusable_factories_are_explained(spec: str, expected: str) -> None:
    with pytest.raises(MfpnetError) as caught:
        foreign_network(spec, 5)
    assert expected in str(caught.value)


def test_the_cause_and_its_place_are_kept() -> None:
    with pytest.raises(MfpnetError, match=r"broken\.py, line 1\)") as caught:
        foreign_network("broken:net", 5)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(MfpnetError, match=r"toys\.py, line \d+\)") as caught:
        foreign_network("toys:failing", 5)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_failure_in_the_middle_of_a_batch_is_told_with_its_own_line() -> None:
    line = 1 + TOYS[: TOYS.index("# the line")].count("\n")
    with pytest.raises(MfpnetError) as caught:
        foreign_network("toys:Pooled", 5)(IMAGE[:1])
    text = str(caught.value)
    assert text.startswith("toys:Pooled failed on a batch of shape (1, 3, 33, 48): ValueError: ")
    assert text.endswith(f"toys.py, line {line})"), "not PyTorch's own"
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_place_of_an_error_is_in_no_code_of_ours() -> None:
    with pytest.raises(MfpnetError) as caught:
        ForeignNetwork(nn.Sequential(nn.Conv2d(5, 5, 1)), SPEC, 5)(IMAGE)
    text = str(caught.value)
    assert text.startswith("toys:ToyNet failed on a batch of shape (2, 3, 33, 48): RuntimeError")
    assert "foreign.py" not in text


def test_one_function_creates_ours_and_theirs() -> None:
    theirs = create_network(SPEC, 7)
    assert isinstance(theirs, ForeignNetwork)
    assert (theirs.spec, theirs.network[-1].out_channels) == (SPEC, 7)  # type: ignore[index]
    ours = create_network("mfpnet_fast", 7)
    assert not isinstance(ours, ForeignNetwork)
    assert ours.config.num_classes == 7
    assert (is_foreign(SPEC), is_foreign("mfpnet_fast")) == (True, False)
    assert file_name(SPEC) == "toys.ToyNet"


def test_the_example_of_the_page_is_one() -> None:
    page = (Path(__file__).parents[1] / "docs" / "foreign.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    Path("page_example.py").write_text(code)
    network = foreign_network("page_example:TinyNet", 5)
    assert network(torch.zeros(2, 3, 33, 48)).shape == (2, 5, 33, 48)


INFO = ModelInfo(
    variant=SPEC,
    classes=("road", "sky"),
    palette=((0, 0, 0), (255, 255, 255)),
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    ignore_index=255,
    input_size=(32, 32),
)


@pytest.mark.parametrize("spec", [SPEC, "toys:tied"])
def test_loaded_network_is_the_saved_one(spec: str, tmp_path: Path) -> None:
    network = foreign_network(spec, 2)
    images = torch.randn(2, 3, 32, 48)
    network(images)  # moves the batch norm statistics away from their start
    save_weights(tmp_path / "w.safetensors", network, INFO)
    loaded = load_model(tmp_path / "w.safetensors", spec)
    assert loaded.info == INFO
    assert not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded(images), network.eval()(images))
