"""Uncertainty of the features' σ, which coefficients per σ inherit.

The σ estimated from N events has the relative variance (κ − 1) / (4 N), with κ = ⟨(x − μ)⁴⟩ / σ⁴,
which is 3 for a normal distribution. A coefficient in units of Π σ_i^m_i has the relative variance
Σ m_i² (κ_i − 1) / (4 N) beside its SEM, which takes every σ as given. N is the effective number of
events, (Σw)²/Σw².

Source: M. G. Kendall, A. Stuart, The Advanced Theory of Statistics, vol. 1, ch. 10.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import EventSource, is_missing
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["NORMAL", "kurtosis", "relative_uncertainties"]

Floats = npt.NDArray[np.float64]

BATCH = 2**16
NORMAL = 3.0  # kurtosis of a normal distribution


def kurtosis(
    source: EventSource,
    result: TaylorResult,
    missing: float | Floats | None,
    filled: Callable[[Floats], npt.NDArray[np.bool_]] | None = None,
) -> Floats:
    """κ = ⟨(x − μ)⁴⟩ / σ⁴ of every feature, with the μ and σ of the result.

    Parameters
    ----------
    source
        The events.
    result
        The analysis of these events.
    missing
        Value of missing entries, which do not count.
    filled
        Tells which features of events (B, n) are in filled slots; the others do not count. The
        source has context behind the features, which does not count, either.

    Returns
    -------
    (n,)
        The kurtosis, raised to its smallest possible value 1 where negative weights give less; 3
        for a feature that does not vary.
    """
    features = result.data.features
    mean = np.array([f.mean for f in features])
    std = np.array([f.std for f in features])
    sums, total = np.zeros(len(features)), np.zeros(len(features))
    with np.errstate(divide="ignore", invalid="ignore"):
        for batch in source.batches(BATCH):
            x = batch.x[:, : len(features)]
            z = (x - mean) / std
            there = ~is_missing(x, missing) & np.isfinite(z)
            if filled is not None:
                there &= filled(batch.x)
            w = batch.weights[:, None] * there
            sums += (w * np.where(there, z, 0.0) ** 4).sum(axis=0)
            total += w.sum(axis=0)
        return np.where(total > 0, np.maximum(sums / total, 1.0), NORMAL)


def relative_uncertainties(result: TaylorResult, kappa: Floats) -> Floats:
    """√(Σ m_i² (κ_i − 1) / (4 N)) of every coefficient, (K,); 0 in other units than σ.

    κ (n,) is that of every feature of the data. N is that of all events for every group: all groups
    are in units of the same σ.
    """
    if result.options.get("scale") != "sigma":
        return np.zeros(len(result.indices))
    if result.data.variables:  # as if all features of a variable were off alike
        place = {feature.name: i for i, feature in enumerate(result.data.features)}
        groups = [[place[name] for name in one.features] for one in result.data.variables]
        kappa = np.array([kappa[members].max() for members in groups])
    table = result.indices.table
    own = np.append(kappa - 1, 0.0)[table]  # index −1, which fills up the table, reads the 0
    # Σ_i m_i² v_i is the sum of v over all pairs of derivatives by the same feature
    terms = np.zeros(len(table))
    for column in table.T:
        terms += np.where(table == column[:, None], own, 0.0).sum(axis=1)
    return np.asarray(np.sqrt(terms / (4 * max(result.data.n_eff, 1.0))))
