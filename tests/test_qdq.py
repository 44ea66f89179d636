"""Graphs with 8-bit convolutions: which values, on which grids, and what they compute."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from mfpnet.exporting.deployed import Deployed
from mfpnet.exporting.onnx_graph import compacted, with_byte_input, without_batch_norms
from mfpnet.exporting.onnx_writer import to_onnx
from mfpnet.exporting.qdq import (
    POINTWISE,
    Plan,
    eight_bit_weight,
    grid,
    quantised,
    watched_tensors,
    work_by_weight,
)
from mfpnet.exporting.spans import Seen, observe, pixels_of, runner, spans_of
from mfpnet.runtimes.manifest import Manifest
from mfpnet.synthetic.scenes import draw_scene
from samples import INFO, short_network

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
SIZE = (64, 96)
STREETS = [draw_scene(seed, SIZE).image[None] for seed in range(4)]


@pytest.fixture(scope="module")
def traced() -> Any:
    deployed = Deployed(short_network(), pixels="uint8", output="logits")
    return to_onnx(deployed, Manifest(INFO, "uint8", "logits", "int8", SIZE))


@pytest.fixture(scope="module")
def graph(traced: Any) -> Any:
    return without_batch_norms(traced)


@pytest.fixture(scope="module")
def plan(graph: Any) -> Plan:
    seen = observe(graph, watched_tensors(graph), STREETS, threads=1)
    return Plan(spans_of(seen, "extremes"), pixels_of(seen))


def operations(proto: Any) -> Counter[str]:
    return Counter(node.op_type for node in proto.graph.node)


def stored(proto: Any) -> dict[str, Any]:
    return {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}


def test_a_grid_reaches_from_low_to_high_and_has_zero_on_it() -> None:
    assert grid((-1.0, 3.0)) == (np.float32(4 / 255), np.uint8(64))
    assert grid((0.5, 2.55)) == (np.float32(0.01), np.uint8(0)), "0 is on it even if never seen"
    assert grid((-2.55, -1.0)) == (np.float32(0.01), np.uint8(255))
    assert grid((0.0, 0.0))[0] > 0


def test_a_weight_has_one_scale_an_output_channel() -> None:
    weight = np.array([[[[1.0, -0.5]]], [[[0.02, 0.0]]], [[[0.0, 0.0]]]], dtype=np.float32)
    levels, scales = eight_bit_weight(weight)
    assert levels.dtype == np.int8
    assert levels.tolist() == [[[[127, -64]]], [[[127, 0]]], [[[0, 0]]]]
    assert scales[:2] == pytest.approx([1 / 127, 0.02 / 127])


def test_spans_of_what_was_seen() -> None:
    seen = Seen()
    for first, last in ((-1, 4), (-3, 2)):
        seen.add(np.linspace(first, last, 1001, dtype=np.float32).reshape(1, 1, 7, 143))
    assert seen.span("extremes") == (-3, 4)
    assert seen.span("mean extremes") == (-2, 3)
    low, high = seen.span("percentiles")
    assert -3 < low < -2.99
    assert 3.99 < high < 4


def test_batch_norms_become_convolutions_with_the_same_values(traced: Any, graph: Any) -> None:
    assert operations(traced)["BatchNormalization"] == 1
    assert operations(graph)["BatchNormalization"] == 0
    (before,), (after,) = (runner(each, 1)(STREETS[0]) for each in (traced, graph))
    assert np.abs(before - after).max() < 1e-4 * np.abs(before).max()


def test_bytes_go_into_the_first_convolution_as_they_are(graph: Any) -> None:
    read = with_byte_input(graph, frozenset())
    assert operations(read)["Sub"] == operations(graph)["Sub"] - 1
    assert operations(read)["DequantizeLinear"] == 1
    first = next(node for node in graph.graph.node if node.op_type == "Conv")
    tensor = first.output[0]
    before, after = (_values(each, tensor) for each in (graph, read))
    inside = np.s_[:, :, 1:, 1:]
    assert np.abs(before - after)[inside].max() < 1e-4
    assert np.abs(before - after).max() < 0.1, "the means of the sample's channels are 5 apart"
    kept = with_byte_input(graph, frozenset({first.input[1]}))
    assert operations(kept) == operations(graph)


def _values(proto: Any, tensor: str) -> Any:
    shown = onnx.ModelProto()
    shown.CopyFrom(proto)
    del shown.graph.output[:]
    shown.graph.output.append(onnx.helper.make_empty_tensor_value_info(tensor))
    return runner(shown, 1)(STREETS[0])[0]


def test_weights_are_stored_as_int8_with_a_scale_a_channel(graph: Any, plan: Plan) -> None:
    constants = stored(small := quantised(graph, plan))
    work = work_by_weight(graph, plan.pixels)
    weights = [array for array in constants.values() if array.dtype == np.int8]
    assert len(weights) == len(work) > 20
    assert sum(array.size for array in weights) == sum(stored(graph)[name].size for name in work)
    for node in small.graph.node:
        if node.op_type == "DequantizeLinear" and constants.get(node.input[0]) is not None:
            assert constants[node.input[1]].shape == constants[node.input[0]].shape[:1]
    largest = max(array.size for array in constants.values() if array.dtype == np.float32)
    assert largest < 200, "only biases, scales and the graph convolution's matrices are float"


@pytest.mark.parametrize("fused", [False, True])
def test_what_it_computes_is_nearly_the_same(graph: Any, plan: Plan, fused: bool) -> None:
    small = quantised(graph, Plan(plan.spans, plan.pixels, fused=fused))
    float_run, int_run = runner(graph, 1), runner(small, 1)
    pairs = [(float_run(image)[0], int_run(image)[0]) for image in STREETS]
    equal = np.mean([(a.argmax(1) == b.argmax(1)).mean() for a, b in pairs])
    assert equal > 0.85, "of a random network, whose logits lie close together"
    assert equal < 1, "8 bits leave a trace"


def test_a_kernel_that_fuses_needs_fewer_pairs(graph: Any, plan: Plan) -> None:
    fused = quantised(graph, Plan(plan.spans, plan.pixels, fused=True))
    between = quantised(graph, plan)
    assert operations(fused)["QuantizeLinear"] < operations(between)["QuantizeLinear"]
    assert operations(fused)["Conv"] == operations(between)["Conv"]


def test_what_is_computed_in_float_reads_what_was_never_rounded(graph: Any, plan: Plan) -> None:
    """OpenVINO has no kernel for a product of bytes and bfloat16, the default of some machines."""
    small = quantised(graph, Plan(plan.spans, plan.pixels, fused=True))
    rounded = {n.output[0] for n in small.graph.node if n.op_type == "DequantizeLinear"}
    readers = {n.op_type for n in small.graph.node if rounded & set(n.input)}
    assert readers <= POINTWISE | {"Conv"}
    assert "MatMul" in operations(small)


def test_runtime_has_int8_kernels_for_it(graph: Any, plan: Plan, tmp_path: Any) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    proto = quantised(graph, plan)
    onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = operations(onnx.load(tmp_path / "optimised.onnx"))
    assert found["QLinearConv"] == len(work_by_weight(graph, plan.pixels))
    assert found["QLinearLeakyRelu"] > 10


def test_kept_weights_stay_in_float(graph: Any, plan: Plan) -> None:
    work = work_by_weight(graph, plan.pixels)
    nothing = quantised(graph, Plan(plan.spans, plan.pixels, kept=frozenset(work)))
    assert operations(nothing)["QuantizeLinear"] == 0
    assert np.array_equal(runner(nothing, 1)(STREETS[0])[0], runner(graph, 1)(STREETS[0])[0])
    kept = frozenset({"network.classifier.weight"})
    small = stored(quantised(graph, Plan(plan.spans, plan.pixels, kept=kept)))
    classifier = stored(graph)["network.classifier.weight"]
    assert any(np.array_equal(array, classifier) for array in small.values())


def test_compact_names_change_nothing_else(graph: Any) -> None:
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    small = compacted(copy)
    assert [value.name for value in small.graph.input] == ["image"]
    assert [value.name for value in small.graph.output] == ["logits"]
    inner = {name for node in small.graph.node for name in node.output} - {"logits"}
    assert max(map(len, inner)) <= 3
    assert len(small.SerializeToString()) < len(graph.SerializeToString())
    assert np.array_equal(runner(small, 1)(STREETS[0])[0], runner(graph, 1)(STREETS[0])[0])
