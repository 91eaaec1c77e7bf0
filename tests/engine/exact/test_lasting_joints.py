"""Events that stay on their joints wherever they are moved to: padded slots that tie."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest

from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.graph import read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model

X = np.array([[0.3, -0.2], [-0.7, 0.4], [0.5, 0.0], [0.0, 0.9]])

# Relu at x − x is on a joint for ever; at x only where an entry is 0
BESIDE = """<ir_version: 8, opset_import: ["" : 17]>
g (double[N, 2] x) => (double[N, 1] y) <int64[1] last = {1}> {
    none = Sub(x, x)
    both = Concat<axis = 1>(none, x)
    above = Relu(both)
    bent = Tanh(x)
    all = Concat<axis = 1>(above, bent)
    y = ReduceSum(all, last)
}"""


def coefficients(text, x, order=1):
    opened = open_model(read_model(onnx.parser.parse_model(text)), ModelOptions(), x)
    return Exact(opened.function, MultiIndices.full(x.shape[1], order), x=x).coefficients(x)


@pytest.fixture
def looked_at(monkeypatch):
    """Numbers of events that were looked at from both sides, call by call."""
    counts, replace = [], TwoSidedLimits._replace

    def counted(self, x, terms):
        counts.append(len(x))
        return replace(self, x, terms)

    monkeypatch.setattr(TwoSidedLimits, "_replace", counted)
    return counts


@pytest.mark.parametrize("order", [1, 2])
def test_lasting_joints_are_left_alone_and_others_beside_them_are_not(looked_at, order):
    answer = coefficients(BESIDE, X, order)
    assert sum(looked_at) == 2  # the events with an entry of 0
    slope = (X > 0) + 1 - np.tanh(X) ** 2
    smooth = X != 0
    np.testing.assert_allclose(answer.terms[:, 0, :2][smooth], slope[smooth], rtol=1e-14)
    mask = np.zeros((4, 2), bool)
    mask[answer.no_derivative.events] = answer.no_derivative.mask[:, 0, :2]
    np.testing.assert_array_equal(mask, ~smooth)


def test_a_joint_that_hides_small_moves_does_not_last(looked_at):
    """(x + 10¹⁰) − 10¹⁰ stays 0 until x has moved by 10⁻⁶."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
    g (double[N, 2] x) => (double[N, 1] y)
        <double large = {10000000000.0}, int64[1] last = {1}> {
        far = Add(x, large)
        near = Sub(far, large)
        size = Abs(near)
        y = ReduceSum(size, last)
    }"""
    coefficients(text, X)
    assert sum(looked_at) == 2


def test_ties_of_padded_slots_last(looked_at):
    """The largest two of three masked slots, of which two are always 0."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
    g (double[N, 3] x) => (double[N, 1] y)
        <double[3] mask = {1.0, 0.0, 0.0}, int64[1] two = {2}, int64[1] last = {1}> {
        masked = Mul(x, mask)
        most, where = TopK(masked, two)
        bent = Tanh(most)
        y = ReduceSum(bent, last)
    }"""
    x = np.abs(np.random.default_rng(1).normal(size=(5, 3))) + 0.1
    answer = coefficients(text, x)
    assert answer.no_derivative is not None  # they are on joints
    assert looked_at == []
    expected = np.zeros((5, 3))
    expected[:, 0] = 1 - np.tanh(x[:, 0]) ** 2
    np.testing.assert_allclose(answer.terms[:, 0], expected, rtol=1e-14)
