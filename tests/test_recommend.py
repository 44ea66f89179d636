from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from mfpnet.data.pairs import Pair
from mfpnet.errors import MfpnetError
from mfpnet.folders.recommend import Facts, facts_of_pairs, recommend, with_epochs


def test_large_frames_are_scaled_down_and_crops_have_their_shape() -> None:
    recipe = recommend(Facts(300, [(3000, 4000)] * 300, 5))
    assert recipe.shorter_side == 256
    height, width = recipe.crop_size
    assert (height, width) == (192, 256)
    assert recipe.batch_size == 8
    wide = recommend(Facts(300, [(1000, 4000)] * 300, 5)).crop_size
    assert wide[1] > 3 * wide[0]
    assert wide[0] * wide[1] == pytest.approx(height * width, rel=0.15)


def test_a_gpu_sees_more_of_them() -> None:
    recipe = recommend(Facts(300, [(3000, 4000)], 5), gpu=True)
    assert recipe.shorter_side == 512
    assert recipe.crop_size == (448, 592)


@pytest.mark.parametrize("size", [(20, 20), (7, 300), (40, 33)])
def test_tiny_frames_can_be_trained_on(size: tuple[int, int]) -> None:
    recipe = recommend(Facts(3, [size], 2))
    assert min(recipe.crop_size) >= 32
    assert recipe.batch_size == 3


def test_what_is_typical_decides() -> None:
    sizes = [(100, 150)] * 5 + [(3000, 4000), (20, 20)]
    assert recommend(Facts(7, sizes, 2)).shorter_side == 100


def test_logits_of_many_classes_stay_bounded() -> None:
    few, many = (recommend(Facts(100, [(500, 500)], classes)) for classes in (20, 1000))
    assert (few.loss_stride, few.lovasz) == (2, 0.5)
    assert many.lovasz == 0
    height, width = many.crop_size
    assert 8 * 1000 * height * width / many.loss_stride**2 <= 40_000_000


@pytest.mark.parametrize("epochs", [0, 1, 400])
def test_average_and_warm_up_fit_the_length(epochs: int) -> None:
    recipe = with_epochs(recommend(Facts(80, [(200, 300)], 3)), 80, epochs)
    assert recipe.epochs == max(epochs, 1)
    assert recipe.warmup_epochs < recipe.epochs
    steps = recipe.epochs * 10
    assert 1 / (1 - recipe.ema) <= max(steps / 5, 10) + 1e-6


def test_sizes_come_from_the_masks(tmp_path: Path) -> None:
    pairs = []
    for width in (40, 50):
        mask = tmp_path / f"{width}.png"
        PIL.Image.new("L", (width, 30)).save(mask)
        pairs.append(Pair(tmp_path / "no.jpg", mask, mask.stem, "all"))
    assert facts_of_pairs(pairs, 4) == Facts(2, [(30, 40), (30, 50)], 4)
    with pytest.raises(MfpnetError, match="no frame to train on"):
        facts_of_pairs([], 4)
