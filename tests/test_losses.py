from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mfpnet.training.losses import class_weights, cross_entropy, distillation

CLASSES, VOID = 5, 5
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 4.0, 8.0])


def a_batch(seed: int = 0, void: float = 0.2) -> tuple[Tensor, Tensor]:
    """Logits (2, 5, 6, 7) and a target with this share of void."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, CLASSES, 6, 7, generator=generator)
    target = torch.randint(0, CLASSES, (2, 6, 7), generator=generator)
    hidden = torch.rand(2, 6, 7, generator=generator) < void
    return logits, target.masked_fill(hidden, VOID)


def pixels_of(logits: Tensor, target: Tensor) -> list[tuple[float, int]]:
    """Probability of the true class and that class, of each counted pixel."""
    probabilities = logits.softmax(dim=1).permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    labels = target.flatten().tolist()
    return [
        (float(probabilities[i, label]), label) for i, label in enumerate(labels) if label != VOID
    ]


def naive_loss(
    logits: Tensor, target: Tensor, threshold: float, min_share: float, weight: Tensor
) -> float:
    """Hard-pixel mining by sorting: below the threshold, and the hardest until there are enough."""
    ranked = sorted(pixels_of(logits, target))
    enough = max(math.ceil(min_share * len(ranked)), 1)
    kept = [pixel for rank, pixel in enumerate(ranked) if pixel[0] <= threshold or rank < enough]
    weights = [float(weight[label]) for _, label in kept]
    losses = [-math.log(probability) for probability, _ in kept]
    return sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("ignore_index", [VOID, 255, -1])
def test_it_is_pytorchs_weighted_mean(weight: Tensor | None, ignore_index: int) -> None:
    logits, target = a_batch()
    target = target.masked_fill(target == VOID, ignore_index)
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    loss = cross_entropy(ours, target, weight=weight, ignore_index=ignore_index)
    expected = F.cross_entropy(theirs, target, weight=weight, ignore_index=ignore_index)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("min_share", [0.0, 1 / 16, 0.5, 1.0])
@pytest.mark.parametrize("void", [0.0, 0.9])
def test_mining_agrees_with_sorting(threshold: float, min_share: float, void: float) -> None:
    for seed in range(3):
        logits, target = a_batch(seed, void)
        loss = cross_entropy(
            logits,
            target,
            weight=WEIGHT,
            ignore_index=VOID,
            ohem_threshold=threshold,
            ohem_min_share=min_share,
        )
        expected = naive_loss(logits, target, threshold, min_share, WEIGHT)
        assert loss.item() == pytest.approx(expected, rel=1e-4)


def kept_pixels(logits: Tensor, target: Tensor, threshold: float, min_share: float) -> Tensor:
    """Which pixels push the logits."""
    leaf = logits.clone().requires_grad_()
    cross_entropy(
        leaf, target, ignore_index=VOID, ohem_threshold=threshold, ohem_min_share=min_share
    ).backward()
    assert leaf.grad is not None
    return leaf.grad.abs().sum(dim=1) > 0


def test_the_share_that_is_kept_is_of_the_counted_pixels() -> None:
    logits, target = a_batch(void=0.0)
    target[1] = VOID
    kept = kept_pixels(logits, target, 0.0, 0.5)
    assert kept[0].sum() == 21
    assert kept[1].sum() == 0


def test_void_is_never_kept_to_fill_up_the_share() -> None:
    logits, target = a_batch(void=0.0)
    target[:] = VOID
    target[0, 2, 3] = 1
    for threshold in (0.0, 1.0):
        assert kept_pixels(logits, target, threshold, 1.0).nonzero().tolist() == [[0, 2, 3]]


def test_only_hard_pixels_push_the_logits() -> None:
    logits, target = a_batch(void=0.0)
    probability = logits.softmax(dim=1).gather(1, target[:, None])[:, 0]
    assert torch.equal(kept_pixels(logits, target, 0.3, 0.0), probability <= 0.3)


@pytest.mark.parametrize("threshold", [None, 0.7])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_a_batch_of_void_has_no_loss_and_no_gradient(
    threshold: float | None, weight: Tensor | None
) -> None:
    logits, target = a_batch()
    logits.requires_grad_()
    target[:] = VOID
    loss = cross_entropy(logits, target, weight=weight, ignore_index=VOID, ohem_threshold=threshold)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("threshold", [None, 0.7])
def test_half_precision_logits_are_computed_in_float32(threshold: float | None) -> None:
    logits, target = a_batch()
    half = logits.bfloat16().requires_grad_()
    loss = cross_entropy(half, target, ignore_index=VOID, ohem_threshold=threshold)
    same = half.detach().float()
    expected = cross_entropy(same, target, ignore_index=VOID, ohem_threshold=threshold)
    assert loss.dtype == torch.float32
    assert loss.item() == expected.item()
    loss.backward()
    assert half.grad is not None
    assert half.grad.dtype == torch.bfloat16


def test_sure_and_wrong_is_finite() -> None:
    logits = torch.full((1, CLASSES, 2, 2), -1e4)
    logits[:, 0] = 1e4
    loss = cross_entropy(logits, torch.ones(1, 2, 2, dtype=torch.long), ignore_index=VOID)
    assert loss.item() == pytest.approx(2e4)


@pytest.mark.parametrize("threshold", [None, 0.7])
def test_a_broken_logit_is_not_hidden(threshold: float | None) -> None:
    logits, target = a_batch(void=0.0)
    logits[0, 0, 0, 0] = math.nan
    loss = cross_entropy(logits, target, ignore_index=VOID, ohem_threshold=threshold)
    assert not torch.isfinite(loss)


def test_class_weights_are_enets() -> None:
    counts = torch.tensor([700, 200, 100, 0])
    expected = [1 / math.log(1.10 + share) for share in (0.7, 0.2, 0.1, 0.0)]
    weights = class_weights(counts)
    assert weights.dtype == torch.float32
    assert weights.tolist() == pytest.approx(expected)
    assert weights[3].item() == pytest.approx(10.49, abs=0.01)


def test_class_weights_do_not_overflow_or_divide_by_nothing() -> None:
    many = class_weights(torch.tensor([2**40, 0]))
    assert many.tolist() == pytest.approx([1 / math.log(2.1), 1 / math.log(1.1)])
    assert torch.isfinite(class_weights(torch.zeros(3, dtype=torch.int64))).all()


def test_distillation_is_the_divergence_from_the_teacher() -> None:
    logits, _ = a_batch(0)
    teacher = a_batch(1)[0].softmax(dim=1)
    student = logits.softmax(dim=1)
    expected = (teacher * (teacher / student).log()).sum(dim=1)
    counted = torch.rand(expected.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    loss = distillation(logits, teacher, counted)
    assert loss.item() == pytest.approx(expected[counted].mean().item(), rel=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_a_pupil_who_agrees_has_nothing_to_learn(temperature: float) -> None:
    logits, target = a_batch()
    logits.requires_grad_()
    teacher = (logits.detach() / temperature).softmax(dim=1)
    loss = distillation(logits, teacher, target >= 0, temperature=temperature)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-7


def test_the_gradient_keeps_its_size_at_any_temperature() -> None:
    logits, target = a_batch()
    teacher = a_batch(1)[0]
    sizes = []
    for temperature in (20.0, 40.0):
        leaf = logits.clone().requires_grad_()
        soft = (teacher / temperature).softmax(dim=1)
        distillation(leaf, soft, target >= 0, temperature=temperature).backward()
        assert leaf.grad is not None
        sizes.append(leaf.grad.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_a_sure_teacher_and_an_empty_picture_are_defined() -> None:
    logits, target = a_batch(void=0.0)
    sure = F.one_hot(target, CLASSES).permute(0, 3, 1, 2).float()
    loss = distillation(logits, sure, torch.ones_like(target, dtype=torch.bool))
    assert loss.item() == pytest.approx(F.cross_entropy(logits, target).item(), rel=1e-5)
    assert distillation(logits, sure, torch.zeros_like(target, dtype=torch.bool)).item() == 0
