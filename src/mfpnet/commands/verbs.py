"""What each verb does with its options: call the function of its name, print what it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfpnet.commands.facts import every_name, facts_of
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.options import verbs as given
from mfpnet.options.evaluate import EvaluateOptions
from mfpnet.options.verbs import check_at_least, parse_tile
from mfpnet.training.lock import alone_in
from mfpnet.training.new_run import new_run, run_name
from mfpnet.training.settled import config_to_resume
from mfpnet.views.show import (
    ERR,
    percent,
    say,
    show_card,
    show_facts,
    show_scores,
    warn,
)


def train(options: given.TrainOptions) -> int:
    """`mfpnet train`."""
    from mfpnet.train import CURVES_FILE, train

    check_at_least(0, evaluate_every=options.evaluate_every, evaluate_last=options.evaluate_last)
    check_at_least(1, threads=options.threads)
    folder = options.resume or options.out or _fresh_folder(run_name(options))
    resumed = config_to_resume(options, folder) if options.resume else None
    with alone_in(folder):
        config = resumed or new_run(options, folder, say)
        result = train(config, folder, resume=resumed is not None, console=ERR)
    _write(options.json_file, result)  # first: nothing that takes an hour hangs on a table
    if result["evaluation"]:
        show_scores(result["evaluation"])
    say(f"weights, result and {CURVES_FILE} are in {folder}")
    return 0


def evaluate(options: EvaluateOptions) -> int:
    """`mfpnet evaluate`."""
    if options.corruptions:
        return _evaluate_corrupted(options)
    from mfpnet.commands.scoring import draw, save, score, submit_unscored

    if (submitted := submit_unscored(options)) is not None:
        _write(options.json_file, submitted)
        return 0
    scored = score(options)
    _write(options.json_file, scored.record)  # first: drawing can fail
    show_scores(scored.record)
    save(scored)
    draw(scored)
    return 0


def _evaluate_corrupted(options: EvaluateOptions) -> int:
    from mfpnet.commands.stress import draw, show, stress

    stressed = stress(options)
    _write(options.json_file, stressed.record)
    show(stressed)
    draw(stressed)
    return 0


def predict(options: given.PredictOptions) -> int:
    """`mfpnet predict`; 1 when a picture had to be skipped."""
    from mfpnet.picture_files import PictureReport, predict_files
    from mfpnet.pixels.pictures import find_images
    from mfpnet.predict import open_predictor

    if not options.images:
        raise MfpnetError("no picture was named: give files, folders or globs after the weights.")
    if options.out.is_file():
        raise MfpnetError(f"--out is '{options.out}', which is a file: give a folder.")
    # A picture that two arguments name is predicted once.
    pictures = list(dict.fromkeys(path for spec in options.images for path in find_images(spec)))
    predictor = open_predictor(
        options.weights,
        model=options.model,
        device=options.device,
        full_size=options.full_size,
        tile=parse_tile(options.tile, options.overlap),
        overlap=options.overlap,
    )

    def tell(report: PictureReport) -> None:
        if report.error:
            warn(f"skipped: {report.error}")
        else:
            most = sorted(report.fractions.items(), key=lambda item: -item[1])[:3]
            shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in most)
            say(f"{report.picture}: {shares}{_counts(report.instances)}")

    reports = predict_files(predictor, pictures, options.out, on_picture=tell, on_note=warn)
    skipped = sum(report.error is not None for report in reports)
    say(f"{len(reports) - skipped} predicted, {skipped} skipped; results in {options.out}")
    _write(options.json_file, [vars(report) for report in reports])
    return 1 if skipped else 0


def _counts(instances: dict[str, int] | None) -> str:
    """`; objects: car 3, bicyclist 1`, or nothing where they are not told apart."""
    if instances is None:
        return ""
    counts = ", ".join(f"{name} {number}" for name, number in instances.items())
    return f"; objects: {counts or 'none'}"


def demo(options: given.DemoOptions) -> int:
    """`mfpnet demo`."""
    from mfpnet.demo import run_demo

    done = run_demo(options.out or _fresh_folder("demo"), seed=options.seed, console=ERR)
    _write(options.json_file, done.result)
    show_scores(done.result["evaluation"])
    say(f"pictures beside targets and predictions: {done.sheet}")
    say(f"overlays of unseen scenes: {done.folder / 'overlays'}")
    say(f"mIoU on unseen scenes: {percent(done.result['evaluation']['miou'])} %")
    return 0


def info(options: given.InfoOptions) -> int:
    """`mfpnet info`."""
    facts: dict[str, Any]
    if options.name is None:
        facts = {**every_name()}
        show_facts("mfpnet", facts)
        say("mfpnet info NAME shows one of them.")
    else:
        facts = facts_of(options.name)
        show = show_card if "licence" in facts else show_facts
        show(options.name, facts)
    _write(options.json_file, facts)
    return 0


def _fresh_folder(name: str) -> Path:
    """runs/NAME, or the first of runs/NAME-2, -3, ... that is not there."""
    folder, number = Path("runs") / name, 2
    while folder.exists():
        folder, number = Path("runs") / f"{name}-{number}", number + 1
    return folder


def _write(path: Path | None, data: Any) -> None:
    if path:
        write_json(path, data)
