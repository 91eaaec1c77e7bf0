"""Counter-based Poisson weights: the published generator, the right distribution, no memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import exp, factorial

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxtaylor_kernels.bootstrap import philox, poisson_weights

# Random123 1.14, tests/kat_vectors, philox4x32 of ten rounds: counter, key, answer.
KNOWN_ANSWERS = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]
word = st.integers(0, 2**32 - 1)


def words(text):
    return [int(part, 16) for part in text.split()]


def compiled_philox(counter, key):
    return [int(w) for w in philox(*map(np.uint64, (*counter, *key)))]


def counts(seed, numbers, replicates):
    out = np.full((len(numbers), replicates), np.nan)
    poisson_weights(seed, np.asarray(numbers, np.int64), out)
    return out


@pytest.fixture(scope="module")
def many(version):
    """200 000 events × 8 replicates."""
    return counts(20180306, np.arange(200_000), 8)


@pytest.mark.parametrize("generator", [compiled_philox, naive.philox])
@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS, ids=["zeros", "ones", "pi"])
def test_philox_gives_the_known_answers(generator, counter, key, answer):
    assert list(generator(words(counter), words(key))) == words(answer)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.tuples(word, word, word, word), st.tuples(word, word))
def test_philox_equals_the_reference_for_any_counter_and_key(counter, key):
    assert compiled_philox(counter, key) == list(naive.philox(counter, key))


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1, 2**32, 2**40 + 12345, 2**63 - 1])
def test_counts_equal_the_reference(seed):
    numbers = [0, 1, 2, 1000, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**45 + 7, 2**63 - 1]
    np.testing.assert_array_equal(
        counts(seed, numbers, 11), naive.poisson_counts(seed, numbers, 11)
    )


def test_thresholds_are_the_cumulative_distribution():
    """The smallest word that gives the next count is ⌈2³² P(X ≤ k)⌉, to the last unit."""
    from onnxtaylor_kernels.bootstrap import _CUMULATIVE

    for k, threshold in enumerate(map(int, _CUMULATIVE)):
        assert naive.poisson_count(threshold - 1) == k
        assert naive.poisson_count(threshold) == k + 1


def test_mean_and_variance_are_one(many):
    draws = many.size
    assert many.mean() == pytest.approx(1, abs=4 * np.sqrt(1 / draws))
    # the variance of (n − 1)² is 1 + 3 − 1 = 3
    assert ((many - 1) ** 2).mean() == pytest.approx(1, abs=4 * np.sqrt(3 / draws))


def test_frequencies_are_those_of_poisson(many):
    for column in many.T:
        observed = np.bincount(np.minimum(column, 6).astype(int), minlength=7)
        expected = np.array([exp(-1) / factorial(k) for k in range(6)])
        expected = len(column) * np.append(expected, 1 - expected.sum())
        chi2 = ((observed - expected) ** 2 / expected).sum()
        assert chi2 < 22.5  # 6 degrees of freedom: exceeded once in 1000
        assert chi2 > 0.3  # and too good once in 2000


def correlation(a, b):
    """In units of its standard deviation for independent counts."""
    return abs(((a - 1) * (b - 1)).mean()) * np.sqrt(a.size)


def test_replicates_are_independent(many):
    for r in range(8):
        for s in range(r):
            assert correlation(many[:, r], many[:, s]) < 4.5


def test_events_are_independent(many):
    for lag in (1, 2, 3, 4, 256, 65536):
        assert correlation(many[lag:], many[:-lag]) < 4.5


def test_seeds_are_independent(many):
    for seed in (20180307, 20180306 + 2**32, 20180306 ^ 2**62):
        assert correlation(many, counts(seed, np.arange(len(many)), 8)) < 4.5


def test_event_numbers_beyond_32_bits_are_told_apart(many):
    for offset in (2**32, 2**40, 2**62):
        moved = counts(20180306, np.arange(len(many)) + offset, 8)
        assert correlation(many, moved) < 4.5


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_counts_depend_on_seed_replicate_and_event_number_alone(data):
    """Any cut, order and selection of the events, and any number of replicates."""
    whole = counts(7, np.arange(60), 13)
    order = data.draw(st.permutations(range(60)))
    cuts = sorted(data.draw(st.sets(st.integers(0, 60), max_size=6)))
    replicates = data.draw(st.integers(1, 13))
    for part in np.split(np.array(order), cuts):
        np.testing.assert_array_equal(counts(7, part, replicates), whole[part, :replicates])


def test_the_version_without_threads_of_its_own_runs_in_many_at_once():
    from onnxtaylor_kernels.bootstrap import poisson_weights as kernel

    parts = np.array_split(np.arange(5000), 16)
    results = [np.empty((len(part), 9)) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: kernel.alone(3, parts[k], results[k]), range(16)))
    np.testing.assert_array_equal(np.concatenate(results), counts(3, np.arange(5000), 9))


def test_no_replicates_and_no_events_are_nothing_to_do():
    assert counts(1, np.arange(3), 0).shape == (3, 0)
    assert counts(1, [], 3).shape == (0, 3)
