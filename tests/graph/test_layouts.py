"""Columns fill the inputs, and outputs become responses, whatever their shapes."""

import numpy as np
import pytest
from onnx import helper

from onnxtaylor.errors import ModelError
from tests.graph.functions import function_of
from tests.graph.graphs import (
    F32,
    ask,
    events,
    model,
    net,
    op,
    opened,
    port,
    respond,
)


def projected(shape, kind=F32, **options):
    """y (N, 2) from an input [N, …] of any rank: flattened, then a matrix."""
    n = int(np.prod([d for d in shape[1:] if isinstance(d, int)]))
    w = np.random.default_rng(5).normal(size=(n, 2)).astype(helper.tensor_dtype_to_np_dtype(kind))
    nodes = [
        op("Flatten", ["x"], ["f"], axis=1),
        op("MatMul", ["f", "w"], ["m"]),
        op("Tanh", ["m"], ["y"]),
    ]
    return model(nodes, [port("x", shape, kind)], [port("y", ["N", 2], kind)], {"w": w}, **options)


@pytest.mark.parametrize(
    "shape", [("N", 6), ("N", 1, 1, 6), ("N", 2, 3), (None, 3, 2, 1), ("N", 6, 1)]
)
def test_features_fill_an_input_of_any_rank(shape):
    x = events(6)
    proto = projected(shape)
    expected = ask(proto, x=x.reshape(-1, *shape[1:]))["y"]
    assert respond(proto, x) == pytest.approx(expected, rel=1e-6)


def test_an_input_without_an_axis_of_features_is_one_column():
    proto = model([op("Sin", ["x"], ["y"])], [port("x", ["N"])], [port("y", ["N"])])
    x = events(1)
    assert (respond(proto, x) == ask(proto, x=x[:, 0])["y"][:, None]).all()
    assert opened(proto, x).response_names == ("y",)


def test_an_event_without_a_batch_axis():
    """[5] → [2]: exported from one event."""
    w = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    nodes = [op("MatMul", ["x", "w"], ["a"]), op("Tanh", ["a"], ["y"])]
    proto = model(nodes, [port("x", [5])], [port("y", [2])], {"w": w})
    x = events(5)
    expected = np.stack([ask(proto, x=row)["y"] for row in x])
    assert respond(proto, x) == pytest.approx(expected, rel=1e-6)
    assert opened(proto, x).batch == "fixed in the file, made free and verified"


def test_a_single_number_as_response():
    proto = model(
        [op("ReduceSum", ["x"], ["s"], keepdims=0), op("Exp", ["s"], ["y"])],
        [port("x", [1, 3])],
        [port("y", [])],
    )
    x = events()
    expected = np.array([ask(proto, x=row[None])["y"] for row in x])[:, None]
    assert respond(proto, x) == pytest.approx(expected, rel=1e-6)
    assert opened(proto, x).function.fixed_batch == 1


def test_an_input_of_unknown_rank_has_a_column_per_feature():
    proto = net()
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    x = events()
    assert (respond(proto, x) == ask(net(), x=x)["y"]).all()


@pytest.mark.parametrize(
    ("shape", "columns"),
    [(("N", "T"), 7), (("N", 3, "T"), 12), (("N", "T", 4), 8), ((None, None), 5)],
)
def test_a_free_size_is_told_by_the_columns(shape, columns):
    nodes = [op("Sin", ["x"], ["s"]), op("ReduceSum", ["s", "axes"], ["y"], keepdims=0)]
    axes = np.arange(1, len(shape))
    proto = model(nodes, [port("x", shape)], [port("y", ["N"])], {"axes": axes})
    x = events(columns)
    assert respond(proto, x)[:, 0] == pytest.approx(np.sin(x).sum(axis=1), abs=1e-5)
    with pytest.raises(ModelError, match="follows from the number of columns"):
        function_of(proto)


