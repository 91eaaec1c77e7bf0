"""Spread of numbers from one training to the next, estimated from a few trainings of one kind.

Each of m trainings gives R numbers y_r (scores, ranks). Number r has the mean ȳ_r and the variance
s_r² over the trainings, with d = m − 1 degrees of freedom. A few trainings determine the variance
of one number badly, but those of all numbers together well: each is drawn towards a common trend,

    σ_r² = (d₀ v_r + d s_r²) / (d₀ + d)        (y − ȳ_r) / (σ_r √(1 + 1/m)) ~ Student's t of f

with f = d₀ + d: this is the moderated t of G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 3 (2004) 3.
v_r is the trend, with log v_r linear in given columns. The weight of the trend is
1/d₀ = 1/d_h + 1/d_c. Here d_h measures how well the numbers follow the trend, by the variance of
log s_r² beyond ψ′(d/2), that of a χ² of d degrees of freedom; and

    d_c = d (K − 1)        K = (tr Σ)² / tr Σ²        Σ the covariance of the y/√v

measures how much the other numbers add: since all of them move together, only K vary independently
(F. E. Satterthwaite, Biometrics Bull. 2 (1946) 110). With λ the m eigenvalues of
Σ_r (y − ȳ)(y − ȳ)ᵀ/v_r, which are those of d times the estimated covariance, Σλ = d tr Σ and

    d² tr Σ² = (d² Σλ² − d (Σλ)²) / ((d − 1)(d + 2))        d² (tr Σ)² = (Σλ)² − 2 d tr Σ²

are estimates without bias (Z. Bai, H. Saranadasa, Statist. Sinica 6 (1996) 311). K is at least
(Σλ)²/Σλ², which is never too large by chance, and at most 6, as for small trained networks.

Some trainings end in another minimum than most, so the tails are longer than those of a normal
distribution. Therefore f is at most 5, however many trainings there are. Test: from 160 small
networks some were drawn at random, and one more; at a stated false-alarm rate of 0.5 % that one was
a finding in 0.8 % of the draws (3 trainings) to 0.2 % (15 trainings), and without the limit in 5 to
7 % (``tests/audit/test_audit_retraining.py`` draws from 40).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "Spread", "estimate_spread"]

Floats = npt.NDArray[np.float64]

FEWEST = 3  # trainings; from two, t of one degree of freedom finds nothing
LONGEST_TAIL = 5.0  # degrees of freedom, at most
INDEPENDENT = 6.0  # numbers that vary independently, at most
TINY = 1e-300  # variance below which a number counts as constant


@dataclass(frozen=True, eq=False)
class Spread:
    """Spread of R numbers between trainings.

    Attributes
    ----------
    trainings
        How many trainings it was estimated from.
    mean
        Mean of each number over the trainings, (R,).
    sigma
        Standard deviation of each number from training to training, (R,).
    freedom
        Degrees of freedom f of ``sigma``.
    """

    trainings: int
    mean: Floats
    sigma: Floats
    freedom: float

    def significance(self, values: Floats, errors: Floats) -> tuple[Floats, Floats]:
        """Significance z = (y − ȳ) / √(σ² (1 + 1/m) + e²) of one more training.

        Parameters
        ----------
        values
            Numbers y of the training that is compared, (R,).
        errors
            Further standard errors e of the differences, (R,), such as those of the events. They
            count with the same degrees of freedom as σ, which is cautious.

        Returns
        -------
        z, p
            Significances and two-sided p-values by Student's t, (R,) each.
        """
        from scipy.special import stdtr

        sigma = np.sqrt(self.sigma**2 * (1 + 1 / self.trainings) + errors**2)
        change = values - self.mean
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(change == 0, 0.0, change / sigma)
        return z, np.asarray(2 * stdtr(self.freedom, -np.abs(z)))

    def significant_from(self, p: float) -> float:
        """Smallest abs(z) whose two-sided p-value is at most ``p``."""
        from scipy.special import stdtrit

        return float(-stdtrit(self.freedom, p / 2))


def estimate_spread(values: Floats, trend: Floats) -> Spread:
    """Estimates the spread between trainings: the formulas are above.

    Parameters
    ----------
    values
        R numbers of each of m ≥ 3 trainings, (m, R).
    trend
        Columns that the logarithms of the variances are linear in, (R, q).
    """
    from scipy.special import polygamma, psi

    trainings = len(values)
    d = trainings - 1
    mean = values.mean(axis=0)
    apart = values - mean
    variance = (apart**2).sum(axis=0) / d
    varying = variance > TINY  # numbers that no training moves say nothing about the others
    if varying.sum() <= trend.shape[1]:  # too few of them to fit a trend
        return Spread(trainings, mean, np.sqrt(variance), float(min(d, LONGEST_TAIL)))
    logs = np.log(variance[varying])
    fitted, *_ = np.linalg.lstsq(trend[varying], logs, rcond=None)
    rest = logs - trend[varying] @ fitted
    beyond = float((rest**2).sum() / (len(logs) - trend.shape[1]) - polygamma(1, d / 2))
    shape = _inverse_trigamma(beyond)  # d_h / 2
    # the mean of log s² is below log σ² by log(d/2) − ψ(d/2), and that of log σ² above log v by the
    # same function of d_h: exp(fitted) has to be corrected by both to be v
    shift = np.log(d / 2) - psi(d / 2) - (np.log(shape) - psi(shape) if np.isfinite(shape) else 0)
    expected = np.exp(trend @ fitted + shift)
    scaled = apart[:, varying] / np.sqrt(expected[varying])
    more = d * (_independent_numbers(scaled @ scaled.T, d) - 1)
    prior = 1 / (1 / more + 1 / (2 * shape)) if more > 0 else 0.0
    sigma = np.sqrt((prior * expected + d * variance) / (prior + d))
    return Spread(trainings, mean, sigma, min(prior + d, LONGEST_TAIL))


def _independent_numbers(gram: Floats, d: int) -> float:
    """K of the formulas above, from the matrix (m, m) whose eigenvalues are λ."""
    total, squares = float(np.trace(gram) ** 2), float((gram**2).sum())
    least = total / squares
    trace = (d**2 * squares - d * total) / ((d - 1) * (d + 2))  # d² tr Σ²
    most = total / trace - 2 / d if trace > total / (2 * INDEPENDENT**2) else INDEPENDENT
    return max(least, min(most, INDEPENDENT))


def _inverse_trigamma(value: float) -> float:
    """Solves ψ′(x) = value by Newton's method for 1/ψ′; gives ∞ for values that are not positive.

    >>> round(_inverse_trigamma(float(np.pi**2 / 6)), 12)
    1.0
    """
    from scipy.special import polygamma

    if value <= 0:
        return float("inf")
    if value > 1e7:  # here ψ′(x) = 1/x² to all digits
        return float(value**-0.5)
    x = 0.5 + 1 / value
    for _ in range(50):
        now = float(polygamma(1, x))
        step = now * (1 - now / value) / float(polygamma(2, x))
        x += step
        if -step < 1e-12 * x:
            break
    return x
