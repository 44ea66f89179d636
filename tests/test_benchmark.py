"""A benchmark's record: every backend does the same work, and what is missing costs no other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mfpnet.benchmark import benchmark
from mfpnet.checkpoint import save_weights
from mfpnet.errors import MfpnetError
from mfpnet.exporting.writing import write_exported
from mfpnet.files import write_json
from mfpnet.info import ModelInfo
from mfpnet.measuring import comparison, subjects
from mfpnet.measuring.comparison import Plan
from mfpnet.measuring.contenders import backend_names, contender, own_size
from mfpnet.measuring.endtoend import STAGES
from mfpnet.measuring.runners import ON_CPU, ON_GPU, REFERENCE, Job, Runner, Setting
from mfpnet.measuring.subjects import Subject, subjects_of
from mfpnet.runtimes.backends import file_bytes
from samples import INFO, small_and_fast, tiny_network

CPU = torch.device("cpu")
SIZE = (64, 96)
PICTURE = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    with small_and_fast() as patch:
        patch.setattr("mfpnet.measuring.ceilings._SIDES_CPU", (256,))
        patch.setattr("mfpnet.measuring.ceilings._COPIED_CPU", 2**22)
        patch.setattr("mfpnet.measuring.endtoend._DRAWN_SIZE", (96, 128))
        yield


def tiny() -> Subject:
    network = tiny_network().eval()
    network.info = INFO
    return Subject("tiny", "tiny", network)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    plan = Plan(
        [tiny()],
        sizes=(SIZE,),
        device="cpu",
        threads=1,
        rounds=3,
        only=(REFERENCE, "inference-bf16", "onnxruntime", "litert"),
        layers=True,
        profile=True,
    )
    return benchmark(plan)


def test_each_backend_is_measured(record: dict[str, Any]) -> None:
    (each,) = record["comparisons"]
    assert (each["size"], each["batch_size"]) == ([64, 96], 1)
    assert [row["backend"] for row in each["rows"]] == [REFERENCE, "inference-bf16", "onnxruntime"]
    assert [row["precision"] for row in each["rows"]] == ["fp32", "bf16", "fp32"]
    for row in each["rows"]:
        assert 0 < row["median_ms"] <= row["p95_ms"]
        assert row["images_per_second"] == pytest.approx(1000 / row["median_ms"])


def test_each_size_and_batch_size_is_a_run_of_its_own() -> None:
    sizes = ((32, 64), (64, 32))
    plan = Plan([tiny()], sizes, (1, 2), device="cpu", threads=1, rounds=1, only=(REFERENCE,))
    record = benchmark(plan)
    found = [(tuple(each["size"]), each["batch_size"]) for each in record["comparisons"]]
    assert found == [((32, 64), 1), ((32, 64), 2), ((64, 32), 1), ((64, 32), 2)]
    for each in record["comparisons"]:
        (row,) = each["rows"]
        rate = 1000 * each["batch_size"] / row["median_ms"]
        assert row["images_per_second"] == pytest.approx(rate)
        # The way from file to file is that of one picture.
        assert (row["end_to_end"] is None) is (each["batch_size"] == 2)


def test_what_is_missing_is_said(record: dict[str, Any]) -> None:
    (fault,) = record["comparisons"][0]["not_measured"]
    assert (fault["network"], fault["backend"]) == ("tiny", "litert")
    assert "make export-litert" in fault["reason"]


def test_the_labels_are_compared_with_those_of_eager(record: dict[str, Any]) -> None:
    rows = {row["backend"]: row for row in record["comparisons"][0]["rows"]}
    assert rows[REFERENCE]["equal_labels"] == 1
    assert rows["onnxruntime"]["equal_labels"] > 0.999
    assert 0.5 < rows["inference-bf16"]["equal_labels"] <= 1


def test_a_share_of_the_roofline_is_least_over_median(record: dict[str, Any]) -> None:
    each = record["comparisons"][0]
    least = math.fsum(layer["bound_ms"] for layer in each["layers"]["tiny"])
    eager, half, _ = each["rows"]
    assert eager["roofline_ms"] == pytest.approx(least)
    assert eager["roofline_share"] == pytest.approx(least / eager["median_ms"])
    assert half["roofline_ms"] != eager["roofline_ms"]


def test_from_file_to_file_is_more_than_the_network(record: dict[str, Any]) -> None:
    for row in record["comparisons"][0]["rows"]:
        whole = row["end_to_end"]
        assert tuple(whole["stages"]) == STAGES
        assert whole["median_ms"] > whole["stages"]["decode"] + whole["stages"]["write"]


def test_the_fastest_of_pytorch_is_profiled(record: dict[str, Any]) -> None:
    (profile,) = [row["profile"] for row in record["comparisons"][0]["rows"] if row["profile"]]
    assert sum(part["share"] for part in profile) == pytest.approx(1, abs=0.01)
    assert any("conv" in part["operation"] for part in profile)


def test_the_record_says_where_it_comes_from(record: dict[str, Any], tmp_path: Path) -> None:
    where = record["environment"]
    assert (where["device"], where["threads"]) == ("cpu", 1)
    assert {"onnxruntime", "openvino"} <= set(where["runtimes"])
    assert len(record["load_average"]) == 2
    assert record["networks"][0]["parameters"] > 1000
    write_json(tmp_path / "record.json", record)  # refuses what JSON does not have


@pytest.mark.parametrize("output", ["labels", "logits"])
@pytest.mark.parametrize(
    "backend", [name for name, setting in ON_CPU.items() if not setting.compiled]
)
def test_every_backend_gives_the_same_answer(backend: str, output: Any) -> None:
    job = Job(SIZE, 1, output, CPU, 1)
    expected, found = (
        answer(contender(tiny(), name, job, Path())) for name in (REFERENCE, backend)
    )
    assert found.dtype == (np.uint8 if output == "labels" else np.float32)
    assert found.shape == ((1, *SIZE) if output == "labels" else (1, 11, *SIZE))
    if output == "labels":
        assert (found == expected).mean() > (0.9 if "bf16" in backend else 0.999)
    else:
        error = np.abs(found - expected).max() / np.abs(expected).max()
        assert error < (0.1 if "bf16" in backend else 1e-5)


def answer(runner: Runner) -> Any:
    return runner.fetch(runner.run(runner.load(PICTURE)))


@pytest.mark.slow
def test_compiled_code_gives_the_same_answer() -> None:
    job = Job(SIZE, 1, "labels", CPU, 1)
    expected, found = (answer(contender(tiny(), n, job, Path())) for n in (REFERENCE, "compiled"))
    assert (found == expected).mean() > 0.999


def test_a_backend_that_breaks_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(subject: Subject, backend: str, *rest: Any) -> Runner:
        if backend == "inference":
            raise RuntimeError("no kernel\nfor this")
        return contender(subject, backend, *rest)

    monkeypatch.setattr(comparison, "contender", broken)
    absent = Subject("segformer-b0", "segformer-b0", absent="needs transformers")
    plan = Plan(
        [tiny(), absent],
        sizes=(SIZE,),
        device="cpu",
        threads=1,
        rounds=1,
        only=(REFERENCE, "inference"),
        model_only=True,
    )
    (each,) = benchmark(plan)["comparisons"]
    assert [row["backend"] for row in each["rows"]] == [REFERENCE]
    assert each["not_measured"] == [
        {"network": "tiny", "backend": "inference", "reason": "RuntimeError: no kernel"},
        {"network": "segformer-b0", "backend": "any backend", "reason": "needs transformers"},
    ]


def test_backends_are_chosen_by_name_and_precision() -> None:
    assert not any("compiled" in name for name in backend_names(CPU))
    assert backend_names(CPU, only=("compiled",)) == ["compiled"]
    everything = backend_names(CPU, compiled=True)
    assert {REFERENCE, "compiled", "onnxruntime", "openvino", "executorch"} <= set(everything)
    halves = ["inference-bf16", "compiled-bf16", "openvino-bf16"]
    assert backend_names(CPU, precisions=("bf16",), compiled=True) == halves
    assert backend_names(CPU, only=("openvino",)) == ["openvino"]
    gpu = backend_names(torch.device("cuda"), compiled=True)
    assert gpu == list(ON_GPU)
    assert {"graphs-fp16", "compiled-graphs-bf16"} <= set(gpu)
    with pytest.raises(MfpnetError, match=r"unknown backend on cpu 'openvin'\. Did you mean 'open"):
        backend_names(CPU, only=("openvin",))
    with pytest.raises(MfpnetError, match=r"'tensorrt'\. Known: compiled, .*openvino"):
        backend_names(CPU, only=("tensorrt",))
    with pytest.raises(MfpnetError, match="leave no backend"):
        benchmark(Plan([tiny()], device="cpu", only=("openvino",), precisions=("bf16",)))


def test_both_devices_begin_with_the_network_as_it_was_trained() -> None:
    assert ON_CPU[REFERENCE] == ON_GPU[REFERENCE] == Setting(folded=False)


def test_names_are_networks_weights_or_files(tmp_path: Path) -> None:
    save_weights(tmp_path / "tiny.safetensors", tiny_network(), INFO)
    named = [str(tmp_path / "tiny.safetensors"), "mfpnet_fast"]
    ours, random = subjects_of(named)
    assert ours.name == "tiny.safetensors"
    assert ours.network is not None
    assert ours.network.info == INFO
    assert random.network is not None
    assert random.network.info is not None
    assert len(random.network.info.classes) == 11  # as many as the weights
    assert not random.network.training
    assert [s.name for s in subjects_of(["tiny"], ["tiny", "mfpnet"])] == ["tiny", "mfpnet"]


def test_the_folder_of_a_run_has_its_name_from_inside_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    save_weights(folder / "weights.safetensors", tiny_network(), INFO)
    monkeypatch.chdir(folder)
    assert [subject.name for subject in subjects_of(["."])] == ["night"]


def test_a_folder_called_like_a_network_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subjects, "find_spec", lambda _: None)
    for name in ("mfpnet", "segformer-b0"):
        Path(name).mkdir()
    assert {"mfpnet", "mfpnet_fast"} <= {subject.name for subject in subjects_of([])}
    assert subjects_of(["segformer-b0"])[0].absent
    save_weights(Path("mfpnet/weights.safetensors"), tiny_network(), INFO)
    run, variant = subjects_of(["./mfpnet", "mfpnet"])
    assert run.network is not None
    assert variant.network is not None
    assert run.network.info == INFO
    assert variant.network.info != INFO


def test_a_name_that_means_nothing_is_explained() -> None:
    with pytest.raises(MfpnetError, match="Did you mean 'mfpnet_fast'"):
        subjects_of(["mfpnet_fats"])
    with pytest.raises(MfpnetError, match=r"there is no file 'none\.onnx'"):
        subjects_of(["none.onnx"])
    with pytest.raises(MfpnetError, match="there is no module 'nowhere'"):
        subjects_of([], ["nowhere:net"])


def test_an_installed_peer_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "find_spec", lambda _: None)
    (peer,) = subjects_of(["segformer-b0"])
    assert peer.network is None
    assert "pip install 'mfpnet[peers]'" in peer.absent


@pytest.fixture
def theirs(tmp_path: Path) -> Subject:
    """A file that returns what it is given: floats, as other people's files take them."""
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, *SIZE]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(tmp_path / "theirs.onnx"))
    (file,) = subjects_of([str(tmp_path / "theirs.onnx")])
    return file


