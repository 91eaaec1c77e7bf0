"""Rows of the Hessian by products of the derivative graph, beside those among all coefficients."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.engine.averaged import rows
from onnxtaylor.engine.averaged.rows import RowsOfCoefficients, RowsOfProducts, rows_of
from onnxtaylor.engine.averaged.shares import share_of_kinks
from onnxtaylor.engine.averaged.steps import plan_steps
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.indices import MultiIndices
from onnxtaylor.problem import Problem
from onnxtaylor.runtime.promotion import promote
from validation.performance.nets import dense_net

N, C, EVENTS = 7, 3, 40


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(2).normal(size=(EVENTS, N))


def engine_of(problem: Problem, x: np.ndarray, *, double: bool = False) -> Exact:
    function = problem.function
    if double:
        function = promote(function, x, provider="cpu").function
    return Exact(function, MultiIndices.full(N), x=x, threads=1)


@pytest.mark.parametrize("activation", ["Tanh", "Relu", "Elu"])
def test_both_kinds_of_rows_are_the_same(activation, x):
    problem = Problem.open(dense_net((N, 16, C), activation=activation), x)
    engine = engine_of(problem, x, double=True)
    feature = np.arange(EVENTS) % N
    gradients, second = RowsOfProducts(engine)(x, feature)
    expected = RowsOfCoefficients(engine, 1)(x, feature)
    assert gradients.shape == second.shape == (EVENTS, C, N)
    np.testing.assert_allclose(gradients, expected[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(second, expected[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ["Tanh", "Relu"])
def test_the_share_of_kinks_is_the_same(activation, x, monkeypatch):
    problem = Problem.open(dense_net((N, 16, C), activation=activation), x)
    engine = engine_of(problem, x)
    steps = plan_steps(problem, "0.7sigma")
    near = np.ones((EVENTS, N), bool)
    monkeypatch.setattr(rows, "MANY", 0)
    assert isinstance(rows_of(engine, 1), RowsOfProducts)
    by_products = share_of_kinks(engine, 1, steps, x, near)
    monkeypatch.setattr(rows, "MANY", 2**40)
    assert isinstance(rows_of(engine, 1), RowsOfCoefficients)
    by_coefficients = share_of_kinks(engine, 1, steps, x, near)
    # another number of steps may be looked at; round-off of what is smooth is below 1 %
    assert by_products == pytest.approx(by_coefficients, abs=0.01)
    assert (by_products > 0.05) == (activation == "Relu")
