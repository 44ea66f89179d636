"""One interleaved run of everything that is to be compared, at one size and batch size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfpnet.errors import MfpnetError
from mfpnet.exporting.deployed import Deployed
from mfpnet.info import ModelInfo
from mfpnet.measuring.ceilings import Ceilings
from mfpnet.measuring.contenders import contender, requested, runtime_of
from mfpnet.measuring.endtoend import drawn_pictures, end_to_end
from mfpnet.measuring.footprint import footprint
from mfpnet.measuring.profiling import time_shares
from mfpnet.measuring.roofline import Layer, bounds, layers_of, least_time
from mfpnet.measuring.runners import REFERENCE, Job, Runner
from mfpnet.measuring.subjects import Subject
from mfpnet.pixels.pictures import Image
from mfpnet.runtimes.latency import interleaved_times, timing_of
from mfpnet.runtimes.manifest import Output
from mfpnet.synthetic.scenes import draw_scene
from mfpnet.views.benchmark_view import NOISY

Name = tuple[str, str]  # of a network and of a backend
Runners = Mapping[Name, Runner]
_WARMUP = 2
_QUEUED = 10  # runs that a GPU is given at once where its rate is measured


@dataclass(frozen=True)
class Plan:
    """What is measured, and how.

    Attributes:
        subjects: networks and exported files.
        sizes: (H, W) of the pictures; each is a run of its own.
        batch_sizes: pictures at a time, likewise.
        output: `labels` or `logits`.
        device: of PyTorch's backends.
        threads: of the CPU, None for PyTorch's choice.
        rounds: timed runs of each backend.
        only: some backends, all when empty.
        precisions: of weights and features, all when empty.
        compiled: include `torch.compile`.
        pictures: files for the way from a file to a file; drawn streets when empty.
        model_only: leave that way out. It is measured at batch 1.
        layers: record each layer's least time.
        memory: measure peak memory, in a process for each backend.
        profile: record what the time of PyTorch's fastest backend goes to.
    """

    subjects: Sequence[Subject]
    sizes: Sequence[tuple[int, int]] = ((360, 480),)
    batch_sizes: Sequence[int] = (1,)
    output: Output = "labels"
    device: str = "auto"
    threads: int | None = None
    rounds: int = 20
    only: Sequence[str] = ()
    precisions: Sequence[str] = ()
    compiled: bool = False
    pictures: Sequence[Path] = ()
    model_only: bool = False
    layers: bool = False
    memory: bool = False
    profile: bool = False


class Comparison:
    """One run at one size and batch size: `measure` it, then `record` it.

    Args:
        plan: what is to be measured.
        job: what each backend does.
        folder: for exported files and label files.
        say: is told what is being done.
    """

    def __init__(self, plan: Plan, job: Job, folder: Path, say: Callable[[str], None]) -> None:
        self.plan, self.job, self.folder, self.say = plan, job, folder, say
        self.not_measured: list[dict[str, str]] = []
        self.layers: dict[str, list[Layer]] = {}
        self.rows: list[dict[str, Any]] = []

    def measure(self, backends: Sequence[str]) -> None:
        """Start every backend of every network, then let them take turns.

        Raises:
            MfpnetError: a picture cannot be read.
        """
        runners = self._started(backends)
        if not runners:
            return
        batch = _pictures(self.job)
        measured = {network for network, _ in runners}
        networks = [s for s in self.plan.subjects if s.name in measured and s.network is not None]
        self.layers = {subject.name: self._layers(subject, batch) for subject in networks}
        loaded = {name: runner.load(batch) for name, runner in runners.items()}
        equal = _equal_labels(runners, loaded, self._references(runners))
        self.say(f"{self.title}: {len(runners)} in turn ...")
        steps = {name: partial(_once, runner, loaded[name]) for name, runner in runners.items()}
        times = interleaved_times(steps, rounds=self.plan.rounds, warmup=_WARMUP, again=True)
        rates = self._rates(runners, loaded, times)
        whole = self._end_to_end(runners)
        profiled = self._profiles(runners, loaded, times)
        for name, runner in runners.items():
            self.rows.append(
                {
                    "network": name[0],
                    "backend": name[1],
                    "precision": runner.precision,
                    **asdict(timing_of(times[name])),
                    "images_per_second": rates[name],
                    "equal_labels": equal.get(name),
                    "end_to_end": whole.get(name),
                    "profile": profiled.get(name),
                    **self._memory(name),
                }
            )

    @property
    def title(self) -> str:
        """`360x480, batch 1`."""
        return f"{'x'.join(map(str, self.job.size))}, batch {self.job.batch}"

    def record(self, ceilings: Ceilings) -> dict[str, Any]:
        """What was measured, against what the machine can do."""
        return {
            "size": list(self.job.size),
            "batch_size": self.job.batch,
            "gmacs": {n: self._gmacs(layers) for n, layers in self.layers.items()},
            "noisy": sum(row["spread"] > NOISY for row in self.rows),
            "rows": [row | self._roofline(row, ceilings) for row in self.rows],
            "not_measured": self.not_measured,
            "layers": {
                name: bounds(layers, ceilings, "fp32") for name, layers in self.layers.items()
            }
            if self.plan.layers
            else None,
        }

    def _gmacs(self, layers: Sequence[Layer]) -> float:
        """Of one picture, in the form that is deployed."""
        return sum(layer.macs for layer in layers) / 1e9 / self.job.batch

    def _roofline(self, row: dict[str, Any], ceilings: Ceilings) -> dict[str, Any]:
        """The least time for this network in this precision, and its share of the median."""
        layers = self.layers.get(row["network"])
        if not layers or row["precision"] not in ceilings.macs_per_second:
            return {"roofline_ms": None, "roofline_share": None}
        least = least_time(layers, ceilings, row["precision"])
        return {"roofline_ms": least, "roofline_share": least / row["median_ms"]}

    def _started(self, backends: Sequence[str]) -> dict[Name, Runner]:
        """Every runner that can be had; the others are noted."""
        runners = {}
        for subject in self.plan.subjects:
            if subject.absent:
                self._note(subject.name, "any backend", MfpnetError(subject.absent))
                continue
            for backend in [runtime_of(subject.path)] if subject.path else backends:
                self.say(f"{self.title}: starting {subject.name} in {backend} ...")
                try:
                    made = contender(subject, backend, self.job, self.folder)
                    self._check_precision(made)
                except Exception as error:  # a runtime or a compiler can raise anything
                    self._note(subject.name, backend, error)
                else:
                    runners[subject.name, backend] = made
        return runners

    def _check_precision(self, runner: Runner) -> None:
        """That a file is of a precision that is asked for; backends were chosen by theirs."""
        asked = self.plan.precisions
        if asked and runner.precision not in asked:
            raise MfpnetError(f"it is {runner.precision}, and --precision is {' '.join(asked)}.")

    def _references(self, runners: Runners) -> dict[str, str]:
        """For each subject, the network whose labels in eager code its own are compared with.

        For a file that is the network of its variant, trained on the same data; of several the one
        of which all that travels with weights is the same but for scores. Where more than one may
        be it there is none.
        """
        found = {name: name for name, backend in runners if backend == REFERENCE}
        networks = [subject for subject in self.plan.subjects if subject.name in found]
        for (name, _), runner in runners.items():
            alike = [subject for subject in networks if _same_network(subject, runner.info)]
            own = [subject for subject in alike if _same_facts(subject, runner.info)] or alike
            found |= {name: own[0].name} if len(own) == 1 else {}
        return found

    def _note(self, network: str, backend: str, error: Exception) -> None:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = (
            lines[0] if isinstance(error, MfpnetError) else f"{type(error).__name__}: {lines[0]}"
        )
        self.not_measured.append({"network": network, "backend": backend, "reason": reason})

    def _layers(self, subject: Subject, batch: Image) -> list[Layer]:
        assert subject.network is not None
        module = Deployed(subject.network, pixels="uint8", output=self.job.output)
        device = self.job.device
        return layers_of(module.to(device), torch.from_numpy(batch).to(device))

    def _rates(
        self, runners: Runners, loaded: dict[Name, Any], times: dict[Name, list[float]]
    ) -> dict[Name, float]:
        """Pictures per second; a GPU is given several batches before it is waited for."""
        batch, medians = self.job.batch, {n: timing_of(t).median_ms for n, t in times.items()}
        if self.job.device.type == "cpu":
            return {name: 1000 * batch / median for name, median in medians.items()}
        queues = {n: partial(_queue, runner, loaded[n]) for n, runner in runners.items()}
        queued = interleaved_times(queues, rounds=self.plan.rounds, warmup=1)
        return {n: 1000 * batch * _QUEUED / timing_of(t).median_ms for n, t in queued.items()}

    def _end_to_end(self, runners: Runners) -> dict[Name, dict[str, Any]]:
        if self.plan.model_only or self.job.batch != 1:
            return {}
        self.say(f"{self.title}: from picture file to label file ...")
        pictures = self.plan.pictures or drawn_pictures(self.folder)
        return end_to_end(runners, pictures, self.job.size, self.folder, self.plan.rounds)

    def _profiles(
        self, runners: Runners, loaded: dict[Name, Any], times: dict[Name, list[float]]
    ) -> dict[Name, list[dict[str, Any]]]:
        """Of each network, the fastest of PyTorch's own backends."""
        if not self.plan.profile:
            return {}
        fastest: dict[str, Name] = {}
        gpu = self.job.device.type == "cuda"
        for name in sorted(runners, key=lambda name: timing_of(times[name]).median_ms):
            if runners[name].module is not None:
                fastest.setdefault(name[0], name)
        return {
            name: time_shares(runners[name], loaded[name], gpu=gpu) for name in fastest.values()
        }

    def _memory(self, name: Name) -> dict[str, int | None]:
        if not self.plan.memory:
            return {"memory_mib": None, "gpu_memory_mib": None}
        (subject,) = (s for s in self.plan.subjects if s.name == name[0])
        self.say(f"{self.title}: memory of {name[0]} in {name[1]} ...")
        try:
            return footprint(requested(subject, name[1], self.job, self.folder))
        except MfpnetError as error:
            self._note(name[0], f"{name[1]} (memory)", error)
            return {"memory_mib": None, "gpu_memory_mib": None}


