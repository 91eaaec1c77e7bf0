"""Rows of stepped events, and their contraction into mean second derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from onnxtaylor_kernels.averaged import average, step_rows

FEATURES = np.array([0, 2, 3])
PAIRS = np.array([(0, 1), (0, 2), (1, 2)])


@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_row_has_one_feature_at_its_place(dtype, lead):
    random = np.random.default_rng(0)
    centres, places = random.normal(size=(5, 4)), random.normal(size=(5, 3, 2))
    rows = np.empty((5, lead + 6, 4), dtype)
    step_rows(centres, FEATURES, places, rows)
    expected = np.repeat(centres[:, None], lead + 6, axis=1)
    for a, i in enumerate(FEATURES):
        expected[:, lead + 2 * a : lead + 2 * a + 2, i] = places[:, a]
    assert np.array_equal(rows, expected.astype(dtype))


def test_coefficients_are_those_of_the_formula():
    random = np.random.default_rng(1)
    events, outputs, n = 6, 2, 4
    gradients = random.normal(size=(events, 6, outputs, n))
    widths, squares = random.uniform(0.5, 2, (2, events, 3))
    widths[0, 1] = squares[0, 1] = 0.0  # the second feature is not stepped at the first event
    values = random.normal(size=(events, 13, outputs))
    weights = random.normal(size=(3, 5))
    weights[:, 0] = -weights[:, 1:].sum(axis=1)
    second, pairs = np.array([4, -1, 6]), np.array([5, 7, 8])
    terms = np.full((events, outputs, 9), 7.0)
    average(gradients, widths, values, weights, squares, FEATURES, PAIRS, second, pairs, terms)
    assert (terms[..., :4] == 7.0).all()  # first order is not touched
    for a, slot in ((0, 4), (2, 6)):
        five = values[:, [0, *range(1 + 4 * a, 5 + 4 * a)]]
        expected = np.einsum("s,esc->ec", weights[a], five) * squares[:, a, None]
        np.testing.assert_allclose(terms[..., slot], expected, rtol=1e-12, atol=1e-12)
    for (a, b), slot in zip(PAIRS.tolist(), pairs, strict=True):
        i, j = FEATURES[a], FEATURES[b]
        one = (gradients[:, 2 * a, :, j] - gradients[:, 2 * a + 1, :, j]) * widths[:, a, None]
        other = (gradients[:, 2 * b, :, i] - gradients[:, 2 * b + 1, :, i]) * widths[:, b, None]
        expected = (one + other) / 2
        if 1 in (a, b):
            expected[0] = 0.0
        np.testing.assert_allclose(terms[..., slot], expected, rtol=1e-12)
