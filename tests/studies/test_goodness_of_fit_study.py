"""The study of goodness of fit: its recipe and closed forms, its short form end to end."""

from __future__ import annotations

import copy
import json
import os

import numpy as np
import pytest
from scipy import stats

from onnxtaylor.gof import Sample
from validation.goodness_of_fit.experiments import Sizes, expected_power, higgs_split, rate
from validation.goodness_of_fit.recipe import (
    FEATURES,
    MISSING,
    NOTHING,
    PLANTED_FEATURE,
    PLANTED_PAIR,
    Planted,
    correlations,
    data,
    simulation,
    weights_of,
)
from validation.goodness_of_fit.telling import claims, section
from validation.higgs_data import HiggsEvents
from validation.study import main

PAIR = [FEATURES.index(name) for name in PLANTED_PAIR]


@pytest.mark.parametrize("signal", [0, 1])
def test_only_the_planted_correlation_changes(signal):
    planted = correlations(signal, Planted(rho=0.15)) - correlations(signal, NOTHING)
    assert np.linalg.eigvalsh(correlations(signal, Planted(rho=0.15))).min() > 0.05
    assert planted[PAIR[0], PAIR[1]] == planted[PAIR[1], PAIR[0]] == pytest.approx(0.15)
    assert np.count_nonzero(planted) == 2


def test_what_is_planted_is_where_it_should_be_and_nowhere_else():
    size, planted = 60_000, Planted(shift=0.2, rho=0.2)
    one, other = (
        data(size, np.random.default_rng(seed), p).x for seed, p in ((1, NOTHING), (2, planted))
    )
    for i, name in enumerate(FEATURES):
        p = stats.ks_2samp(one[:, i], other[:, i]).pvalue
        assert (p < 1e-10) if name == PLANTED_FEATURE else (p > 1e-3), name
    for i in range(len(FEATURES)):
        for j in range(i):
            # ranks: whatever increasing function of z is measured
            a, b = (stats.spearmanr(x[:, i], x[:, j]).statistic for x in (one, other))
            assert (abs(a - b) > 0.1) == ({i, j} == set(PAIR)), (i, j)


def test_the_simulation_follows_the_same_distributions_with_weights_of_both_signs():
    sample, signal = simulation(80_000, 8000.0, np.random.default_rng(3), negative=0.2)
    truth = data(80_000, np.random.default_rng(4)).x
    w = sample.weights
    assert (w < 0).mean() == pytest.approx(0.2, abs=0.01)
    assert w.sum() == pytest.approx(8000, rel=0.03)
    assert signal.mean() == pytest.approx(0.1, abs=0.01)
    for i in range(len(FEATURES)):
        mean = (w * sample.x[:, i]).sum() / w.sum()
        error = np.sqrt((w**2 * (sample.x[:, i] - mean) ** 2).sum()) / w.sum()
        assert abs(mean - truth[:, i].mean()) < 4.5 * np.hypot(error, truth[:, i].std() / 283)
    assert ((sample.x[:, 5] == MISSING) == (sample.x[:, 4] < 2)).all()


def test_the_effective_size_of_the_closed_form():
    w = weights_of(200_000, 1.0, np.random.default_rng(0), 0.15)
    expected = 200_000 * (1.5 * 0.7) ** 2 / 3.25
    assert w.sum() ** 2 / (w**2).sum() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1])
def test_the_power_is_that_of_multinomial_draws(shift):
    sizes = Sizes(data=4000, simulation=10_000)
    n, effective = 4000, round(10_000 * 1.05**2 / 3.25)
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    moved = np.diff(np.concatenate([[0], stats.norm.cdf(edges - shift), [1]]))
    random = np.random.default_rng(5)
    a, b = random.multinomial(n, moved, 20_000), random.multinomial(effective, [0.1] * 10, 20_000)
    pooled = (a + b) / (n + effective)
    chi2 = ((a - n * pooled) ** 2 / (n * pooled)).sum(axis=1)
    chi2 += ((b - effective * pooled) ** 2 / (effective * pooled)).sum(axis=1)
    share = (stats.chi2.sf(chi2, 9) < 0.05).mean()
    assert expected_power(shift, sizes) == pytest.approx(share, abs=0.015)


def test_rates_are_not_counted_as_independent():
    p = np.repeat([[0.01], [0.5], [0.5], [0.5]], 50, axis=1)
    share, error = rate(p)
    assert share == 0.25
    assert error == pytest.approx(0.25)  # of four experiments, not of 200 tests


