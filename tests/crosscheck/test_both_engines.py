"""What the studies measure with, held against numbers written out by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.graph.graphs import F64, model, op, port
from validation.both_engines import CELLS, Taylor, apart, clear_events, clear_of_kinks, deviations
from validation.study import StudyError


def cubic() -> onnx.ModelProto:
    """x₀² x₁ and x₁³ of two inputs with one number each, in double precision."""
    nodes = [
        op("Mul", ["a", "a"], ["aa"]),
        op("Mul", ["aa", "b"], ["first"]),
        op("Mul", ["b", "b"], ["bb"]),
        op("Mul", ["bb", "b"], ["second"]),
        op("Concat", ["first", "second"], ["y"], axis=1),
    ]
    inputs = [port("a", ["N", 1], F64), port("b", ["N", 1], F64)]
    return model(nodes, inputs, [port("y", ["N", 2], F64)])


X = np.random.default_rng(2).normal(size=(20, 2))


@pytest.mark.parametrize(("engine", "limit"), [("exact", 1e-14), ("differences", 1e-7)])
def test_jacobian_and_hessian_of_polynomials(engine, limit):
    value, jacobian, hessian = Taylor(cubic(), X, engine, "float64")(X)
    a, b = X.T
    assert np.abs(value - np.stack([a * a * b, b**3], axis=1)).max() < 1e-13
    zero = np.zeros_like(a)
    first = np.array([[2 * a * b, a * a], [zero, 3 * b * b]])
    second = np.array([[[2 * b, 2 * a], [2 * a, zero]], [[zero, zero], [zero, 6 * b]]])
    assert np.abs(jacobian - np.moveaxis(first, -1, 0)).max() < limit * 10
    assert np.abs(hessian - np.moveaxis(second, -1, 0)).max() < limit * 10


def test_deviations_are_zero_of_itself_and_refusals_have_their_reason():
    cell = next(c for c in CELLS if c.title == "exact, float64 file")
    wanted = Taylor(cubic(), X, "exact", "float64")(X)
    assert set(deviations(cubic(), X, X, cell, wanted).values()) == {0.0}
    single = next(c for c in CELLS if c.title == "exact, float32")
    refused = deviations(cubic(), X, X, single, wanted)["refused"]
    assert "computes in float64" in refused
    assert "memory" not in refused


def test_the_deviation_is_that_of_the_worst_event():
    wanted = np.array([[3.0, 4.0], [0.0, 10.0]])
    assert apart(wanted, wanted) == 0
    found = wanted + np.array([[0.0, 0.5], [2.0, 0.0]])
    assert apart(found, wanted) == pytest.approx(0.2)  # 2/10, beside 0.5/5
    assert apart(found[:1], wanted[:1]) == pytest.approx(0.1)
    assert apart(np.array([[0.25, 0.0]]), np.zeros((1, 2))) == 0.25


def test_events_clear_of_kinks():
    """Kinks at x₀ = 0 and at x₀ + x₁ = 1; reach 0.1 and 0.2."""

    def sides(rows):
        return np.stack([rows[:, 0], rows.sum(axis=1) - 1], axis=1)

    x = np.array(
        [[0.5, 0.0], [0.05, 0.0], [-0.2, 0.0], [0.5, 0.25], [0.5, 0.65], [0.3, 0.45], [0.11, 5]]
    )
    # the sixth is 0.25 away: beyond the reach of each axis, within the 0.3 of the diagonal
    clear = [True, False, True, False, False, False, True]
    assert clear_of_kinks(sides, x, np.array([0.1, 0.2])).tolist() == clear


def test_a_network_that_is_all_kinks_is_no_study():
    proto = cubic()
    assert clear_events(None, proto, X) is X
    with pytest.raises(StudyError, match="0 events are clear"):
        clear_events(lambda rows: np.sin(1e7 * rows), proto, X)
