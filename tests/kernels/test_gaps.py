"""Second derivatives of a softmax from those of gaps, beside its Jacobian in extended precision."""

from __future__ import annotations

import numpy as np
import pytest
from onnxtaylor_kernels.gaps import PART, mix_gaps

SCORES = [
    [[0.0, 0.0]],
    [[3.0, -4.0], [-20.0, 20.0]],
    [[0.3, -0.2, 0.9, 0.1, -1.0]],
    [[25.0, 0.0, -3.0, 1.0]],  # one that is almost certain
    [[0.0, 1.0, -3.0, 25.0]],  # and it is the one that is left out
    [[-30.0, 1.0, 0.5, 0.1]],  # one that is rare
    [[0.1, 1.0, 0.5, -30.0]],
]


def exact(scores, gaps):
    """Σ_{k<C} ∂p_c/∂z_k D_k, and the largest of its terms, both over p_c, in extended precision."""
    z = np.asarray(scores, np.longdouble)
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    p = powers / powers.sum(axis=1, keepdims=True)
    c = p.shape[1]
    others = 1.0 - np.eye(c)  # 1 − p_c as the sum of the others
    slopes = np.einsum("ec,ck->eck", p @ others.T, np.eye(c)) - p[:, None] * others
    last = slopes[:, :, :-1]
    wide = gaps.astype(np.longdouble)
    terms = np.einsum("eck,eks->ecks", last, wide)
    return p, terms.sum(axis=2), np.abs(terms).max(axis=2)


@pytest.mark.parametrize(("dtype", "digits"), [(np.float32, 24), (np.float64, 53)])
@pytest.mark.parametrize("count", [1, 7, PART, 2 * PART + 3])
@pytest.mark.parametrize("scores", SCORES)
def test_each_response_keeps_its_digits(scores, count, dtype, digits):
    events, outputs = np.shape(scores)
    gaps = np.random.default_rng(count).normal(size=(events, outputs - 1, count)).astype(dtype)
    p, expected, largest = exact(scores, gaps)
    limit = 2 * (outputs + 2) * largest * 2.0**-digits
    for run in (mix_gaps, mix_gaps.alone):
        out = np.full((events, outputs, 2 + count), np.nan, dtype)
        out[:, :, :2] = 7.0  # first order
        out[:, :-1, 2:] = gaps
        run(np.concatenate((p, p)).astype(dtype), 2, out)  # rows that fill up a batch
        assert (out[:, :, :2] == 7.0).all()
        found = out[:, :, 2:].astype(np.longdouble) / p[:, :, None]
        assert (np.abs(found - expected) <= limit).all()


def test_what_is_not_finite_stays_in_its_event():
    out = np.ones((2, 3, 4))
    out[1, 0, 2] = np.inf
    mix_gaps.alone(np.full((2, 3), 1 / 3), 1, out)
    assert np.isfinite(out[0]).all()
    assert not np.isfinite(out[1, :, 2]).any()
