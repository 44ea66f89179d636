"""What each action of `mfpnet data` does with its options: call the function of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfpnet.data_options import DataOptions
from mfpnet.datasets import problems
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.setups import data_source
from mfpnet.show import counted, say
from mfpnet.sources import open_dataset


def data(options: DataOptions) -> int:
    """`mfpnet data`; 1 when the check finds problems."""
    return _draw(options) if options.action == "draw" else _check(options)


def _check(options: DataOptions) -> int:
    dataset = open_dataset(data_source(options.data, options.split))
    found = [text for _, text in problems(dataset) if text]
    for text in found:
        say(text)
    frames = counted(len(dataset), "frame")
    say(f"{dataset.name} {dataset.split}: {frames}, {len(found)} with a problem")
    _write(options.json_file, {"frames": len(dataset), "problems": found})
    return 1 if found else 0


def _draw(options: DataOptions) -> int:
    from mfpnet.draw import overlay
    from mfpnet.pictures import write_png

    source = data_source(options.data, options.split)
    if source.name != "synthetic":
        raise MfpnetError("data draw is for --data synthetic: the others lie on disk already.")
    dataset = open_dataset(source)
    for index in range(len(dataset)):
        image, labels = dataset.load(index)
        file, known = f"{dataset.frame_name(index)}.png", dataset.labels
        write_png(options.out / options.split / file, image)
        write_png(options.out / f"{options.split}annot" / file, labels)
        drawn = overlay(image, labels, known.palette, known.classes)
        write_png(options.out / f"{options.split}_overlay" / file, drawn)
    say(
        f"{counted(len(dataset), 'scene')} in {options.out}: {options.split}, "
        f"{options.split}annot (labels), {options.split}_overlay"
    )
    _write(options.json_file, {"scenes": len(dataset), "folder": str(options.out)})
    return 0


def _write(path: Path | None, record: Any) -> None:
    if path:
        write_json(path, record)
