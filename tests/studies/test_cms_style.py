"""The CMS-style study: the recipe keeps what it says, the closed form is right, claims can fail."""

from __future__ import annotations

import json
import re
from itertools import combinations_with_replacement
from math import factorial, log

import numpy as np
import pytest

from validation.cms_style import ideal, judge, recipe
from validation.cms_style.recipe import CLASSES, FEATURES, GAUSSIAN, JETS, NOISE, WIDTH, draw
from validation.cms_style.training import Scaling, confusion
from validation.study import perform

PER_CLASS = 20_000


@pytest.fixture(scope="module")
def sample():
    return draw(PER_CLASS, seed=11)


def column(sample, name, c=None):
    values = sample.x[:, FEATURES.index(name)]
    return values if c is None else values[sample.y == c]


def test_a_seed_gives_the_same_events_and_another_one_others():
    one, again, other = draw(50, 3), draw(50, 3), draw(50, 4)
    assert np.array_equal(one.x, again.x)
    assert np.array_equal(one.weight, again.weight)
    assert not np.array_equal(one.x, other.x)


def test_every_class_has_its_events_and_the_same_sum_of_weights(sample):
    for c, name in enumerate(CLASSES):
        here = sample.y == c
        assert here.sum() == PER_CLASS
        assert sample.weight[here].sum() == pytest.approx(PER_CLASS)
        assert set(sample.labels[here]) == {name}
        share = recipe.NEGATIVE[c]
        error = 4 * np.sqrt(share * (1 - share) / PER_CLASS)
        assert abs((sample.weight[here] < 0).mean() - share) <= error


@pytest.mark.parametrize("c", range(len(CLASSES)))
def test_medians_widths_and_counts_are_those_of_the_recipe(sample, c):
    for name, variable in recipe.VARIABLES.items():
        values = column(sample, name, c)
        error = variable.sigma[c] / np.sqrt(PER_CLASS)
        middle = log(variable.median[c]) if variable.logarithm else variable.median[c]
        assert abs(np.median(values) - middle) < 5 * 1.2533 * error, name
        assert abs(values.std() - variable.sigma[c]) < 5 * error, name
    for name, rate in recipe.COUNTS.items():
        values = column(sample, name, c) - recipe.LEADING[name]
        assert abs(values.mean() - rate[c]) < 5 * np.sqrt(rate[c] / PER_CLASS)
        assert set(values) <= set(range(20))


def test_the_planted_pair_differs_by_its_correlation_alone(sample):
    kolmogorov = pytest.importorskip("scipy.stats", reason="scipy is not installed").ks_2samp
    qqh = CLASSES.index("qqh")
    for c in range(len(CLASSES)):
        jets = [column(sample, jet, c) for jet in JETS]
        rho = np.corrcoef(*jets)[0, 1]
        assert rho == pytest.approx(-0.6 if c == qqh else 0.6, abs=0.02)
        for jet, values in zip(JETS, jets, strict=True):
            assert c == qqh or kolmogorov(values, column(sample, jet, qqh)).pvalue > 1e-3


def test_what_tells_nothing_is_alike_in_all_classes(sample):
    kolmogorov = pytest.importorskip("scipy.stats", reason="scipy is not installed").ks_2samp
    for name in NOISE:
        for c in range(1, len(CLASSES)):
            assert kolmogorov(column(sample, name, 0), column(sample, name, c)).pvalue > 1e-3
    # although some of it is correlated
    assert np.corrcoef(column(sample, "eta_1"), column(sample, "eta_2"))[0, 1] > 0.4
    apart = np.cos(column(sample, "phi_1") - column(sample, "phi_2"))
    assert apart.mean() < -0.7
    assert np.abs(column(sample, "phi_2")).max() <= np.pi


def density(x, c):
    """p_c(x) but for what all classes share, written down once more: event by event."""
    sigma = recipe.covariance(c)
    away = x[: len(GAUSSIAN)] - recipe.means(c)
    value = np.exp(-0.5 * away @ np.linalg.solve(sigma, away))
    value /= np.sqrt((2 * np.pi) ** len(away) * np.linalg.det(sigma))
    for k, (name, rate) in enumerate(recipe.COUNTS.items()):
        n = int(x[len(GAUSSIAN) + k]) - recipe.LEADING[name]
        value *= rate[c] ** n * np.exp(-rate[c]) / factorial(n)
    return value


