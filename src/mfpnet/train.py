"""A training run: data, network, epochs, and the folder in which it all can be read afterwards."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from mfpnet import checkpoint
from mfpnet.checkpoint import CHECKPOINT_FILE
from mfpnet.device import used_device
from mfpnet.errors import MfpnetError
from mfpnet.evaluate import Evaluation, evaluate, with_scores
from mfpnet.files import write_json
from mfpnet.foreign import foreign_name
from mfpnet.predict import Predictor
from mfpnet.records import environment
from mfpnet.training.allocator import keep_freed_memory
from mfpnet.training.interrupt import catch_stop
from mfpnet.training.lock import alone_in
from mfpnet.training.precise_bn import MOST_BATCHES, measure_statistics
from mfpnet.training.run_folder import taken_folder
from mfpnet.training.runs import RunConfig, resume_command, without_places
from mfpnet.training.session import (
    Session,
    augmented_batches,
    objective_of,
    open_session,
    plain_batches,
    restore,
    save_state,
)
from mfpnet.training.stepper import train_one_epoch
from mfpnet.training.transfer import frozen_parts
from mfpnet.variants import Network, count_parameters
from mfpnet.views.run_charts import training_curves
from mfpnet.views.runlog import Bar, MetricsLog, format_seconds, progress_bar

RESULT_FILE = "result.json"
CURVES_FILE = "curves.png"
# The loss of one batch jumps: the mean of as many is shown.
SHOWN_LOSSES = 50
SECONDS_BETWEEN_CHECKPOINTS = 20


class TrainingStoppedError(MfpnetError):
    """The user stopped the run; a checkpoint is left and the text says how to go on."""

    exit_status = 130


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
        MfpnetError: bad data, a used folder or one in use, a loss that is not finite, a disk that
            is full.
    """
    console = console or Console(stderr=True)
    if config.threads:
        torch.set_num_threads(config.threads)
    keep_freed_memory()
    with alone_in(folder), nullcontext() if resume else taken_folder(folder, config):
        return _trained(config, folder, resume, console)


def _trained(config: RunConfig, folder: Path, resume: bool, console: Console) -> dict[str, Any]:
    try:
        with catch_stop(lambda: console.print("stopping after this step ...")) as stop:
            run = open_session(config, folder, console, stop, resume=resume)
            if resume:
                restore(run)
            run.log = MetricsLog(folder, keep_epochs=run.epoch, tensorboard=config.tensorboard)
            if resume and run.stepper.step == run.epoch * run.steps_per_epoch:
                _evaluate_if_due(run)  # the last sitting may have ended in the middle of it
            while run.stepper.step < run.stepper.total_steps:
                _train_epoch(run)
        return _finish(run)
    except KeyboardInterrupt as error:  # the second Ctrl-C, or one outside the steps
        raise TrainingStoppedError(_how_to_go_on(folder, config)) from error


def _train_epoch(run: Session) -> None:
    epoch = run.epoch
    first = run.stepper.step - epoch * run.steps_per_epoch
    title = f"epoch {epoch + 1}/{run.config.recipe.epochs}"
    begun = time.perf_counter()
    with progress_bar(run.console, title, run.steps_per_epoch, done=first) as bar:
        ended = train_one_epoch(
            augmented_batches(run, epoch, first),
            run.stepper,
            objective_of(run),
            lambda loss: _on_step(run, loss, bar, begun, first),
        )
    run.seconds += time.perf_counter() - begun
    if not ended and run.stepper.step % run.steps_per_epoch:
        _leave(run)
    _close_epoch(run)
    if run.stop.asked and run.stepper.step < run.stepper.total_steps:
        _leave(run)


def _on_step(run: Session, loss: Tensor, bar: Bar, begun: float, first: int) -> bool:
    run.losses.append(loss)
    done = run.stepper.step - run.epoch * run.steps_per_epoch or run.steps_per_epoch
    rate = (done - first) * run.batch_size / (time.perf_counter() - begun)
    left = (run.stepper.total_steps - run.stepper.step) * run.batch_size / rate
    checked = run.stepper.step % run.stepper.check_every == 0 or done == run.steps_per_epoch
    # Reading the loss waits for a GPU, so there it is shown at the checks only.
    if run.device.type == "cpu" or checked:
        bar.advance_to(done, _progress_text(run, rate, left))
    return run.stop.asked


def _progress_text(run: Session, rate: float, left: float) -> str:
    loss = torch.stack(run.losses[-SHOWN_LOSSES:]).mean().item()
    speed = f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"
    return (
        f"loss {loss:.3f}  lr {run.stepper.learning_rate:.1e}  {speed} images/s  "
        f"{format_seconds(left)} left"
    )


