"""Reduced coefficients against a loop in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from onnxtaylor_kernels.reduce import LEADING, MAXIMUM, MEAN, SUM, reduce_terms

EVENTS, OUTPUTS, TERMS, FEATURES = 7, 2, 60, 5


def naive(terms, starts, members, features, factors, keys, filled, how):
    out = np.empty((*terms.shape[:2], len(starts) - 1))
    for e, c, v in np.ndindex(out.shape):
        found = []
        for m in range(starts[v], starts[v + 1]):
            if filled is None or all(f == FEATURES or filled[e, f] for f in features[m]):
                found.append((keys[m], abs(terms[e, c, members[m]]) * factors[m]))
        values = [value for _, value in found]
        if how == LEADING:
            values = [value for key, value in found if key == found[0][0]]
        number = sum(values)
        if how == MEAN and values:
            number /= len(values)
        if how == MAXIMUM:
            number = np.nan if np.isnan(values).any() else max(values, default=0.0)
        out[e, c, v] = number
    return out


@pytest.fixture(scope="module")
def plan():
    rng = np.random.default_rng(3)
    sizes = [1, 13, 4, 20]
    starts = np.r_[0, np.cumsum(sizes)]
    members = rng.permutation(TERMS)[: starts[-1]]
    features = rng.integers(0, FEATURES + 1, (starts[-1], 2))
    keys = np.concatenate([np.sort(rng.integers(0, 3, size)) for size in sizes])
    return starts, members, features, rng.uniform(0.1, 2, starts[-1]), keys


@pytest.mark.parametrize("how", [SUM, MEAN, MAXIMUM, LEADING])
@pytest.mark.parametrize("masked", [False, True])
def test_reduced_terms_are_those_of_a_loop(plan, how, masked):
    rng = np.random.default_rng(how)
    terms = rng.normal(size=(EVENTS, OUTPUTS, TERMS))
    filled = rng.random((EVENTS, FEATURES)) < 0.6
    filled[0] = False  # an event without a single object
    mask = np.column_stack([filled, np.ones(EVENTS, bool)]) if masked else np.zeros((0, 0), bool)
    out = np.full((EVENTS, OUTPUTS, len(plan[0]) - 1), -1.0)
    reduce_terms(terms, *plan, mask, how, out)
    expected = naive(terms, *plan, filled if masked else None, how)
    assert out == pytest.approx(expected, rel=1e-14)
    assert (out >= 0).all()
    if masked:
        assert (out == 0).any()
        assert (out > 0).any()


@pytest.mark.parametrize("how", [SUM, MEAN, MAXIMUM])
def test_what_is_not_finite_is_kept_unless_it_is_padding(plan, how):
    terms = np.ones((2, 1, TERMS))
    starts, members, features = plan[:3]
    terms[:, 0, members[starts[1] + 2]] = np.nan
    terms[:, 0, members[starts[3]]] = np.inf
    out = np.empty((2, 1, len(starts) - 1))
    reduce_terms(terms, *plan, np.zeros((0, 0), bool), how, out)
    assert np.isnan(out[:, 0, 1]).all()
    assert np.isinf(out[:, 0, 3]).all()
    assert np.isfinite(out[:, 0, [0, 2]]).all()
    mask = np.ones((2, FEATURES + 1), bool)
    features[starts[1] + 2] = 0
    mask[1, 0] = False
    reduce_terms(terms, *plan, mask, how, out)
    assert np.isnan(out[0, 0, 1])
    assert np.isfinite(out[1, 0, 1])
