from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mfpnet.training import lovasz
from mfpnet.training.lovasz import LEAST_ERROR, lovasz_softmax

VOID = 3


def jaccard_loss(truth: list[bool], wrong: set[int]) -> float:
    """1 - IoU of one class when these pixels are wrong and all others right."""
    missed = sum(truth[i] for i in wrong)
    false_alarms = len(wrong) - missed
    union = sum(truth) + false_alarms
    return 1 - (sum(truth) - missed) / union


def lovasz_extension(truth: list[bool], errors: list[float]) -> float:
    """The definition: pixels in order of error, each times what it adds to the loss of the set."""
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    total, before = 0.0, 0.0
    for rank, pixel in enumerate(order):
        now = jaccard_loss(truth, set(order[: rank + 1]))
        total += errors[pixel] * (now - before)
        before = now
    return total


def by_definition(logits: Tensor, target: Tensor) -> float:
    probabilities = logits.softmax(dim=1).permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    labels = target.flatten().tolist()
    kept = [i for i, label in enumerate(labels) if label != VOID]
    losses = []
    for label in sorted({labels[i] for i in kept}):
        truth = [labels[i] == label for i in kept]
        shares = [float(probabilities[i, label]) for i in kept]
        errors = [abs(t - p) for t, p in zip(truth, shares, strict=True)]
        losses.append(lovasz_extension(truth, errors))
    return sum(losses) / len(losses)


def a_batch(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, 3, 4, 5, generator=generator)
    return logits, torch.randint(0, 4, (2, 4, 5), generator=generator)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_extension_by_definition(seed: int) -> None:
    logits, target = a_batch(seed)
    loss = lovasz_softmax(logits, target, ignore_index=VOID)
    assert loss.item() == pytest.approx(by_definition(logits, target), rel=1e-5)


@pytest.mark.parametrize("sureness", [3.0, 8.0])
def test_small_errors_are_left_out_and_change_nothing_else(
    sureness: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, 4, (2, 40, 50), generator=generator)
    right = torch.nn.functional.one_hot(target.clamp(max=2), 3).permute(0, 3, 1, 2)
    noise = torch.randn(2, 3, 40, 50, generator=generator)
    found = []
    for least in (-1.0, LEAST_ERROR):
        logits = (sureness * right + 2 * noise).requires_grad_()
        monkeypatch.setattr(lovasz, "LEAST_ERROR", least)
        loss = lovasz_softmax(logits, target, ignore_index=VOID)
        (gradient,) = torch.autograd.grad(loss, logits)
        found.append((loss.item(), gradient))
    assert found[0][0] - LEAST_ERROR < found[1][0] <= found[0][0]
    torch.testing.assert_close(found[0][1], found[1][1], atol=2e-6, rtol=0)
    assert float(found[0][1].abs().max()) > 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_all_classes_at_once_as_on_a_gpu_is_the_same(seed: int) -> None:
    logits, target = a_batch(seed)
    expected = lovasz_softmax(logits, target, ignore_index=VOID)
    labels = target.flatten().where(target.flatten() != VOID, -1)
    found = lovasz._all_at_once(logits.softmax(dim=1).transpose(0, 1).flatten(1), labels)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("wrong", [(), (0,), (1, 2), (0, 1, 2, 3, 4, 5)])
def test_sure_answers_cost_one_minus_the_mean_iou(wrong: tuple[int, ...]) -> None:
    target = torch.tensor([[[0, 0, 0, 1, 1, 1]]])
    answers = target.clone()
    for pixel in wrong:
        answers[0, 0, pixel] = 1 - answers[0, 0, pixel]
    logits = 100 * torch.nn.functional.one_hot(answers, 2).permute(0, 3, 1, 2).float()
    ious = [
        ((answers == c) & (target == c)).sum() / ((answers == c) | (target == c)).sum()
        for c in (0, 1)
    ]
    loss = lovasz_softmax(logits, target, ignore_index=VOID)
    assert loss.item() == pytest.approx(1 - float(sum(ious)) / 2, abs=1e-6)


def test_void_and_absent_classes_do_not_count() -> None:
    logits, target = a_batch(0)
    target[target == 2] = VOID
    loss = lovasz_softmax(logits, target, ignore_index=VOID)
    moved = logits.clone()
    hidden = (target == VOID)[:, None].expand_as(logits)
    moved[hidden] = torch.randn(int(hidden.sum()))
    assert lovasz_softmax(moved, target, ignore_index=VOID).item() == pytest.approx(loss.item())


def test_nothing_counted_is_nothing_to_learn() -> None:
    logits, target = a_batch(0)
    logits.requires_grad_()
    loss = lovasz_softmax(logits, torch.full_like(target, VOID), ignore_index=VOID)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_following_its_gradient_lowers_it() -> None:
    logits, target = a_batch(1)
    losses = []
    logits.requires_grad_()
    for _ in range(30):
        loss = lovasz_softmax(logits, target, ignore_index=VOID)
        (gradient,) = torch.autograd.grad(loss, logits)
        with torch.no_grad():
            logits -= 10 * gradient
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
