"""What each verb does with its options: call the function of its name, print what it returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mfpnet import options as given
from mfpnet.datasets import DataSource, open_dataset, problems
from mfpnet.errors import MfpnetError
from mfpnet.files import write_json
from mfpnet.options import parse_size
from mfpnet.recipes import RECIPES, Recipe, get_recipe
from mfpnet.runs import CONFIG_FILE, RunConfig, read_config

OUT = Console()
ERR = Console(stderr=True)


def train(options: given.TrainOptions) -> int:
    """`mfpnet train`."""
    from mfpnet.train import CURVES_FILE, train

    if options.resume:
        folder = options.resume
        config = read_config(folder / CONFIG_FILE)
    else:
        config = read_config(options.config) if options.config else _run_config(options)
        folder = options.out or _fresh_folder(f"{config.variant}-{config.data.name}")
    result = train(config, folder, resume=options.resume is not None, console=ERR)
    if result["evaluation"]:
        _print_scores(result["evaluation"])
    OUT.print(f"weights, result and {CURVES_FILE} are in {folder}")
    _write(options.json_file, result)
    return 0


def _run_config(options: given.TrainOptions) -> RunConfig:
    data = _source(options.data, options.split)
    watch = _source(options.data, options.evaluate_split) if options.evaluate_split else None
    if watch and watch.name == "synthetic":
        watch = replace(watch, count=max(watch.count // 5, 1))
    name = options.recipe or options.data.data
    return RunConfig(
        variant=options.variant,
        recipe_name=name,
        recipe=_recipe(name, options),
        data=data,
        evaluate_on=watch,
        evaluate_every=options.evaluate_every,
        init=options.init,
        seed=options.seed,
        device=options.device,
        threads=options.threads,
        deterministic=options.deterministic,
        allow_overlap=options.allow_overlap,
        tensorboard=options.tensorboard,
    )


def _recipe(name: str, options: given.TrainOptions) -> Recipe:
    """The named recipe with what the command line puts in its place."""
    changes: dict[str, Any] = {
        field: getattr(options, field)
        for field in (
            "epochs",
            "batch_size",
            "accumulate",
            "learning_rate",
            "ohem_threshold",
            "precision",
        )
        if getattr(options, field) is not None
    }
    if options.crop_size:
        changes["crop_size"] = parse_size(options.crop_size, "--crop-size")
    return replace(get_recipe(name), **changes)


def evaluate(options: given.EvaluateOptions) -> int:
    """`mfpnet evaluate`."""
    from mfpnet.charts import confusion_picture
    from mfpnet.evaluate import evaluate
    from mfpnet.predict import Predictor
    from mfpnet.records import environment
    from mfpnet.runlog import progress_bar

    predictor = Predictor(options.weights, device=options.device)
    dataset = open_dataset(_source(options.data, options.split))
    title = f"evaluating {dataset.name} {dataset.split}"
    with progress_bar(ERR, title, len(dataset)) as bar:
        evaluation = evaluate(predictor, dataset, on_frame=lambda _: bar.advance())
    record = {
        "weights": predictor.info.as_dict(),
        **evaluation.as_dict(),
        "environment": environment(),
    }
    _print_scores(record)
    if options.picture:
        confusion_picture(evaluation.counts, evaluation.classes, options.picture)
        OUT.print(f"confusion matrix: {options.picture}")
    _write(options.json_file, record)
    return 0


def _print_scores(record: dict[str, Any]) -> None:
    table = Table(title=f"{record['data']} {record['split']}, {record['frames']} frames")
    table.add_column("class")
    table.add_column("IoU %", justify="right")
    table.add_column("boundary IoU %", justify="right")
    for name, value in record["iou_per_class"].items():
        table.add_row(name, _percent(value), _percent(record["boundary_iou_per_class"][name]))
    table.add_section()
    table.add_row("mean", _percent(record["miou"]), _percent(record["boundary_miou"]))
    OUT.print(table)
    interval = record["miou_interval_95"]
    between = (
        f" (95 % interval {_percent(interval[0])} to {_percent(interval[1])})" if interval else ""
    )
    OUT.print(
        f"mIoU {_percent(record['miou'])} %{between}, "
        f"pixel accuracy {_percent(record['pixel_accuracy'])} %"
    )


def _percent(value: float | None) -> str:
    return "absent" if value is None else f"{100 * value:.1f}"


def predict(options: given.PredictOptions) -> int:
    """`mfpnet predict`; 1 when a picture had to be skipped."""
    from mfpnet.pictures import find_images
    from mfpnet.predict import PictureReport, Predictor, predict_files

    pictures = [path for spec in options.images for path in find_images(spec)]
    predictor = Predictor(options.weights, device=options.device, full_size=options.full_size)

    def tell(report: PictureReport) -> None:
        if report.error:
            ERR.print(f"skipped: {report.error}", style="red", markup=False)
        else:
            most = sorted(report.fractions.items(), key=lambda item: -item[1])[:3]
            shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in most)
            OUT.print(f"{report.picture}: {shares}", markup=False, highlight=False)

    reports = predict_files(predictor, pictures, options.out, on_picture=tell)
    skipped = sum(report.error is not None for report in reports)
    OUT.print(f"{len(reports) - skipped} predicted, {skipped} skipped; results in {options.out}")
    _write(options.json_file, [vars(report) for report in reports])
    return 1 if skipped else 0


def data(options: given.DataOptions) -> int:
    """`mfpnet data`; 1 when the check finds problems."""
    dataset = open_dataset(_source(options.data, options.split))
    if options.action == "draw":
        return _draw(options)
    found = [text for _, text in problems(dataset) if text]
    for text in found:
        OUT.print(text, markup=False)
    OUT.print(f"{dataset.name} {dataset.split}: {len(dataset)} frames, {len(found)} with a problem")
    _write(options.json_file, {"frames": len(dataset), "problems": found})
    return 1 if found else 0


def _draw(options: given.DataOptions) -> int:
    from mfpnet.draw import overlay
    from mfpnet.pictures import write_png

    source = _source(options.data, options.split)
    if source.name != "synthetic":
        raise MfpnetError("data draw is for --data synthetic: the others lie on disk already.")
    dataset = open_dataset(source)
    for index in range(len(dataset)):
        image, labels = dataset.load(index)
        stem, known = options.out / dataset.frame_name(index), dataset.labels
        write_png(stem.with_suffix(".png"), image)
        write_png(stem.with_name(f"{stem.name}_labels.png"), labels)
        drawn = overlay(image, labels, known.palette, known.classes)
        write_png(stem.with_name(f"{stem.name}_overlay.png"), drawn)
    OUT.print(f"{len(dataset)} scenes are in {options.out}")
    _write(options.json_file, {"scenes": len(dataset), "folder": str(options.out)})
    return 0


def ablate(options: given.AblateOptions) -> int:
    """`mfpnet ablate`."""
    from mfpnet.ablate import ablate

    record = ablate(
        options.suite,
        data=_source(options.data, options.split),
        evaluate_on=_source(options.data, options.evaluate_split),
        recipe=options.recipe,
        seeds=options.seeds,
        folder=options.out / options.suite,
        only=options.only,
        threads=options.threads,
        console=ERR,
    )
    shown = ("variant", "miou", "parameters", "gmacs", "openvino_ms")
    _print_rows(record["rows"], shown)
    _write(options.json_file, record)
    return 0


def benchmark(options: given.BenchmarkOptions) -> int:
    """`mfpnet benchmark`."""
    from mfpnet.benchmark import training_throughput

    record = training_throughput(
        size=parse_size(options.size, "--size"),
        batch_size=options.batch_size,
        device=options.device,
        threads=options.threads,
        rounds=options.rounds,
        compiled=options.compiled,
    )
    _print_rows(record["rows"], tuple(record["rows"][0]))
    _write(options.json_file, record)
    return 0


def _print_rows(rows: list[dict[str, Any]], shown: tuple[str, ...]) -> None:
    table = Table(*(name.replace("_", " ") for name in shown))
    for row in rows:
        table.add_row(*(_percent(row[k]) if k == "miou" else str(row[k]) for k in shown))
    OUT.print(table)


def demo(options: given.DemoOptions) -> int:
    """`mfpnet demo`."""
    from mfpnet.demo import run_demo

    done = run_demo(options.out or _fresh_folder("demo"), seed=options.seed, console=ERR)
    _print_scores(done.result["evaluation"])
    OUT.print(f"pictures beside targets and predictions: {done.sheet}")
    OUT.print(f"overlays of unseen scenes: {done.folder / 'overlays'}")
    OUT.print(f"mIoU on unseen scenes: {_percent(done.result['evaluation']['miou'])} %")
    _write(options.json_file, done.result)
    return 0


def info(options: given.InfoOptions) -> int:
    """`mfpnet info`."""
    from mfpnet.variants import count_macs, count_parameters, create_model, list_models

    if options.name is None:
        return _info_all(options)
    if options.name in RECIPES:
        facts = dict(vars(get_recipe(options.name)))
    elif options.name in list_models():
        network = create_model(options.name)
        facts = {
            "parameters": count_parameters(network),
            "gmacs_360x480": round(count_macs(network, (360, 480)) / 1e9, 2),
            "gmacs_512x1024": round(count_macs(network, (512, 1024)) / 1e9, 2),
            **vars(network.config),
        }
    else:
        facts = _weights_facts(options.name)
    _print_facts(options.name, facts)
    _write(options.json_file, facts)
    return 0


def _weights_facts(name: str) -> dict[str, Any]:
    from mfpnet.checkpoint import find_weights, load_model
    from mfpnet.variants import count_parameters

    model = load_model(name)
    assert model.info is not None
    size = find_weights(name).stat().st_size
    return {"parameters": count_parameters(model), "bytes": size, **model.info.as_dict()}


def _info_all(options: given.InfoOptions) -> int:
    from mfpnet.checkpoint import bundled_weights
    from mfpnet.variants import list_models

    facts = {
        "variants": list_models(),
        "recipes": sorted(RECIPES),
        "weights": sorted(bundled_weights()),
    }
    _print_facts("mfpnet", facts)
    OUT.print("mfpnet info NAME shows one of them.")
    _write(options.json_file, facts)
    return 0


def _print_facts(title: str, facts: dict[str, Any]) -> None:
    table = Table(title=title, show_header=False)
    for key, value in facts.items():
        listed = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        table.add_row(key.replace("_", " "), listed)
    OUT.print(table)


def _source(choice: given.DataChoice, split: str) -> DataSource:
    root = str(choice.root) if choice.root else None
    size = parse_size(choice.scene_size, "--scene-size")
    return DataSource(choice.data, split, root, choice.scenes, size)


def _fresh_folder(name: str) -> Path:
    """runs/NAME, or the first of runs/NAME-2, -3, ... that is not there."""
    folder, number = Path("runs") / name, 2
    while folder.exists():
        folder, number = Path("runs") / f"{name}-{number}", number + 1
    return folder


def _write(path: Path | None, data: Any) -> None:
    if path:
        write_json(path, data)
