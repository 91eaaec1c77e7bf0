"""⟨t⟩ of two responses that are known without training: the best one, and the best without pairs.

The best response is p = sigmoid(g) with g the logarithm of the likelihood ratio, a quadratic
(``toys``). A response that knows the marginal distributions alone, Gaussians of one width for both
classes here, has a linear logit,

    g_l(z) = bᵀz + c        b, c: the least mean cross entropy over both classes

Its sigmoid makes pair terms, too: they are no sign that a correlation was learned.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from validation.toys import Scenario, closed_form, quadratic, sigmoid

__all__ = ["best_linear", "best_sizes", "distance", "half_reached", "linear_sizes"]

Floats = npt.NDArray[np.float64]
NODES = 60  # of the quadrature along each axis


def best_linear(scenario: Scenario) -> tuple[Floats, float]:
    """b (2,) and c of the linear logit with the least mean cross entropy, in standardized inputs.

    Expectations over the two normal distributions are sums over a product of Gauss-Hermite
    quadratures; the minimum is found by Newton's method, ∇ = E[(p − y) u], with u = (z, 1) and
    y = 1 for signal, and ∇∇ = E[p(1−p) u uᵀ].
    """
    mean, std = scenario.pooled()
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.outer(weights, weights).ravel() / weights.sum() ** 2
    parts, targets = [], []
    for target, centre, covariance in (
        (1.0, scenario.signal_mean, scenario.signal_covariance),
        (0.0, scenario.background_mean, scenario.background_covariance),
    ):
        x = centre + grid @ np.linalg.cholesky(covariance).T
        parts.append(np.column_stack([(x - mean) / std, np.ones(len(x))]))
        targets.append(np.full(len(x), target))
    u, y, w = np.concatenate(parts), np.concatenate(targets), np.tile(weight / 2, 2)
    found = np.zeros(3)
    for _ in range(30):
        p = sigmoid(u @ found)
        gradient = u.T @ (w * (p - y))
        found -= np.linalg.solve((u.T * (w * p * (1 - p))) @ u, gradient)
    return found[:2], float(found[2])


def best_sizes(scenario: Scenario, z: Floats) -> Floats:
    """⟨t⟩ of the best response at standardized events z (N, 2), shape (5,)."""
    return _sizes(z, *quadratic(scenario, *scenario.pooled()))


def linear_sizes(scenario: Scenario, z: Floats) -> Floats:
    """⟨t⟩ of the best linear logit at standardized events z (N, 2), shape (5,)."""
    return _sizes(z, np.zeros((2, 2)), *best_linear(scenario))


def _sizes(z: Floats, A: Floats, b: Floats, c: float) -> Floats:
    return np.abs(list(closed_form(z, A, b, c).values())).mean(axis=1)


def distance(scores: Floats, reference: Floats) -> Floats:
    """‖⟨t⟩ − reference‖ / ‖reference‖ of each row of scores (S, 5), shape (S,)."""
    return np.asarray(
        np.linalg.norm(scores - reference, axis=-1) / np.linalg.norm(reference, axis=-1)
    )


def half_reached(steps: Floats, curve: Floats, final: float) -> float:
    """The first step from which on a curve (S,) stays above half of ``final``; inf if it does not.

    Random weights have coefficients, too, that training takes away before it brings its own: a
    first crossing means little.
    """
    below = np.flatnonzero(curve < final / 2)
    last = below[-1] if len(below) else -1
    return float(steps[last + 1]) if last + 1 < len(steps) else float("inf")
