"""Inputs that are fed event by event, but not differentiated, in both engines.

f(x, m, k, s) = tanh(x₁ a[k]) (1 + m x₂²) + b[s], with a truth value m, a whole number k, a text s.
"""

import numpy as np
import pytest
from onnx import TensorProto

from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.graph import InputData, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import ModelOptions
from tests.graph.graphs import F64, I64, STRING, model, op, port

A = np.array([0.5, -1.0, 2.0])
TEXTS = ("red", "green")
B = np.array([3.0, -4.0])  # of red and green


def categories(batch="N"):
    nodes = [
        op("Split", ["x"], ["x1", "x2"], axis=1, num_outputs=2),
        op("Gather", ["a", "k"], ["ak"]),
        op("Mul", ["x1", "ak"], ["z"]),
        op("Tanh", ["z"], ["t"]),
        op("Cast", ["m"], ["m0"], to=TensorProto.DOUBLE),
        op("Mul", ["x2", "x2"], ["squared"]),
        op("Mul", ["m0", "squared"], ["mx"]),
        op("Add", ["one", "mx"], ["factor"]),
        op("Mul", ["t", "factor"], ["product"]),
        op(
            "LabelEncoder",
            ["s"],
            ["bs"],
            domain="ai.onnx.ml",
            keys_strings=list(TEXTS),
            values_floats=B.tolist(),
        ),
        op("Cast", ["bs"], ["b"], to=TensorProto.DOUBLE),
        op("Add", ["product", "b"], ["y"]),
    ]
    inputs = [
        port("m", [batch, 1], TensorProto.BOOL),
        port("x", [batch, 2], F64),
        port("k", [batch, 1], I64),
        port("s", [batch, 1], STRING),
    ]
    return model(
        nodes,
        inputs,
        [port("y", [batch, 1], F64)],
        {"a": A, "one": np.array(1.0)},
        opset=18,
        domains={"ai.onnx.ml": 3},
    )


@pytest.fixture(scope="module")
def rows():
    """Events x₁, x₂, m, k, s: the context in the order of the model's inputs."""
    random = np.random.default_rng(0)
    events = 50
    context = [random.integers(0, size, events) for size in (2, len(A), 2)]
    return np.column_stack([random.normal(size=(events, 2)), *context])


def function():
    loaded = read_model(categories())
    data = InputData(present=("x", "m", "k", "s"), texts=((), (), ("green", "red")))
    return build_function(loaded, choose(loaded, ModelOptions(), data=data))


def derivatives(rows):
    """t₁, t₂, t₁₁, t₁₂, t₂₂ by hand."""
    x1, x2, m, k, _ = rows.T
    a = A[k.astype(int)]
    t, slope = np.tanh(a * x1), a / np.cosh(a * x1) ** 2
    bend = -2 * t * slope * a
    factor = 1 + m * x2**2
    return np.stack(
        [slope * factor, 2 * m * x2 * t, bend * factor / 2, 2 * m * x2 * slope, m * t], axis=1
    )


def test_context_stands_behind_the_features_in_the_row():
    f = function()
    assert (f.n_features, f.n_varied, f.n_context) == (5, 2, 3)
    assert f.is_varied.tolist() == [True, True, False, False, False]


def test_coefficients_are_those_by_the_features_alone():
    assert function().indices(2).tuples() == MultiIndices.full(2, 2).tuples()


def test_exact_engine_against_the_formula(rows):
    f = function()
    engine = Exact(f, f.indices(2), x=rows[:16], threads=1)
    answer = engine.coefficients(rows)
    np.testing.assert_allclose(answer.terms[:, 0], derivatives(rows), rtol=1e-13, atol=1e-14)
    b = np.array([B[1], B[0]])[rows[:, 4].astype(int)]
    x1, x2, m, k, _ = rows.T
    expected = np.tanh(A[k.astype(int)] * x1) * (1 + m * x2**2) + b
    np.testing.assert_allclose(answer.responses[:, 0], expected, rtol=1e-14)


def test_differences_repeat_the_context(rows):
    f = function()
    engine = Differences(
        f,
        f.indices(2),
        spread=np.abs(rows).mean(axis=0),
        largest=np.abs(rows).max(axis=0),
        x=rows[:16],
        threads=1,
    )
    answer = engine.coefficients(rows)
    error = np.abs(answer.terms[:, 0] - derivatives(rows))
    assert (error <= answer.error_bounds[:, 0]).all()
    assert error.max() < 1e-7
    assert (engine.reach[2:] == 0).all()
    assert np.array(engine.describe()["steps"]).shape == (2, 2)


def test_an_event_on_a_joint_is_moved_along_its_features_alone():
    """abs(x₁) · abs(x₁) is smooth at 0; k = 2 is the last row of the table."""
    nodes = [
        op("Gather", ["a", "k"], ["ak"]),
        op("Abs", ["x"], ["z"]),
        op("Mul", ["z", "z"], ["square"]),
        op("Mul", ["square", "ak"], ["y"]),
    ]
    inputs = [port("x", ["N", 1], F64), port("k", ["N", 1], I64)]
    proto = model(nodes, inputs, [port("y", ["N", 1], F64)], {"a": A})
    loaded = read_model(proto)
    f = build_function(loaded, choose(loaded, data=InputData(present=("x", "k"))))
    rows = np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    answer = Exact(f, f.indices(2), x=np.resize(rows, (8, 2)), threads=1).coefficients(rows)
    expected = [[0.0, 2.0], [1.0, 0.5], [0.0, 0.5]]
    np.testing.assert_allclose(answer.terms[:, 0], expected, rtol=1e-9, atol=1e-12)
