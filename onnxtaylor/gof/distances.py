"""Distances of two cumulative distributions: Kolmogorov–Smirnov and Anderson–Darling.

With F the observed and G the expected share of the sum of weights up to a bin's upper edge, on
bins so fine that they hardly matter,

    D  = max_b abs(F_b − G_b)
    A² = (A K / (A + K)) Σ_b ΔH_b (F_b − G_b)² / (H_b (1 − H_b)),   H = (A F + K G) / (A + K)

where A and K are the effective numbers (Σw)²/Σw² of observed and expected events, and the sum runs
over all bins but the last. Without weights, and each value a bin, D is the two-sample statistic of
Kolmogorov and Smirnov and A² that of Scholz & Stephens (J. Am. Stat. Assoc. 82 (1987) 918) for
two samples. Both compare shapes only. Their distributions depend on the weights: p-values come
from toys alone, drawn as in ``saturated``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.gof.saturated import Bins

__all__ = ["anderson_darling", "kolmogorov_smirnov"]

Floats = npt.NDArray[np.float64]


def kolmogorov_smirnov(bins: Bins) -> Floats:
    """Returns the Kolmogorov–Smirnov distance D of bins (…, B), shape (…)."""
    f, g = (_cumulative(n) for n in (bins.a * bins.t, bins.k * bins.s))
    return np.asarray(np.abs(f - g).max(axis=-1))


def anderson_darling(bins: Bins) -> Floats:
    """Returns the Anderson–Darling distance A² of bins (…, B), shape (…)."""
    n, nu = bins.a * bins.t, bins.k * bins.s
    sizes = [
        _ratio(total.sum(-1, keepdims=True) ** 2, (total * weight).sum(-1, keepdims=True))
        for total, weight in ((n, bins.t), (nu, bins.s))
    ]
    f, g = _cumulative(n), _cumulative(nu)
    h = (sizes[0] * f + sizes[1] * g) / (sizes[0] + sizes[1])
    step = np.diff(h, axis=-1, prepend=0.0)[..., :-1]
    inner = h[..., :-1] * (1 - h[..., :-1])
    terms = _ratio(step * (f - g)[..., :-1] ** 2, inner)
    size = sizes[0] * sizes[1] / (sizes[0] + sizes[1])
    return np.asarray(size[..., 0] * terms.sum(axis=-1))


def _cumulative(contents: Floats) -> Floats:
    heaped = np.cumsum(contents, axis=-1)
    return _ratio(heaped, heaped[..., -1:])


def _ratio(x: Floats, y: Floats) -> Floats:
    """x / y, and 0 where y is not positive: an empty side or an empty start."""
    return np.asarray(np.where(y > 0, x / np.where(y > 0, y, 1.0), 0.0))
