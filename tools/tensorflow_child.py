"""An exported network in TensorFlow and LiteRT, run on command; started by bench_tensorflow.py.

    python tools/tensorflow_child.py NETWORK.onnx THREADS

Each line of the input is a command as JSON, each line of the output its answer: `start` (what can
be run, and where), `load` (a file of pictures, uint8 (N, H, W, 3)), `run` (one runner, one
picture), `labels` (all pictures through one runner, into a file), `ping`.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from mfpnet.records import environment
from onnx_in_tensorflow import labels_function

PACKAGES = ("tensorflow", "tensorflow-cpu", "ai-edge-litert", "onnx")
Runner = Callable[[Any], Any]


def main(arguments: list[str]) -> int:
    """Answer commands until the input ends."""
    with answers() as stream:
        child = Child(Path(arguments[0]), int(arguments[1]))
        for line in sys.stdin:
            command = json.loads(line)
            try:
                answer = getattr(child, f"do_{command.pop('do')}")(**command)
            except Exception as error:  # the parent says it, and goes on or not
                answer = {"error": f"{type(error).__name__}: {str(error).strip()}"}
            print(json.dumps(answer), file=stream, flush=True)
    return 0


@contextmanager
def answers() -> Iterator[IO[str]]:
    """The output for answers alone: what a library prints goes where its warnings go."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        yield stream


class Child:
    """The commands.

    Args:
        path: the ONNX file; logits of uint8 pictures of one size.
        threads: of each runtime.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads = path, threads
        self.runners: dict[str, Runner] = {}
        self.pictures: Any = None

    def do_start(self) -> dict[str, Any]:
        """Make the runners; those that fail are named with the reason."""
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        failed, made = {}, {}
        for name, make in MAKERS.items():
            try:
                self.runners[name], made[name] = make(self.path, self.threads)
            except Exception as error:  # a runtime or a compiler can raise anything
                failed[name] = f"{type(error).__name__}: {str(error).strip()[:300]}"
        where = environment(*PACKAGES)
        return {"operations": made, "failed": failed, "environment": where}

    def do_load(self, path: str) -> dict[str, Any]:
        """Take the pictures in a .npy file."""
        self.pictures = np.load(path)
        return {"pictures": len(self.pictures)}

    def do_run(self, runner: str, number: int = 0) -> dict[str, Any]:
        """One picture, from array to array."""
        self.runners[runner](self.pictures[number : number + 1])
        return {}

    def do_labels(self, runner: str, path: str) -> dict[str, Any]:
        """All pictures; their labels, uint8 (N, H, W), into a .npy file."""
        run = self.runners[runner]
        found = [run(self.pictures[n : n + 1]) for n in range(len(self.pictures))]
        np.save(path, np.concatenate(found))
        return {}

    def do_ping(self) -> dict[str, Any]:
        """Nothing: what a command costs by itself."""
        return {}


def tensorflow_runner(path: Path, threads: int) -> tuple[Runner, dict[str, int]]:
    """TensorFlow's own kernels, which oneDNN provides on most processors."""
    return _function_runner(_saved(path), xla=False)


def xla_runner(path: Path, threads: int) -> tuple[Runner, dict[str, int]]:
    """Compiled by XLA."""
    return _function_runner(_saved(path), xla=True)


def litert_runner(path: Path, threads: int) -> tuple[Runner, dict[str, int]]:
    """Converted by TensorFlow and run by LiteRT, whose kernels are XNNPACK's."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    converter = tf.lite.TFLiteConverter.from_saved_model(str(_saved(path, fused_sums=True)))
    interpreter = Interpreter(model_content=converter.convert(), num_threads=threads)
    interpreter.allocate_tensors()
    (image,), (labels,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(picture: Any) -> Any:
        interpreter.set_tensor(image["index"], picture)
        interpreter.invoke()
        return interpreter.get_tensor(labels["index"])

    return run, {}


MAKERS: dict[str, Callable[[Path, int], tuple[Runner, dict[str, int]]]] = {
    "tensorflow": tensorflow_runner,
    "tensorflow-xla": xla_runner,
    "litert": litert_runner,
}


def _saved(path: Path, *, fused_sums: bool = False) -> Path:
    """The network as a SavedModel beside its ONNX file."""
    import onnx
    import tensorflow as tf

    folder = path.with_suffix(".litert" if fused_sums else ".tensorflow")
    if not folder.exists():
        (image,) = onnx.load(path).graph.input
        shape = [side.dim_value for side in image.type.tensor_type.shape.dim]
        module = tf.Module()
        spec = tf.TensorSpec(shape, tf.uint8, name="image")
        network = labels_function(path, fused_sums=fused_sums)
        module.run = tf.function(network, input_signature=[spec], autograph=False)
        tf.saved_model.save(module, str(folder), signatures=module.run)
    return folder


def _function_runner(folder: Path, *, xla: bool) -> tuple[Runner, dict[str, int]]:
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    signature = model.signatures["serving_default"]
    network = tf.function(lambda image: signature(image=image), jit_compile=xla, autograph=False)

    def run(picture: Any) -> Any:
        (labels,) = network(tf.constant(picture)).values()
        return labels.numpy()

    run.model = model  # type: ignore[attr-defined]  # a signature does not keep its model
    return run, _operations(signature.graph.as_graph_def())


def _operations(graph: Any) -> dict[str, int]:
    """How many of each there are, before TensorFlow merges some of them."""
    inner = [node for function in graph.library.function for node in function.node_def]
    return dict(Counter(node.op for node in (*graph.node, *inner)).most_common())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
