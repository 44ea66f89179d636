"""What `mfpnet inspect` prints."""

from __future__ import annotations

from pathlib import Path

from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.options.inspect import StudyOptions
from mfpnet.options.verbs import check_at_least
from mfpnet.studies.study import Study
from mfpnet.views.show import announce, progress, say, warn


def inspect(options: StudyOptions) -> int:
    """`mfpnet inspect`."""
    from mfpnet.inspect import (
        check_folder,
        check_names,
        draw_studies,
        inspect,
        load_inspected,
        record_of,
    )
    from mfpnet.studies.picture import drawn_picture, read_picture

    check_at_least(1, steps=options.steps, threads=options.threads)
    check_names(options.only)
    if options.target and not options.image:
        raise MfpnetError("--target is the mask of a picture: give IMAGE too.")
    folder = options.out or Path("runs") / f"inspect-{_name(options.weights)}"
    check_folder(folder)
    network = load_inspected(options.weights)
    if options.image:
        picture = read_picture(network, options.image, options.target)
    else:
        picture = drawn_picture(network)
        if network.info and not network.info.data.startswith("synthetic"):
            warn(
                f"looking at a drawn street, which weights of {network.info.data} have not learnt "
                f"to see: give IMAGE, a picture like those they were trained on."
            )
    if picture.unlabelled:
        instead = "the network's own prediction stands in, or nothing is measured"
        warn(f"{picture.unlabelled}: {instead}")
    studies = inspect(
        network,
        picture,
        only=options.only,
        steps=options.steps,
        threads=options.threads,
        told=announce,
    )
    progress("")
    for study in studies:
        _show(study)
    if options.json_file:
        write_json(options.json_file, record_of(options.weights, picture, studies))
    for path in draw_studies(studies, folder):
        say(f"drawn: {path}")
    return 0


def _name(weights: str) -> str:
    path = Path(weights)
    return path.resolve().name if path.is_dir() else path.name.removesuffix(".safetensors")


def _show(study: Study) -> None:
    say(f"{study.name}:")
    for line in study.lines:
        say(f"  {line}")
    for warning in study.warnings:
        warn(f"  warning: {warning}")
