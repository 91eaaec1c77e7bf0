"""Kinks and steps within reach are told from noise and from curvature."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.nets import SMOOTH, Net, events_of, judged
from tests.engine.paper import Graph

formats = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def distances(net, x):
    """To the nearest kink of a net of one hidden layer along each feature, (E, n)."""
    matrix, _ = net.weights()[0]
    return (abs(net.hidden(x))[:, None] / abs(matrix)).min(axis=2)


@formats
def test_kinks_of_relu_nets(dtype):
    """Flagged next to a kink, never where none is within reach; near the edge it may be missed."""
    net, x = Net("relu", sizes=(5, 12, 2), softmax=False), events_of(5, 2064)
    steps = np.full(5, 2.0**-5)
    _, answer = judged(net.model(dtype), x[64:], x[:64], steps=steps)
    near = distances(net, x[64:]) / steps
    assert not answer.kinks[near > 3.01].any()
    alone = near < 1.4
    assert alone.sum() > 300
    assert answer.kinks[alone].mean() > 0.95
    assert answer.kinks[near < 2.9].mean() > 0.85


@formats
def test_chosen_steps_leave_most_kinks_out_of_reach(dtype):
    net, x = Net("relu", sizes=(5, 12, 2), softmax=False), events_of(5, 1064)
    engine, answer = judged(net.model(dtype), x[64:], x[:64])
    near = distances(net, x[64:]) / engine.steps.max(axis=0)
    assert not answer.kinks[near > 3.01].any()
    assert answer.kinks[near < 1.4].mean() > 0.9
    assert answer.kinks.mean() < 0.2


@formats
@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize("activation", SMOOTH)
def test_smooth_nets_have_none(activation, gain, dtype):
    net, x = Net(activation, gain=gain), events_of(6, 1064)
    _, answer = judged(net.model(dtype), x[64:], x[:64])
    assert answer.kinks.mean() <= 1e-3


@formats
def test_steps_of_the_response(dtype):
    """Floor(8 x) beside smooth features: flagged within reach of a whole number of eighths."""
    g = Graph(3, dtype)
    stairs = g.node("Div", g.node("Floor", g.node("Mul", "x", g.constant(8.0))), g.constant(8.0))
    chosen = g.node("Mul", stairs, g.constant([[1.0, 0.0, 0.0]]))
    smooth = g.node("Mul", g.node("Tanh", "x"), g.constant([[0.0, 1.0, 1.0]]))
    ones = g.constant(np.ones((3, 1)))
    model = g.model(g.node("MatMul", g.node("Add", chosen, smooth), ones), 1)
    x = events_of(3, 1000)
    steps = np.full(3, 2.0**-8)
    _, answer = judged(model, x, steps=steps)
    gap = abs(8 * x[:, 0] - np.rint(8 * x[:, 0])) / 8 / steps[0]
    assert answer.kinks[gap < 2.9, 0].all()
    assert not answer.kinks[gap > 3.1, 0].any()
    assert not answer.kinks[:, 1:].any()


@formats
def test_any_response_counts(dtype):
    g = Graph(2, dtype)
    both = g.node("Concat", g.node("Abs", g.column(0)), g.node("Tanh", g.column(1)), axis=1)
    x = np.stack((np.linspace(-1, 1, 401), np.linspace(1, -1, 401)), axis=1)
    _, answer = judged(g.model(both, 2), x, steps=np.full(2, 2.0**-6))
    near = abs(x[:, 0]) * 2**6
    assert answer.kinks[near < 1.5, 0].all()
    assert not answer.kinks[near > 3, 0].any()
    assert not answer.kinks[:, 1].any()


@formats
def test_coefficients_across_a_kink_are_covered_or_called_kinked(dtype):
    net, x = Net("relu", sizes=(5, 12, 2), softmax=False), events_of(5, 2064)
    engine, answer = judged(net.model(dtype), x[64:], x[:64], steps=np.full(5, 2.0**-5))
    wrong = abs(answer.terms - net.terms(x[64:])) > answer.error_bounds
    table = engine.indices.table
    called = answer.kinks[:, table[:, 0]] | answer.kinks[:, table[:, 1]]
    assert wrong.mean() < 0.01
    assert (wrong & ~called[:, None]).mean() < 5e-3
