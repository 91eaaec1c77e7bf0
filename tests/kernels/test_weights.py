"""Fornberg's recursion against the exact solution of the moment conditions."""

from __future__ import annotations

from math import factorial

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxtaylor_kernels.weights import fornberg

# distinct nodes on a grid of 1/16, so that they are exact and not too close to one another
nodes_and_derivative = (
    st.lists(st.integers(-64, 64), min_size=1, max_size=7, unique=True)
    .map(lambda steps: [s / 16 for s in steps])
    .flatmap(lambda nodes: st.tuples(st.just(nodes), st.integers(0, len(nodes) - 1)))
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(nodes_and_derivative)
def test_weights_solve_the_moment_conditions(case):
    nodes, derivative = case
    exact = np.array([float(w) for w in naive.derivative_weights(nodes, derivative)])
    np.testing.assert_allclose(
        fornberg(nodes, derivative), exact, rtol=0, atol=1e-12 * abs(exact).max()
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_weights_differentiate_polynomials_below_the_number_of_nodes(count):
    random = np.random.default_rng(count)
    nodes = random.permutation(np.linspace(-1.5, 2.0, count)) if count > 1 else np.array([0.25])
    polynomial = np.polynomial.Polynomial(random.normal(size=count))
    for derivative in range(count):
        truth = factorial(derivative) * polynomial.coef[derivative]
        assert fornberg(nodes, derivative) @ polynomial(nodes) == pytest.approx(truth, abs=1e-11)


def test_weights_are_wrong_for_the_first_degree_that_is_too_high():
    nodes = [-1.0, 0.0, 1.0, 2.0]
    assert abs(fornberg(nodes, 1) @ np.power(nodes, 4)) > 0.1


def test_weights_scale_with_the_nodes_and_follow_their_order():
    random = np.random.default_rng(3)
    nodes, order = np.array([-2.0, -0.5, 0.0, 1.0, 3.0]), random.permutation(5)
    for derivative in range(5):
        weights = fornberg(nodes, derivative)
        np.testing.assert_allclose(fornberg(4 * nodes, derivative), weights / 4.0**derivative)
        np.testing.assert_allclose(
            fornberg(nodes[order], derivative), weights[order], rtol=1e-12, atol=1e-13
        )


def test_weights_of_the_handbook():
    five = [-2, -1, 0, 1, 2]
    np.testing.assert_allclose(fornberg(five, 1), np.array([1, -8, 0, 8, -1]) / 12, atol=1e-15)
    np.testing.assert_allclose(fornberg(five, 2), np.array([-1, 16, -30, 16, -1]) / 12, atol=1e-15)


@pytest.mark.parametrize(
    ("nodes", "derivative"), [([0, 1, 1], 1), ([0, 1], 2), ([0, 1], -1), ([], 0)]
)
def test_impossible_stencils_are_refused(nodes, derivative):
    with pytest.raises(ValueError, match=r"distinct|derivative"):
        fornberg(nodes, derivative)
