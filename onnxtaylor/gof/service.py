"""The library call from observed and expected events to the tests of every feature and pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import numpy.typing as npt

from onnxtaylor.errors import OptionError
from onnxtaylor.gof.evaluate import compare_samples
from onnxtaylor.gof.result import GoodnessOfFit
from onnxtaylor.gof.samples import Events, Sample, read_samples
from onnxtaylor.options.functions import read_keywords
from onnxtaylor.options.gof import GofOptions
from onnxtaylor.options.keywords import GofKeywords
from onnxtaylor.progress import Progress, progress_callback

__all__ = ["goodness_of_fit"]


def goodness_of_fit(
    observed: Events | Sample,
    expected: Events | Sample,
    settings: GofOptions | None = None,
    *,
    features: Sequence[str] | None = None,
    weights: str | npt.ArrayLike | None = None,
    observed_weights: str | npt.ArrayLike | None = None,
    exclude: Sequence[str] = (),
    missing: float | None = None,
    progress: Progress | bool | None = None,
    **tests: Unpack[GofKeywords],
) -> GoodnessOfFit:
    """Computes p-values of the observed events under the expectation, of each feature and pair.

    p = P(q_toy ≥ q),  q = min over μ, c of 2 Σ_b [(n_b/t_b) ln(n_b/μ_b) + (ν_b/s_b) ln(c ν_b/μ_b)]

    over the quantile bins b of the expectation, where n_b and ν_b are the sums of weights observed
    and expected, t_b and s_b their variance per event, and c scales the expectation: see
    ``onnxtaylor.gof.saturated``. Features are tested by Kolmogorov–Smirnov and Anderson–Darling,
    too.

    Parameters
    ----------
    observed, expected
        Events: one or several file names, a data frame (pandas, polars, a table of pyarrow), an
        array (N, n), or a ``Sample``. They are held in memory.
    settings
        Options of the tests; ``tests`` are single fields of it.
    features
        Columns to compare; by default those that both have, without weights. For arrays, names of
        their n columns, by default ``0``, ``1``, …
    weights, observed_weights
        Weights of the expected and of the observed events: names of columns, or arrays (N,) beside
        data in memory; by default 1. They may have either sign.
    exclude
        Columns that are not compared.
    missing
        The value of missing entries, such as -999: they get a bin of their own.
    progress
        Called with (stage, tests done, tests in all); True draws a bar, also in notebooks.
    **tests
        Fields of ``GofOptions``: bins, pair_bins, fine_bins, min_expected, min_effective,
        normalize, toys, seed, pairs.

    Raises
    ------
    DataError
        Where the data cannot be read, are no numbers, share no column, or have a sum of weights
        that is not positive.
    OptionError
        For an argument that makes no sense.

    >>> fit = goodness_of_fit(data, mc, weights="w", toys=2000)      # doctest: +SKIP
    >>> fit.feature("pt").p, fit.save("gof.json")                    # doctest: +SKIP
    """
    read_keywords("goodness_of_fit", tests, GofOptions)  # refuses what is no option
    chosen = replace(settings or GofOptions(), **tests)
    with progress_callback(progress, "tests") as report:
        if isinstance(observed, Sample) and isinstance(expected, Sample):
            given = (features, weights, observed_weights, exclude or None, missing)
            if any(value is not None for value in given):
                raise OptionError(
                    "a Sample has its features, weights and missing value: leave the arguments out"
                )
            return compare_samples(observed, expected, chosen, report)
        if isinstance(observed, Sample) or isinstance(expected, Sample):
            raise OptionError("observed and expected must both be a Sample, or neither of them")
        samples = read_samples(
            observed,
            expected,
            features=features,
            observed_weight=observed_weights,
            expected_weight=weights,
            exclude=exclude,
            missing=missing,
        )
        return compare_samples(*samples, chosen, report)
