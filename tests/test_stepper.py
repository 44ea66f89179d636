from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfpnet.errors import MfpnetError
from mfpnet.training.optim import EMA, build_optimizer, poly_factor
from mfpnet.training.stepper import Batch, Stepper, train_one_epoch

TOTAL = 8


def some_batches(count: int, size: int = 2) -> list[Batch]:
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(count, size, 3, 6, 7, generator=generator)
    targets = torch.randint(0, 4, (count, size, 6, 7), generator=generator)
    return list(zip(images, targets, strict=True))


def a_model(*, norm: bool = True) -> nn.Sequential:
    torch.manual_seed(3)
    middle = nn.BatchNorm2d(5) if norm else nn.Tanh()
    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), middle, nn.Conv2d(5, 4, 1))


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1)


def full_stepper(accumulate: int = 1) -> Stepper:
    """Everything that has a state: Adam's moments, warm-up, batch norm and moving average."""
    model = a_model()
    optimizer = build_optimizer(model, "adamw", learning_rate=0.01, weight_decay=0.01, momentum=0.9)
    return Stepper(
        model,
        optimizer,
        total_steps=TOTAL,
        warmup_steps=2,
        accumulate=accumulate,
        ema=EMA(model, 0.9),
    )


def tensors_of(stepper: Stepper) -> list[Tensor]:
    assert stepper.ema is not None
    weights = [*stepper.model.state_dict().values(), *stepper.ema.model.state_dict().values()]
    moments = [v for s in stepper.optimizer.state.values() for v in s.values()]
    return [value.clone() for value in (*weights, *moments)]


def entropy(logits: Tensor, target: Tensor, _: Tensor) -> Tensor:
    return F.cross_entropy(logits, target)


def go(stepper: Stepper, batches: list[Batch]) -> list[float]:
    return [stepper.advance(*batch, entropy).item() for batch in batches]


def test_accumulated_gradients_equal_a_large_batch() -> None:
    small, large = a_model(norm=False), a_model(norm=False)
    # Power 0 keeps the learning rate still, as the two count their steps differently.
    one = Stepper(small, sgd(small), total_steps=8, accumulate=4, power=0.0)
    other = Stepper(large, sgd(large), total_steps=2, power=0.0)
    batches = some_batches(8)
    losses = go(one, batches)
    joined = [
        (torch.cat([b[0] for b in part]), torch.cat([b[1] for b in part]))
        for part in (batches[:4], batches[4:])
    ]
    large_losses = go(other, joined)
    assert sum(losses[:4]) / 4 == pytest.approx(large_losses[0], rel=1e-5)
    for mine, reference in zip(small.parameters(), large.parameters(), strict=True):
        torch.testing.assert_close(mine, reference)


def test_weights_move_only_when_the_gradients_are_complete() -> None:
    model = a_model(norm=False)
    stepper = Stepper(model, sgd(model), total_steps=5, accumulate=2)
    moved, waiting = [], []
    for batch in some_batches(5):
        before = model[0].weight.clone()  # type: ignore[operator]
        go(stepper, [batch])
        moved.append(not torch.equal(before, model[0].weight))  # type: ignore[arg-type]
        waiting.append(stepper.between_updates)
    # The last batch stands alone, and still counts.
    assert moved == [False, True, False, True, True]
    assert waiting == [True, False, True, False, False]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_broken_loss_is_refused_and_the_weights_stay(bad: float) -> None:
    stepper = full_stepper()
    first, second = some_batches(2)
    go(stepper, [first])
    before = [p.detach().clone() for p in stepper.model.parameters()]
    with pytest.raises(MfpnetError, match=r"loss became (nan|inf) at step 1 .*lower the learning"):
        stepper.advance(*second, lambda logits, *_: logits.sum() * 0 + bad)
    assert stepper.step == 1
    for now, then in zip(stepper.model.parameters(), before, strict=True):
        assert torch.equal(now, then)
        assert now.grad is None


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_restored_training_goes_on_bit_exactly(accumulate: int) -> None:
    batches = some_batches(TOTAL)
    straight = full_stepper(accumulate)
    go(straight, batches[:3])
    saved = copy.deepcopy(straight.state())
    losses = go(straight, batches[3:])
    resumed = full_stepper(accumulate)
    go(resumed, batches[5:7])
    resumed.restore(saved)
    assert resumed.step == 3
    assert go(resumed, batches[3:]) == losses
    for mine, reference in zip(tensors_of(resumed), tensors_of(straight), strict=True):
        assert torch.equal(mine, reference)


def test_the_state_of_another_network_is_refused() -> None:
    other = nn.Sequential(nn.Conv2d(3, 9, 1))
    foreign = Stepper(other, sgd(other), total_steps=TOTAL).state()
    with pytest.raises(MfpnetError, match="another network"):
        full_stepper().restore(foreign)


def test_every_group_follows_the_schedule_from_its_own_peak() -> None:
    model = a_model()
    groups = [
        {"params": model[0].parameters(), "lr": 0.1},
        {"params": model[2].parameters(), "lr": 0.4},
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    stepper = Stepper(model, optimizer, total_steps=TOTAL, warmup_steps=3, power=0.5)
    for step, batch in enumerate(some_batches(TOTAL)):
        factor = poly_factor(step, TOTAL, warmup=3, power=0.5)
        assert stepper.learning_rate == pytest.approx(0.1 * factor)
        go(stepper, [batch])
        used = [group["lr"] for group in optimizer.param_groups]
        assert used == pytest.approx([0.1 * factor, 0.4 * factor])
    assert stepper.learning_rate == 0


def test_the_average_moves_with_the_updates() -> None:
    model = a_model()
    ema = EMA(model, 0.9)
    reference = copy.deepcopy(ema)
    stepper = Stepper(model, sgd(model), total_steps=4, accumulate=2, ema=ema)
    for number, batch in enumerate(some_batches(4)):
        go(stepper, [batch])
        if number % 2:
            reference.update(model, number // 2)
        for mine, expected in zip(
            ema.model.parameters(), reference.model.parameters(), strict=True
        ):
            assert torch.equal(mine, expected)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_autocast_is_for_the_network_only(dtype: torch.dtype | None) -> None:
    model = a_model()
    seen: list[torch.dtype] = []

    def criterion(logits: Tensor, target: Tensor, _: Tensor) -> Tensor:
        seen.extend((logits.dtype, (logits.float() @ logits.float().mT).dtype))
        return F.cross_entropy(logits.float(), target)

    stepper = Stepper(model, sgd(model), total_steps=1, dtype=dtype)
    loss = stepper.advance(*some_batches(1)[0], criterion)
    assert seen == [dtype or torch.float32, torch.float32]
    assert not loss.requires_grad
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_an_epoch_sees_every_batch_in_training_mode() -> None:
    stepper = full_stepper()
    stepper.model.eval()
    losses: list[float] = []

    def on_step(loss: Tensor) -> bool:
        losses.append(loss.item())
        return False

    assert train_one_epoch(some_batches(5), stepper, entropy, on_step)
    assert stepper.model.training
    assert losses == go(full_stepper(), some_batches(5))
    assert stepper.step == 5


def test_an_epoch_stops_early_but_never_between_updates() -> None:
    model = a_model()
    stepper = Stepper(model, sgd(model), total_steps=9, accumulate=3)
    assert not train_one_epoch(some_batches(9), stepper, entropy, lambda _: True)
    assert stepper.step == 3
