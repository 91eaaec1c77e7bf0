"""Pseudo-experiments: p-values where nothing is wrong, and where something is planted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from onnxtaylor.gof import GofOptions, GoodnessOfFit, Sample, goodness_of_fit
from validation.goodness_of_fit.recipe import Planted, data, simulation, weights_of
from validation.higgs_data import MISSING_BELOW, HiggsEvents

__all__ = ["Sizes", "expected_power", "higgs_split", "many", "power", "rate", "toy_pair"]

Floats = npt.NDArray[np.float64]
DEEP = 200  # toys of one pseudo-experiment


@dataclass(frozen=True)
class Sizes:
    """Events of the data and of the simulation, and how many pseudo-experiments."""

    data: int = 8000
    simulation: int = 20000
    null: int = 200
    null_others: int = 60
    planted: int = 60
    power: int = 250
    splits: int = 30
    train: int = 40000
    epochs: int = 25
    toys: int = 2000


def toy_pair(
    seed: int, sizes: Sizes, negative: float = 0.15, planted: Planted | None = None
) -> tuple[Sample, Sample]:
    """Data and simulation of one pseudo-experiment."""
    random = np.random.default_rng((seed, round(1000 * negative)))
    observed = data(sizes.data, random, planted or Planted())
    return observed, simulation(sizes.simulation, sizes.data, random, negative)[0]


def higgs_split(seed: int, events: HiggsEvents) -> tuple[Sample, Sample]:
    """A random half of the events as data, counted, the other half as weighted simulation.

    An event of the first half is kept with a probability proportional to its weight, so that the
    data follow the weighted distribution; missing values are −999.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(events.weight))
    one, other = (events.take(part) for part in np.array_split(order, 2))
    kept = random.random(len(one.weight)) < one.weight / one.weight.max()
    names = events.names
    x, y = (np.where(v < MISSING_BELOW, -999.0, v) for v in (one.x[kept], other.x))
    return (
        Sample(x, None, names, ("half of the Higgs challenge",), -999.0),
        Sample(y, other.weight, names, ("other half",), -999.0),
    )


def many(
    count: int, samples: Callable[[int], tuple[Sample, Sample]], first: int = 0
) -> list[GoodnessOfFit]:
    """The tests of ``count`` pseudo-experiments with seeds from ``first`` on."""

    def one(seed: int) -> GoodnessOfFit:
        return goodness_of_fit(*samples(seed), GofOptions(toys=DEEP, seed=seed))

    with ThreadPoolExecutor() as threads:  # NumPy draws and counts beside other threads
        return list(threads.map(one, range(first, first + count)))


def rate(p: Floats, threshold: float = 0.05) -> tuple[float, float]:
    """Share of p < threshold and its standard error from the spread over experiments: p (E, …).

    Tests of one experiment share events, so they are not counted as independent.
    """
    share = (p < threshold).reshape(len(p), -1).mean(axis=1)
    return float(share.mean()), float(share.std(ddof=1) / np.sqrt(len(share)))


def power(shift: float, count: int, sizes: Sizes, negative: float = 0.15) -> tuple[float, float]:
    """How often one Gaussian feature whose mean moved by ``shift`` σ has p < 5 %, and its error."""

    def one(seed: int) -> float:
        random = np.random.default_rng((seed, round(1000 * shift), 7))
        x = random.normal(shift, 1, (random.poisson(sizes.data), 1))
        y = random.normal(0, 1, (random.poisson(sizes.simulation), 1))
        w = weights_of(len(y), sizes.data, random, negative)
        settings = GofOptions(toys=DEEP, seed=seed, pairs=False)
        fit = goodness_of_fit(Sample(x, None, ("z",)), Sample(y, w, ("z",)), settings)
        return 1.0 if fit.features[0].p is None else fit.features[0].p

    with ThreadPoolExecutor() as threads:
        share = float(np.mean([p < 0.05 for p in threads.map(one, range(count))]))
    return share, float(np.sqrt(max(share * (1 - share), 1 / count) / count))


def expected_power(shift: float, sizes: Sizes, negative: float = 0.15, bins: int = 10) -> float:
    """The same in closed form: non-central χ² with bins − 1 degrees of freedom.

    λ = Σ_b Δ_b² / π_b / (1/n + 1/N) with π_b = 1/bins, Δ_b the change of the content of the b-th
    quantile bin of N(0, 1) when the mean moves, n data and N = (Σw)²/Σw² simulated events; of
    weights ±(Exp(1) + ½) the mean square is 3.25 and the mean 1.5 (1 − 2 · negative).
    """
    edges = stats.norm.ppf(np.linspace(0, 1, bins + 1))
    change = np.diff(stats.norm.cdf(edges - shift)) - 1 / bins
    effective = sizes.simulation * (1.5 * (1 - 2 * negative)) ** 2 / 3.25
    size = 1 / (1 / sizes.data + 1 / effective)
    noncentrality = size * float((change**2).sum()) * bins
    return float(stats.ncx2.sf(stats.chi2.isf(0.05, bins - 1), bins - 1, noncentrality))
