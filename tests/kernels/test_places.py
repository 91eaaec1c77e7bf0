"""Places of sorted scores, counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from onnxtaylor_kernels.places import shared_places, sort_keys

RANDOM = np.random.default_rng(5)
NEARLY = 1.0 + np.spacing(1.0) * np.arange(40)
LISTS = {
    "one": [0.3],
    "different": RANDOM.exponential(1.0, 300),
    "of both signs, and infinite": [*RANDOM.normal(size=99), np.inf, -np.inf, np.inf],
    "equal": RANDOM.integers(0, 5, 200).astype(float),
    "zeros of both signs": [0.0, -0.0, 1.0, -1.0, 0.0, 5e-324],
    "not numbers": [np.nan, 2.0, -np.nan, 0.0, np.nan, np.inf, -3.0],
    "different in the last bits": RANDOM.permutation(np.r_[NEARLY[:9], NEARLY[:9], -NEARLY[:9]]),
}


def found(scores):
    scores = np.asarray(scores, np.float64)
    bits = max(1, (len(scores) - 1).bit_length())
    keys, first, last = np.empty(len(scores), np.int64), *np.zeros((2, len(scores)), np.int32)
    sort_keys.alone(scores, bits, keys)
    keys.sort()
    return shared_places.alone(scores, keys, bits, first, last), first, last


@pytest.mark.parametrize("name", LISTS)
def test_places_are_those_counted_by_comparing_every_pair(name):
    scores = np.asarray(LISTS[name])
    number = ~np.isnan(scores)
    larger = (scores[None] > scores[:, None]).sum(axis=1) + number.sum() * ~number
    equal = (scores[None] == scores[:, None]).sum(axis=1) + (~number).sum() * ~number
    shared, first, last = found(scores)
    np.testing.assert_array_equal(first, larger + 1)
    np.testing.assert_array_equal(last, larger + equal)
    assert shared == (equal > 1).sum()


def test_the_caller_is_told_where_too_many_scores_differ_in_the_last_bits():
    scores = 1.0 + np.spacing(1.0) * np.arange(2000)
    assert found(scores)[0] == -1
    falling, first, last = np.argsort(-scores), *np.zeros((2, 2000), np.int32)
    assert shared_places.alone(scores, falling, 63, first, last) == 0
    np.testing.assert_array_equal(first, np.arange(2000, 0, -1))
    np.testing.assert_array_equal(first, last)