def test_weights_of_somebody_elses_network_are_measured_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    save_weights(path, tiny_network(), replace(INFO, variant="toys:net"))
    with pytest.raises(MfpnetError, match=r"theirs\.safetensors' holds .* --against toys:net"):
        subjects_of([str(path)])


def test_a_foreign_file_takes_floats(theirs: Subject) -> None:
    found = answer(contender(theirs, "onnxruntime", Job(SIZE, 1, "logits", CPU, 1), Path()))
    assert np.allclose(found, PICTURE.transpose(0, 3, 1, 2) / 255)


@pytest.mark.parametrize(("size", "batch"), [((96, 96), 1), (SIZE, 2)])
def test_a_file_of_another_size_says_so(theirs: Subject, size: tuple[int, int], batch: int) -> None:
    with pytest.raises(MfpnetError, match=r"takes 1x3x64x96, and has no manifest.* \dx3x\d\dx96"):
        contender(theirs, "onnxruntime", Job(size, batch, "logits", CPU, 1), Path())


def test_a_file_is_measured_beside_a_network(theirs: Subject) -> None:
    plan = Plan([tiny(), theirs], (SIZE,), device="cpu", threads=1, rounds=1, only=(REFERENCE,))
    record = benchmark(plan)
    _, row = record["comparisons"][0]["rows"]
    assert (row["network"], row["backend"], row["precision"]) == (
        "theirs.onnx",
        "onnxruntime",
        "unknown",
    )
    assert row["roofline_share"] is row["equal_labels"] is None
    assert record["networks"][1] == {
        "name": "theirs.onnx",
        "parameters": None,
        "bytes": Path(theirs.given).stat().st_size,
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Subject]:
    """A network that was trained on something, exported for two runtimes."""
    network = tiny_network().eval()
    network.info = replace(INFO, data="streets")
    folder = tmp_path_factory.mktemp("files")
    names = {"onnx": "tiny.onnx", "openvino": "tiny.xml"}
    for format, name in names.items():
        write_exported(network, folder / name, format=format, size=SIZE, output="labels")
    return subjects_of([str(folder / name) for name in names.values()])


