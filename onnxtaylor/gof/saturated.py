"""The saturated-model likelihood ratio of observed and expected bins, and toys of both.

In bin b let n_b = Σw of the observed events, ν_b = Σw of the simulated ones, and t_b and s_b their
variance over their expectation (t_b = 1 where the observed events have no weights). A sum of
weights behaves like a Poisson number times its t (Bohm & Zech, NIM A 748 (2014) 1), so with the
true content μ_b and the scale c

    n_b / t_b ~ Poisson(μ_b / t_b)        ν_b / s_b ~ Poisson(μ_b / (c s_b))

The second is the statistical uncertainty of the simulation with one parameter per bin, after
Barlow & Beeston, "light" (Comput. Phys. Commun. 77 (1993) 219; Conway, arXiv:1103.0354). The
saturated model has n_b and c ν_b for the two expectations (Baker & Cousins, NIM 221 (1984) 437):

    q = min over μ, c of  2 Σ_b [ (n_b/t_b) ln(n_b/μ_b) + (ν_b/s_b) ln(c ν_b/μ_b) ]

where μ_b = (n_b/t_b + ν_b/s_b) / (1/t_b + 1/(c s_b)) in closed form, and the terms linear in μ_b
cancel. With ``shape`` c is free and solves Σ_b [ν_b/s_b − μ_b/(c s_b)] = 0; else c = 1. For large
contents q follows χ² with B − 1 or B degrees of freedom. Without weights and with c free q is the
likelihood ratio of a 2 × B contingency table.

The variance of a sum is estimated by Σw². It fluctuates together with the sum, with slope Σw³/Σw²
(the ratio of covariance and variance of compound Poisson sums): the more, the fewer weights are
negative. At the fitted contents it is

    s_b = [Σw² + (Σw³/Σw²)(μ_b/c − ν_b)] / (μ_b/c)        t_b likewise with μ_b and n_b

which is w where all weights in the bin are w.

Toys draw both numbers of each bin from the fitted μ_b and c, as the frequentist toys of combine do;
t_b and s_b stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.gof.bins import Contents

__all__ = ["Bins", "p_value"]

Floats = npt.NDArray[np.float64]

STEPS = 12  # of Newton's method for ln c; it usually takes three
FARTHEST = 2.0  # largest step of ln c
PASSES = 2  # of adjusting the weights t and s to the fitted contents
LEAST = 0.25  # lower limit of t and s, in units of Σw²/Σw
TIE = 1e-9  # relative difference of q below which toys count as equal to the data


@dataclass(frozen=True)
class Bins:
    """Contents of bins in equivalent events; each bin has simulated events, Σw > 0.

    Equivalent events a = n/t and k = ν/s, and weights t and s, all (B,); a and k of T toys are
    (T, B).
    """

    a: Floats
    t: Floats
    k: Floats
    s: Floats

    @classmethod
    def of(cls, observed: Contents, expected: Contents, shape: bool) -> Bins:
        """Returns the bins of sums of weights; a negative observed sum counts as 0.

        Bins without observed events take the t of all observed events.
        """
        n, nu = np.maximum(observed.sum, 0.0), expected.sum
        t = np.full(len(n), observed.sum2.sum() / observed.sum.sum())
        t = np.divide(observed.sum2, n, out=t, where=n > 0)
        s = expected.sum2 / nu
        bins = cls(n / t, t, nu / s, s)
        for _ in range(PASSES):
            mu, c = bins.fitted(shape)
            t = np.where(n > 0, _weight(observed, mu), t)
            s = _weight(expected, mu / c)
            bins = cls(n / t, t, nu / s, s)
        return bins

    def fitted(self, shape: bool) -> tuple[Floats, Floats]:
        """Returns the contents μ (…, B) and the scale c (…, 1) of the largest likelihood."""
        c = self._scale() if shape else np.ones((*self.a.shape[:-1], 1))
        return (self.a + self.k) / (1 / self.t + 1 / (c * self.s)), c

    def statistic(self, shape: bool) -> Floats:
        """Returns the likelihood ratio q, shape (…)."""
        mu, c = self.fitted(shape)
        mu = np.where(mu > 0, mu, 1.0)  # where both sides are empty both terms are 0
        n, nu = self.a * self.t, self.k * self.s * c
        return np.asarray(2 * (_xlogy(self.a, n / mu) + _xlogy(self.k, nu / mu)).sum(axis=-1))

    def toys(self, count: int, shape: bool, random: np.random.Generator) -> Bins:
        """Draws ``count`` toys of both sides around the fit: a and k of shape (count, B)."""
        mu, c = self.fitted(shape)
        drawn = [
            random.poisson(mean, (count, len(mu))).astype(np.float64)
            for mean in (mu / self.t, mu / (c * self.s))
        ]
        return Bins(drawn[0], self.t, drawn[1], self.s)

    def _scale(self) -> Floats:
        """c by Newton's method in ln c; Σ k − (a + k)/(1 + c s/t) grows with c: it has one zero."""
        a, k, ratio = self.a, self.k, self.s / self.t
        sums = (a * self.t).sum(-1, keepdims=True), (k * self.s).sum(-1, keepdims=True)
        # an empty side: the limit of c → 0 or ∞, near enough
        log_c = np.log(np.maximum(sums[0], 1e-9) / np.maximum(sums[1], 1e-9))
        for _ in range(STEPS):
            z = ratio * np.exp(log_c)
            share = (a + k) / (1 + z)
            excess = (k - share).sum(-1, keepdims=True)
            slope = (share * z / (1 + z)).sum(-1, keepdims=True)
            step = np.clip(excess / np.maximum(slope, 1e-300), -FARTHEST, FARTHEST)
            log_c = log_c - step
            if np.abs(step).max() < 1e-12:
                break
        return np.asarray(np.exp(log_c))


def _weight(held: Contents, content: Floats) -> Floats:
    """Variance of Σw over its expectation where that is ``content``; not far below Σw²/Σw."""
    filled = held.sum > 0
    total, total2 = np.where(filled, held.sum, 1.0), np.where(filled, held.sum2, 1.0)
    variance = total2 + held.sum3 / total2 * (content - total)
    return np.maximum(variance / content, LEAST * total2 / total)


def _xlogy(x: Floats, y: Floats) -> Floats:
    """x ln y, and 0 where x is 0."""
    return np.asarray(x * np.log(np.where(x > 0, y, 1.0)))


def p_value(observed: float, toys: Floats) -> tuple[float, float]:
    """Returns (k + 1)/(T + 1) and its binomial uncertainty.

    k is the number of T toys whose statistic is at least as large as the observed one.

    The p-value is never 0: the data count as one more toy (Davison & Hinkley, Bootstrap Methods,
    1997, ch. 4).

    >>> p_value(2.0, np.array([1.0, 2.0, 3.0]))[0]
    0.75
    """
    beyond = int((toys >= observed * (1 - TIE) - TIE).sum())
    p = (beyond + 1) / (len(toys) + 1)
    return p, float(np.sqrt(p * (1 - p) / (len(toys) + 1)))