@pytest.mark.parametrize(
    ("ports", "columns", "says"),
    [
        ([port("x", ["N", 3, "T"])], 7, "a multiple of 3 columns.*have 7"),
        ([port("x", ["N", "H", "W"])], 12, "more than one size"),
        ([port("x", ["N", None, None])], 12, "more than one size"),
        ([port("x", ["N", "T"]), port("z", ["N", 4])], 4, "the other inputs 4"),
        ([port("x", [2, 3]), port("z", [3, 3])], 6, "different batch sizes"),
    ],
)
def test_layouts_that_columns_cannot_fill_are_refused(ports, columns, says):
    names = tuple(p.name for p in ports)
    proto = model([op("Sum", names, ["y"])], ports, [port("y", None)])
    with pytest.raises(ModelError, match=says) as error:
        function_of(proto, columns, inputs=names)
    assert "\n" not in str(error.value)


def test_two_inputs_that_share_a_free_size():
    nodes = [op("Mul", ["a", "b"], ["m"]), op("ReduceSum", ["m", "axis"], ["y"])]
    ports = [port("a", ["N", "T"]), port("b", ["N", "T"])]
    proto = model(nodes, ports, [port("y", ["N", 1])], {"axis": np.array([1])})
    x = events(10)
    expected = ask(proto, a=x[:, :5], b=x[:, 5:])["y"]
    assert respond(proto, x, inputs=("a", "b")) == pytest.approx(expected, rel=1e-6)


def test_several_inputs_are_cut_out_of_one_row():
    nodes = [
        op("Concat", ["a", "b", "c"], ["all"], axis=1),
        op("MatMul", ["all", "w"], ["m"]),
        op("Tanh", ["m"], ["y"]),
    ]
    w = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    ports = [port("a", ["N", 2]), port("b", ["N", 1]), port("c", ["N", 3])]
    proto = model(nodes, ports, [port("y", ["N", 2])], {"w": w})
    x = events(6)
    straight = ask(proto, a=x[:, :2], b=x[:, 2:3], c=x[:, 3:])["y"]
    assert (respond(proto, x, inputs=("a", "b", "c")) == straight).all()
    turned = ask(proto, c=x[:, :3], a=x[:, 3:5], b=x[:, 5:])["y"]
    assert (respond(proto, x, inputs=("c", "a", "b")) == turned).all()


def test_columns_as_inputs_of_their_own():
    ports = [port(name, ["N", 1]) for name in "abc"]
    proto = model(
        [op("Concat", ["a", "b", "c"], ["k"], axis=1), op("Exp", ["k"], ["y"])],
        ports,
        [port("y", ["N", 3])],
    )
    x = events()
    assert respond(proto, x) == pytest.approx(np.exp(x), rel=1e-6)


def test_an_asked_for_input_without_influence_keeps_its_columns():
    proto = model(
        [op("Exp", ["b"], ["y"]), op("Neg", ["features"], ["z"])],
        [port("features", ["N", 2]), port("b", ["N", 2])],
        [port("y", None), port("z", None)],
    )
    x = events(4)
    assert respond(proto, x, inputs=("features", "b")) == pytest.approx(np.exp(x[:, 2:]), rel=1e-6)


def test_initializers_listed_as_inputs_are_constants():
    proto = net(ir=3)
    proto.graph.input.extend([port("W1", [3, 4]), port("W2", [4, 2])])
    x = events()
    assert (respond(proto, x) == ask(net(), x=x)["y"]).all()


def test_an_output_of_higher_rank_is_flattened():
    proto = model(
        [op("Reshape", ["x", "s"], ["r"]), op("Exp", ["r"], ["y"])],
        [port("x", ["N", 12])],
        [port("y", ["N", 3, 4])],
        {"s": np.array([-1, 3, 4])},
    )
    x = events(12)
    assert respond(proto, x) == pytest.approx(np.exp(x), rel=1e-6)
    assert opened(proto, x).response_names == tuple(f"y[{k}]" for k in range(12))
