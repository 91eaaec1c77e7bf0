"""The round-off of an engine is measured at displaced features, beside the same context."""

from __future__ import annotations

import numpy as np

from onnxtaylor.crosscheck.budget import Scales, measure_round_off
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.indices import MultiIndices


class Recorded:
    """Coefficients of f = m x₀ x₁, with the mask m as the context behind; keeps the rows."""

    indices = MultiIndices(3, MultiIndices.full(2, 1).table)

    def __init__(self):
        self.rows = []

    def coefficients(self, x, watch=None):
        self.rows.append(x.copy())
        a, b, mask = x.T
        on = mask != 0
        return BatchCoefficients((on * a * b)[:, None], np.stack([on * b, on * a], 1)[:, None])


def test_context_is_not_displaced():
    x = np.array([[1.0, 2.0, 0.0], [3.0, 0.5, 1.0]])
    engine = Recorded()
    answer = engine.coefficients(x)
    engine.rows.clear()
    scales = Scales(
        orders=np.ones(2, int),
        units=np.ones(2),
        spread=np.ones(3),
        length=np.array([1.0, 1.0, 0.0]),
        digits=53,
    )
    measure_round_off(
        engine.coefficients,
        x,
        answer,
        comparable=np.ones((2, 1, 2), bool),
        scales=scales,
        seed=0,
    )
    assert engine.rows
    for rows in engine.rows:
        np.testing.assert_array_equal(rows[:, 2], x[:, 2])
        assert (rows[:, :2] != x[:, :2]).all()