def test_a_file_is_compared_with_the_network_it_was_made_of(files: list[Subject]) -> None:
    network = tiny_network().eval()
    network.info = replace(INFO, data="streets")
    job = Job(SIZE, 1, "labels", CPU, 1)
    names = {"elsewhere": replace(INFO, data="roads"), "tiny": network.info, "random": INFO}
    subjects = []
    for name, info in names.items():
        other = tiny_network().eval()
        other.info = info
        subjects.append(Subject(name, name, other))
    plan = Plan([*subjects, files[0]], (SIZE,))
    runners = {(s.name, REFERENCE): contender(s, REFERENCE, job, Path()) for s in subjects}
    runners["tiny.onnx", "onnxruntime"] = contender(files[0], "onnxruntime", job, Path())
    measured = comparison.Comparison(plan, job, Path(), print)
    assert measured._references(runners) == {name: name for name in names} | {"tiny.onnx": "tiny"}
    loaded = {name: runner.load(PICTURE) for name, runner in runners.items()}
    equal = comparison._equal_labels(runners, loaded, {"tiny": "tiny", "tiny.onnx": "tiny"})
    assert equal["tiny.onnx", "onnxruntime"] > 0.999
    assert set(equal) == {("tiny", REFERENCE), ("tiny.onnx", "onnxruntime")}


