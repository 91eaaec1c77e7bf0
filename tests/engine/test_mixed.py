"""Two heads, one with an operator that has no rule: each response by the engine that can."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.cli import main
from onnxtaylor.compiler.facts import shapes_from
from onnxtaylor.engine.mixed import divide
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.narrow import narrowed
from onnxtaylor.run.inspect import inspect_model
from onnxtaylor.runtime.observe import observe
from onnxtaylor.runtime.session import Session
from tests.engine.paper import Graph, function_of

N = 4
REASON = "node 'volume': operator Det has no rule"


def events(count: int = 40) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, N)).astype(np.float32).astype(float)


def heads(g: Graph) -> tuple[str, str]:
    """Softmax of two responses, and the determinant of a matrix 2×2, of the same hidden layer."""
    random = np.random.default_rng(1)
    hidden = g.node("Tanh", g.node("MatMul", "x", g.constant(random.normal(size=(N, 5)))))
    probabilities = g.node("MatMul", hidden, g.constant(random.normal(size=(5, 2))))
    flat = g.node("MatMul", hidden, g.constant(random.normal(size=(5, 4))))
    matrix = g.node("Reshape", flat, g.constant([-1, 1, 2, 2], np.int64))
    determinant = g.node("Det", matrix, name="volume")
    return g.node("Softmax", probabilities, axis=1), determinant


def two_outputs() -> onnx.ModelProto:
    """The heads as outputs ``p`` (N, 2) and ``v`` (N, 1)."""
    g = Graph(N, np.float32)
    p, v = heads(g)
    proto = g.model(p, 2)
    proto.graph.output[0].name = proto.graph.node[-1].output[0] = "p"
    proto.graph.node.append(onnx.helper.make_node("Identity", [v], ["v"]))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("v", g.element, ["events", 1]))
    return proto


def one_output() -> onnx.ModelProto:
    """Det, scaled, between the two probabilities: columns of one output ``y`` (N, 3)."""
    g = Graph(N, np.float32)
    p, v = heads(g)
    first, second = (g.node("Gather", p, g.constant([k], np.int64), axis=1) for k in (0, 1))
    joined = g.node("Concat", first, v, second, axis=1)
    scaled = g.node("Mul", joined, g.constant([[3.0, 2.0, 4.0]]))
    return g.model(g.node("Add", scaled, g.node("Neg", joined)), 3)


def twin(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with the determinant written as a·d − b·c."""
    twin = onnx.ModelProto()
    twin.CopyFrom(proto)
    place = next(k for k, n in enumerate(twin.graph.node) if n.op_type == "Det")
    matrix, found = twin.graph.node[place].input[0], twin.graph.node[place].output[0]
    make = onnx.helper.make_node
    corners = [make("Gather", ["flat4", f"n{k}"], [f"m{k}"], axis=1) for k in range(4)]
    nodes = [
        make("Flatten", [matrix], ["flat4"], axis=1),
        *corners,
        make("Mul", ["m0", "m3"], ["down"]),
        make("Mul", ["m1", "m2"], ["up"]),
        make("Sub", ["down", "up"], [found]),
    ]
    rest = list(twin.graph.node)
    del twin.graph.node[:]
    twin.graph.node.extend([*rest[:place], *nodes, *rest[place + 1 :]])
    for k in range(4):
        twin.graph.initializer.append(onnx.numpy_helper.from_array(np.array([k]), f"n{k}"))
    return twin


@pytest.mark.parametrize("columns", [(0,), (1,), (2, 0), (0, 1, 2)])
def test_narrowed_function_has_the_values_of_its_columns(columns):
    function, x = function_of(one_output()), events(7)
    for known in ({function.response: 3}, _widths(function, x)):
        few = narrowed(function, columns, known)
        assert np.array_equal(Session(few)(x), Session(function)(x)[:, list(columns)])


def _widths(function: GraphFunction, x: np.ndarray) -> dict[str, int]:
    shapes = shapes_from(observe(function, x))
    return {name: s[1] for name, s in shapes.items() if len(s) == 2 and s[0] == -1}


def test_division_finds_the_columns_without_a_rule():
    found = divide(function_of(one_output()), events())
    assert found.columns == (0, 2)
    assert dict(found.refused) == {1: REASON}
    kinds = {node.op_type for node in found.exact.proto.graph.node}
    assert "Det" not in kinds
    assert "Softmax" in kinds
    assert "Softmax" not in {node.op_type for node in found.others.proto.graph.node}
    assert found.why(["a", "b", "c"]) == f"response b: {REASON}"


