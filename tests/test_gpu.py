"""What only a GPU can show; skipped where there is none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from rich.console import Console

from mfpnet.benchmark import benchmark
from mfpnet.data.source import DataSource
from mfpnet.measuring.comparison import Plan
from mfpnet.measuring.contenders import contender
from mfpnet.measuring.runners import ON_GPU, Job
from mfpnet.measuring.subjects import subjects_of
from mfpnet.measuring.throughput import training_throughput
from mfpnet.measuring.trainee import Setting, Trainee
from mfpnet.pixels.resizing import resize_image
from mfpnet.predict import Predictor
from mfpnet.recipes import OptimizerName, Precision, Recipe
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.train import train
from mfpnet.training.interrupt import StopRequest
from mfpnet.training.losses import cross_entropy
from mfpnet.training.lovasz import lovasz_softmax
from mfpnet.training.optim import build_optimizer
from mfpnet.training.runs import CONFIG_FILE, RunConfig, write_config
from mfpnet.training.session import augmented_batches, objective_of, open_session
from mfpnet.transforms import Augmentation, augment
from mfpnet.views.runlog import read_metrics

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

CONFIG = RunConfig(
    variant="mfpnet_fast",
    recipe_name="custom",
    recipe=Recipe(
        epochs=2, batch_size=4, crop_size=(64, 96), ema=0.9, colour=0.2, ohem_threshold=0.7
    ),
    data=DataSource("synthetic", "train", count=16, size=(64, 96)),
    evaluate_on=DataSource("synthetic", "val", count=2, size=(64, 96)),
    device="cuda",
)
# A process of its own: cuBLAS looks only once at what makes it deterministic.
DETERMINISTIC = """
import signal, sys
from pathlib import Path
from mfpnet.training.runs import read_config
from mfpnet.training.stepper import Stepper
from mfpnet.train import train

folder, stop_in = Path(sys.argv[1]), int(sys.argv[2])
advance = Stepper.advance

def advance_or_stop(stepper, *arguments):
    if stepper.step + 1 == stop_in:
        signal.raise_signal(signal.SIGINT)
    return advance(stepper, *arguments)

Stepper.advance = advance_or_stop
resume = (folder / "checkpoint.pt").exists()
train(read_config(folder / "config.yaml"), folder, resume=resume)
"""


@contextmanager
def waiting_is_an_error() -> Iterator[None]:
    """PyTorch refuses what makes the program wait for the GPU."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16", "fp16"])
