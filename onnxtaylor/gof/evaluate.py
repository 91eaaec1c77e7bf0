"""Tests of every feature and of every pair of features of two samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import combinations
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import is_missing
from onnxtaylor.errors import DataError
from onnxtaylor.gof.bins import Contents, bin_numbers, inner_edges, join_bins, snake
from onnxtaylor.gof.distances import anderson_darling, kolmogorov_smirnov
from onnxtaylor.gof.result import (
    Bin,
    FeatureFit,
    GoodnessOfFit,
    PairFit,
    SampleSummary,
    TestResult,
)
from onnxtaylor.gof.samples import Sample
from onnxtaylor.gof.saturated import Bins, p_value
from onnxtaylor.options.gof import GofOptions
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.results.documents import json_number

__all__ = ["SATURATED", "compare_samples"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
T = TypeVar("T")

SATURATED, KS, AD = "saturated", "kolmogorov-smirnov", "anderson-darling"
# keys of the streams of random numbers: tests never share one, whatever else is tested
FEATURE, FINE, PAIR = range(3)


def compare_samples(
    observed: Sample,
    expected: Sample,
    settings: GofOptions,
    progress: Progress | None = None,
) -> GoodnessOfFit:
    """Tests the observed events against the expected ones.

    Each feature is tested by the saturated likelihood ratio in quantile bins of the expectation
    (``bins``, ``saturated``), and by Kolmogorov–Smirnov and Anderson–Darling in fine bins
    (``distances``). Each pair is tested by the saturated likelihood ratio in the grid of both
    features' quantile bins. p-values come from toys; equal data, settings and seed give equal ones.

    Parameters
    ----------
    observed, expected
        The two samples, of the same features.
    settings
        Bins, toys, seed.
    progress
        Called with (stage, tests done, tests in all).

    Raises
    ------
    DataError
        Where the samples differ in their features or in the value of missing entries.
    """
    if observed.names != expected.names:
        raise DataError("observed and expected must have the same features, in the same order")
    # as text, since NaN is not equal to itself
    missing = [json_number(sample.missing) for sample in (observed, expected)]
    if missing[0] != missing[1]:
        raise DataError(
            f"the missing value is {missing[0]} in the observed events and {missing[1]} in the"
            " expected: give both the same one"
        )
    n = len(expected.names)
    features = tuple(
        _feature(observed, expected, i, settings)
        for i in _counted(list(range(n)), progress, "features")
    )
    pairs: tuple[PairFit, ...] = ()
    if settings.pairs:
        sides = [_coarse(observed, expected, i, settings.pair_bins) for i in range(n)]
        pairs = tuple(
            _pair(observed, expected, i, j, sides[i], sides[j], settings)
            for i, j in _counted(list(combinations(range(n), 2)), progress, "pairs")
        )
    return GoodnessOfFit(
        method="toys",
        features=features,
        pairs=pairs,
        options={**asdict(settings), "missing": missing[1]},
        observed=_summary(observed),
        expected=_summary(expected),
        warnings=tuple(_warnings(observed, expected)),
        version=version("onnxtaylor"),
    )


def _counted(items: Sequence[T], progress: Progress | None, stage: str) -> Iterator[T]:
    """Yields the items, and reports how many are done."""
    for done, item in enumerate(items):
        report_progress(progress, stage, done, len(items))
        yield item
    report_progress(progress, stage, len(items), len(items))


@dataclass(frozen=True)
class _Codes:
    """Bin numbers of both samples' events, and the edges between the bins."""

    edges: Floats
    observed: Integers
    expected: Integers

    @property
    def bins(self) -> int:
        return len(self.edges) + 2


def _coarse(observed: Sample, expected: Sample, i: int, bins: int) -> _Codes:
    present = ~is_missing(expected.x[:, i], expected.missing)
    edges = inner_edges(expected.x[present, i], expected.w[present], bins)
    codes = (bin_numbers(sample.x[:, i], edges, sample.missing) for sample in (observed, expected))
    return _Codes(edges, *codes)


