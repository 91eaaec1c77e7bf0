"""A single kink under a Gaussian density: averaged ⟨t⟩ against its closed form."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from scipy.stats import norm, qmc

import onnxtaylor as ot
from tests.engine.averaged.test_averaged import graph_of

W, V, B = np.array([0.8, -0.5, 0.3]), np.array([-0.2, 0.4, 0.6]), 0.35
MEAN = np.array([0.2, -0.1, 0.3])
COVARIANCE = np.array([[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1]])


def expected_scores(w, mu, tau, widths):
    """⟨abs(t)⟩ of abs(u), u = w·x + b ~ N(mu, tau²), for pairs, and for squares at ±h, ±2h."""
    w, n = abs(w), len(w)
    inside = norm.cdf((w * widths / 2 - mu) / tau) - norm.cdf((-w * widths / 2 - mu) / tau)
    pairs = np.outer(inside / widths, w)
    u, density = np.linspace(mu - 9 * tau, mu + 9 * tau, 400_001), None
    density = norm.pdf(u, mu, tau) * (u[1] - u[0])
    squares = np.empty(n)
    for i in range(n):
        one, two = (abs(u + k * w[i] * widths[i]) + abs(u - k * w[i] * widths[i]) for k in (1, 2))
        t = (16 * one - two - 30 * abs(u)) / (24 * widths[i] ** 2)
        squares[i] = (abs(t) * density).sum()
    return pairs + pairs.T, squares


def sobol(number):
    points = qmc.Sobol(3, seed=1).random_base2(number.bit_length() - 1)
    return norm.ppf(np.clip(points, 1e-12, 1 - 1e-12))


def pseudo_random(number):
    return np.random.default_rng(0).normal(size=(number, 3))


@pytest.mark.parametrize(
    ("draw", "number"),
    [
        (sobol, 2**16),
        pytest.param(pseudo_random, 10**6, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("form", ["abs", "max"])
def test_a_single_kink_has_its_closed_form(form, draw, number):
    x = draw(number) @ np.linalg.cholesky(COVARIANCE).T + MEAN
    if form == "abs":
        nodes = [
            helper.make_node("Gemm", ["x", "w", "b"], ["u"]),
            helper.make_node("Abs", ["u"], ["y"]),
        ]
        model = graph_of(nodes, {"w": W[:, None], "b": [B]}, 3, kind=TensorProto.DOUBLE)
        direction, share, mu = W, 1.0, MEAN @ W + B
    else:
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["u"]),
            helper.make_node("MatMul", ["x", "v"], ["s"]),
            helper.make_node("Max", ["u", "s"], ["y"]),
        ]
        constants = {"w": W[:, None], "v": V[:, None]}
        model = graph_of(nodes, constants, 3, kind=TensorProto.DOUBLE)
        direction, share, mu = W - V, 0.5, MEAN @ (W - V)
    result = ot.analyze(model, x, scale="unit", bootstrap=0, check=0)
    assert result.options["curvature"] == "averaged"
    widths = np.array(result.options["curvature_step"]["steps"])
    tau = np.sqrt(direction @ COVARIANCE @ direction)
    pairs, squares = expected_scores(direction, mu, tau, widths)
    for alpha, score in zip(result.indices.tuples(), result.score[0, 0], strict=True):
        if len(alpha) == 2:
            i, j = alpha
            expected = share * (squares[i] if i == j else pairs[i, j])
            assert score == pytest.approx(expected, abs=1e-3)
