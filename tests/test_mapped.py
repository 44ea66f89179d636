from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from known_trees import camvid_tree, idd_tree
from mfpnet.checkpoint import load_model
from mfpnet.cli import main
from mfpnet.data.camvid import CamVid
from mfpnet.data.datasets import load_checked, problems
from mfpnet.data.idd_lite import IDD_LITE, IddLite
from mfpnet.data.map_file import find_map
from mfpnet.data.mapped import Joined, into_target
from mfpnet.data.source import DataSource
from mfpnet.errors import MfpnetError
from mfpnet.known_recipes import RECIPES
from mfpnet.pixels.format import Raster
from mfpnet.pixels.pictures import Labels
from mfpnet.recipes import Recipe
from mfpnet.sources import open_dataset, open_joined
from mfpnet.training.extra_data import extra_sources, moved_extras
from mfpnet.training.runs import read_config, without_places, write_config
from samples import RUN, small_and_fast

SIZE, OTHER = (64, 96), (96, 128)


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    return camvid_tree(tmp_path / "camvid", "train", 3, OTHER)


@pytest.fixture
def idd(tmp_path: Path) -> Path:
    idd_tree(tmp_path / "idd", "val", 2, SIZE, seed=900)
    return idd_tree(tmp_path / "idd", "train", 4, SIZE)


def test_targets_are_carried_class_by_class(camvid: Path) -> None:
    plain = CamVid(camvid)
    mapped = into_target(plain, find_map("camvid-idd_lite"))
    assert (len(mapped), mapped.name, mapped.split) == (3, "camvid", "train")
    assert mapped.labels == IDD_LITE
    (image, target), (same, found) = plain.load(1), load_checked(mapped, 1)
    np.testing.assert_array_equal(image, same)
    by_hand = np.array([6, 5, 4, 0, 1, 5, 4, 4, 3, 2, 2, 255])[target]
    np.testing.assert_array_equal(found, by_hand)
    assert (found == 255).any()


def test_a_partial_map_leaves_the_rest_void(idd: Path) -> None:
    mapped = into_target(IddLite(idd), find_map("idd_lite-camvid"))
    _, plain = IddLite(idd).load(0)
    _, found = load_checked(mapped, 0)
    assert set(np.unique(found)) <= {0, 3, 8, 11}
    np.testing.assert_array_equal(found == 8, plain == 3)
    np.testing.assert_array_equal(found == 11, np.isin(plain, [1, 2, 4, 5, 255]))


def test_frames_keep_their_channels_and_bits(idd: Path) -> None:
    class Bands(IddLite):
        def load(self, index: int) -> tuple[Raster, Labels]:
            image, target = super().load(index)
            return np.dstack([image, image]).astype(np.uint16) * np.uint16(9), target

    bands = Bands(idd)
    image, _ = into_target(bands, find_map("idd_lite-camvid")).load(0)
    assert image.shape[2] == 6
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, bands.load(0)[0])


def test_a_map_from_other_classes_is_refused(idd: Path) -> None:
    with pytest.raises(MfpnetError, match="11 classes of camvid, idd_lite has 7 classes"):
        into_target(IddLite(idd), find_map("camvid-idd_lite"))


def test_joined_data_keeps_names_apart(camvid: Path, idd: Path) -> None:
    mapped = into_target(CamVid(camvid), find_map("camvid-idd_lite"))
    joined = Joined([IddLite(idd), mapped])
    assert (len(joined), joined.name, joined.split) == (7, "idd_lite+camvid", "train")
    assert joined.frame_name(0) == "idd_lite/7/0"
    assert joined.frame_name(4) == "camvid/0001TP_000000"
    assert joined.sequence(6) == "camvid/0001TP"
    assert joined.describe(5) == mapped.describe(1)
    np.testing.assert_array_equal(joined.load(5)[1], mapped.load(1)[1])
    assert [text for _, text in problems(joined) if text] == []


def test_joining_other_classes_says_how(camvid: Path, idd: Path) -> None:
    with pytest.raises(MfpnetError, match="--extra camvid=DIR@camvid-idd_lite"):
        Joined([IddLite(idd), CamVid(camvid)])


def test_a_source_with_a_map_is_mapped(camvid: Path, idd: Path) -> None:
    source = DataSource("camvid", "train", str(camvid), mapping="camvid-idd_lite")
    assert open_dataset(source).labels == IDD_LITE
    joined = open_joined((DataSource("idd_lite", "train", str(idd)), source))
    assert len(joined) == 7
    assert not isinstance(open_joined((source,)), Joined)


def test_extra_data_is_read_off_its_option(camvid: Path) -> None:
    plain, mapped = extra_sources(
        (f"camvid={camvid}", f"camvid:train+val={camvid}@camvid-idd_lite")
    )
    assert plain == DataSource("camvid", "train", str(camvid))
    assert mapped == DataSource("camvid", "train+val", str(camvid), mapping="camvid-idd_lite")