def test_the_ideal_response_is_that_of_bayes(sample):
    x = sample.x[:60]
    expected = np.array([[density(event, c) for c in range(len(CLASSES))] for event in x])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ideal.response(x), expected, rtol=1e-9)


def test_its_coefficients_are_its_differences(sample):
    x, h = sample.x[:40], 1e-4 * sample.x.std(axis=0)
    first, second = ideal.coefficients(x)
    for i in range(len(FEATURES)):
        step = np.zeros(len(FEATURES))
        step[i] = h[i]
        slope = (ideal.response(x + step) - ideal.response(x - step)) / (2 * h[i])
        np.testing.assert_allclose(first[..., i] * h[i], slope * h[i], atol=1e-10)
        above, below = ideal.coefficients(x + step)[0], ideal.coefficients(x - step)[0]
        bend = (above - below) / (2 * h[i])
        np.testing.assert_allclose(second[:, :, i] * h[i] * h, bend * h[i] * h, atol=1e-12)


def test_its_scores_are_weighted_means_in_the_order_of_the_convention(sample):
    x, w, y = sample.x[:300], sample.weight[:300], sample.y[:300]
    sigma = np.linspace(0.5, 2, len(FEATURES))
    absolute, signed = ideal.scores(x, w, y, sigma)
    first, second = ideal.coefficients(x)
    pairs = list(combinations_with_replacement(range(len(FEATURES)), 2))
    assert absolute.shape == signed.shape == (5, 6, len(FEATURES) + len(pairs))
    for g, chosen in enumerate([np.ones(300, bool), *(y == c for c in range(len(CLASSES)))]):
        for c in range(len(CLASSES)):
            t = first[:, c, 4] * sigma[4]
            assert absolute[c, g, 4] == pytest.approx(np.average(abs(t[chosen]), weights=w[chosen]))
            for i, j in ((2, 2), (3, 14)):
                k = len(FEATURES) + pairs.index((i, j))
                t = second[:, c, i, j] * sigma[i] * sigma[j] * (0.5 if i == j else 1)
                mean = np.average(abs(t[chosen]), weights=w[chosen])
                assert absolute[c, g, k] == pytest.approx(mean)
                assert signed[c, g, k] == pytest.approx(np.average(t[chosen], weights=w[chosen]))


def test_what_tells_nothing_has_no_ideal_coefficient(sample):
    first, second = ideal.coefficients(sample.x[:100])
    silent = [FEATURES.index(name) for name in NOISE]
    assert not first[..., silent].any()
    assert not second[:, :, silent].any()


