"""What a pixel sees through dilations: counts by hand, by the gradient, and the warnings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from inspected import drawn, watched
from mfpnet.model import BRMBlock
from mfpnet.model_config import MFPNetConfig
from mfpnet.studies.gridding import confirmed, equal_blocks, gridding, schedules, stage_evenness
from mfpnet.studies.linearised import centre_gradient, linearised
from mfpnet.studies.path_counts import brm_paths, dilated_paths, evenness
from mfpnet.suites import SUITES
from mfpnet.variants import list_models, variant_config


def test_paths_of_two_pairs_by_hand() -> None:
    row = [1, 1, 2, 1, 2, 1, 1]  # (1 + x + x^2)(1 + x^2 + x^4)
    assert dilated_paths((1, 2)).tolist() == np.outer(row, row).tolist()


def test_paths_of_one_brm_by_hand() -> None:
    row = [1, 2, 3, 2, 1]  # 3x3, then the pair
    reached = np.zeros((9, 9), dtype=int)
    for y in (0, 2, 4):
        for x in (0, 2, 4):
            reached[y : y + 5, x : x + 5] += np.outer(row, row)
    reached[4, 4] += 2  # the identity of the BRM and that of the block
    assert brm_paths((2,)).tolist() == reached.tolist()


def test_many_paths_are_counted_without_overflow() -> None:
    paths = brm_paths((1,) * 12)
    assert paths.sum() == 730**12 + 1 > 2**64


def test_evenness_by_hand() -> None:
    found = evenness(dilated_paths((2,)))  # 1 0 1 0 1 along either axis
    assert (found.side, found.coverage, found.waves) == (5, 9 / 25, 3)
    assert found.unevenness == pytest.approx(np.sqrt(16 / 9))
    assert evenness(dilated_paths((1,))).waves == pytest.approx(1)


@pytest.mark.parametrize("dilations", [(1,), (16,), (2, 4, 8)])
@pytest.mark.parametrize("residual", [True, False])
def test_the_gradient_counts_the_same_paths(dilations: tuple[int, ...], residual: bool) -> None:
    block = linearised(
        BRMBlock(4, dilations, attention=True, residual=not residual, brm_residual=residual)
    )
    paths = brm_paths(dilations, residual=residual, block_residual=not residual)
    image = torch.zeros(1, 4, *paths.shape, dtype=torch.float64)
    assert centre_gradient(block, image).tolist() == paths.astype(float).tolist()


def test_another_schedule_is_not_confirmed() -> None:
    config = variant_config("mfpnet")
    other = replace(config, dilations=((1, 2, 3),) * 3)
    assert not confirmed(other, 1, equal_blocks(config)[0])
    assert not confirmed(replace(config, residual=False), 1, equal_blocks(config)[0])


@pytest.mark.parametrize("name", list_models())
def test_no_shipped_network_has_holes(name: str) -> None:
    config = variant_config(name)
    stages = [stage_evenness(config, number) for number in (1, 2, 3)]
    assert [stage["whole_brms"]["coverage"] for stage in stages] == [1, 1, 1]
    for number, block in enumerate(equal_blocks(config), 1):
        assert confirmed(config, number, block)


@pytest.mark.parametrize("config", [c for suite in SUITES.values() for c in suite.values()])
def test_nor_has_any_network_of_a_fixed_suite(config: MFPNetConfig) -> None:
    stages = [stage_evenness(config, number) for number in (1, 2, 3)]
    assert all(stage["whole_brms"]["coverage"] == 1 for stage in stages)


@pytest.mark.parametrize(("dilations", "share"), [((16, 16, 16), "69.7"), ((16,), "16.4")])
def test_holes_raise_a_warning(dilations: tuple[int, ...], share: str) -> None:
    study = gridding(watched(dilations=((1,), (2,), dilations)))
    side = 2 * sum(d + 2 for d in dilations) + 1
    (warning,) = study.warnings
    name = "-".join(map(str, dilations))
    assert f"Stage 3, dilations {name}: a pixel sees {share} % of its field of {side}x{side}" in (
        warning
    )


def test_the_study_compares_schedules_and_draws_them() -> None:
    study = gridding(watched(dilations=((1, 2, 4),) * 3))
    assert study.warnings == ()
    seen = study.numbers["schedules"]
    assert {name for name, row in seen.items() if row["holes"]} == {"16-16-16"}
    fields = [seen[name]["encoder_field_image_pixels"] for name in ("none", "1-1-1", "doubled")]
    assert fields == sorted(fields)
    texts = drawn(study)
    assert "doubled" in texts
    assert any("whole BRMs" in text for text in texts)


def test_a_schedule_has_as_many_dilations_as_the_network() -> None:
    own = ((1, 2), (4, 8, 16, 16))
    assert schedules(own)["1-2-5"] == ((1, 2), (1, 2, 5, 1))
    assert schedules(own)["halved"] == ((1, 1), (2, 4, 8, 8))
    assert schedules(own)["largest"] == ((2, 2), (16, 16, 16, 16))
