"""How far numbers move from one training to the next, from a few trainings of the same kind.

Of R numbers y_r (scores, ranks) each of m trainings has one; they vary with variance s_r², of
d = m − 1 degrees of freedom, about the mean ȳ_r. Few trainings tell little of one number's
variance, and much of that of all: so each is drawn towards a trend over all of them,

    σ_r² = (d₀ v_r + d s_r²) / (d₀ + d)        (y − ȳ_r) / (σ_r √(1 + 1/m)) ~ Student's t of f

with f = d₀ + d, which is the moderated t of G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 3 (2004) 3.
v_r is the trend, linear in given columns for log s_r². 1/d₀ = 1/d_h + 1/d_c: d_h says how well the
numbers follow it (the variance of log s_r² beyond ψ′(d/2), that of a χ² of d), and

    d_c = d (K − 1)        K = (tr Σ)² / tr Σ²        Σ the covariance of the y/√v

how much the others add, since all weights move together: K numbers vary on their own (F. E.
Satterthwaite, Biometrics Bull. 2 (1946) 110). With λ the m eigenvalues of Σ_r (y − ȳ)(y − ȳ)ᵀ/v_r,
which are those of d times the estimated covariance, Σλ = d tr and

    d² tr Σ² = (d² Σλ² − d (Σλ)²) / ((d − 1)(d + 2))        d² (tr Σ)² = (Σλ)² − 2 d tr Σ²

are free of bias (Z. Bai, H. Saranadasa, Statist. Sinica 6 (1996) 311). K is taken to be
(Σλ)²/Σλ² at least, which no chance makes too large, and 6 at most, as of small trained networks.

A training that ends in another minimum than most makes the tails longer than those of a normal
distribution. So f is at most 5, however many trainings there are. Of 160 small networks some were
drawn at random, and one more: it was accused in 0.8 % of the draws (of 3 trainings) to 0.2 % (of
15) where 0.5 % is stated, and without that limit in 5 to 7 %
(``tests/audit/test_audit_retraining.py`` draws from 40).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "Spread", "spread_of"]

Floats = npt.NDArray[np.float64]

FEWEST = 3  # trainings; of two, t of one degree of freedom finds nothing
LONGEST_TAIL = 5.0  # degrees of freedom, at most
ALONE = 6.0  # numbers that vary on their own, at most
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Spread:
    """Of R numbers: ``mean`` over the trainings, ``sigma`` of one, and degrees of freedom f."""

    trainings: int
    mean: Floats
    sigma: Floats
    freedom: float

    def chances(self, values: Floats, errors: Floats) -> tuple[Floats, Floats]:
        """Significances z and two-sided p of the numbers (R,) of one more training.

        ``errors`` (R,) are further standard errors of the differences, such as those of the events;
        they count with the same degrees of freedom, which is cautious.
        """
        from scipy.special import stdtr

        sigma = np.sqrt(self.sigma**2 * (1 + 1 / self.trainings) + errors**2)
        change = values - self.mean
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(change == 0, 0.0, change / sigma)
        return z, np.asarray(2 * stdtr(self.freedom, -np.abs(z)))

    def least(self, chance: float) -> float:
        """The abs(z) that a two-sided chance is exceeded by."""
        from scipy.special import stdtrit

        return float(-stdtrit(self.freedom, chance / 2))


def spread_of(values: Floats, trend: Floats) -> Spread:
    """The spread of values (m, R) of m ≥ 3 trainings; columns (R, q) explain the log-variances."""
    from scipy.special import polygamma, psi

    trainings = len(values)
    d = trainings - 1
    mean = values.mean(axis=0)
    apart = values - mean
    variance = (apart**2).sum(axis=0) / d
    known = variance > TINY  # what no training moves tells nothing of the others
    if known.sum() <= trend.shape[1]:
        return Spread(trainings, mean, np.sqrt(variance), float(min(d, LONGEST_TAIL)))
    logs = np.log(variance[known])
    fitted, *_ = np.linalg.lstsq(trend[known], logs, rcond=None)
    rest = logs - trend[known] @ fitted
    beyond = float((rest**2).sum() / (len(logs) - trend.shape[1]) - polygamma(1, d / 2))
    shape = _inverse_trigamma(beyond)  # d_h / 2
    shift = np.log(d / 2) - psi(d / 2) - (np.log(shape) - psi(shape) if np.isfinite(shape) else 0)
    expected = np.exp(trend @ fitted + shift)
    scaled = apart[:, known] / np.sqrt(expected[known])
    more = d * (_on_their_own(scaled @ scaled.T, d) - 1)
    prior = 1 / (1 / more + 1 / (2 * shape)) if more > 0 else 0.0
    sigma = np.sqrt((prior * expected + d * variance) / (prior + d))
    return Spread(trainings, mean, sigma, min(prior + d, LONGEST_TAIL))


def _on_their_own(gram: Floats, d: int) -> float:
    """K from the matrix (m, m) whose eigenvalues are λ."""
    total, squares = float(np.trace(gram) ** 2), float((gram**2).sum())
    least = total / squares
    trace = (d**2 * squares - d * total) / ((d - 1) * (d + 2))  # d² tr Σ²
    most = total / trace - 2 / d if trace > total / (2 * ALONE**2) else ALONE
    return max(least, min(most, ALONE))


def _inverse_trigamma(value: float) -> float:
    """x with ψ′(x) = value, by Newton's method for 1/ψ′; ∞ for values that are not positive.

    >>> round(_inverse_trigamma(float(np.pi**2 / 6)), 12)
    1.0
    """
    from scipy.special import polygamma

    if value <= 0:
        return float("inf")
    if value > 1e7:
        return float(value**-0.5)
    x = 0.5 + 1 / value
    for _ in range(50):
        now = float(polygamma(1, x))
        step = now * (1 - now / value) / float(polygamma(2, x))
        x += step
        if -step < 1e-12 * x:
            break
    return x