def _pictures(job: Job) -> Image:
    """A batch of one drawn street: the labels of a real picture take longer at its edges."""
    return np.repeat(draw_scene(0, job.size).image[None], job.batch, axis=0)


def _once(runner: Runner, loaded: Any) -> None:
    runner.run(loaded)
    runner.wait()


def _queue(runner: Runner, loaded: Any) -> None:
    for _ in range(_QUEUED):
        runner.run(loaded)
    runner.wait()


def _same_network(subject: Subject, info: ModelInfo | None) -> bool:
    """Whether a file's network is this one, as far as is known: random weights are all others."""
    known = subject.network.info if subject.network is not None else None
    if info is None or known is None or info.data == "unknown":
        return False
    return (info.variant, info.data) == (known.variant, known.data)


def _same_facts(subject: Subject, info: ModelInfo | None) -> bool:
    """Whether a file says of its network what this one says of itself, scores left out."""
    known = subject.network.info if subject.network is not None else None
    return known is not None and info is not None and known.unscored() == info.unscored()


def _equal_labels(
    runners: Runners, loaded: dict[Name, Any], references: Mapping[str, str]
) -> dict[Name, float]:
    """The share of pixels to which a backend gives the label that eager code gives."""
    labels = {}
    for name, runner in runners.items():
        answer = np.array(runner.fetch(runner.run(loaded[name])))
        labels[name] = answer.argmax(axis=1) if answer.ndim == 4 else answer
    return {
        name: float((found == labels[references[name[0]], REFERENCE]).mean())
        for name, found in labels.items()
        if name[0] in references
    }
