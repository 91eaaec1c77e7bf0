"""The survey equals the naive sums, however the events are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxtaylor.data import ArraySource, SurveyAccumulator, survey
from onnxtaylor.data.source import Batch
from onnxtaylor.errors import DataError

FIELDS = ("mean", "std", "min", "max", "missing", "spread", "largest")


def naive(x, w, missing=None):
    """The definition, in long double and two passes."""
    x, w = np.asarray(x, np.longdouble), np.asarray(w, np.longdouble)
    rows = []
    for column in x.T:
        absent = (
            np.isnan(column) if missing is not None and np.isnan(missing) else column == missing
        )
        kept, weight = column[~absent], w[~absent]
        mean = (weight * kept).sum() / weight.sum()
        variance = (weight * (kept - mean) ** 2).sum() / weight.sum()
        if kept.min() == kept.max():
            mean, variance = kept[0], 0  # whatever rounding leaves
        spread = (kept.std() if kept.min() < kept.max() else 0) or np.abs(kept).max() or 1.0
        largest = np.nanmax(np.abs(column))
        std = np.sqrt(variance) if variance > 0 else kept.std() if (w < 0).any() else 0.0
        rows.append((mean, std, kept.min(), kept.max(), absent.sum(), spread, largest))
    return dict(zip(FIELDS, np.array(rows, float).T, strict=True))


def agree(found, expected, rtol=1e-12):
    for name in FIELDS:
        # a mean near 0 is known to the rounding of what was summed
        atol = 1e-14 * float(np.max(expected["largest"])) if name == "mean" else 0
        np.testing.assert_allclose(getattr(found, name), expected[name], rtol, atol, err_msg=name)


@pytest.fixture
def data():
    random = np.random.default_rng(7)
    n = 5000
    x = np.stack(
        [
            random.normal(size=n),
            1e9 + random.normal(size=n),
            random.lognormal(0, 3, n),
            np.where(random.random(n) < 0.4, -999.0, random.normal(40, 5, n)),
            np.full(n, 0.1),
            np.zeros(n),
            random.integers(0, 3, n).astype(float),
        ],
        axis=1,
    )
    return x, random.normal(1, 0.5, n)


@pytest.mark.parametrize("batch", [1, 7, 999, 65536])
@pytest.mark.parametrize("kind", ["one", "positive", "both signs", "tiny"])
def test_the_survey_equals_the_definition(data, batch, kind):
    x, w = data
    w = {"one": np.ones_like(w), "positive": np.abs(w), "both signs": w, "tiny": 1e-9 * w}[kind]
    found = survey(ArraySource(x, weights=w), missing=-999.0, batch=batch)
    assert found.events == 5000
    np.testing.assert_allclose(found.sum_weight, w.sum(), rtol=1e-12)
    np.testing.assert_allclose(found.sum_weight2, (w**2).sum(), rtol=1e-12)
    agree(found, naive(x, w, -999.0), 1e-11)


@pytest.mark.parametrize("batch", [1, 13, 4999])
def test_the_cut_changes_nothing(data, batch):
    x, w = data
    source = ArraySource(x, weights=w, labels=(x[:, 6] > 0))
    one, other = (survey(source, missing=-999.0, batch=size) for size in (65536, batch))
    agree(other, {name: getattr(one, name) for name in FIELDS})
    assert one.classes.keys() == other.classes.keys()
    for name in one.classes:
        np.testing.assert_allclose(one.classes[name], other.classes[name], rtol=1e-12)


numbers = st.floats(-100, 100, allow_subnormal=False).map(lambda v: round(v, 3))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(numbers, numbers, st.floats(0.01, 5), st.booleans()), min_size=2),
    cut=st.floats(0, 1),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_merged_parts_equal_the_whole(rows, cut, offset):
    x = np.array([row[:2] for row in rows]) + offset
    w = np.array([row[2] for row in rows])
    labels = np.array(["s" if row[3] else "b" for row in rows])
    cut_at = int(cut * len(rows))

    def fed(*parts):
        sums = SurveyAccumulator()
        for part in parts:
            sums.update(Batch(x[part], w[part], labels[part], np.arange(len(x))[part]))
        return sums

    a, b = fed(slice(0, cut_at)), fed(slice(cut_at, None))
    a.merge(b)
    merged, whole = a.finalize(), fed(slice(None)).finalize()
    scale = np.abs(x).max() + 1e-300
    for name in FIELDS:
        np.testing.assert_allclose(
            getattr(merged, name), getattr(whole, name), rtol=1e-9, atol=1e-13 * scale
        )
    reference = naive(x, w)
    np.testing.assert_allclose(merged.mean, reference["mean"], rtol=1e-12, atol=1e-13 * scale)
    np.testing.assert_allclose(merged.std, reference["std"], rtol=1e-9, atol=1e-13 * scale)
    for name in ("s", "b"):
        chosen = w[labels == name]
        if len(chosen):
            expected = (len(chosen), chosen.sum(), (chosen**2).sum())
            np.testing.assert_allclose(merged.classes[name], expected, rtol=1e-12)
    assert merged.events == len(rows)


def test_a_small_spread_on_a_large_value_is_found():
    x = 1e9 + np.tile([-1.0, 1.0], 50_000)[:, None]
    for batch in (100, 1000, 65536):
        found = survey(ArraySource(x, weights=np.full(100_000, 0.3)), batch=batch)
        np.testing.assert_allclose([found.std, found.spread, found.mean], [[1], [1], [1e9]], 1e-12)


def test_a_far_first_event_costs_no_digits():
    x = np.concatenate([[1e9], np.tile([-1.0, 1.0], 500)])[:, None]
    w = np.concatenate([[0.0], np.ones(1000)])
    for batch in (1, 10, 2000):
        found = survey(ArraySource(x, weights=w), batch=batch)
        np.testing.assert_allclose(found.std, [1.0], rtol=1e-12)
        assert found.spread[0] == pytest.approx(x.std())


def test_weights_whose_batches_cancel():
    x = np.random.default_rng(2).normal(5, 1, (1000, 2))
    w = np.tile([1.0, -1.0], 500)
    w[-20:] = 3.0
    for batch in (2, 10, 5000):
        agree(survey(ArraySource(x, weights=w), batch=batch), naive(x, w), 1e-10)


def test_negative_weights_that_leave_no_variance_give_the_plain_std():
    x = np.array([[0.0], [1.0], [10.0]])
    w = np.array([5.0, 5.0, -1.0])
    mean = (w @ x[:, 0]) / w.sum()
    assert w @ (x[:, 0] - mean) ** 2 < 0
    found = survey(ArraySource(x, weights=w))
    assert found.std[0] == pytest.approx(x.std())
    assert found.mean[0] == pytest.approx(mean)


def test_a_feature_whose_own_weights_sum_to_nothing_is_averaged_plainly():
    x = np.array([[1.0], [3.0], [-999.0]])
    found = survey(ArraySource(x, weights=[1.0, -1.0, 5.0]), missing=-999.0)
    assert (found.mean[0], found.std[0]) == (2.0, 1.0)


def test_spread_is_never_zero():
    x = np.array([[0.1, 0.0, -999.0, -999.0], [0.1, 0.0, -7.0, -999.0]])
    found = survey(ArraySource(x), missing=-999.0)
    assert found.spread.tolist() == [0.1, 1.0, 7.0, 1.0]
    assert found.std[:3].tolist() == [0, 0, 0]
    assert found.missing.tolist() == [0, 0, 1, 2]
    assert found.mean[:3].tolist() == [0.1, 0.0, -7.0]
    assert np.isnan([found.mean[3], found.std[3], found.min[3], found.max[3]]).all()
    assert found.largest.tolist() == [0.1, 0, 999, 999]


def test_nan_is_missing_where_it_is_said_to_be():
    x = np.array([[np.nan, 1.0], [2.0, 3.0], [4.0, np.nan]])
    found = survey(ArraySource(x, missing=float("nan")), missing=float("nan"))
    assert found.missing.tolist() == [1, 1]
    assert found.mean.tolist() == [3.0, 2.0]
    assert found.largest.tolist() == [4.0, 3.0]


def test_a_missing_value_is_known_behind_float32():
    x = np.array([[-999.1], [1.0]], np.float32)
    assert survey(ArraySource(x), missing=-999.1).missing.tolist() == [1]


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        ([10, 9, 100, 9], ["9", "10", "100"]),
        ([1.5, -2, 1.5, 10], ["-2", "1.5", "10"]),
        (["s", "b", "10", "9"], ["10", "9", "b", "s"]),
    ],
)
def test_classes_are_sorted(labels, order):
    found = survey(ArraySource(np.ones((4, 1)), labels=labels), batch=1)
    assert list(found.classes) == order


def test_class_sums():
    source = ArraySource(np.ones((4, 1)), weights=[1, 2, -1, 4], labels=["s", "b", "b", "s"])
    found = survey(source, batch=3)
    assert found.classes == {"b": (2, 1.0, 5.0), "s": (2, 5.0, 17.0)}
    assert found.classes["s"].sum_weight == 5.0
    assert survey(ArraySource(np.ones((4, 1)))).classes == {}


def test_progress_counts_events():
    seen = []
    survey(ArraySource(np.ones((10, 1))), progress=seen.append, batch=4)
    assert seen == [4, 8, 10]


def test_no_events():
    with pytest.raises(DataError, match="no events"):
        survey(ArraySource(np.ones((0, 3))))


@pytest.mark.parametrize("weights", [[1.0, -4.2], [1.0, -1.0], [0.0, 0.0]])
def test_the_weights_sum_to_something_positive(weights):
    with pytest.raises(DataError, match=rf"sum to {sum(weights):g}, but .*needs a positive sum"):
        survey(ArraySource(np.ones((2, 1)), weights=weights))


def test_the_weights_of_each_class_do():
    source = ArraySource(np.ones((3, 1)), weights=[5, -3, 1], labels=["s", "b", "b"])
    with pytest.raises(DataError, match=r"class 'b': the weights sum to -2"):
        survey(source)


def test_a_hundred_classes_and_no_more():
    x = np.ones((101, 1))
    assert len(survey(ArraySource(x[:100], labels=np.arange(100))).classes) == 100
    with pytest.raises(DataError, match=r"more than 100 distinct values.*class label"):
        survey(ArraySource(x, labels=np.arange(101)), batch=10)


def test_values_whose_squares_overflow():
    x = np.array([[1.0, 1e200], [2.0, -1e200]])
    with pytest.raises(DataError, match="feature 'big' has values up to 1e\\+200"):
        survey(ArraySource(x, feature_names=["fine", "big"]))
