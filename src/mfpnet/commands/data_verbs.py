"""What each action of `mfpnet data` does with its options: call the function of its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mfpnet.data.datasets import problems
from mfpnet.data.source import DRAWN, FOLDER
from mfpnet.errors import MfpnetError
from mfpnet.files import check_free, write_json
from mfpnet.folders.plans import Plan, plan_of
from mfpnet.folders.problems import balance, folder_problems
from mfpnet.folders.scan import Scan, scan
from mfpnet.options.data import CheckOptions, DataChoice, DrawOptions, InspectOptions
from mfpnet.options.importing import ImportOptions
from mfpnet.sources import open_dataset
from mfpnet.training.setups import data_source
from mfpnet.views.runlog import progress_bar
from mfpnet.views.show import ERR, counted, say


def inspect(options: InspectOptions) -> int:
    """`mfpnet data inspect`; 1 when something is wrong with the folder."""
    from mfpnet.folders.inspection import (
        check_writable,
        ignoring,
        only_usable,
        split_anew,
        write_into,
    )
    from mfpnet.folders.inspection import inspect as inspected
    from mfpnet.views.inspection_view import show_inspection, show_problems

    root, classes, channels = _own_folder(options.data)
    lists = options.only_usable or options.new_split
    if options.write:
        check_writable(root, ignore=bool(options.ignore), lists=lists)
    plan = plan_of(root, classes=classes)
    plan = ignoring(plan, options.ignore) if options.ignore else plan
    plan = split_anew(plan) if options.new_split else plan
    found = _scanned(plan, channels)
    if options.only_usable:
        plan = only_usable(plan, found)
        found = replace(found, pairs=tuple(each for each in found.pairs if each.usable))
    wrong = folder_problems(plan, found, root)
    record = inspected(plan, found, wrong, root)
    show_inspection(record)
    show_problems([problem.lines() for problem in wrong])
    for folder in filter(None, (root if options.write else None, options.out)):
        say(f"written to {folder}: {', '.join(write_into(plan, folder))}")
    _write(options.json_file, record)
    return 1 if any(problem.severity == "error" for problem in wrong) else 0


def _own_folder(choice: DataChoice) -> tuple[Path, Path | None, int | None]:
    """The folder, the classes.yaml in place of its own, and the channels that are asked for."""
    source = data_source(choice, "all")
    if source.name != FOLDER or source.root is None:
        raise MfpnetError(f"data inspect is of a folder of your own, and --data is {choice.data}.")
    classes = Path(source.classes) if source.classes else None
    return Path(source.root), classes, source.channels


def _scanned(plan: Plan, channels: int | None) -> Scan:
    total = sum(map(len, plan.parts.values()))
    with progress_bar(ERR, "reading pairs", total) as bar:
        return scan(plan, bar.advance, channels=channels)


def check(options: CheckOptions) -> int:
    """`mfpnet data check`; 1 when it finds errors."""
    if data_source(options.data, options.split or "train").name == FOLDER:
        return _check_folder(options)
    if options.plan:
        raise MfpnetError(
            f"--plan is of a folder of your own, and --data is {options.data.data}: leave it out."
        )
    dataset = open_dataset(data_source(options.data, options.split or "train"))
    found = [text for _, text in problems(dataset) if text]
    for text in found:
        say(text)
    frames = counted(len(dataset), "frame")
    say(f"{dataset.name} {dataset.split}: {frames}, {len(found)} with a problem")
    _write(options.json_file, {"frames": len(dataset), "problems": found})
    return 1 if found else 0


def _check_folder(options: CheckOptions) -> int:
    from mfpnet.views.inspection_view import show_problems

    root, classes, channels = _own_folder(options.data)
    try:
        plan = plan_of(root, options.plan, classes)
    except MfpnetError as error:
        say(f"error: {error}")
        _write(
            options.json_file,
            {"frames": 0, "problems": [{"severity": "error", "what": str(error)}]},
        )
        return 1
    if options.split:
        plan = replace(plan, parts={options.split: tuple(plan.pairs(options.split))})
    found = _scanned(plan, channels)
    wrong = folder_problems(plan, found, root)
    for note in plan.notes:
        say(f"- {note}")
    show_problems([problem.lines() for problem in wrong])
    if shares := balance(plan, found):
        say(f"imbalance: {shares}")
    errors = sum(problem.severity == "error" for problem in wrong)
    frames, warnings = counted(len(found.pairs), "pair"), len(wrong) - errors
    say(f"{root}: {frames}, {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    _write(
        options.json_file,
        {
            "frames": len(found.pairs),
            "imbalance": shares,
            "problems": [problem.as_dict() for problem in wrong],
        },
    )
    return 1 if errors else 0


def draw(options: DrawOptions) -> int:
    """`mfpnet data draw`."""
    from mfpnet.pixels.draw import overlay
    from mfpnet.pixels.pictures import write_png
    from mfpnet.pixels.rgb_view import rgb_view

    source = data_source(options.data, options.split)
    if source.name not in DRAWN:
        raise MfpnetError(
            f"data draw is for --data {' or '.join(DRAWN)}: the others lie on disk already."
        )
    dataset = open_dataset(source)
    scenes, masks, overlays = (
        options.out / f"{options.split}{kind}" for kind in ("", "annot", "_overlay")
    )
    for folder in (scenes, masks, overlays):  # older scenes would stay among the new
        check_free(folder)
    for index in range(len(dataset)):
        image, labels = dataset.load(index)
        file, known = f"{dataset.frame_name(index)}.png", dataset.labels
        write_png(scenes / file, image)
        write_png(masks / file, labels)
        drawn = overlay(rgb_view(image), labels, known.palette, known.classes)
        write_png(overlays / file, drawn)
    say(
        f"{counted(len(dataset), 'scene')} in {options.out}: {scenes.name}, "
        f"{masks.name} (labels), {overlays.name}"
    )
    _write(options.json_file, {"scenes": len(dataset), "folder": str(options.out)})
    return 0


def import_labels(options: ImportOptions) -> int:
    """`mfpnet data import`."""
    from mfpnet.importers.importing import import_labels
    from mfpnet.views.import_view import show_import

    record = import_labels(options)
    show_import(record)
    _write(options.json_file, record)
    return 0


def _write(path: Path | None, record: Any) -> None:
    if path:
        write_json(path, record)
