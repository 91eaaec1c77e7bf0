"""A graph of one event with a batch axis gives, for N events, what N calls of the graph give."""

import numpy as np
import onnx
import pytest

from onnxtaylor.errors import ModelError
from onnxtaylor.graph.lift import FOLDED, LIFTING
from tests.graph.graphs import F64, I64, model, op, port
from tests.graph.lift_sample import Constant, Event, values
from tests.graph.lift_samples import SAMPLES
from tests.graph.lifted import assert_lifted, lifted

N = 4
NAMES = {"float64": F64, "float32": 1, "int64": I64, "bool": 9, "uint8": 2}


def graph(sample, random):
    """A graph of the sample's operator alone, and N events for it."""
    names, ports, constants, events = [], [], {}, {}
    for place, given in enumerate(sample.inputs):
        names.append("" if given is None else f"x{place}")
        if given is None:
            continue
        if isinstance(given, Event) and not isinstance(given, Constant):
            events[names[-1]] = values(given, sample.dtype, random, N)
            kind = NAMES[events[names[-1]].dtype.name]
            ports.append(port(names[-1], list(given.shape), kind))
        else:
            random_one = isinstance(given, Constant)
            constants[names[-1]] = values(given, sample.dtype, random) if random_one else given
    while not names[-1]:
        names.pop()
    outputs = [f"y{k}" for k in range(sample.outputs)]
    nodes = [op(sample.kind, names, outputs, name="sampled", **sample.attributes)]
    untyped = [port(name, None, 0) for name in outputs]
    for info in untyped:
        info.ClearField("type")
    return model(nodes, ports, untyped, constants, opset=sample.opset, ir=10), events


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_each_operator(sample):
    proto, events = graph(sample, np.random.default_rng(5))
    single = sample.dtype == np.float32
    assert_lifted(proto, events, close=2e-6 if single else 1e-14)


def test_every_rule_has_a_sample():
    assert {sample.kind for sample in SAMPLES} == set(LIFTING)


def assert_refused(match, nodes, ports, constants=None, outputs=("y",)):
    ends = [port(name, None) for name in outputs]
    proto = model(nodes, ports, ends, constants, opset=21, ir=10)
    random = np.random.default_rng(2)
    events = {}
    for info in ports:
        shape = [d.dim_value for d in info.type.tensor_type.shape.dim]
        events[info.name] = random.integers(1, 3, (N, *shape))
        if info.type.tensor_type.elem_type == F64:
            events[info.name] = random.normal(size=(N, *shape))
    with pytest.raises(ModelError, match=match):
        lifted(proto, events)


X = port("x", [3, 2], F64)


def test_operators_without_a_rule_are_refused_by_name():
    nodes = [op("Cast", ["x"], ["b"], to=9), op("NonZero", ["b"], ["y"], name="where")]
    assert_refused("node 'where' .NonZero. cannot be given a batch axis: no rule", nodes, [X])
    nodes = [op("Special", ["x"], ["y"], name="mine", domain="my.domain")]
    proto = model(nodes, [X], [port("y", [3, 2], F64)], domains={"my.domain": 1}, opset=21)
    with pytest.raises(ModelError, match="onnxruntime cannot run"):
        lifted(proto, {"x": np.zeros((2, 3, 2))})


def test_shapes_that_depend_on_the_event_are_refused():
    count = port("count", [1], I64)
    row = [X, count]
    for node in (
        op("TopK", ["x", "count"], ["y", "where"], axis=0, name="n"),
        op("Slice", ["x", "zero", "count"], ["y"], name="n"),
        op("Expand", ["one", "count"], ["y"], name="n"),
        op("Reshape", ["four", "count"], ["y"], name="n", allowzero=0),
    ):
        constants = {"zero": np.array([0]), "one": np.ones(1), "four": np.ones(1)}
        if node.op_type == "Reshape":
            row = [X, port("count", [2], I64)]
            constants["four"] = np.ones(4)
            node = op("Reshape", ["four", "square"], ["y"], name="n")
            nodes = [op("Clip", ["count", "two", "two"], ["square"]), node]
            constants["two"] = np.array(2)
        else:
            nodes = [node]
        assert_refused("node 'n' .*'(count|square)' must be the same", nodes, row, constants)


def test_each_event_takes_its_own_branch():
    taken = onnx.helper.make_graph([op("Neg", ["x"], ["a"])], "then", [], [port("a", None, F64)])
    other = onnx.helper.make_graph([op("Abs", ["x"], ["b"])], "else", [], [port("b", None, F64)])
    nodes = [
        op("ReduceSum", ["x"], ["m"], keepdims=0),
        op("Greater", ["m", "zero"], ["c"]),
        op("If", ["c"], ["y"], then_branch=taken, else_branch=other, name="choice"),
    ]
    proto = model(nodes, [X], [port("y", None, F64)], {"zero": np.array(0.0)}, opset=21, ir=10)
    x = np.random.default_rng(3).normal(size=(N, 3, 2))
    assert 0 < (x.sum(axis=(1, 2)) > 0).sum() < N
    assert_lifted(proto, {"x": x})


