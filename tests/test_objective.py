from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from mfpnet.recipes import Recipe
from mfpnet.training.losses import cross_entropy, distillation
from mfpnet.training.lovasz import lovasz_softmax
from mfpnet.training.objective import Objective
from mfpnet.training.teachers import Teacher, Teachers

VOID, CLASSES = 9, 4
PLAIN = Recipe(epochs=1, batch_size=2, crop_size=(32, 32))
WEIGHT = torch.tensor([1.0, 2.0, 3.0, 4.0])


def a_batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, CLASSES, 6, 8, generator=generator)
    target = torch.randint(0, CLASSES, (2, 6, 8), generator=generator)
    target[0, :2] = VOID
    return logits, target, torch.randn(2, 3, 6, 8, generator=generator)


def objective(
    progress: float = 0.0, teachers: Teachers | None = None, **changes: object
) -> Objective:
    recipe = dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]
    return Objective(
        recipe, weight=WEIGHT, ignore_index=VOID, progress=lambda: progress, teachers=teachers
    )


def entropy(logits: Tensor, target: Tensor) -> Tensor:
    return cross_entropy(logits, target, weight=WEIGHT, ignore_index=VOID)


class Opinion(torch.nn.Module):
    """Says the same of every picture, and remembers what it was shown."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.shown = torch.empty(0)

    def forward(self, image: Tensor, stride: int = 1) -> Tensor:
        self.shown = image
        return self.logits[:, :, ::stride, ::stride]


def teachers_of(*opinions: Opinion, temperature: float = 1.0) -> Teachers:
    ones, zeros = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
    return Teachers(
        [Teacher(each, ones, zeros) for each in opinions], temperature=temperature, dtype=None
    )


def test_plain_is_weighted_cross_entropy() -> None:
    logits, target, images = a_batch()
    loss = objective()(logits, target, images)
    assert loss.item() == pytest.approx(entropy(logits, target).item())


@pytest.mark.parametrize(("progress", "counts"), [(0.0, 0), (0.49, 0), (0.5, 1), (1.0, 1)])
def test_lovasz_counts_in_its_part_of_the_training(progress: float, counts: int) -> None:
    logits, target, images = a_batch()
    loss = objective(progress, lovasz=0.7, lovasz_from=0.5)(logits, target, images)
    smooth = lovasz_softmax(logits, target, ignore_index=VOID).item()
    assert loss.item() == pytest.approx(entropy(logits, target).item() + counts * 0.7 * smooth)


def test_auxiliary_heads_count_by_their_weight() -> None:
    logits, target, images = a_batch()
    other = a_batch(1)[0]
    loss = objective(auxiliary=0.3)((logits, other, other), target, images)
    expected = entropy(logits, target) + 0.6 * entropy(other, target)
    assert loss.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_targets_and_teachers_share_the_loss(share: float) -> None:
    logits, target, images = a_batch()
    opinion = a_batch(1)[0]
    loss = objective(teachers=teachers_of(Opinion(opinion)), distillation=share)(
        logits, target, images
    )
    everywhere = torch.ones(2, 6, 8, dtype=torch.bool)
    soft = distillation(logits, opinion.softmax(dim=1), everywhere)
    expected = (1 - share) * entropy(logits, target) + share * soft
    assert loss.item() == pytest.approx(expected.item())


def test_several_teachers_are_averaged_as_probabilities() -> None:
    _, _, images = a_batch()
    opinions = [a_batch(seed)[0] for seed in (1, 2)]
    mean = teachers_of(*(Opinion(each) for each in opinions), temperature=2.0)(images)
    expected = sum((each / 2).softmax(dim=1) for each in opinions) / 2
    torch.testing.assert_close(mean, expected)
    assert not mean.requires_grad


def test_what_lies_outside_the_frame_is_nobodys_opinion() -> None:
    logits, target, images = a_batch()
    opinion = a_batch(1)[0]
    images[:, :, :3] = 0
    judge = objective(teachers=teachers_of(Opinion(opinion)), distillation=1.0)
    changed = logits.clone()
    changed[:, :, :3] = 17.0
    assert judge(logits, target, images).item() == judge(changed, target, images).item()
    changed[:, 0, 3:] += 1.0
    assert judge(logits, target, images).item() != judge(changed, target, images).item()


def test_a_coarse_loss_asks_a_coarse_opinion() -> None:
    logits, target, images = a_batch()
    small = (logits[:, :, ::2, ::2], target[:, ::2, ::2])
    judge = objective(teachers=teachers_of(Opinion(logits)), distillation=1.0, loss_stride=2)
    assert judge(*small, images).item() == pytest.approx(0, abs=1e-6)


def test_a_teacher_sees_pictures_by_its_own_statistics() -> None:
    _, _, images = a_batch()
    images[:, :, 0] = 0
    opinion = Opinion(a_batch(1)[0])
    teacher = Teacher(opinion, torch.full((3, 1, 1), 2.0), torch.full((3, 1, 1), 0.5))
    Teachers([teacher], temperature=1.0, dtype=None)(images)
    torch.testing.assert_close(opinion.shown[:, :, 1:], 2 * images[:, :, 1:] + 0.5)
    assert not opinion.shown[:, :, 0].any()