def test_it_trains_in_every_precision(precision: Precision, tmp_path: Path) -> None:
    recipe = replace(CONFIG.recipe, precision=precision, epochs=6)
    result = train(replace(CONFIG, recipe=recipe), tmp_path / "run")
    records = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert records[-1]["loss"] < records[0]["loss"]
    assert result["environment"]["device"] == "cuda"
    assert result["environment"]["gpu"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch's own, of itself
def test_it_trains_compiled(tmp_path: Path) -> None:
    recipe = replace(CONFIG.recipe, epochs=6)
    train(replace(CONFIG, recipe=recipe, compile=True), tmp_path / "run")
    records = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert records[-1]["loss"] < records[0]["loss"]


def deterministic_run(folder: Path, *, stop_in: int = 0) -> str:
    """Train, or go on, in a process of its own; what it said."""
    command = [sys.executable, "-c", DETERMINISTIC, str(folder), str(stop_in)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode == 0) is (stop_in == 0), done.stderr
    return done.stderr


def test_a_deterministic_run_resumes_bit_exactly(tmp_path: Path) -> None:
    config = replace(CONFIG, deterministic=True, recipe=replace(CONFIG.recipe, precision="fp32"))
    for name in ("whole", "parts"):
        write_config(tmp_path / name / CONFIG_FILE, config)
    said = deterministic_run(tmp_path / "whole")
    assert "deterministic" not in said
    assert "stopped at step 3 of 8" in deterministic_run(tmp_path / "parts", stop_in=3)
    deterministic_run(tmp_path / "parts")
    whole, parts = (
        (tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert whole == parts


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("optimizer", get_args(OptimizerName))
def test_a_step_does_not_wait_for_the_gpu(tmp_path: Path, optimizer: OptimizerName) -> None:
    recipe = replace(CONFIG.recipe, lovasz=0.5, lovasz_from=0.0, auxiliary=0.4, rare_crops=0.5)
    recipe = replace(recipe, optimizer=optimizer, class_mix=0.5)
    config = replace(CONFIG, recipe=recipe, evaluate_on=None)
    run = open_session(config, tmp_path, Console(quiet=True), StopRequest())
    objective, batches = objective_of(run), augmented_batches(run, 0, 0)
    run.stepper.model.train()
    # The first step prepares what the others use, and checks its loss.
    run.stepper.advance(*next(batches), objective)
    with waiting_is_an_error():
        for images, targets in batches:
            loss = run.stepper.advance(images, targets, objective)
    assert run.stepper.step == 4
    assert loss.isfinite()


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_waiting_would_be_noticed() -> None:
    with waiting_is_an_error(), pytest.raises(RuntimeError, match="synchroniz"):
        torch.ones(1, device="cuda").item()


def test_weights_are_moved_by_one_kernel() -> None:
    optimizers = []
    for device in ("cuda", "cpu"):
        torch.manual_seed(0)
        model = torch.nn.Conv2d(2, 3, 3)
        model.weight.grad, model.bias.grad = torch.randn(3, 2, 3, 3), torch.randn(3)  # type: ignore[union-attr]
        model = model.to(device)
        optimizer = build_optimizer(
            model, "adamw", learning_rate=0.1, weight_decay=0.1, momentum=0.9
        )
        for _ in range(3):
            optimizer.step()
        optimizers.append((optimizer, model.weight.detach().cpu()))
    (fused, ours), (plain, expected) = optimizers
    assert fused.defaults["fused"]
    assert not plain.defaults["fused"]
    assert torch.allclose(ours, expected, atol=1e-5)


def test_muon_moves_as_on_a_cpu_but_for_rounding() -> None:
    moved = []
    for device in ("cuda", "cpu"):
        torch.manual_seed(0)
        model = torch.nn.Conv2d(8, 12, 3)
        gradients = [torch.randn_like(each) for each in model.parameters()]
        before = model.weight.detach().clone()
        model = model.to(device)
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient.to(device)
        build_optimizer(model, "muon", learning_rate=0.1, weight_decay=0.1, momentum=0.9).step()
        moved.append((model.weight.detach().cpu() - before, model.bias))
    (ours, bias), (expected, expected_bias) = moved
    # bfloat16 has three digits, and the iterations carry its rounding on.
    assert (ours - expected).norm() < 0.05 * expected.norm()
    assert bias is not None
    assert expected_bias is not None
    assert torch.allclose(bias.cpu(), expected_bias, atol=1e-5)


def test_augmentation_is_what_it_is_on_a_cpu() -> None:
    images = torch.randint(0, 256, (4, 3, 90, 120), dtype=torch.uint8)
    targets = torch.randint(0, 12, (4, 90, 120), dtype=torch.uint8)
    options = Augmentation((64, 96), (0.5, 2.0), flip=True, colour=0.2, class_mix=0.5)
    made = []
    for device in ("cuda", "cpu"):
        mean = torch.full((3,), 0.4, device=device)
        pixels, marks = augment(
            images.to(device),
            targets.to(device),
            options,
            mean=mean,
            std=mean,
            ignore_index=11,
            generator=torch.Generator().manual_seed(5),
        )
        made.append((pixels.cpu(), marks.cpu()))
    (ours, marks), (expected, right) = made
    assert (ours - expected).abs().mean() < 1e-4
    assert (marks == right).float().mean() > 0.999


@pytest.mark.parametrize("threshold", [None, 0.7])
def test_losses_are_what_they_are_on_a_cpu(threshold: float | None) -> None:
    torch.manual_seed(1)
    logits, target = 3 * torch.randn(2, 11, 40, 50), torch.randint(0, 12, (2, 40, 50))
    weight = torch.rand(11) + 0.5
    found = []
    for device in ("cuda", "cpu"):
        own, marks = logits.to(device).requires_grad_(), target.to(device)
        loss = cross_entropy(
            own, marks, weight=weight.to(device), ignore_index=11, ohem_threshold=threshold
        )
        loss = loss + lovasz_softmax(own, marks, ignore_index=11)
        (gradient,) = torch.autograd.grad(loss, own)
        found.append((loss.item(), gradient.cpu()))
    (ours, gradient), (expected, right) = found
    assert ours == pytest.approx(expected, rel=1e-4)
    assert (gradient - right).norm() < 1e-3 * right.norm()


def test_it_sees_what_a_cpu_sees() -> None:
    image = draw_scene(3).image
    on_gpu, on_cpu = (
        Predictor("mfpnet_fast_camvid", device=d).logits(image)[0].cpu() for d in ("cuda", "cpu")
    )
    first, second = on_cpu.topk(2, dim=0).values
    # A GPU rounds the factors of a convolution to ten bits: a near tie may fall either way.
    decided = first - second > 0.1
    assert decided.float().mean() > 0.9
    assert torch.equal(on_gpu.argmax(dim=0)[decided], on_cpu.argmax(dim=0)[decided])


def test_it_labels_larger_pictures_as_a_cpu_does() -> None:
    image = resize_image(draw_scene(3).image, (700, 1000))
    on_gpu, on_cpu = (
        Predictor("mfpnet_fast_camvid", device=d).predict(image).labels for d in ("cuda", "cpu")
    )
    assert on_gpu.shape == (700, 1000)
    assert (on_gpu == on_cpu).mean() > 0.99


def test_a_cuda_graph_learns_as_eager_code_does() -> None:
    losses = []
    for graphs in (False, True):
        setting = Setting(dtype=torch.bfloat16, graphs=graphs)
        device = torch.device("cuda")
        learner = Trainee("mfpnet_fast", setting, size=(64, 96), batch_size=4, device=device)
        losses.append([learner.step().item() for _ in range(5)])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_throughput_is_measured_in_each_setting() -> None:
    record = training_throughput(
        size=(64, 96),
        batch_sizes=(2,),
        device="cuda",
        rounds=2,
        compiled=False,
        only=("mfpnet_fast",),
    )
    assert record["failed"] == []
    assert [row["setting"] for row in record["rows"]] == [
        "eager fp32",
        "channels last, bf16",
        "channels last, bf16, CUDA graphs",
    ]
    for row in record["rows"]:
        assert row["images_per_second"] > 0
        assert row["peak_memory_mib"] > 0
        shares = (row[f"{phase}_share"] for phase in ("input", "forward", "backward"))
        assert sum(shares) == pytest.approx(1, abs=0.002)


def test_inference_is_measured_in_each_setting() -> None:
    plan = Plan(
        subjects_of(["mfpnet_fast_camvid"]),
        sizes=((64, 96),),
        batch_sizes=(1, 4),
        device="cuda",
        rounds=2,
        compiled=False,
        layers=True,
        profile=True,
    )
    record = benchmark(plan)
    assert set(record["ceilings"]["macs_per_second"]) == {"fp32", "bf16", "fp16"}
    for each in record["comparisons"]:
        assert each["not_measured"] == []
        assert [row["backend"] for row in each["rows"]] == [
            name for name, setting in ON_GPU.items() if not setting.compiled
        ]
        for row in each["rows"]:
            assert row["equal_labels"] > 0.9
            assert row["images_per_second"] > 0
            assert 0 < row["roofline_share"] < 1
        (profile,) = [row["profile"] for row in each["rows"] if row["profile"]]
        assert sum(part["share"] for part in profile) == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_compiled_code_in_a_graph_gives_the_same_labels() -> None:
    (subject,) = subjects_of(["mfpnet_fast_camvid"])
    job = Job((96, 128), 1, "labels", torch.device("cuda"), 1)
    picture = draw_scene(3, (96, 128)).image[None]
    found = []
    for backend in ("eager", "compiled-graphs-bf16"):
        runner = contender(subject, backend, job, Path())
        found.append(runner.fetch(runner.run(runner.load(picture))))
    assert (found[0] == found[1]).mean() > 0.9