def _close_epoch(run: Session) -> None:
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
    # In this order: a run that resumes drops a record too many, but cannot make up a missing one.
    run.log.add(record)
    if _is_due(run):
        save_state(run)
    _evaluate_if_due(run)


def _evaluate_if_due(run: Session) -> None:
    scored = not run.log.records or "miou" in run.log.records[-1]
    if run.watch and _is_evaluated(run) and not scored:
        run.log.amend({"miou": _evaluate(run, _network(run)).scores.miou})


def _is_due(run: Session) -> bool:
    """Whether the epoch's end is worth a checkpoint: a GPU's epoch can be shorter than the saving.

    A run that goes on from an older one drops the records that are ahead of it.
    """
    last = run.stepper.step == run.stepper.total_steps
    return last or time.monotonic() - run.saved_at > SECONDS_BETWEEN_CHECKPOINTS


def _is_evaluated(run: Session) -> bool:
    """Whether the epoch that has just ended is evaluated; the last one is when all is over."""
    config, left = run.config, run.config.recipe.epochs - run.epoch
    due = config.evaluate_every and run.epoch % config.evaluate_every == 0
    return bool(due or left < config.evaluate_last) and left > 0


def _evaluate(run: Session, network: Network) -> Evaluation:
    assert run.watch is not None
    predictor = Predictor(network, device=str(run.device))
    title = f"evaluating {run.watch.name} {run.watch.split}"
    with progress_bar(run.console, title, len(run.watch)) as bar:
        return evaluate(predictor, run.watch, on_frame=lambda _: bar.advance())


def _leave(run: Session) -> None:
    save_state(run)
    raise TrainingStoppedError(
        f"stopped at step {run.stepper.step} of {run.stepper.total_steps}. Nothing is lost: "
        f"{resume_command(run.folder, foreign_name(run.config.variant))}"
    )


def _how_to_go_on(folder: Path, config: RunConfig) -> str:
    if (folder / CHECKPOINT_FILE).exists():
        command = resume_command(folder, foreign_name(config.variant))
        return f"stopped at once. Go on from the last checkpoint: {command}"
    return "stopped before there was anything to save."


def _finish(run: Session) -> dict[str, Any]:
    # Before whatever can fail: the weights are there all the same.
    checkpoint.save_weights(
        run.folder / checkpoint.WEIGHTS_FILE, run.unwrapped(run.averaged), run.info
    )
    network = _network(run)
    checkpoint.save_weights(run.folder / checkpoint.WEIGHTS_FILE, network, run.info)
    evaluation = _evaluate(run, network) if run.watch else None
    if evaluation:
        network.info = with_scores(run.info, evaluation)
        run.log.amend({"miou": evaluation.scores.miou})
    checkpoint.save_weights(run.folder / checkpoint.WEIGHTS_FILE, network, network.info or run.info)
    result = {
        "config": asdict(without_places(run.config)),
        "parameters": count_parameters(network),
        "frames": len(run.store),
        "steps": run.stepper.step,
        "parts": run.stepper.parts,
        "seconds": round(sum(record["seconds"] for record in run.log.records), 1),
        "loss": run.log.records[-1]["loss"],
        "evaluation": evaluation.as_dict() if evaluation else None,
        "optimistic": _best_of_last(run),
        "commits": run.commits,
        "environment": environment() | used_device(run.device),
    }
    write_json(run.folder / RESULT_FILE, result)
    _draw_curves(run)
    return result


def _network(run: Session) -> Network:
    """What is evaluated and saved."""
    if not run.config.recipe.precise_bn:
        return run.unwrapped(run.averaged)
    trained = copy.deepcopy(run.averaged)
    network = run.unwrapped(trained)
    kept = frozen_parts(network) if run.config.freeze else ()
    count = min(run.steps_per_epoch, MOST_BATCHES)
    with progress_bar(run.console, "measuring batch-norm statistics", count) as bar:

        def images() -> Iterator[Tensor]:
            for batch, _ in islice(plain_batches(run), count):
                yield batch
                bar.advance()

        measure_statistics(trained, images(), kept=kept)
    return network


def _best_of_last(run: Session) -> dict[str, Any] | None:
    """What papers report that choose a checkpoint on the data which they are scored on."""
    last = run.config.evaluate_last
    if not run.watch or not last:
        return None
    best = max(run.log.records[-last:], key=lambda record: record["miou"])
    return {
        "protocol": f"best of the last {last} epochs, chosen on the data it is scored on",
        "epoch": best["epoch"],
        "miou": best["miou"],
    }


def _draw_curves(run: Session) -> None:
    try:
        training_curves(run.log.records, run.folder / CURVES_FILE)
    except MfpnetError as error:  # without the extra `plot`; a run is not lost for a picture
        run.console.print(f"{CURVES_FILE} is left out: {error}", markup=False)
