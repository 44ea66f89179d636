"""Batches learnt from in parts: what is common to them, what is not, and that nothing is lost."""

from __future__ import annotations

import copy
import dataclasses
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfpnet.errors import MfpnetError
from mfpnet.exact_dilation import with_exact_dilation
from mfpnet.model import MFPNet
from mfpnet.training.auxiliary import AuxiliaryHeads
from mfpnet.training.building import build_stepper
from mfpnet.training.optim import EMA, build_optimizer
from mfpnet.training.replicas import Replicas, compile_steps, count_parts
from mfpnet.training.stepper import Stepper
from mfpnet.variants import create_model
from samples import RUN, TINY


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def small(*, norm: bool = False) -> nn.Sequential:
    torch.manual_seed(3)
    middle = nn.BatchNorm2d(5) if norm else nn.Tanh()
    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), middle, nn.Conv2d(5, 4, 1))


def batch(size: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 3, 32, 48, generator=generator)
    return images, torch.randint(0, 4, (size, 32, 48), generator=generator)


def entropy(logits: Tensor | tuple[Tensor, ...], targets: Tensor, _: Tensor) -> Tensor:
    logits = (logits,) if isinstance(logits, Tensor) else logits
    return torch.stack([F.cross_entropy(each, targets) for each in logits]).sum()


