"""The spread between trainings: as rarely as is stated is one of the same kind accused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

import onnxtaylor as ot
from onnxtaylor.audit.retraining import LONGEST_TAIL, estimate_spread
from tests.audit.training import export, train

NUMBERS, TRIALS = 40, 400
FLAT = np.ones((NUMBERS, 1))


def alarms(draw, trainings, nominal, trend=FLAT):
    """The share of the trials in which any of the numbers of one more training is accused.

    ``draw(random, k)`` makes numbers (k, R) of k trainings of the same kind.
    """
    random = np.random.default_rng(trainings)
    found = 0
    for _ in range(TRIALS):
        values = draw(random, trainings + 1)
        _, p = estimate_spread(values[:-1], trend).significance(
            values[-1], np.zeros(values.shape[1])
        )
        found += p.min() * len(p) < nominal  # of one alarm Holm's method is Bonferroni's
    return found / TRIALS


def alike(random, k):
    return random.normal(size=(k, NUMBERS))


def uneven(random, k):
    """Variances that follow χ² of 5 degrees of freedom: a factor of 20 between the extremes."""
    return random.normal(size=(k, NUMBERS)) * np.sqrt(stats.chi2(5).ppf(QUANTILES))


def together(random, k):
    """All numbers follow one, or nearly."""
    return random.normal(size=(k, 1)) + 0.05 * random.normal(size=(k, NUMBERS))


def three_ways(random, k):
    """Three directions, and different variances."""
    ways = np.random.default_rng(0).normal(size=(3, NUMBERS))
    return uneven(random, k) * 0.3 + random.normal(size=(k, 3)) @ ways


QUANTILES = (np.arange(NUMBERS) + 0.5) / NUMBERS


@pytest.mark.parametrize("trainings", [3, 5, 12])
@pytest.mark.parametrize("draw", [alike, uneven, together, three_ways])
def test_the_family_wise_rate_of_false_alarms_is_at_most_that_stated(draw, trainings):
    for nominal in (0.3, 0.1):
        room = 3 * np.sqrt(nominal * (1 - nominal) / TRIALS)
        assert alarms(draw, trainings, nominal) < nominal + room


def test_the_usual_normal_significance_would_accuse_far_more():
    """The test above can fail: without the spread of the variances' estimates it does."""
    random, found = np.random.default_rng(0), 0
    for _ in range(TRIALS):
        values = alike(random, 4)
        z = (
            (values[-1] - values[:-1].mean(axis=0))
            / values[:-1].std(axis=0, ddof=1)
            / (4 / 3) ** 0.5
        )
        found += 2 * stats.norm.sf(np.abs(z).max()) * NUMBERS < 0.1
    assert found / TRIALS > 0.5


@pytest.mark.parametrize("trainings", [3, 5, 12])
def test_a_change_of_many_sigma_is_found(trainings):
    random = np.random.default_rng(1)
    values = alike(random, trainings + 1)
    values[-1, 7] += 40
    spread = estimate_spread(values[:-1], FLAT)
    z, p = spread.significance(values[-1], np.zeros(NUMBERS))
    assert p.argmin() == 7
    assert p[7] * NUMBERS < 0.005
    assert abs(z[7]) > spread.significant_from(0.005 / NUMBERS)
    assert spread.freedom <= LONGEST_TAIL


def test_variances_follow_the_trend_where_all_do():
    """log σ is linear in u: 12 trainings find σ of each number within 20 %."""
    u = np.linspace(-2, 2, NUMBERS)
    values = np.random.default_rng(3).normal(size=(12, NUMBERS)) * np.exp(0.7 * u)
    spread = estimate_spread(values, np.stack([np.ones(NUMBERS), u], axis=1))
    np.testing.assert_allclose(spread.sigma, np.exp(0.7 * u), rtol=0.3)
    alone = values.std(axis=0, ddof=1)
    truth = np.exp(0.7 * u)
    assert np.abs(np.log(spread.sigma / truth)).mean() < 0.6 * np.abs(np.log(alone / truth)).mean()


def test_t_of_one_number_is_students():
    """Nothing to borrow from: the prediction interval of a textbook."""
    values = np.array([[1.0], [2.0], [4.0]])
    z, p = estimate_spread(values, np.ones((1, 1))).significance(np.array([9.0]), np.zeros(1))
    expected = (9 - 7 / 3) / (np.std([1, 2, 4], ddof=1) * np.sqrt(4 / 3))
    assert z[0] == pytest.approx(expected)
    assert p[0] == pytest.approx(2 * stats.t(2).sf(expected))


def test_numbers_that_never_vary():
    values = np.zeros((3, NUMBERS))
    spread = estimate_spread(values, FLAT)
    z, p = spread.significance(np.eye(NUMBERS)[0], np.zeros(NUMBERS))
    assert (p[0], p[1], z[1]) == (0, 1, 0)
    values[:, 1:] = np.random.default_rng(0).normal(size=(3, NUMBERS - 1))
    assert np.isfinite(estimate_spread(values, FLAT).sigma).all()


@pytest.mark.parametrize("x", [0.2, 1.0, 7.5, 400.0])
def test_the_inverse_of_the_trigamma_function(x):
    from onnxtaylor.audit import retraining

    inverse = vars(retraining)["_inverse_trigamma"]
    assert inverse(float(special.polygamma(1, x))) == pytest.approx(x, rel=1e-9)


# Networks that were really trained


def sample(events, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(events, 6))
    logit = 1.2 * x[:, 0] - 0.9 * x[:, 1] + 0.7 * x[:, 0] * x[:, 1] + 0.6 * x[:, 2] ** 2
    logit += 0.3 * x[:, 4] - 0.5 * x[:, 3]
    return x, (random.random(events) < 1 / (1 + np.exp(-logit))).astype(float)


@pytest.mark.slow
def test_networks_of_other_seeds_are_rarely_accused(tmp_path):
    """40 trainings; each draw takes some for baselines, and one more."""
    x, y = sample(2000, 0)
    scores = []
    for seed in range(40):
        net = train(x, y, seed=seed, nodes=8, rate=1.0)
        model = export(net, tmp_path / "net.onnx")
        result = ot.analyze(model, sample(1000, 1)[0], scale="sigma", check=0, bootstrap=0)
        scores.append(result.score[0, 0])
    scores, orders = np.array(scores), result.indices.orders
    random = np.random.default_rng(2)
    for trainings in (3, 5, 8):
        found = {0.2: 0, 0.01: 0}
        for _ in range(1000):
            chosen = random.choice(len(scores), trainings + 1, replace=False)
            before, after = scores[chosen[:-1]], scores[chosen[-1]]
            mean = before.mean(axis=0)
            largest = np.array([mean[orders == order].max() for order in orders])
            columns = [orders == 1, orders == 2, np.log(mean / largest + 0.02)]
            spread = estimate_spread(np.sqrt(before), np.stack(columns, axis=1).astype(float))
            _, p = spread.significance(np.sqrt(after), np.zeros(len(mean)))
            for nominal in found:
                found[nominal] += p.min() * len(p) < nominal
        assert found[0.2] / 1000 <= 0.2
        assert found[0.01] / 1000 <= 0.02  # a net that ends in another minimum is in a few draws