def _contents(
    observed: Sample,
    expected: Sample,
    codes: tuple[Integers, Integers],
    order: Integers,
    settings: GofOptions,
    least: float,
) -> tuple[Contents, Contents, Integers]:
    """Sums of both samples in bins with enough events, and the group number of each bin."""
    n = Contents.of(codes[0], observed.w, len(order))
    nu = Contents.of(codes[1], expected.w, len(order))
    scale = n.sum.sum() / nu.sum.sum() if settings.shape else 1.0
    enough = _enough(expected, codes[1], nu, least / scale, settings.min_effective)
    if observed.weights is not None:  # a weighted sum is like a Poisson number only if it is large
        enough += _enough(observed, codes[0], n, 0.0, settings.min_effective)
    groups = join_bins(enough, order)
    return n.grouped(groups), nu.grouped(groups), groups


def _enough(
    sample: Sample, codes: Integers, held: Contents, least: float, effective: float
) -> list[tuple[Floats, Floats, float, float]]:
    """Conditions for ``joined`` on the contents of each bin of a sample.

    With weights of both signs Σw would choose the bins in which it fluctuates up, which makes
    p-values too large. So the condition is on r Σ abs(w), r = Σw / Σ abs(w) over all events. Σw
    itself must reach a quarter: a fluctuation by 2.5 standard deviations takes away no more.
    """
    w = sample.w
    if (w >= 0).all():
        return [(held.sum, held.sum2, least, effective)]
    size = np.abs(w)
    purity = w.sum() / size.sum()
    usual = purity * Contents.of(codes, size, len(held.sum)).sum
    return [(usual, held.sum2, least, effective), (held.sum, held.sum2, 0.0, effective / 4)]


def _feature(observed: Sample, expected: Sample, i: int, settings: GofOptions) -> FeatureFit:
    codes = _coarse(observed, expected, i, settings.bins)
    both = codes.observed, codes.expected
    order = np.arange(codes.bins)
    n, nu, groups = _contents(observed, expected, both, order, settings, settings.min_expected)
    test, scale = _saturated(n, nu, settings, (FEATURE, i))
    fine = _coarse(observed, expected, i, settings.fine_bins)
    both, order = (fine.observed, fine.expected), np.arange(fine.bins)
    contents = _contents(observed, expected, both, order, settings, 0.0)
    shown = _bins(observed.x[:, i], expected.x[:, i], expected.missing, codes, groups)
    rows = zip(shown, n.sum, n.sum2, scale * nu.sum, scale**2 * nu.sum2, strict=True)
    bins = tuple(
        Bin(*ends, float(a), float(np.sqrt(a2)), float(b), float(np.sqrt(b2)))
        for ends, a, a2, b, b2 in rows
    )
    distances = _distances(contents[0], contents[1], settings, (FINE, i))
    return FeatureFit(expected.names[i], (test, *distances), bins)


def _pair(
    observed: Sample,
    expected: Sample,
    i: int,
    j: int,
    one: _Codes,
    other: _Codes,
    settings: GofOptions,
) -> PairFit:
    codes = (
        one.observed * other.bins + other.observed,
        one.expected * other.bins + other.expected,
    )
    order = snake(one.bins, other.bins)
    n, nu, _ = _contents(observed, expected, codes, order, settings, settings.min_expected)
    test, _ = _saturated(n, nu, settings, (PAIR, i, j))
    return PairFit((expected.names[i], expected.names[j]), (test,), len(n.sum))


def _untestable(n: Contents, nu: Contents, shape: bool) -> str | None:
    if n.sum.sum() <= 0 or (nu.sum <= 0).any():
        return "a sum of weights is not positive"
    if len(nu.sum) < 2 and shape:
        return "one bin only: the feature is constant, or there are too few events for two bins"
    return None