def backward(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    loss = F.cross_entropy(network(images), targets) * len(images) / 8
    loss.backward()
    return loss.detach()


def stepper_of(model: nn.Module, parts: int, accumulate: int = 1) -> Stepper:
    optimizer = build_optimizer(model, "muon", learning_rate=0.01, weight_decay=0.01, momentum=0.9)
    return Stepper(
        model, optimizer, total_steps=8, ema=EMA(model, 0.9), parts=parts, accumulate=accumulate
    )


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_without_batch_statistics_parts_learn_what_the_whole_batch_learns(parts: int) -> None:
    whole, parted = small(), small()
    loss = backward(whole, *batch())
    assert Replicas(parted, parts).learn(backward, *batch()) == pytest.approx(loss.item(), rel=1e-5)
    for ours, theirs in zip(whole.parameters(), parted.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_gradients_add_up_over_batches() -> None:
    whole, parted = small(), small()
    replicas = Replicas(parted, 2)
    for seed in (0, 1):
        backward(whole, *batch(seed=seed))
        replicas.learn(backward, *batch(seed=seed))
    for ours, theirs in zip(whole.parameters(), parted.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_statistics_are_the_mean_of_the_parts() -> None:
    alone = [small(norm=True) for _ in range(2)]
    parted = small(norm=True)
    images, targets = batch()
    Replicas(parted, 2).learn(backward, images, targets)
    for network, part in zip(alone, images.chunk(2), strict=True):
        network(part)
    ours, first, second = (each[1].state_dict() for each in (parted, *alone))
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(ours[name], (first[name] + second[name]) / 2)
    assert ours["num_batches_tracked"] == 1


def test_each_part_has_a_thread_of_its_own() -> None:
    both = threading.Barrier(2, timeout=30)
    seen = []

    def work(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
        both.wait()  # breaks where one part waits for the other to end
        seen.append((threading.get_ident(), torch.get_num_threads(), len(images)))
        return backward(network, images, targets)

    Replicas(small(), 2).learn(work, *batch())
    idents, threads, sizes = zip(*seen, strict=True)
    assert len({*idents, threading.get_ident()}) == 3
    assert threads == (1, 1)
    assert sizes == (4, 4)
    assert torch.get_num_threads() == 2


def test_a_training_in_parts_is_the_same_every_time_and_goes_on_bit_for_bit() -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return AuxiliaryHeads(create_model("mfpnet_fast", num_classes=4))

    def steps(stepper: Stepper, seeds: range) -> list[Tensor]:
        stepper.train_mode()
        for seed in seeds:
            stepper.advance(*batch(seed=seed), entropy)
        assert stepper.ema is not None
        return [each.clone() for each in stepper.ema.model.state_dict().values()]

    first = stepper_of(network(), 2)
    steps(first, range(2))
    later = stepper_of(network(), 2)
    later.restore(copy.deepcopy(first.state()))
    ended = steps(first, range(2, 4))
    for other in (steps(later, range(2, 4)), steps(stepper_of(network(), 2), range(4))):
        assert all(torch.equal(a, b) for a, b in zip(ended, other, strict=True))


def test_parts_learn_in_a_real_network_about_what_the_whole_batch_does() -> None:
    gradients = []
    for parts in (1, 2):
        torch.manual_seed(0)
        model = create_model("mfpnet_fast", num_classes=4)
        stepper = stepper_of(model, parts, accumulate=2)
        stepper.train_mode()
        images, targets = batch()
        # Each part is the same pictures, so that the statistics of the parts are the whole's.
        images[4:], targets[4:] = images[:4], targets[:4]
        stepper.advance(images, targets, entropy)
        gradients.append([each.grad for each in model.parameters()])
    for whole, parted in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, parted, rtol=1e-3, atol=1e-5)


def test_frozen_parts_keep_their_statistics() -> None:
    model = small(norm=True)
    model[1].running_mean = torch.tensor([0.1, 0.2, 0.3, 0.7, 1.1])
    model[1].requires_grad_(False)
    before = {name: value.clone() for name, value in model[1].state_dict().items()}
    stepper = Stepper(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        total_steps=8,
        frozen=[model[1]],
        parts=3,
    )
    stepper.train_mode()
    for seed in range(3):
        stepper.advance(*batch(9, seed), entropy)
    after = model[1].state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_loss_that_is_not_finite_stops_it_with_the_weights_from_before() -> None:
    model = small()
    stepper = stepper_of(model, 2)
    before = [each.clone() for each in model.parameters()]
    images, targets = batch()
    images[7] = torch.nan
    with pytest.raises(MfpnetError, match="the loss became nan at step 0"):
        stepper.advance(images, targets, entropy)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("threads", "batch_size", "parts"),
    [(1, 8, 1), (2, 8, 2), (2, 4, 1), (2, 7, 1), (4, 8, 2), (4, 16, 4), (3, 16, 3), (2, 1, 1)],
)
def test_no_part_has_less_than_four_images(threads: int, batch_size: int, parts: int) -> None:
    torch.set_num_threads(threads)
    assert count_parts(batch_size, torch.device("cpu")) == parts
    assert count_parts(batch_size, torch.device("cuda")) == 1


def test_threads_that_come_later_have_as_many_as_before() -> None:
    Replicas(small(), 2).learn(backward, *batch())
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 2


def test_a_part_that_fails_leaves_nothing_behind() -> None:
    model = small()
    replicas = Replicas(model, 2)
    replicas.learn(backward, *batch())
    before = [each.grad.clone() for each in model.parameters() if each.grad is not None]
    ended = []

    def work(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
        if (images == 7).any():
            raise ValueError("seven")
        time.sleep(0.2)
        ended.append(backward(network, images, targets))
        return ended[-1]

    images, targets = batch(seed=1)
    images[0] = 7
    with pytest.raises(ValueError, match="seven"):
        replicas.learn(work, images, targets)
    assert len(ended) == 1  # nobody is at work any more
    for ours, parameter in zip(before, model.parameters(), strict=True):
        assert parameter.grad is not None
        assert torch.equal(ours, parameter.grad)
    assert all(each.grad is None for copied in replicas.copies for each in copied.parameters())


def test_each_part_of_a_compiled_network_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[nn.Module] = []

    def compiling(model: nn.Module, *, dynamic: bool) -> nn.Module:
        assert not dynamic
        given.append(model)
        return model

    monkeypatch.setattr(torch, "compile", compiling)
    model = small()
    stepper = Stepper(model, _sgd(model), total_steps=8, compiled=True, parts=2)
    assert stepper.parts == 2
    assert stepper._replicas is not None
    assert given[-2:] == stepper._replicas.copies


def _sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1)


def test_a_stepper_goes_on_in_as_many_parts() -> None:
    state = stepper_of(small(), 2).state()
    assert state["parts"] == 2
    later = stepper_of(small(), 4)
    later.restore(state)
    assert later.parts == 2
    del state["parts"]  # of a checkpoint from before there were parts
    later.restore(state)
    assert later.parts == 1


@pytest.mark.parametrize(
    ("variant", "wanted", "frames", "parts"),
    [
        ("tiny", None, 60, 2),
        ("tiny", 1, 60, 1),
        ("tiny", 4, 60, 4),
        ("tiny", 4, 3, 3),
        ("tiny", None, 6, 1),
        ("toys:net", None, 60, 1),
        ("toys:net", 2, 60, 2),
    ],
)
def test_a_run_has_the_parts_that_it_wants(
    variant: str, wanted: int | None, frames: int, parts: int
) -> None:
    recipe = dataclasses.replace(RUN.recipe, batch_size=8)
    config = dataclasses.replace(RUN, variant=variant, recipe=recipe, parts=wanted)
    assert build_stepper(config, small(), frames, torch.device("cpu")).parts == parts


# PyTorch's own compiler imports what PyTorch calls deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_parts_learn_what_parts_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced and differentiated as for a compiler, run by PyTorch: no minutes of compilation."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    torch.compiler.reset()
    plain, compiled = small(norm=True), small(norm=True)
    by_hand, by_code = Replicas(plain, 2), Replicas(compiled, 2, compiled=True)
    for size, seed in ((8, 0), (6, 1), (8, 2)):  # another size is another shape
        loss = by_hand.learn(backward, *batch(size, seed))
        assert by_code.learn(backward, *batch(size, seed)) == pytest.approx(loss.item(), rel=1e-5)
    for ours, theirs in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    for name, value in plain.named_buffers():
        torch.testing.assert_close(compiled.get_buffer(name), value)


def test_the_first_part_of_a_new_shape_compiles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two compilations of the same code at once would take twice as long, or clash."""
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)
    running, most = 0, []
    lock = threading.Lock()

    def work(_: object, images: Tensor, targets: Tensor) -> Tensor:
        nonlocal running
        with lock:
            running += 1
            most.append(running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return targets.float().mean()

    replicas = Replicas(small(), 2, compiled=True)
    for size, expected in ((8, 1), (8, 2), (6, 1), (6, 2)):
        most.clear()
        replicas.learn(work, *batch(size))
        assert max(most) == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_gradients_in_bf16_are_near_those_in_fp32() -> None:
    """Dilated kernels included, by the compiler that trains."""
    torch.compiler.reset()
    images = batch(4)[0].contiguous(memory_format=torch.channels_last)
    found = []
    for compiled in (False, True):
        torch.manual_seed(0)
        network = with_exact_dilation(MFPNet(TINY)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        forward = compile_steps(network) if compiled else network
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=compiled):
            logits = forward(images)
        logits.float().square().mean().backward()
        found.append([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    exact, rounded = map(torch.cat, found)
    assert F.cosine_similarity(exact, rounded, dim=0) > 0.95