def test_nothing_is_divided_where_all_responses_share_their_fate():
    g = Graph(N, np.float32)
    probabilities, volume = heads(g)
    assert divide(function_of(g.model(g.node("Mul", probabilities, volume), 2)), events()) is None
    assert divide(function_of(twin(one_output())), events()) is None
    fixed = replace(function_of(one_output()), fixed_batch=1)
    assert divide(fixed, events()) is None


@pytest.mark.parametrize("link", ["identity", "log"])
@pytest.mark.parametrize("order", [1, 2])
def test_two_heads_have_two_engines(order, link):
    """The exact head is that of the exact engine alone; the other agrees with its twin's."""
    if link == "log":  # of positive responses: the determinant is not
        proto, outputs = _positive(two_outputs()), ["p", "w"]
    else:
        proto, outputs = two_outputs(), ["p", "v"]
    settings = {"order": order, "link": link, "bootstrap": 20}
    result = ot.analyze(proto, events(), output=outputs, **settings)
    head = result.outputs[-1]
    assert result.model.engine == "mixed"
    assert result.options["engines"] == {"p[0]": "exact", "p[1]": "exact", head: "differences"}
    assert result.options["no_exact_engine"] == f"response {head}: {REASON}"

    alone = ot.analyze(proto, events(), output="p", engine="exact", **settings)
    np.testing.assert_allclose(result.score[:2], alone.score, rtol=2e-6)
    assert np.isnan(result.numerical_error[:2]).all()

    smooth = ot.analyze(twin(proto), events(), output=outputs, engine="exact", **settings)
    scale, bound = np.abs(smooth.score[2]).max(), result.numerical_error[2]
    assert (np.abs(result.score[2] - smooth.score[2]) <= bound + 1e-6 * scale).all()
    assert bound.max() < 0.01 * scale


def _positive(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Another output ``w`` = exp(v)."""
    proto.graph.node.append(onnx.helper.make_node("Exp", ["v"], ["w"]))
    del proto.graph.output[1]
    kind = onnx.TensorProto.FLOAT
    proto.graph.output.append(onnx.helper.make_tensor_value_info("w", kind, ["events", 1]))
    return proto


def test_responses_keep_their_places():
    result = ot.analyze(one_output(), events(), bootstrap=0)
    exact = ot.analyze(twin(one_output()), events(), engine="exact", bootstrap=0)
    assert list(result.options["engines"].values()) == ["exact", "differences", "exact"]
    scale = np.abs(exact.score).max(axis=(1, 2))
    apart = np.abs(result.score - exact.score)
    assert (apart[[0, 2]].max(axis=(1, 2)) < 2e-6 * scale[[0, 2]]).all()
    assert (apart[1] <= result.numerical_error[1] + 1e-6 * scale[1]).all()


def test_result_is_saved_and_loaded(tmp_path):
    result = ot.analyze(one_output(), events(), bootstrap=0)
    result.save(tmp_path / "result.json")
    loaded = ot.TaylorResult.load(tmp_path / "result.json")
    assert loaded.model.engine == "mixed"
    assert loaded.options["engines"] == result.options["engines"]
    np.testing.assert_array_equal(loaded.numerical_error, result.numerical_error)


def test_steps_of_the_other_engine_that_leave_the_range_are_warned_of():
    """Half of the events lie at the edge of a feature's range."""
    x = events(400)
    x[:, 0] = np.where(x[:, 0] > 0, 1.0, -1.0)
    result = ot.analyze(one_output(), x, bootstrap=0, check=0)
    assert result.model.engine == "mixed"
    alone = ot.analyze(one_output(), x, bootstrap=0, check=0, engine="differences")
    codes = [[(f.code, f.feature) for f in r.warnings] for r in (result, alone)]
    assert codes[0] == codes[1] == [("range", "x0")]


def test_exact_alone_names_operator_and_node():
    with pytest.raises(ModelError, match=f'{REASON}; use engine="differences"'):
        ot.analyze(one_output(), events(), engine="exact")


def test_inspect_tells_the_engine_of_each_response(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(one_output().SerializeToString())
    report = inspect_model(path)
    assert report["engine"] == ["exact: y[0], y[2]", f"differences: response y[1]: {REASON}"]


def test_command_line_says_which_response_is_not_exact(tmp_path, capsys):
    model, data = tmp_path / "model.onnx", tmp_path / "events.npy"
    model.write_bytes(one_output().SerializeToString())
    np.save(data, events())
    call, line = (
        ["analyze", str(model), str(data), "--bootstrap", "0"],
        f"no exact derivatives: response y[1]: {REASON}",
    )
    assert main(call) == 0
    assert line in " ".join(capsys.readouterr().out.split())
    assert main([*call, "--json"]) == 0
    piped = capsys.readouterr()
    assert json.loads(piped.out)["model"]["engine"] == "mixed"
    assert piped.err == f"{line}\n"
