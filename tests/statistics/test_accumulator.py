"""The sums of an analysis: any cut of the events, any order of merging, the same numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxtaylor.errors import DataError
from onnxtaylor.statistics import Accumulator, bootstrap
from onnxtaylor.statistics.bootstrap import Replicates, replicate_weights
from onnxtaylor.statistics.ranks import rank_intervals, ranks

CLASSES = ("b", "s", "tt bar")
EVENTS = 48
NUMBERS = ("score", "sem", "signed_mean", "rms")


@cache
def events(count=EVENTS, seed=0):
    """terms (E, 2, 5), weights of both signs, event numbers, labels."""
    random = np.random.default_rng(seed)
    terms = random.normal(size=(count, 2, 5)) * [3.0, 1.0, 1.02, 0.3, 0.1] + 0.2
    labels = random.choice(CLASSES, count)
    labels[:3] = CLASSES
    return terms, random.normal(1.0, 0.4, count), np.arange(count) + 2**33, labels


def fresh(replicates=40, classes=CLASSES, seed=9):
    return Accumulator(2, 5, classes=classes, replicates=replicates, seed=seed)


def feed(sums, part, source=None):
    terms, weights, numbers, labels = source or events()
    given_labels = labels[part] if sums.classes else None
    sums.update(terms[part], weights[part], numbers[part], given_labels)
    return sums


@cache
def at_once():
    return feed(fresh(), np.arange(EVENTS)).finalize()


def assert_same(found, expected, rtol=1e-12):
    for name in NUMBERS:
        value = getattr(expected, name)
        scale = abs(expected.score) if name == "signed_mean" else abs(value)
        assert (abs(getattr(found, name) - value) <= rtol * scale).all(), name
    for name in ("rank", "rank_low", "rank_high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for a, b in zip(found.groups, expected.groups, strict=True):
        assert (a.name, a.events) == (b.name, b.events)
        assert a.sum_weight == pytest.approx(b.sum_weight, rel=rtol)
        assert a.n_eff == pytest.approx(b.n_eff, rel=rtol)


@st.composite
def partitions(draw):
    """The events in any order, cut anywhere, empty batches included."""
    order = draw(st.permutations(range(EVENTS)))
    cuts = sorted(draw(st.lists(st.integers(0, EVENTS), max_size=8)))
    return [np.array(part, dtype=np.int64) for part in np.split(np.array(order), cuts)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(partitions())
def test_any_partition_into_batches_gives_the_same_numbers(parts):
    sums = fresh()
    for part in parts:
        feed(sums, part)
    assert sums.events == EVENTS
    assert_same(sums.finalize(), at_once())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(partitions(), st.data())
def test_any_tree_of_merges_gives_the_same_numbers(parts, data):
    leaves = [feed(fresh(), part) for part in parts]
    while len(leaves) > 1:
        a = leaves.pop(data.draw(st.integers(0, len(leaves) - 1)))
        leaves[data.draw(st.integers(0, len(leaves) - 1))].merge(a)
    assert_same(leaves[0].finalize(), at_once())


def test_a_merged_with_b_equals_one_fed_both():
    """To the last bit, since one is fed in the same batches."""
    first, second = np.arange(20), np.arange(20, EVENTS)
    a, b = feed(fresh(), first), feed(fresh(), second)
    a.merge(b)
    both = feed(feed(fresh(), first), second)
    for name, value in both.state().items():
        np.testing.assert_array_equal(a.state()[name], value, err_msg=name)


def test_finalize_and_merge_leave_the_operands_as_they_were():
    a, b = feed(fresh(), np.arange(20)), feed(fresh(), np.arange(20, EVENTS))
    before = {name: value.copy() for name, value in b.state().items()}
    a.merge(b)
    first = a.finalize()
    feed(a, np.arange(5))
    for name, value in b.state().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    assert first.groups[0].events == EVENTS


def test_numbers_follow_their_definitions_in_every_group():
    terms, w, _, labels = events()
    found = at_once()
    assert [g.name for g in found.groups] == ["all", *CLASSES]
    for g, name in enumerate(("all", *CLASSES)):
        chosen = np.ones(EVENTS, bool) if name == "all" else labels == name
        own, v = terms[chosen], w[chosen][:, None, None]
        score = (v * abs(own)).sum(0) / v.sum()
        np.testing.assert_allclose(found.score[:, g], score, rtol=1e-12)
        np.testing.assert_allclose(found.signed_mean[:, g], (v * own).sum(0) / v.sum(), rtol=1e-10)
        np.testing.assert_allclose(
            found.rms[:, g], np.sqrt((v * own**2).sum(0) / v.sum()), rtol=1e-12
        )
        sem = np.sqrt((v**2 * (abs(own) - score) ** 2).sum(0)) / abs(v.sum())
        np.testing.assert_allclose(found.sem[:, g], sem, rtol=1e-12)
        np.testing.assert_array_equal(found.rank[:, g], ranks(score))
        summary = found.groups[g]
        assert summary.events == chosen.sum()
        assert summary.sum_weight == pytest.approx(v.sum())
        assert summary.n_eff == pytest.approx(v.sum() ** 2 / (v**2).sum())


def test_rank_intervals_follow_the_replicates_of_each_group():
    terms, w, numbers, labels = events()
    drawn = replicate_weights(9, numbers, w, 40)
    for g, name in enumerate(("all", *CLASSES)):
        chosen = np.ones(EVENTS, bool) if name == "all" else labels == name
        own, v = abs(terms[chosen]), drawn[chosen]
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.einsum("er,eck->rck", v, own) / v.sum(0)[:, None, None]
        scores[v.sum(0) <= 0] = np.nan
        low, high = rank_intervals(scores)
        np.testing.assert_array_equal(at_once().rank_low[:, g], low)
        np.testing.assert_array_equal(at_once().rank_high[:, g], high)


def test_the_group_of_all_events_is_the_classes_merged():
    plain = feed(fresh(classes=()), np.arange(EVENTS)).finalize()
    grouped = at_once()
    assert len(plain.groups) == 1
    for name in (*NUMBERS, "rank", "rank_low", "rank_high"):
        a, b = getattr(plain, name)[:, 0], getattr(grouped, name)[:, 0]
        np.testing.assert_allclose(b, a, rtol=1e-11, err_msg=name)


def test_a_class_is_what_an_accumulator_of_its_events_alone_finds():
    labels = events()[3]
    for g, name in enumerate(CLASSES, start=1):
        alone = feed(fresh(classes=()), np.flatnonzero(labels == name)).finalize()
        for number in (*NUMBERS, "rank", "rank_low", "rank_high"):
            a, b = getattr(alone, number)[:, 0], getattr(at_once(), number)[:, g]
            np.testing.assert_allclose(b, a, rtol=1e-12, err_msg=number)


def test_a_class_without_events_has_no_mean():
    sums = fresh(classes=(*CLASSES, "never"))
    feed(sums, np.arange(EVENTS))
    with pytest.raises(DataError, match="group 'never' sum to 0"):
        sums.finalize()


@pytest.mark.parametrize("shift", [0.0, -1.0])
def test_weights_that_do_not_sum_to_a_positive_number_are_refused(shift):
    terms, _, numbers, labels = events()
    w = np.where(np.arange(EVENTS) % 2, 1.0, -1.0) + shift
    sums = fresh(classes=())
    sums.update(terms, w, numbers)
    with pytest.raises(DataError, match=r"group 'all' sum to -?\d+: .* positive"):
        sums.finalize()
    # a single class is enough, even where all events together are fine
    w = np.where(labels == "s", -0.1, 1.0)
    sums = fresh()
    sums.update(terms, w, numbers, labels)
    with pytest.raises(DataError, match="group 's'"):
        sums.finalize()


def test_no_events_have_no_mean():
    with pytest.raises(DataError, match="sum to 0"):
        fresh(classes=()).finalize()


def test_unknown_and_missing_labels_are_refused_before_anything_is_summed():
    terms, w, numbers, labels = events()
    sums = fresh()
    wrong = labels.astype("U20")
    wrong[17] = "who\x1b[31m"
    with pytest.raises(DataError, match=r"label 'who\\x1b\[31m' is none of the classes"):
        sums.update(terms, w, numbers, wrong)
    with pytest.raises(DataError, match="without labels"):
        sums.update(terms, w, numbers)
    assert sums.events == 0
    assert all((value == 0).all() for value in sums.state().values())


def test_scale_multiplies_every_number_and_ranks_follow():
    factor = np.array([0.1, 1.0, 2.0, 30.0, 7.0])
    sums = feed(fresh(), np.arange(EVENTS))
    plain, scaled = sums.finalize(), sums.finalize(factor)
    for name in NUMBERS:
        np.testing.assert_array_equal(getattr(scaled, name), getattr(plain, name) * factor)
    np.testing.assert_array_equal(scaled.rank, ranks(plain.score * factor))
    assert (scaled.rank != plain.rank).any()
    # as though the terms had been scaled before they were summed
    terms, w, numbers, labels = events()
    before = fresh()
    before.update(terms * factor, w, numbers, labels)
    assert_same(scaled, before.finalize())


def test_without_replicates_there_are_no_rank_intervals():
    found = feed(fresh(replicates=0), np.arange(EVENTS)).finalize()
    assert found.rank_low is None
    assert found.rank_high is None
    np.testing.assert_array_equal(found.score, at_once().score)


@pytest.mark.parametrize(
    "other",
    [
        Accumulator(2, 5, classes=CLASSES, replicates=40, seed=8),
        Accumulator(2, 5, classes=CLASSES, replicates=41, seed=9),
        Accumulator(2, 5, classes=CLASSES[::-1], replicates=40, seed=9),
        Accumulator(5, 2, classes=CLASSES, replicates=40, seed=9),
    ],
)
def test_accumulators_of_different_make_do_not_merge(other):
    with pytest.raises(ValueError, match="different make"):
        fresh().merge(other)


def test_state_and_restore_continue_where_they_left_off():
    half, rest = np.arange(20), np.arange(20, EVENTS)
    copy = fresh()
    copy.restore(feed(fresh(), half).state())
    assert copy.events == 20
    whole = feed(feed(fresh(), half), rest)
    for name, value in feed(copy, rest).state().items():
        np.testing.assert_array_equal(value, whole.state()[name], err_msg=name)


def test_the_state_of_another_make_is_not_restored():
    with pytest.raises(KeyError):
        fresh().restore(feed(fresh(classes=()), np.arange(EVENTS)).state())


def test_accumulators_may_be_fed_in_many_threads_at_once():
    def accumulate(_):
        sums = fresh()
        for part in np.array_split(np.arange(EVENTS), 6):
            feed(sums, part)
        return sums.state()

    expected = accumulate(0)
    with ThreadPoolExecutor(4) as pool:
        for state in pool.map(accumulate, range(40)):
            for name, value in expected.items():
                np.testing.assert_array_equal(state[name], value, err_msg=name)


@pytest.mark.parametrize("kind", ["ones", "both signs"])
def test_the_spread_of_the_replicates_is_the_sem(kind):
    """400 replicates of 2000 events: their spread is known to 3.5 %."""
    terms, w, numbers, _ = events(2000, seed=3)
    w = w if kind == "both signs" else np.ones(2000)
    sums = Accumulator(2, 5, replicates=400, seed=4)
    sums.update(terms, w, numbers)
    replicates = Replicates(400, 10)
    replicates.update(abs(terms).reshape(2000, -1), replicate_weights(4, numbers, w, 400))
    spread = replicates.scores.std(axis=0).reshape(2, 5)
    np.testing.assert_allclose(spread, sums.finalize().sem[:, 0], rtol=0.15)
    gap = replicates.scores.mean(axis=0).reshape(2, 5) - sums.finalize().score[:, 0]
    assert (abs(gap) < 4 * spread / np.sqrt(400)).all()


def test_replicates_without_a_positive_sum_are_no_scores():
    replicates = Replicates(3, 2)
    replicates.update(np.ones((2, 2)), np.array([[1.0, 0.0, -2.0], [1.0, 0.0, 1.0]]))
    np.testing.assert_array_equal(replicates.scores[0], [1.0, 1.0])
    assert np.isnan(replicates.scores[1:]).all()


def bounds(count=EVENTS):
    return np.random.default_rng(4).lognormal(-6.0, 1.0, (count, 2, 5))


def feed_bounded(sums, part):
    terms, weights, numbers, labels = events()
    sums.update(terms[part], weights[part], numbers[part], labels[part], bounds()[part])
    return sums


def test_the_numerical_error_is_the_sum_of_bounds_under_absolute_weights():
    """abs(⟨t⟩ − ⟨true⟩) ≤ Σ abs(w) error / abs(Σ w), whatever the signs of the weights."""
    terms, weights, numbers, labels = events()
    weights = weights * np.where(numbers % 5 == 0, -0.3, 1.0)
    signs = np.random.default_rng(5).choice([-1.0, 1.0], terms.shape)
    sums, true = fresh(0), fresh(0)
    sums.update(terms, weights, numbers, labels, bounds())
    true.update(terms + signs * bounds(), weights, numbers, labels)
    found, other = sums.finalize(), true.finalize()
    for g, name in enumerate(("all", *CLASSES)):
        own = np.ones(EVENTS, bool) if name == "all" else labels == name
        expected = np.einsum("e,eck->ck", abs(weights[own]), bounds()[own]) / weights[own].sum()
        np.testing.assert_allclose(found.numerical_error[:, g], expected, rtol=1e-12)
    assert (abs(other.score - found.score) <= found.numerical_error).all()
    assert other.numerical_error is None
    scale = np.arange(1.0, 6.0)
    scaled = sums.finalize(scale).numerical_error
    np.testing.assert_allclose(scaled, found.numerical_error * scale)


def test_numerical_errors_merge_and_come_back_from_their_state():
    whole = feed_bounded(fresh(), np.arange(EVENTS))
    one, two = (feed_bounded(fresh(), part) for part in np.array_split(np.arange(EVENTS), 2))
    one.merge(two)
    again = fresh()
    again.restore(one.state())
    expected = whole.finalize().numerical_error
    np.testing.assert_allclose(again.finalize().numerical_error, expected, rtol=1e-12)


def test_what_is_not_known_of_some_events_is_not_known_of_their_sums():
    part = np.arange(EVENTS)
    sums = feed(feed_bounded(fresh(0), part[:30]), part[30:])
    assert sums.finalize().numerical_error is None


def test_kinks_are_counted_over_parts_merges_and_states():
    terms, weights, numbers, labels = events()
    kinks = np.random.default_rng(6).random((EVENTS, 3)) < 0.3
    one, two = fresh(0), fresh(0)
    for sums, part in ((one, slice(0, 30)), (two, slice(30, 40)), (two, slice(40, EVENTS))):
        own = (terms[part], weights[part], numbers[part], labels[part])
        sums.update(*own, kinks=kinks[part])
    one.merge(fresh(0))
    one.merge(two)
    again = fresh(0)
    again.restore(one.state())
    np.testing.assert_array_equal(again.kinks, kinks.sum(axis=0))


@pytest.mark.parametrize("known_first", [True, False])
def test_kinks_that_are_not_known_of_some_events_are_not_known(known_first):
    """Else a share of all events would be told where some of them were never asked."""
    kinks = np.ones((EVENTS, 3), np.bool_)
    part, rest = np.arange(30), np.arange(30, EVENTS)
    terms, weights, numbers, labels = events()
    known, other = fresh(0), feed(fresh(0), rest)
    known.update(terms[part], weights[part], numbers[part], labels[part], kinks=kinks[part])
    sums, further = (known, other) if known_first else (other, known)
    sums.merge(further)
    assert not len(sums.kinks)
    direct = fresh(0)
    direct.update(terms[part], weights[part], numbers[part], labels[part], kinks=kinks[part])
    assert not len(feed(direct, rest).kinks)


def test_replicates_are_summed_by_blocks_of_quantities(monkeypatch):
    """The sums are those of one product, also where the last block is smaller."""
    random = np.random.default_rng(8)
    magnitudes, weights = random.exponential(size=(2, 5, 23)), random.poisson(1.0, (2, 5, 7))
    monkeypatch.setattr(bootstrap, "BYTES", 8 * 7 * 5)  # five quantities at a time
    sums = bootstrap.Replicates(7, 23)
    for values, drawn in zip(magnitudes, weights.astype(float), strict=True):
        sums.update(values, drawn)
    np.testing.assert_allclose(sums.absolute, np.einsum("kbr,kbd->rd", weights, magnitudes), 1e-14)
    np.testing.assert_array_equal(sums.sum_w, weights.sum(axis=(0, 1)))