def _saturated(
    n: Contents, nu: Contents, settings: GofOptions, stream: tuple[int, ...]
) -> tuple[TestResult, float]:
    """The saturated test, and the scale of the expectation."""
    shape = settings.shape
    if reason := _untestable(n, nu, shape):
        total = nu.sum.sum()
        scale = float(n.sum.sum() / total) if shape and total > 0 else 1.0
        return TestResult(SATURATED, None, None, None, None, None, 0, reason), scale
    bins = Bins.of(n, nu, shape)
    q, ndf = float(bins.statistic(shape)), len(nu.sum) - shape
    random = np.random.default_rng((settings.seed, *stream))
    p, error = p_value(q, bins.toys(settings.toys, shape, random).statistic(shape))
    from scipy.special import chdtrc  # slow to import, and an audit does not need it

    asymptotic = float(chdtrc(ndf, max(q, 0.0)))
    scale = float(bins.fitted(shape)[1][0])
    return TestResult(SATURATED, q, ndf, p, error, asymptotic, settings.toys), scale


def _distances(
    n: Contents, nu: Contents, settings: GofOptions, stream: tuple[int, ...]
) -> tuple[TestResult, ...]:
    kinds: tuple[tuple[str, Callable[[Bins], Floats]], ...] = (
        (KS, kolmogorov_smirnov),
        (AD, anderson_darling),
    )
    if reason := _untestable(n, nu, shape=True):
        return tuple(TestResult(name, None, None, None, None, None, 0, reason) for name, _ in kinds)
    bins = Bins.of(n, nu, shape=True)
    toys = bins.toys(settings.toys, True, np.random.default_rng((settings.seed, *stream)))
    tests = []
    for name, distance in kinds:
        d = float(distance(bins))
        tests.append(TestResult(name, d, None, *p_value(d, distance(toys)), None, settings.toys))
    return tuple(tests)


def _bins(
    observed: Floats, expected: Floats, missing: float | None, codes: _Codes, groups: Integers
) -> list[tuple[float | None, float | None, bool]]:
    """Low and high edge of each bin, and whether missing values are in it."""
    values = [side[~is_missing(side, missing)] for side in (observed, expected)]
    filled = [side for side in values if len(side)]
    ends = [
        *([min(float(side.min()) for side in filled)] if filled else []),
        *codes.edges.tolist(),
        *([max(float(side.max()) for side in filled)] if filled else []),
    ]
    any_missing = len(observed) + len(expected) > sum(map(len, values))
    shown: list[tuple[float | None, float | None, bool]] = []
    for group in range(int(groups.max()) + 1):
        members = np.flatnonzero(groups == group)
        real = members[members > 0]
        low, high = (ends[real[0] - 1], ends[real[-1]]) if len(real) and ends else (None, None)
        shown.append((low, high, bool(any_missing and 0 in members)))
    return shown


def _warnings(observed: Sample, expected: Sample) -> list[str]:
    lines = []
    for i, name in enumerate(expected.names):
        shares = [is_missing(s.x[:, i], s.missing).mean() for s in (observed, expected)]
        if shares[0] and not shares[1]:
            lines.append(
                f"{name}: missing in {shares[0]:.2%} of the observed events, never in the expected"
            )
        if shares[1] == 1 and shares[0] < 1:
            lines.append(f"{name}: missing in all expected events, not in all of the observed")
    if (fewer := expected.n_eff) < observed.n_eff:
        lines.append(
            f"N_eff is {fewer:.0f} in the simulation and {observed.n_eff:.0f} in the observed data:"
            " the uncertainty of the simulation is the larger one"
        )
    return lines


def _summary(sample: Sample) -> SampleSummary:
    return SampleSummary(
        sample.origins,
        len(sample.x),
        float(sample.w.sum()),
        sample.n_eff,
        sample.weights is not None,
    )
