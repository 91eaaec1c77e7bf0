"""All tests of two samples: calibrated, sensitive, repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.gof import GofOptions, Sample, goodness_of_fit
from tests.gof.populations import NAMES, expected, observed

FAST = GofOptions(toys=200)


@pytest.fixture(scope="module")
def fit():
    return goodness_of_fit(observed(0), expected(0), FAST)


def test_every_feature_and_pair_is_tested(fit):
    assert fit.names == NAMES
    assert [pair.features for pair in fit.pairs] == [
        (a, b) for i, a in enumerate(NAMES) for b in NAMES[i + 1 :]
    ]
    for feature in fit.features:
        kinds = [test.test for test in feature.tests]
        assert kinds == ["saturated", "kolmogorov-smirnov", "anderson-darling"]
        assert feature.tests[0].ndf == len(feature.bins) - 1
        assert all(0 < test.p <= 1 for test in feature.tests)
    for pair in fit.pairs:
        assert pair.tests[0].ndf == pair.cells - 1
        assert 5 < pair.cells <= 36


def test_the_bins_hold_all_events(fit):
    data, mc = observed(0), expected(0)
    for i, feature in enumerate(fit.features):
        assert sum(b.observed for b in feature.bins) == len(data.x)
        assert sum(b.expected for b in feature.bins) == pytest.approx(len(data.x), rel=0.02)
        for b in feature.bins:
            inside = data.x[:, i] == -999 if b.low is None else _within(data.x[:, i], b)
            assert b.observed == inside.sum()
            mc_inside = mc.x[:, i] == -999 if b.low is None else _within(mc.x[:, i], b)
            w = mc.weights[mc_inside]
            assert b.expected_error / b.expected == pytest.approx(np.sqrt((w**2).sum()) / w.sum())
            assert b.expected_error / b.expected <= 0.4  # 0.2 but for fluctuations
    far = fit.feature("far").bins
    assert far[0].missing
    assert far[0].low is far[0].high is None
    assert not any(b.missing for b in far[1:])


def _within(values, b):
    last = b.high >= values.max()
    return (values >= b.low) & ((values <= b.high) if last else (values < b.high))


def test_the_same_seed_gives_the_same_and_another_one_another(fit):
    assert goodness_of_fit(observed(0), expected(0), FAST) == fit
    other = goodness_of_fit(observed(0), expected(0), replace(FAST, seed=1))
    assert other.features[0].tests[0].statistic == fit.features[0].tests[0].statistic
    assert [f.p for f in other.features] != [f.p for f in fit.features]


def test_shapes_do_not_see_the_yield_and_absolute_tests_do(fit):
    mc = expected(0)
    more = replace(mc, weights=1.1 * mc.weights)
    shape = goodness_of_fit(observed(0), more, FAST)
    for a, b in zip(shape.features, fit.features, strict=True):
        assert a.tests[0].statistic == pytest.approx(b.tests[0].statistic, rel=1e-8)
    absolute = goodness_of_fit(observed(0), more, replace(FAST, normalize="absolute", pairs=False))
    assert all(f.p < 0.05 for f in absolute.features)
    assert absolute.pairs == ()
    assert absolute.features[0].tests[0].ndf == len(absolute.features[0].bins)


def test_weights_of_one_are_no_weights():
    data = observed(1)
    plain = goodness_of_fit(data, expected(1), FAST)
    ones = goodness_of_fit(replace(data, weights=np.ones(len(data.x))), expected(1), FAST)
    # fine bins may be joined more: weighted events need enough in each
    assert [f.tests[0] for f in ones.features] == [f.tests[0] for f in plain.features]


def test_a_shifted_feature_is_found_and_no_other():
    fit = goodness_of_fit(observed(2, 4000, shift=0.2), expected(2), FAST)
    assert fit.feature("c").p < 0.01
    assert all(f.p > 0.01 for f in fit.features if f.name != "c")
    assert all(pair.p < 0.05 for pair in fit.pairs_of("c"))


def test_a_changed_correlation_is_found_in_its_pair_alone():
    fit = goodness_of_fit(observed(3, 4000, tilt=0.15), expected(3, 16000), FAST)
    assert all(f.p > 0.01 for f in fit.features)
    bad = [pair.features for pair in fit.pairs if pair.p < 0.01]
    assert bad == [("a", "b")]


@pytest.mark.slow
@pytest.mark.parametrize("negative", [0.0, 0.15, 0.3])
def test_p_values_are_uniform_where_nothing_is_wrong(negative):
    found = []
    for seed in range(1000, 1120):
        data, mc = observed(seed, 1500), expected(seed, 4000, negative, 1500.0)
        # toys of their own: the error of 200 toys must not be the same in all experiments
        fit = goodness_of_fit(data, mc, GofOptions(toys=200, seed=seed))
        tests = [test for f in fit.features for test in f.tests]
        found.append([test.p for test in tests] + [pair.p for pair in fit.pairs])
    p = np.array(found)
    for column in p.T:
        # toys give steps of 1/201: as good as continuous for 120 values
        assert stats.kstest(column, "uniform").pvalue > 0.01 / len(p.T)
    for values in (p[:, :15:3], p[:, 15:]):
        # pairs share events: the error is taken from the spread over pseudo-experiments
        share = (values < 0.05).mean(axis=1)
        assert abs(share.mean() - 0.05) < 3 * share.std() / np.sqrt(len(share))


def test_one_value_and_few_events_are_told_not_tested():
    data, mc = observed(4), expected(4)
    for sample in (data, mc):
        sample.x[:, 2] = 7.0
    fit = goodness_of_fit(data, mc, FAST)
    test = fit.feature("c").tests[0]
    assert (test.p, test.statistic, test.ndf) == (None, None, None)
    assert "constant" in test.reason
    assert all(pair.p is not None for pair in fit.pairs)
    few = Sample(mc.x[:10], None, NAMES, missing=-999.0)
    assert all(f.p is None for f in goodness_of_fit(data, few, FAST).features)


@pytest.mark.parametrize("normalize", ["shape", "absolute"])
def test_a_feature_of_one_bin_is_scaled_as_the_others_are(normalize):
    data, mc = observed(4), replace(expected(4), weights=3 * expected(4).weights)
    for sample in (data, mc):
        sample.x[:, 2] = 7.0
    settings = replace(FAST, normalize=normalize, pairs=False)
    (one,) = goodness_of_fit(data, mc, settings).feature("c").bins
    assert one.observed == len(data.x)
    total, error = mc.weights.sum(), np.sqrt((mc.weights**2).sum())
    scale = len(data.x) / total if normalize == "shape" else 1.0
    assert one.expected == pytest.approx(scale * total)
    assert one.expected_error == pytest.approx(scale * error)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_feature_that_the_expectation_never_has_is_warned_of(share):
    data, mc = observed(5), expected(5)
    mc.x[:, 0] = -999.0
    data.x[: int(share * len(data.x)), 0] = -999.0
    fit = goodness_of_fit(data, mc, replace(FAST, pairs=False))
    warned = [line for line in fit.warnings if line.startswith("a: missing in all expected")]
    assert len(warned) == (share < 1)


def test_values_missing_in_the_data_alone_are_warned_of():
    data = observed(5)
    data.x[:50, 0] = -999.0
    fit = goodness_of_fit(data, expected(5), FAST)
    assert any(line.startswith("a: missing in 2.") for line in fit.warnings)
    assert fit.feature("a").bins[0].missing  # in the lowest bin: none of its own is expected
    assert fit.feature("a").p < 0.01


def test_nan_may_be_the_missing_value(fit):
    changed = [
        replace(s, x=np.where(s.x == -999, np.nan, s.x), missing=float("nan"))
        for s in (observed(0), expected(0))
    ]
    found = goodness_of_fit(*changed, FAST)
    assert (found.features, found.pairs) == (fit.features, fit.pairs)
    assert found.options["missing"] == "nan"


def test_a_small_simulation_is_warned_of():
    fit = goodness_of_fit(observed(6), expected(6, 1500), replace(FAST, pairs=False))
    assert any(
        line.startswith("N_eff is ") and "in the simulation" in line for line in fit.warnings
    )


def test_samples_of_other_features_are_refused():
    data, mc = observed(0), expected(0)
    with pytest.raises(DataError, match="the same features, in the same order"):
        goodness_of_fit(replace(data, names=("b", "a", "c", "jets", "far")), mc)


@pytest.mark.parametrize("other", [None, -1.0, float("nan")])
def test_samples_of_other_missing_values_are_refused(other):
    data = replace(observed(0), missing=other)
    with pytest.raises(DataError, match=r"missing value is .* and -999\.0 in the expected"):
        goodness_of_fit(data, expected(0), FAST)


@pytest.mark.parametrize(
    "wrong",
    [{"bins": 1}, {"toys": 3}, {"seed": -1}, {"normalize": "area"}, {"min_effective": 0.0}],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(OptionError):
        GofOptions(**wrong)