@pytest.mark.parametrize("text", ["camvid", "camvid=", "camvid:=.", "camvid=.@", "camvid=@x"])
def test_extra_data_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(MfpnetError, match=r"write NAME\[:SPLIT\]=DIR\[@MAP\]"):
        extra_sources((text,))


def test_unknown_extra_data_is_refused(camvid: Path) -> None:
    with pytest.raises(MfpnetError, match="Did you mean 'camvid'"):
        extra_sources((f"canvid={camvid}",))
    with pytest.raises(MfpnetError, match="'nowhere' is no folder"):
        extra_sources(("camvid=nowhere",))


def test_extra_data_can_be_moved_by_name(camvid: Path, idd: Path) -> None:
    source = DataSource("camvid", "train", str(camvid), mapping="camvid-idd_lite")
    moved = moved_extras((source,), extra_sources((f"camvid={idd}",)))
    assert moved == (replace(source, root=str(idd)),)
    with pytest.raises(MfpnetError, match="no extra data of that name"):
        moved_extras((source,), extra_sources((f"idd_lite={idd}",)))


def test_of_several_sources_of_one_name_all_are_moved_in_order(camvid: Path, idd: Path) -> None:
    sources = (DataSource("folder", "a", "/old/a"), DataSource("folder", "b", "/old/b"))
    moved = moved_extras(sources, extra_sources((f"folder={idd}", f"folder={camvid}")))
    assert moved == (replace(sources[0], root=str(idd)), replace(sources[1], root=str(camvid)))
    with pytest.raises(MfpnetError, match=r"given 1 times.* has 2 .*order of /old/a, /old/b"):
        moved_extras(sources, extra_sources((f"folder={idd}",)))


def test_extra_data_survives_the_config(tmp_path: Path) -> None:
    own_map = tmp_path / "own.yaml"
    source = DataSource("camvid", "train", "/there", mapping=str(own_map))
    config = replace(RUN, extra=(source, replace(source, name="idd_lite")))
    write_config(tmp_path / "config.yaml", config)
    assert read_config(tmp_path / "config.yaml") == config
    assert without_places(config).extra[0] == replace(source, root=None, mapping="own.yaml")


def test_a_config_with_broken_extra_data_is_refused(tmp_path: Path) -> None:
    write_config(tmp_path / "config.yaml", RUN)
    values = yaml.safe_load((tmp_path / "config.yaml").read_text())
    for extra, text in (([{"nmae": "camvid"}], "nmae is no setting"), ("camvid", "extra is")):
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({**values, "extra": extra}))
        with pytest.raises(MfpnetError, match=text):
            read_config(tmp_path / "config.yaml")


def run_cli(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture
def _tiny_recipe() -> Iterator[None]:
    with small_and_fast() as patch:
        patch.setitem(RECIPES, "tiny", Recipe(epochs=1, batch_size=2, crop_size=(32, 64)))
        yield


@pytest.mark.usefixtures("_tiny_recipe")
def test_training_on_two_data_sets(
    camvid: Path, idd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--variant", "tiny", "--recipe", "tiny", "--threads", 1, "--device", "cpu")
    data = ("--data", "idd_lite", "--root", idd, "--evaluate-split", "val")
    extra = ("--extra", f"camvid={camvid}@camvid-idd_lite")
    out = tmp_path / "run"
    assert run_cli("train", *given, *data, *extra, "--out", out) == 0
    info = load_model(str(out)).info
    assert info is not None
    assert (info.data, info.split, info.classes) == ("idd_lite+camvid", "train", IDD_LITE.classes)
    assert info.input_size == SIZE
    assert info.licence == "research use only, as IDD itself; research use only, as CamVid itself"
    # All of it is there before anything is trained, wherever it was moved.
    moved = camvid.rename(tmp_path / "elsewhere")
    assert run_cli("train", "--resume", out, "--extra", f"camvid={tmp_path / 'idd'}") == 2
    assert run_cli("train", "--resume", out, "--extra", f"camvid={moved}") == 0
    capsys.readouterr()
    assert run_cli("train", *given, *data, "--extra", f"camvid={moved}", "--out", "x") == 2
    assert "--extra camvid=DIR@camvid-idd_lite" in capsys.readouterr().err


@pytest.mark.usefixtures("_tiny_recipe")
def test_a_frame_of_extra_data_is_not_evaluated_on(
    idd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--variant", "tiny", "--recipe", "tiny", "--threads", 1, "--device", "cpu")
    data = ("--data", "idd_lite", "--root", idd, "--evaluate-split", "val")
    code = run_cli(
        "train", *given, *data, "--extra", f"idd_lite:val={idd}", "--out", tmp_path / "r"
    )
    assert code == 2
    assert "2 of 2 frames of idd_lite val are also trained on" in capsys.readouterr().err
