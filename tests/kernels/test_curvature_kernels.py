"""Weighted products of rows, beside a naive sum in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from onnxtaylor_kernels.curvature import PART, ROWS, add_curvature

SHAPES = [
    (1, 1, 1, 1),
    (2, 3, 7, 2),
    (5, 2, 13, 1),
    (30, 3, 200, 4),
    (3, 2, 5, 2),
    (ROWS + 1, 2, PART + 3, 2),
]


def operands(n, events, width, outputs, dtype, *, constant=""):
    random = np.random.default_rng(n + width)
    rows = random.normal(size=(n, 1 if "rows" in constant else events, width))
    weights = random.normal(size=(outputs, 1 if "weights" in constant else events, width))
    slots = np.full((n, n), -1)
    places = np.triu_indices(n)
    slots[places] = random.permutation(len(places[0]))  # any order of the coefficients
    return rows.astype(dtype), weights.astype(dtype), slots


def naive(rows, weights, slots, events):
    """Σ_d w_cd r_id r_jd, one by one, in double precision."""
    found = np.zeros((events, len(weights), slots.max() + 1))
    for e in range(events):
        r, w = (a[:, min(e, a.shape[1] - 1)].astype(np.float64) for a in (rows, weights))
        for i, j in np.argwhere(slots >= 0):
            found[e, :, slots[i, j]] = (w * r[i] * r[j]).sum(axis=1)
    return found


def none(rows, weights):
    """No second sum."""
    return [np.empty((len(a), 1, 0), a.dtype) for a in (rows, weights)]


@pytest.mark.parametrize("constant", ["", "rows", "weights", "rows and weights"])
@pytest.mark.parametrize(("dtype", "digits"), [(np.float32, 23), (np.float64, 52)])
@pytest.mark.parametrize(("n", "events", "width", "outputs"), SHAPES)
def test_sums_of_products(n, events, width, outputs, dtype, digits, constant):
    rows, weights, slots = operands(n, events, width, outputs, dtype, constant=constant)
    expected = naive(rows, weights, slots, events)
    # each term is rounded, and the sums of them are in any order
    terms = naive(np.abs(rows), np.abs(weights), slots, events)
    limit = {"rtol": 0, "atol": 4 * terms.max() * 2.0**-digits}
    for run in (add_curvature, add_curvature.alone):
        out = np.full(expected.shape, np.nan)
        run(rows, weights, *none(rows, weights), slots, True, out)
        np.testing.assert_allclose(out, expected, **limit)
        run(rows, weights, *none(rows, weights), slots, False, out)
        np.testing.assert_allclose(out, 2 * expected, rtol=0, atol=2 * limit["atol"])


def test_only_the_pairs_that_have_a_slot_are_written():
    rows, weights, slots = operands(9, 2, 20, 3, np.float64)
    few = np.full_like(slots, -1)
    few[2, 2], few[1, 8] = 0, 1
    out = np.full((2, 3, 5), 7.0)
    add_curvature.alone(rows, weights, *none(rows, weights), few, True, out)
    expected = naive(rows, weights, slots, 2)
    np.testing.assert_allclose(out[:, :, 0], expected[:, :, slots[2, 2]], rtol=1e-12)
    np.testing.assert_allclose(out[:, :, 1], expected[:, :, slots[1, 8]], rtol=1e-12)
    assert (out[:, :, 2:] == 7.0).all()


def test_events_that_fill_up_a_batch_are_left_out():
    rows, weights, slots = operands(4, 5, 20, 2, np.float64)
    out = np.zeros((3, 2, 10))
    add_curvature.alone(rows, weights, *none(rows, weights), slots, True, out)
    np.testing.assert_allclose(out, naive(rows, weights, slots, 3), rtol=0, atol=1e-13)


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_what_is_not_finite_stays_so_and_in_its_event(strange):
    rows, weights, slots = operands(5, 3, 20, 2, np.float32)
    rows[2, 1, 4] = strange
    out = np.zeros((3, 2, 15))
    add_curvature.alone(rows, weights, *none(rows, weights), slots, True, out)
    touched = [slots[min(2, i), max(2, i)] for i in range(5)]
    assert not np.isfinite(out[1][:, touched]).any()
    out[1][:, touched] = 0.0
    assert np.isfinite(out).all()


@pytest.mark.parametrize("constant", ["", "rows", "weights"])
@pytest.mark.parametrize("more", [1, 5, 2 * PART])
@pytest.mark.parametrize("width", [3, PART - 2, PART, PART + 3])
def test_two_sums_at_a_time(width, more, constant):
    rows, weights, slots = operands(7, 3, width, 2, np.float64)
    others = operands(7, 3, more, 2, np.float64, constant=constant)[:2]
    expected = naive(rows, weights, slots, 3) + naive(*others, slots, 3)
    for run in (add_curvature, add_curvature.alone):
        out = np.full(expected.shape, np.nan)
        run(rows, weights, *others, slots, True, out)
        np.testing.assert_allclose(out, expected, rtol=0, atol=1e-11)
        run(rows, weights, *others, slots, False, out)
        np.testing.assert_allclose(out, 2 * expected, rtol=0, atol=1e-11)