def test_random_halves_share_no_event_and_follow_the_weights():
    random = np.random.default_rng(0)
    weight = random.uniform(0.5, 2, 4000)
    x = np.arange(4000, dtype="f4")[:, np.newaxis]
    events = HiggsEvents(x, np.zeros(4000, "f4"), weight, np.arange(4000), ("k",))
    observed, expected = higgs_split(3, events)
    assert isinstance(observed, Sample)
    assert observed.weights is None
    assert len(expected.x) == 2000
    rows = observed.x[:, 0].astype(int)
    assert not set(rows) & set(expected.x[:, 0].astype(int))
    np.testing.assert_array_equal(expected.weights, weight[expected.x[:, 0].astype(int)])
    assert weight[rows].mean() == pytest.approx((weight**2).mean() / weight.mean(), abs=0.05)


def numbers():
    """Numbers of a study in which every claim holds."""
    fine, all_of = [0.05, 0.004], [1.0, 0.0]
    row = dict.fromkeys(("features", "pairs", "KS", "AD"), fine)
    joined = {
        **{"feature": "iso", "score": 0.1, "sem": 0.01, "first_rank": 9, "best_rank": 9},
        **{"important": False, "p": 0.001, "bad_pairs": 1, "pairs": 9, "verdict": "drop"},
        "reason": "p < 0.05",
    }
    verdicts = {name: {"well modelled": 0.9, "check": 0.1} for name in FEATURES}
    verdicts |= {"iso": {"drop": 1.0}, "pt_1": {"check": 1.0}, "pt_2": {"check": 0.95}}
    return {
        "sizes": {"data": 1, "simulation": 2, "toys": 3},
        "n_eff": 2.0,
        "planted": {"shift": 0.1, "rho": 0.15},
        "top": 0.15,
        "null": [
            {"negative": n, "experiments": 9, "uniform": 0.5, "tests": 75, **row}
            for n in (0.0, 0.15, 0.3)
        ],
        "power": {"found": [0.5], "expected": [0.52], "error": [0.02]},
        "found": {
            "experiments": 9,
            **{"feature": all_of, "pair": all_of, "other_features": fine, "other_pairs": fine},
            "pairs_of_the_feature": [0.8, 0.02],
        },
        "verdicts": verdicts,
        "joined": [joined],
        "higgs": {
            "experiments": 9,
            "events": {"data": 1.0, "n_eff": 2.0},
            "features": fine,
            "pairs": fine,
        },
    }


def test_claims_hold_and_fail_where_they_should():
    good = numbers()
    assert all(claim.holds for claim in claims(good))
    assert "| iso | 0.100 ± 0.010 | 9 | 9 | 0.001 | 1 of 9 | drop | p < 0.05 |" in section(good)
    for path, value in (
        (("null", 1, "pairs"), [0.07, 0.005]),
        (("null", 1, "uniform"), 0.001),
        (("power", "found"), [0.6]),
        (("found", "pair"), [0.9, 0.03]),
        (("found", "other_features"), [0.08, 0.005]),
        (("verdicts", "iso"), {"drop": 0.5, "check": 0.5}),
        (("higgs", "features"), [0.03, 0.005]),
    ):
        bad = copy.deepcopy(good)
        part = bad
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
        assert sum(not claim.holds for claim in claims(bad)) == 1, path


@pytest.mark.slow
@pytest.mark.skipif("ONNXTAYLOR_DATA" not in os.environ, reason="ONNXTAYLOR_DATA is not set")
def test_short_form(tmp_path):
    pytest.importorskip("tensorflow", reason="the network is trained by Keras")
    from validation.goodness_of_fit import STUDY
    from validation.goodness_of_fit.study import SHORT

    main(STUDY, ["--short", "--output", str(tmp_path)])
    found = json.loads((tmp_path / "measured/goodness_of_fit.json").read_text())["numbers"]
    assert found["found"]["experiments"] == SHORT.planted
    assert found["found"]["pair"][0] >= 0.5
    assert {row["feature"] for row in found["joined"]} == set(FEATURES)
    for row in found["null"]:
        for key in ("features", "pairs", "KS", "AD"):
            assert row[key][0] < 0.2
    assert found["higgs"]["pairs"][0] < 0.2
    text = section(found)
    assert text.strip() in (tmp_path / "README.md").read_text()
    for name in ("pairs", "features", "planted", "calibration"):
        assert f"figures/goodness_of_fit-{name}.png" in text
        assert (tmp_path / f"figures/goodness_of_fit-{name}.png").stat().st_size > 10_000
