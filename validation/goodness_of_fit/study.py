"""The study: calibration, what is planted and found, the joined table, and real features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from onnxtaylor.gof import GofOptions, GoodnessOfFit, goodness_of_fit, join
from onnxtaylor.results.selection import select
from onnxtaylor.views.plot.gof import plot_feature, plot_p_values, plot_pairs
from onnxtaylor.views.plot.style import offscreen
from validation.goodness_of_fit.experiments import (
    Sizes,
    expected_power,
    higgs_split,
    many,
    power,
    rate,
    toy_pair,
)
from validation.goodness_of_fit.figures import calibration
from validation.goodness_of_fit.network import ranked
from validation.goodness_of_fit.recipe import FEATURES, PLANTED_FEATURE, PLANTED_PAIR, Planted
from validation.goodness_of_fit.telling import claims, section
from validation.higgs_data import higgs_events
from validation.study import Outcome, Study

__all__ = ["FULL", "SHORT", "STUDY", "run"]

FULL = Sizes()
SHORT = Sizes(
    data=3000,
    simulation=6000,
    null=8,
    null_others=3,
    planted=4,
    power=5,
    splits=2,
    train=4000,
    epochs=4,
    toys=200,
)
PLANTED = Planted(shift=0.1, rho=0.15)
TOP = 0.15  # of the coefficients are influential: 10 of 65
NEGATIVE = (0.0, 0.15, 0.3)
SHIFTS = (0.0, 0.03, 0.05, 0.07, 0.1)
ALPHAS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7)
SHOWN = 7_000_003  # seed of the experiment that is shown, none of those that are counted

Floats = npt.NDArray[np.float64]


def run(short: bool) -> Outcome:
    """Runs all pseudo-experiments, trains the network, and joins."""
    sizes = SHORT if short else FULL
    null, shares = _null(sizes)
    powers = _power(sizes)
    result = ranked(sizes)
    chosen = select(result, TOP)
    planted = many(sizes.planted, lambda seed: toy_pair(seed, sizes, planted=PLANTED), 50_000)
    samples = toy_pair(SHOWN, sizes, planted=PLANTED)
    shown = goodness_of_fit(*samples, GofOptions(toys=sizes.toys))
    table = join(result, chosen, shown)
    verdicts = [join(result, chosen, fit).verdicts() for fit in planted]
    events = higgs_events()
    splits = many(sizes.splits, lambda seed: higgs_split(seed, events), 90_000)
    numbers = {
        "sizes": {"data": sizes.data, "simulation": sizes.simulation, "toys": sizes.toys},
        "n_eff": shown.expected.n_eff if shown.expected else None,
        "planted": {"shift": PLANTED.shift, "rho": PLANTED.rho},
        "top": TOP,
        "null": null,
        "shares": {"alphas": list(ALPHAS), **shares},
        "power": powers,
        "found": _found(planted),
        "verdicts": _verdicts(verdicts),
        "joined": list(table.to_dict()["rows"]),
        "higgs": {
            "experiments": sizes.splits,
            "events": _events(splits),
            "features": rate(_features(splits)[..., 0]),
            "pairs": rate(_pairs(splits)),
        },
    }
    with offscreen():
        figures = {
            "pairs": plot_pairs(shown).figure,
            "features": plot_p_values(shown).figure,
            "planted": plot_feature(shown, PLANTED_FEATURE).figure,
            "calibration": calibration(shares, ALPHAS, powers),
        }
    return Outcome(numbers, claims(numbers), figures)


def _null(sizes: Sizes) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """Rates of p < 5 % with nothing wrong, by the share of negative weights; shares of 15 %."""
    rows: list[dict[str, Any]] = []
    shares: dict[str, list[float]] = {}
    for negative in NEGATIVE:
        usual = negative == 0.15
        count = sizes.null if usual else sizes.null_others
        fits = many(count, lambda seed, n=negative: toy_pair(seed, sizes, n), 1000)
        single, pairs = _features(fits), _pairs(fits)
        kinds = {
            "features": single[..., 0],
            "pairs": pairs,
            "KS": single[..., 1],
            "AD": single[..., 2],
        }
        tests = np.concatenate([single.reshape(count, -1), pairs], axis=1)
        least = min(stats.kstest(p, "uniform").pvalue for p in tests.T)
        rows.append(
            {
                "negative": negative,
                "experiments": count,
                **{name: rate(p) for name, p in kinds.items()},
                "uniform": min(1.0, float(least) * tests.shape[1]),  # Bonferroni
                "tests": tests.shape[1],
            }
        )
        if usual:
            shares = {
                name: [float((p < alpha).mean()) for alpha in ALPHAS] for name, p in kinds.items()
            }
    return rows, shares


def _power(sizes: Sizes) -> dict[str, Any]:
    found = [power(shift, sizes.power, sizes) for shift in SHIFTS]
    fine = np.linspace(0, max(SHIFTS), 41)
    return {
        "experiments": sizes.power,
        "shift": list(SHIFTS),
        "found": [share for share, _ in found],
        "error": [error for _, error in found],
        "expected": [expected_power(shift, sizes) for shift in SHIFTS],
        "curve": {
            "shift": fine.tolist(),
            "expected": [expected_power(shift, sizes) for shift in fine],
        },
    }


def _features(fits: Sequence[GoodnessOfFit]) -> Floats:
    """p-values (experiment, feature, test); NaN where nothing was tested."""
    return np.array([[[t.p for t in f.tests] for f in fit.features] for fit in fits], float)


def _pairs(fits: Sequence[GoodnessOfFit]) -> Floats:
    """p-values (experiment, pair)."""
    return np.array([[pair.p for pair in fit.pairs] for fit in fits], float)


def _found(fits: Sequence[GoodnessOfFit]) -> dict[str, Any]:
    """How often what is planted has p < 5 %, and how often the rest."""
    single, pairs = _features(fits)[..., 0], _pairs(fits)
    names = [pair.features for pair in fits[0].pairs]
    bad = FEATURES.index(PLANTED_FEATURE)
    pair = names.index(PLANTED_PAIR)
    clean = [k for k, both in enumerate(names) if PLANTED_FEATURE not in both and k != pair]
    return {
        "experiments": len(fits),
        "feature": rate(single[:, bad]),
        "pair": rate(pairs[:, pair]),
        "other_features": rate(np.delete(single, bad, axis=1)),
        "other_pairs": rate(pairs[:, clean]),
        "pairs_of_the_feature": rate(
            pairs[:, [k for k, both in enumerate(names) if PLANTED_FEATURE in both]]
        ),
    }


def _verdicts(found: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, dict[str, float]]:
    """How often each feature gets each verdict."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in FEATURES}
    for verdicts in found:
        for verdict, names in verdicts.items():
            for name in names:
                counts[name][verdict] += 1
    return {
        name: {verdict: count / len(found) for verdict, count in sorted(of.items())}
        for name, of in counts.items()
    }


def _events(fits: Sequence[GoodnessOfFit]) -> dict[str, float]:
    observed = [fit.observed.events for fit in fits if fit.observed]
    effective = [fit.expected.n_eff for fit in fits if fit.expected]
    return {"data": float(np.mean(observed)), "n_eff": float(np.mean(effective))}


STUDY = Study(
    name="goodness_of_fit",
    title="Goodness of fit and selection",
    run=run,
    section=section,
    needs=("tensorflow", "tf2onnx"),
)