def test_a_confusion_matrix_counts_weights():
    y = np.array([0, 0, 0, 1, 2, 3, 4])
    weight = np.array([2.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0])
    response = np.eye(5)[[0, 1, 1, 1, 2, 0, 4]]
    table = confusion(response, recipe.Sample(np.zeros((7, 1)), y, weight))
    assert table[0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert table[3].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert np.trace(table) == 4


def test_scaled_events_have_mean_zero_and_width_one(sample):
    x = Scaling.of(sample.x)(sample.x)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(x.std(axis=0), 1)


def test_rank_correlation_is_spearmans():
    spearman = pytest.importorskip("scipy.stats", reason="scipy is not installed").spearmanr
    random = np.random.default_rng(2)
    a = random.lognormal(size=80)
    b = a * random.lognormal(0, 0.5, 80)
    assert judge.rank_correlation(a, b) == pytest.approx(spearman(a, b).statistic)


@pytest.fixture(scope="module")
def perfect(sample):
    """The numbers of a network that responds as the ideal does."""
    x, w, y = sample.x[::5], sample.weight[::5], sample.y[::5]
    absolute, signed = ideal.scores(x, w, y, x.std(axis=0))
    names = [(name,) for name in FEATURES]
    names += list(combinations_with_replacement(FEATURES, 2))
    noise = np.array([bool(set(of) & set(NOISE)) for of in names])
    found = np.where(noise, 1e-6, absolute)

    def of(c, g):
        parts = found[c, g], signed[c, g], absolute[c, g], signed[c, g]
        return judge.Compared(tuple(names), *parts)

    return {
        "network": {"accuracy": 0.69},
        "ideal": {"accuracy": 0.69},
        "per_class": [of(c, c + 1) for c in range(len(CLASSES))],
        "pooled": [of(c, 0) for c in range(len(CLASSES))],
    }


def judged(numbers):
    told = {key: [judge.truths(of) for of in numbers[key]] for key in ("per_class", "pooled")}
    return [claim.holds for claim in judge.claims(numbers | told)]


def changed(perfect, name, *features, score=None, signed=None):
    """The numbers with another score of one coefficient of a class."""
    classes = list(perfect["per_class"])
    of = classes[CLASSES.index(name)]
    k, parts = of.place(*features), [of.score.copy(), of.signed.copy(), of.ideal, of.ideal_signed]
    for part, value in zip(parts, (score, signed), strict=False):
        if value is not None:
            part[k] = value
    classes[CLASSES.index(name)] = judge.Compared(of.names, *parts)
    return perfect | {"per_class": classes}


def test_the_claims_hold_for_the_ideal_response(perfect):
    assert all(judged(perfect))


def test_each_claim_fails_where_it_should(perfect):
    wrong = {
        0: perfect | {"network": {"accuracy": 0.66}},
        1: changed(perfect, "ztt", "met", score=9.0),
        2: changed(perfect, "misc", "m_sv", "phi_1", score=9.0),
        3: changed(perfect, "ggh", *JETS, score=0.15),
        4: changed(perfect, "qqh", JETS[0], signed=0.1),
        5: changed(perfect, "misc", WIDTH, WIDTH, score=1e-3),
        6: perfect | {"pooled": [_shuffled(of) for of in perfect["pooled"]]},
        7: changed(perfect, "ggh", "m_sv", "m_sv", score=0.1),
    }
    for number, numbers in wrong.items():
        verdicts = judged(numbers)
        assert len(verdicts) == len(wrong)
        assert not verdicts[number], number


def _shuffled(of):
    order = np.random.default_rng(0).permutation(len(of.score))
    return judge.Compared(of.names, of.score[order], of.signed, of.ideal, of.ideal_signed)


@pytest.mark.slow
def test_the_short_study_writes_what_it_says(tmp_path):
    pytest.importorskip("tensorflow", reason="networks are trained by Keras")
    pytest.importorskip("tf2onnx", reason="Keras exports by it")
    from validation.cms_style import STUDY

    document = perform(STUDY, short=True, output=tmp_path)
    numbers = document["numbers"]
    # far from trained, but the plainest truths are seen
    assert numbers["network"]["accuracy"] > 0.6
    assert numbers["ideal"]["accuracy"] > numbers["network"]["accuracy"]
    assert numbers["check"] == "agrees"
    own = dict(zip(CLASSES, numbers["per_class"], strict=True))
    for name in ("ggh", "ztt"):
        assert own[name]["first_order"][0] == "m_sv"
        assert set(own[name]["first_order"][-len(NOISE) :]) == set(NOISE)
    assert min(of["rank_correlation"] for of in own.values()) > 0.7
    readme = (tmp_path / "README.md").read_text()
    linked = re.findall(r"\]\(((?:figures|measured)/[^)]+)\)", readme)
    assert len(set(linked)) == 9
    assert all((tmp_path / file).stat().st_size > 1000 for file in linked)
    first = next(iter(own["qqh"]["table"]))
    table = (tmp_path / "measured/cms_style-per-class.tex").read_text().splitlines()
    rows = [line for line in table if re.match(r"\d+ & ", line)]
    assert len(rows) == judge.TOP
    assert rows[0].split(" & ")[2] == first.replace("_", r"\_")
    markdown = (tmp_path / "measured/cms_style-per-class.md").read_text().splitlines()
    assert markdown[-judge.TOP].split(" | ")[2] == first
    assert document == json.loads((tmp_path / "measured/cms_style.json").read_text())
