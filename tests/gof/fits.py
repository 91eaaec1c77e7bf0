"""A goodness of fit with chosen p-values."""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations

import numpy as np

from onnxtaylor.gof import GofOptions, GoodnessOfFit
from onnxtaylor.gof.bins import Contents
from onnxtaylor.gof.result import FeatureFit, PairFit, TestResult

OPTIONS = {**asdict(GofOptions()), "missing": None}


def held(total, total2):
    """Bins in each of which all weights are equal."""
    return Contents(total, total2, np.divide(total2**2, total, where=total > 0, out=0 * total))


def result_of(p, test="saturated", toys=1000, asymptotic=None):
    if p is None:
        return TestResult(test, None, None, None, None, None, 0, "one bin only")
    error = float(np.sqrt(p * (1 - p) / (toys + 1))) if toys else None
    return TestResult(test, 9.5, 9, p, error, asymptotic, toys)


def fit_of(features: dict[str, float | None], pairs: dict[tuple[str, str], object] | None = None):
    """p-values by feature, and by pair; pairs that are not named have 0.5."""
    chosen = {frozenset(k): v for k, v in (pairs or {}).items()}
    rows = []
    for pair in combinations(features, 2):
        p = chosen.get(frozenset(pair), 0.5)
        rows.append(PairFit(pair, (p if isinstance(p, TestResult) else result_of(p),), 25))
    singles = tuple(FeatureFit(name, (result_of(p),)) for name, p in features.items())
    return GoodnessOfFit("toys", singles, tuple(rows), OPTIONS)