def test_a_branch_that_the_size_decides_is_taken():
    taken = onnx.helper.make_graph([op("Neg", ["x"], ["a"])], "then", [], [port("a", None, F64)])
    other = onnx.helper.make_graph([op("Abs", ["x"], ["b"])], "else", [], [port("b", None, F64)])
    nodes = [
        op("Size", ["x"], ["size"]),
        op("Equal", ["size", "six"], ["c"]),
        op("If", ["c"], ["y"], then_branch=taken, else_branch=other),
    ]
    proto = model(nodes, [X], [port("y", None, F64)], {"six": np.array(6)}, opset=21, ir=10)
    assert_lifted(proto, {"x": np.random.default_rng(3).normal(size=(N, 3, 2))})


def test_a_loop_over_the_tracks_is_unrolled():
    """A running product with each track's values, also collected from all iterations."""
    inner = [
        op("Gather", ["x", "k"], ["track"]),
        op("Mul", ["state", "track"], ["next"]),
        op("Identity", ["go"], ["on"]),
        op("Identity", ["next"], ["each"]),
    ]
    body = onnx.helper.make_graph(
        inner,
        "body",
        [port("k", [], I64), port("go", [], 9), port("state", [2], F64)],
        [port("on", [], 9), port("next", [2], F64), port("each", [2], F64)],
    )
    nodes = [
        op("Shape", ["x"], ["count"], start=0, end=1),
        op("Squeeze", ["count"], ["tracks"]),
        op("Loop", ["tracks", "yes", "start"], ["y", "z"], body=body),
    ]
    constants = {"yes": np.array(True), "start": np.array([1.0, 2.0])}
    ports = [port("y", [2], F64), port("z", None, F64)]
    proto = model(nodes, [X], ports, constants)
    assert_lifted(proto, {"x": np.random.default_rng(3).normal(size=(N, 3, 2))})


def test_outputs_that_are_no_tensors_are_refused():
    parts = onnx.helper.make_tensor_sequence_value_info("y", F64, None)
    proto = model([op("SplitToSequence", ["x"], ["y"])], [X], [parts])
    with pytest.raises(ModelError, match="output 'y' is no tensor"):
        lifted(proto, {"x": np.zeros((2, 3, 2))})


@pytest.mark.parametrize("kind", FOLDED)
def test_what_reads_a_shape_alone_becomes_a_constant(kind):
    """x scaled by its shape, its size, or the unit matrix of its shape."""
    nodes = [op(kind, ["x"], ["s"]), op("Cast", ["s"], ["d"], to=F64)]
    nodes += [op("Mul", ["x", "d"], ["y"]), op("Identity", ["s"], ["z"])]
    proto = model(nodes, [X], [port("y", None, F64), port("z", None, 0)], opset=21, ir=10)
    proto.graph.output[1].ClearField("type")
    whole = assert_lifted(proto, {"x": np.random.default_rng(3).normal(size=(N, 3, 2))})
    assert kind == "Shape" or kind not in {node.op_type for node in whole.graph.node}


def test_an_output_that_is_the_same_for_all_events_is_repeated():
    """Also where another node reads it."""
    nodes = [op("Neg", ["w"], ["z"]), op("Add", ["x", "z"], ["y"])]
    ports = [port("y", None, F64), port("z", None, F64)]
    proto = model(nodes, [X], ports, {"w": np.ones((3, 2))}, opset=21, ir=10)
    assert_lifted(proto, {"x": np.random.default_rng(3).normal(size=(N, 3, 2))})


def test_inputs_without_a_value_are_refused():
    nodes = [op("Mul", ["x", "k"], ["y"])]
    proto = model(nodes, [X, port("k", [], F64)], [port("y", None, F64)], opset=21, ir=10)
    with pytest.raises(ModelError, match="inputs without a value: k: give them with fix="):
        lifted(proto, {"x": np.zeros((2, 3, 2))})


def test_operators_with_an_official_body_are_written_out():
    """y = (x − m)/(σ + 1e-9), a sequence, and a softmax of opset 11, over flattened axes."""
    random = np.random.default_rng(3)
    x = random.normal(size=(N, 3, 2)).astype(np.float32)
    single = port("x", [3, 2])
    nodes = [
        op("MeanVarianceNormalization", ["x"], ["m"], axes=[0]),
        op("SplitToSequence", ["m"], ["parts"], axis=0),
        op("ConcatFromSequence", ["parts"], ["back"], axis=1),
        op("Softmax", ["back"], ["y"], axis=0),
    ]
    proto = model(nodes, [single], [port("y", None)], opset=11)
    assert_lifted(proto, {"x": x}, close=2e-6)


def test_self_attention_of_one_event():
    """Two heads over the tracks of an event, (heads, tracks, size) without any batch."""
    random = np.random.default_rng(8)
    nodes = [
        op("MatMul", ["x", "w"], ["q"]),
        op("Reshape", ["q", "heads"], ["h"]),
        op("Transpose", ["h"], ["t"], perm=[1, 0, 2]),
        op("Transpose", ["h"], ["u"], perm=[1, 2, 0]),
        op("MatMul", ["t", "u"], ["logits"]),
        op("Softmax", ["logits"], ["a"], axis=-1),
        op("MatMul", ["a", "t"], ["v"]),
        op("Transpose", ["v"], ["b"], perm=[1, 0, 2]),
        op("Reshape", ["b", "flat"], ["y"]),
    ]
    constants = {"w": random.normal(size=(3, 4)), "heads": np.array([0, 2, 2])}
    constants["flat"] = np.array([-1, 4])
    proto = model(nodes, [port("x", [5, 3], F64)], [port("y", None, F64)], constants)
    assert_lifted(proto, {"x": random.normal(size=(N, 5, 3))})
