"""Peak memory of graphs whose tensors can be counted by hand, and of real ones as measured."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnxtaylor.runtime.liveness import execution_order, peak_bytes

WIDE = 1000  # numbers of an event: 4000 bytes


def graph(*nodes: tuple[str, str, str], outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    """Nodes (kind, inputs, output) on x (N, WIDE)."""
    made = [helper.make_node(kind, read.split(), [name]) for kind, read, name in nodes]
    shape = ["N", WIDE]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("x", *outputs)]
    body = helper.make_graph(made, "test", ports[:1], ports[1:])
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)])


def test_a_tensor_ends_with_its_last_reader():
    # Neg writes into no input: two tensors are alive at a time, a and b, or b and y
    chain = graph(("Neg", "x", "a"), ("Neg", "a", "b"), ("Neg", "b", "y"))
    assert peak_bytes(chain, 3) == 3 * 2 * 4 * WIDE
    kept = graph(("Neg", "x", "a"), ("Neg", "a", "b"), ("Add", "a b", "y"))
    assert peak_bytes(kept, 3) == 3 * 3 * 4 * WIDE


def test_some_operators_write_into_an_input_that_ends():
    chain = graph(
        ("Softmax", "x", "a"), ("Tanh", "a", "b"), ("Sigmoid", "b", "c"), ("Neg", "c", "y")
    )
    assert peak_bytes(chain, 1) == 2 * 4 * WIDE
    both = graph(("Tanh", "x", "a"), ("Tanh", "a", "b"), ("Mul", "a b", "c"), ("Neg", "c", "y"))
    assert peak_bytes(both, 1) == 3 * 4 * WIDE


def test_a_choice_takes_its_size_once_more():
    assert peak_bytes(graph(("Neg", "x", "a"), ("Add", "x a", "y")), 1) == 2 * 4 * WIDE
    assert peak_bytes(graph(("Neg", "x", "a"), ("Where", "m x a", "y")), 1) == 3 * 4 * WIDE


def test_views_take_no_memory():
    views = graph(("Softmax", "x", "a"), ("Identity", "a", "b"), ("Softmax", "b", "y"))
    assert peak_bytes(views, 2) == 2 * 2 * 4 * WIDE


def test_nodes_run_depth_first_from_the_last_output():
    proto = graph(
        ("Tanh", "x", "a"),
        ("Neg", "x", "b"),
        ("Tanh", "a", "y"),
        ("Neg", "b", "z"),
        outputs=("y", "z"),
    )
    assert execution_order(proto.graph) == [1, 3, 0, 2]


CHILD = """
import re, sys
import numpy as np, onnx
from onnxtaylor.runtime.session import start
def peak():
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", file.read())[1])
proto, events = onnx.load(sys.argv[1]), int(sys.argv[2])
session = start(proto, threads=1, lean=True)
port = session.get_inputs()[0]
x = np.random.default_rng(0).normal(size=(events, port.shape[1])).astype(np.float32)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
before = peak()
session.run(None, {port.name: x})
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "attention", "many responses"])
def test_the_peak_is_within_a_fifth_of_what_a_process_takes(tmp_path, name):
    from onnxtaylor.engine.exact.derive import derive
    from onnxtaylor.indices import MultiIndices
    from tests.engine.paper import function_of
    from validation.performance.large_nets import attention_net, dense

    model, n, events = {
        "dense": (dense(300, 100, 10), 300, 16),
        "attention": (attention_net(24, 8), 192, 16),
        "many responses": (dense(100, 50, 300), 100, 8),
    }[name]
    x = np.random.default_rng(0).normal(size=(4, n))
    proto = derive(function_of(model), MultiIndices.full(n, 2), x, loose=True).proto
    onnx.save(proto, tmp_path / "graph.onnx")
    child = [sys.executable, "-c", CHILD, str(tmp_path / "graph.onnx"), str(events)]
    # what the C library keeps of freed memory differs from machine to machine
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(child, capture_output=True, text=True, check=True, env=environment)
    constants = sum(len(t.raw_data) for t in proto.graph.initializer)
    planned = peak_bytes(proto, events) - constants
    assert planned == pytest.approx(int(done.stdout), rel=0.2)
