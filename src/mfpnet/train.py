"""A training run: data, network, epochs, and the folder in which it all can be read afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from mfpnet import checkpoint
from mfpnet.charts import training_curves
from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.datasets import Dataset, open_dataset
from mfpnet.device import autocast_dtype, choose_device, make_deterministic
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import Evaluation, evaluate
from mfpnet.files import write_json
from mfpnet.frames import FrameStore, batches, load_frames, refuse_overlap
from mfpnet.info import ModelInfo
from mfpnet.interrupt import StopRequest, catch_stop
from mfpnet.losses import class_weights, cross_entropy
from mfpnet.model import MFPNet
from mfpnet.optim import EMA, build_optimizer
from mfpnet.predict import Predictor
from mfpnet.records import environment
from mfpnet.runlog import Bar, MetricsLog, format_seconds, progress_bar
from mfpnet.runs import CONFIG_FILE, RunConfig, write_config
from mfpnet.stepper import Batch, Criterion, Stepper, train_one_epoch
from mfpnet.transforms import Augmentation, augment
from mfpnet.variants import count_parameters, create_model

RESULT_FILE = "result.json"
CURVES_FILE = "curves.png"
# The loss of one batch jumps: the mean of as many is shown.
SHOWN_LOSSES = 50

LICENCES = {
    "camvid": "research use only, as CamVid itself",
    "synthetic": "no limit: the scenes are drawn by mfpnet",
}


class TrainingStoppedError(MfpnetError):
    """The user stopped the run; a checkpoint is left and the text says how to go on."""

    exit_status = 130


@dataclass
class _Run:
    """What the parts of a run share."""

    config: RunConfig
    folder: Path
    console: Console
    device: torch.device
    store: FrameStore
    stepper: Stepper
    info: ModelInfo
    stop: StopRequest
    watch: Dataset | None
    log: MetricsLog = field(init=False)
    losses: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def steps_per_epoch(self) -> int:
        return len(self.store) // self.batch_size

    @property
    def batch_size(self) -> int:
        return min(self.config.recipe.batch_size, len(self.store))

    @property
    def epoch(self) -> int:
        """Epochs seen to their end."""
        return self.stepper.step // self.steps_per_epoch

    @property
    def best_network(self) -> MFPNet:
        """What is evaluated and saved: the averaged network where there is one."""
        ema = self.stepper.ema
        network = ema.model if ema else self.stepper.model
        assert isinstance(network, MFPNet)
        network.info = self.info
        return network


def train(
    config: RunConfig, folder: Path, *, resume: bool = False, console: Console | None = None
) -> dict[str, Any]:
    """Train a network and leave everything about it in a folder.

    The folder gets `config.yaml`, `metrics.jsonl`, `checkpoint.pt`, `weights.safetensors`,
    `result.json` and, with the extra `plot`, `curves.png`.

    Args:
        config: the resolved set-up.
        folder: the run's own.
        resume: continue from the folder's checkpoint, bit-exactly on a CPU with as many threads.
        console: where progress is drawn; standard error by default.

    Returns:
        The record that `result.json` holds.

    Raises:
        TrainingStoppedError: Ctrl-C; a checkpoint is left.
        MfpnetError: bad data, a used folder, a loss that is not finite, a disk that is full.
    """
    console = console or Console(stderr=True)
    if config.threads:
        torch.set_num_threads(config.threads)
    _prepare_folder(folder, config, resume)
    with catch_stop() as stop:
        run = _set_up(config, folder, console, stop)
        if resume:
            _restore(run)
        run.log = MetricsLog(folder, keep_epochs=run.epoch, tensorboard=config.tensorboard)
        while run.stepper.step < run.stepper.total_steps:
            _train_epoch(run)
    return _finish(run)


def _prepare_folder(folder: Path, config: RunConfig, resume: bool) -> None:
    if resume:
        return
    if (folder / CHECKPOINT_FILE).exists():
        raise MfpnetError(
            f"'{folder}' holds a run already: continue it with --resume {folder}, or choose "
            f"another folder with --out."
        )
    write_config(folder / CONFIG_FILE, config)


def _set_up(config: RunConfig, folder: Path, console: Console, stop: StopRequest) -> _Run:
    device = choose_device(config.device)
    if config.deterministic:
        make_deterministic(device)
    store, watch = _read_data(config, device, console)
    torch.manual_seed(config.seed)
    model = create_model(config.variant, num_classes=store.labels.num_classes)
    if config.init:
        checkpoint.copy_weights(config.init, model)
    model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stepper = _stepper(config, model, len(store), device)
    return _Run(config, folder, console, device, store, stepper, _info(config, store), stop, watch)


def _read_data(
    config: RunConfig, device: torch.device, console: Console
) -> tuple[FrameStore, Dataset | None]:
    dataset = open_dataset(config.data)
    with progress_bar(console, f"reading {dataset.name} {dataset.split}", len(dataset)) as bar:
        store = load_frames(
            dataset, device, size=config.recipe.input_size, on_frame=lambda _: bar.advance()
        )
    if config.evaluate_on is None:
        return store, None
    watch = open_dataset(config.evaluate_on)
    if not config.allow_overlap:
        refuse_overlap(store, watch)
    return store, watch


def _stepper(config: RunConfig, model: MFPNet, frames: int, device: torch.device) -> Stepper:
    recipe = config.recipe
    steps_per_epoch = frames // min(recipe.batch_size, frames)
    optimizer = build_optimizer(
        model,
        recipe.optimizer,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
    )
    return Stepper(
        model,
        optimizer,
        total_steps=recipe.epochs * steps_per_epoch,
        warmup_steps=round(recipe.warmup_epochs * steps_per_epoch),
        power=recipe.power,
        accumulate=recipe.accumulate,
        dtype=autocast_dtype(recipe.precision, device),
        loss_stride=recipe.loss_stride,
        ema=EMA(model, recipe.ema) if recipe.ema else None,
        # On a GPU each check waits for all queued work.
        check_every=1 if device.type == "cpu" else 20,
    )


def _info(config: RunConfig, store: FrameStore) -> ModelInfo:
    return ModelInfo(
        variant=config.variant,
        classes=store.labels.classes,
        palette=store.labels.palette,
        mean=tuple(round(value, 4) for value in store.mean.tolist()),
        std=tuple(round(value, 4) for value in store.std.tolist()),
        ignore_index=store.labels.ignore_index,
        input_size=store.size,
        data=config.data.name,
        split=config.data.split,
        recipe=config.recipe_name,
        epochs=config.recipe.epochs,
        licence=LICENCES.get(config.data.name, "that of the training data"),
    )


def _train_epoch(run: _Run) -> None:
    epoch = run.epoch
    first = run.stepper.step - epoch * run.steps_per_epoch
    title = f"epoch {epoch + 1}/{run.config.recipe.epochs}"
    begun = time.perf_counter()
    with progress_bar(run.console, title, run.steps_per_epoch, done=first) as bar:
        ended = train_one_epoch(
            _augmented(run, epoch, first),
            run.stepper,
            _criterion(run),
            lambda loss: _on_step(run, loss, bar, begun, first),
        )
    run.seconds += time.perf_counter() - begun
    if not ended and run.stepper.step % run.steps_per_epoch:
        _leave(run)
    _close_epoch(run)
    if run.stop.asked and run.stepper.step < run.stepper.total_steps:
        _leave(run)


def _augmented(run: _Run, epoch: int, first: int) -> Iterator[Batch]:
    """Augmented batches; each is a function of seed and step alone, so that a run can resume."""
    recipe, store = run.config.recipe, run.store
    whole = epoch >= recipe.epochs - recipe.full_frame_epochs
    crop_size = store.size if whole else recipe.crop_size
    options = Augmentation(crop_size, recipe.scale, recipe.flip, recipe.colour)
    mean, std = (
        torch.tensor(values, device=run.device) for values in (run.info.mean, run.info.std)
    )
    raw = batches(store, run.batch_size, seed=run.config.seed, epoch=epoch, first=first)
    for step, (images, targets) in enumerate(raw, epoch * run.steps_per_epoch + first):
        pixels, marks = augment(
            images,
            targets,
            options,
            mean=mean,
            std=std,
            ignore_index=store.labels.ignore_index,
            generator=torch.Generator().manual_seed(run.config.seed * 1_000_003 + step),
        )
        yield pixels.contiguous(memory_format=torch.channels_last), marks


def _criterion(run: _Run) -> Criterion:
    recipe = run.config.recipe
    weight = class_weights(run.store.pixel_counts).to(run.device) if recipe.class_weights else None

    def criterion(logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(
            logits,
            target,
            weight=weight,
            ignore_index=run.store.labels.ignore_index,
            ohem_threshold=recipe.ohem_threshold,
        )

    return criterion


def _on_step(run: _Run, loss: Tensor, bar: Bar, begun: float, first: int) -> bool:
    run.losses.append(loss)
    done = run.stepper.step - run.epoch * run.steps_per_epoch or run.steps_per_epoch
    rate = (done - first) * run.batch_size / (time.perf_counter() - begun)
    left = (run.stepper.total_steps - run.stepper.step) * run.batch_size / rate
    checked = run.stepper.step % run.stepper.check_every == 0 or done == run.steps_per_epoch
    # Reading the loss waits for a GPU, so there it is shown at the checks only.
    if run.device.type == "cpu" or checked:
        bar.advance_to(done, _progress_text(run, rate, left))
    return run.stop.asked


def _progress_text(run: _Run, rate: float, left: float) -> str:
    loss = torch.stack(run.losses[-SHOWN_LOSSES:]).mean().item()
    speed = f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"
    return (
        f"loss {loss:.3f}  lr {run.stepper.learning_rate:.1e}  {speed} images/s  "
        f"{format_seconds(left)} left"
    )


def _close_epoch(run: _Run) -> None:
    seconds, run.seconds = run.seconds, 0.0
    losses, run.losses = torch.stack(run.losses), []
    run.stepper.check(losses.mean())  # on a GPU the last steps have not been checked yet
    record: dict[str, Any] = {
        "epoch": run.epoch,
        "loss": losses.mean().item(),
        "lr": run.stepper.learning_rate,
        "seconds": round(seconds, 3),
        "images_per_second": round(len(losses) * run.batch_size / seconds, 3),
    }
    every, last = run.config.evaluate_every, run.stepper.step == run.stepper.total_steps
    if run.watch and every and run.epoch % every == 0 and not last:
        record["miou"] = _evaluate(run).scores.miou
    # In this order: a run that resumes drops a record too many, but cannot make up a missing one.
    run.log.add(record)
    _save_state(run)


def _evaluate(run: _Run) -> Evaluation:
    assert run.watch is not None
    predictor = Predictor(run.best_network, device=str(run.device))
    title = f"evaluating {run.watch.name} {run.watch.split}"
    with progress_bar(run.console, title, len(run.watch)) as bar:
        return evaluate(predictor, run.watch, on_frame=lambda _: bar.advance())


def _save_state(run: _Run) -> None:
    state = run.stepper.state() | {
        "losses": [loss.item() for loss in run.losses],
        "seconds": run.seconds,
        "threads": torch.get_num_threads(),
    }
    checkpoint.save_checkpoint(run.folder / CHECKPOINT_FILE, state)


def _restore(run: _Run) -> None:
    state = checkpoint.load_checkpoint(run.folder / CHECKPOINT_FILE)
    run.stepper.restore(state)
    run.losses = [torch.tensor(loss, device=run.device) for loss in state["losses"]]
    run.seconds = float(state["seconds"])
    if run.device.type == "cpu" and state["threads"] != torch.get_num_threads():
        run.console.print(
            f"The run had {state['threads']} threads and goes on with {torch.get_num_threads()}: "
            f"it will not be bit-exact. --threads {state['threads']} makes it so."
        )


def _leave(run: _Run) -> None:
    _save_state(run)
    raise TrainingStoppedError(
        f"stopped at step {run.stepper.step} of {run.stepper.total_steps}. Nothing is lost: "
        f"mfpnet train --resume {run.folder}"
    )


def _finish(run: _Run) -> dict[str, Any]:
    evaluation = _evaluate(run) if run.watch else None
    network = run.best_network
    if evaluation:
        score_on = f"{evaluation.data} {evaluation.split}"
        network.info = replace(run.info, score=evaluation.scores.miou, score_on=score_on)
        run.log.amend({"miou": evaluation.scores.miou})
    checkpoint.save_weights(run.folder / checkpoint.WEIGHTS_FILE, network, network.info or run.info)
    result = {
        "config": asdict(run.config),
        "parameters": count_parameters(network),
        "frames": len(run.store),
        "steps": run.stepper.step,
        "seconds": round(sum(record["seconds"] for record in run.log.records), 1),
        "loss": run.log.records[-1]["loss"],
        "evaluation": evaluation.as_dict() if evaluation else None,
        "environment": environment() | {"threads": torch.get_num_threads()},
    }
    write_json(run.folder / RESULT_FILE, result)
    _draw_curves(run)
    return result


def _draw_curves(run: _Run) -> None:
    try:
        training_curves(run.log.records, run.folder / CURVES_FILE)
    except MfpnetError as error:  # without the extra `plot`; a run is not lost for a picture
        run.console.print(f"{CURVES_FILE} is left out: {error}", markup=False)
