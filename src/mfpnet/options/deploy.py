"""What the verbs of deployment take, as data; light, so that `--help` is there at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from mfpnet.options.data import DataChoice
from mfpnet.options.types import Count, File, Flag, Json, Model, Weights


@dataclass(frozen=True)
class BenchmarkOptions:
    """Latency and throughput of networks in every backend that is installed."""

    networks: Annotated[
        Positional[tuple[str, ...]], arg(metavar="[NAME ...]", help_behavior_hint="")
    ] = ()
    """Variants, weights or exported files (.onnx, .xml, ...); both variants when left out."""
    against: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help_behavior_hint="")] = ()
    """Others beside them: MODULE:FACTORY (its code is run), a file, segformer-b0, ..."""
    size: Annotated[
        tuple[str, ...],
        arg(metavar="HxW [HxW ...]", help_behavior_hint="(default: 360x480; of a file, its own)"),
    ] = ()
    """Height and width of the pictures; several are measured one after another."""
    batch_size: Annotated[
        tuple[int, ...], arg(metavar="N [N ...]", help_behavior_hint="(default: 1; training 8)")
    ] = ()
    """Pictures at a time; several are measured one after another."""
    output: Literal["labels", "logits"] = "labels"
    """What every backend owes."""
    only: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help_behavior_hint="")] = ()
    """Some backends (eager, openvino, ...); with --training, some networks."""
    precision: Annotated[
        tuple[Literal["fp32", "bf16", "fp16", "int8"], ...],
        arg(metavar="{fp32,bf16,fp16,int8} [...]", help_behavior_hint=""),
    ] = ()
    """Backends and exported files of these precisions only."""
    compiled: Flag = False
    """Include torch.compile, which takes minutes to start."""
    rounds: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: 20; training 5)")
    ] = None
    """Timed runs of each backend, taken in turn."""
    device: str = "auto"
    """auto, cpu, cuda, ..."""
    threads: Count = None
    """CPU threads; PyTorch's choice when left out."""
    end_to_end: Annotated[
        tuple[str, ...], arg(metavar="IMAGE|FOLDER|GLOB [...]", help_behavior_hint="")
    ] = ()
    """Pictures for the way from file to file; drawn streets when left out."""
    model_only: Flag = False
    """Leave that way out."""
    memory: Flag = False
    """Measure peak memory too, each backend in a process of its own."""
    layers: Flag = False
    """Show each layer's roofline: multiply-accumulates, bytes, least time."""
    profile: Flag = False
    """Show what the time of PyTorch's fastest backend goes to."""
    picture: File = None
    """Draw the latencies as bars (.png, .svg or .pdf; extra `plot`)."""
    scaling: Flag = False
    """Measure against picture size (up to 100 megapixels, in tiles), batch size and threads."""
    training: Flag = False
    """Measure training steps instead: images per second of each variant."""
    json_file: Json = None
    """Write the record as JSON."""


@dataclass(frozen=True)
class ExportOptions:
    """Write weights as a file for another runtime, checked in that runtime before it stays."""

    weights: Weights
    """Bundled name, run folder or .safetensors file."""
    format: Literal["onnx", "openvino", "torch-export", "litert", "executorch"] = "onnx"
    """Written as .onnx, .xml with .bin, .pt2, .tflite, .pte."""
    size: Annotated[
        str | None,
        arg(metavar="HxW|dynamic", help_behavior_hint="(default: of the training frames)"),
    ] = None
    """Height and width of the pictures it takes; dynamic takes any from 32x32 up."""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """fp16 halves the file, int8 quarters it; what that costs is in the report."""
    output: Literal["logits", "labels"] = "logits"
    """logits: float32 (N, classes, H, W); labels: uint8 (N, H, W), faster."""
    pixels: Annotated[
        Literal["uint8", "uint16", "float"] | None,
        arg(metavar="{uint8,uint16,float}", help_behavior_hint="(default: the network's bits)"),
    ] = None
    """Pictures as integers (N, H, W, channels), or as float32 (N, channels, H, W), 0 to 1."""
    batch: Annotated[int, arg(metavar="N")] = 1
    """Pictures that it takes at once."""
    out: Annotated[
        Path | None,
        arg(metavar="FILE", help_behavior_hint="(default: WEIGHTS-SIZE-PRECISION.SUFFIX)"),
    ] = None
    """The file; its report is FILE.report.json. The default's PRECISION is followed by -labels,
    -float or -batchN where those are asked for."""
    model: Model = None
    """Of weights of somebody else's network: the code of that name is imported and run."""
    data: OmitArgPrefixes[DataChoice] = field(default_factory=DataChoice)
    calibrate: Annotated[int, arg(metavar="N")] = 80
    """Frames that int8 is calibrated and searched on, spread over --calibrate-split."""
    calibrate_split: Annotated[str, arg(metavar="STR")] = "train"
    """Where they are from: what the weights were trained on."""
    split: str = "test"
    """What int8 is scored on, once, at the end; with camvid, other files are checked on it too:
    train, val, test, train+val, train/0006R0 (one drive), train-0006R0 (all but that one)."""
    max_drop: Annotated[float, arg(metavar="X")] = 0.5
    """Points of mIoU that int8 may cost there; a file that costs more is not written."""
    threads: Count = None
    """CPU threads while it is checked; PyTorch's choice when left out."""
    json_file: Json = None
    """Write the report here too."""