def test_a_file_is_compared_with_none_of_two_networks_that_it_may_be_of(tmp_path: Path) -> None:
    first = replace(INFO, data="streets", epochs=3)
    second = replace(first, epochs=7)
    networks = {"first": first, "second": replace(second, score=0.4), "again": second}
    subjects = []
    for name, info in networks.items():
        network = tiny_network().eval()
        network.info = info
        subjects.append(Subject(name, name, network))
    plain = Runner(np.asarray, np.asarray, np.asarray, lambda: None)
    job = Job(SIZE, 1, "labels", CPU, 1)

    def reference(info: ModelInfo, *, among: int) -> str | None:
        runners = {(s.name, REFERENCE): plain for s in subjects[:among]}
        runners["file.onnx", "onnxruntime"] = replace(plain, info=info)
        measured = comparison.Comparison(Plan(subjects), job, tmp_path, print)
        return measured._references(runners).get("file.onnx")

    assert reference(replace(first, score=0.5), among=2) == "first"
    assert reference(replace(second, score=0.5), among=2) == "second"
    assert reference(replace(first, epochs=9), among=2) is None
    assert reference(replace(first, epochs=9), among=1) == "first"
    assert reference(second, among=3) is None


def test_the_size_of_a_file_counts_its_weights(files: list[Subject]) -> None:
    graph = files[1].path
    assert graph is not None
    assert file_bytes(graph) == sum(each.stat().st_size for each in graph.parent.glob("tiny.[xb]*"))
    assert file_bytes(graph) > graph.stat().st_size


def test_files_alone_say_the_size(files: list[Subject], theirs: Subject) -> None:
    assert own_size(files) == own_size([theirs]) == SIZE
    assert own_size([*files, tiny()]) is None


def test_nothing_measured_is_an_error_with_the_reasons(files: list[Subject]) -> None:
    reasons = (
        r"nothing was measured:\nonnxruntime \(tiny.onnx\): it is fp32, and --precision is int8"
    )
    with pytest.raises(MfpnetError, match=reasons):
        benchmark(Plan(files, (SIZE,), device="cpu", threads=1, precisions=("int8",)))


def test_files_of_the_same_name_keep_their_folders(files: list[Subject], tmp_path: Path) -> None:
    given = [files[0].given, str(tmp_path / "tiny.onnx")]
    (tmp_path / "tiny.onnx").write_bytes(Path(given[0]).read_bytes())
    assert [subject.name for subject in subjects_of(given)] == given


def test_a_gpu_gets_several_batches_before_it_is_waited_for(tmp_path: Path) -> None:
    calls: list[str] = []
    runner = Runner(
        load=lambda pictures: pictures,
        run=lambda loaded: calls.append("run"),
        fetch=np.asarray,
        wait=lambda: calls.append("wait"),
    )
    gpu = Job(SIZE, 4, "labels", torch.device("cuda"), 1)
    measured = comparison.Comparison(Plan([], rounds=1), gpu, tmp_path, print)
    name = ("net", "graphs")
    rates = measured._rates({name: runner}, {name: None}, {name: [50.0]})
    assert calls == 2 * [*(10 * ["run"]), "wait"]
    assert rates[name] > 40  # ten batches of four at once, not one in 50 ms
