"""Numbers of a saved goodness of fit that contradict one another: what no schema can say.

All functions raise ValueError with the place in the document and the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isclose, sqrt
from typing import Any, TypeAlias

from onnxtaylor.gof.result import Bin, FeatureFit, GoodnessOfFit, PairFit, SampleSummary, TestResult
from onnxtaylor.results.consistency import require

__all__ = ["check_fits"]

EXACT = 1e-9  # relative

Rows: TypeAlias = Sequence[FeatureFit | PairFit]


def check_fits(fit: GoodnessOfFit, document: Mapping[str, Any]) -> None:
    """Checks samples, tests, bins, the order of the pairs, and the ranks of a document."""
    for side, sample in (("observed", fit.observed), ("expected", fit.expected)):
        if sample is not None:
            _check_sample(sample, side)
    own = fit.method == "toys"
    require(("toys" in fit.options) == own, "options", f"must be those of {fit.method}", "others")
    kinds: dict[str, Rows] = {"features": fit.features, "pairs": fit.pairs}
    for kind, rows in kinds.items():
        for k, row in enumerate(rows):
            for n, test in enumerate(row.tests):
                _check_test(test, f"{kind}[{k}].tests[{n}]", fit.options["toys"] if own else None)
    for k, feature in enumerate(fit.features):
        _check_bins(feature.bins, f"features[{k}].bins")
    places = [tuple(map(fit.names.index, pair.features)) for pair in fit.pairs]
    for k, place in enumerate(places):
        before = places[k - 1] if k else (-1, -1)
        demand = "must be in the order of the features, row by row"
        require(before < place and place[0] < place[1], f"pairs[{k}].features", demand,
                " and ".join(map(repr, fit.pairs[k].features)))  # fmt: skip
    _check_ranks("features", fit.features, fit.worst_features, document["features"])
    _check_ranks("pairs", fit.pairs, fit.worst_pairs, document["pairs"])


def _check_sample(sample: SampleSummary, place: str) -> None:
    limit = sample.events * (1 + EXACT)
    demand = f"must be at most {sample.events}, the events"
    require(sample.n_eff <= limit, f"{place}.n_eff", demand, sample.n_eff)
    if not sample.weighted:
        for name in ("sum_weight", "n_eff"):
            number = getattr(sample, name)
            demand = f"must be {sample.events} without weights"
            require(
                isclose(number, sample.events, rel_tol=EXACT), f"{place}.{name}", demand, number
            )


def _check_test(test: TestResult, place: str, asked: int | None) -> None:
    """Checks one test; ``asked`` is the number of toys of all tests that were made."""
    if test.p is None:
        numbers = (test.statistic, test.ndf, test.p_error, test.p_asymptotic)
        require(not any(number is not None for number in numbers) and not test.toys, place,
                "must have no numbers where p is null", "some")  # fmt: skip
        require(test.reason is not None, f"{place}.reason", "must say why p is null", "null")
        return
    require(test.statistic is not None, f"{place}.statistic", "must be a number beside p", "null")
    require((test.p_error is None) == (not test.toys), f"{place}.p_error",
            "must be a number where there are toys, else null", test.p_error)  # fmt: skip
    if asked is not None:
        require(test.toys == asked, f"{place}.toys", f"must be options.toys, {asked}", test.toys)
    if test.p_error is not None:
        error = sqrt(test.p * (1 - test.p) / (test.toys + 1))
        require(isclose(test.p_error, error, rel_tol=1e-6, abs_tol=1e-12), f"{place}.p_error",
                f"must be √(p (1 − p)/(T + 1)), {error}", test.p_error)  # fmt: skip
    require((test.p_asymptotic is None) or test.ndf is not None, f"{place}.ndf",
            "must be a number beside p_asymptotic", "null")  # fmt: skip


def _check_bins(bins: Sequence[Bin], place: str) -> None:
    for k, one in enumerate(bins):
        where = f"{place}[{k}]"
        require((one.low is None) == (one.high is None), where,
                "must have both of low and high, or none", "one")  # fmt: skip
        if one.low is None or one.high is None:
            require(one.missing and not k, where, "must have low and high", "none")
        else:
            require(one.low <= one.high, f"{where}.low", f"must be at most {one.high}", one.low)
    edges = [one for one in bins if one.low is not None]
    for before, one in pairwise(edges):
        require(before.high == one.low, place, f"must begin where others end, {before.high}",
                one.low)  # fmt: skip


def _check_ranks(
    kind: str,
    rows: Rows,
    worst: Rows,
    found: Sequence[Mapping[str, Any]],
) -> None:
    """Checks the ranks of a document, which follow from the tests; earlier ones have none."""
    ranks = {id(row): k for k, row in enumerate(worst, 1)}
    for k, (row, told) in enumerate(zip(rows, found, strict=True)):
        expected = None if row.p is None else ranks[id(row)]
        got = told.get("rank", expected)
        require(got == expected, f"{kind}[{k}].rank", f"must be {expected} by the tests", got)
