"""A simulated sample whose mismodelling is known.

Latent z ~ N(μ_class, R_class) of ten dimensions, unit variances, then one strictly increasing
transformation per feature: only what is changed in μ or R changes, and a change of one ρ_ij
changes the joint distribution of features i and j alone.

=========  ====================================  =================================
feature    from its z                            signal
=========  ====================================  =================================
m_vis      70 exp(0.30 z)                        μ = +1.0
pt_1       30 exp(0.40 z)                        μ = +0.4
pt_2       25 exp(0.40 z)                        μ = +0.4
met        35 exp(0.60 z)
njets      Poisson(1.5) of equal probability     μ = +0.3
m_jj       150 exp(0.7 z); −999 if njets < 2     μ = +0.5
eta_1      2.4 tanh(z/1.4)
eta_2      2.4 tanh(z/1.4)
phi_1      2π Φ(z) − π
iso        0.05 exp(0.8 z)
=========  ====================================  =================================

R has 0.3 for (m_vis, pt_1), (m_vis, pt_2), (met, pt_1), (eta_1, eta_2), and for (pt_1, pt_2) 0.1 in
the background and 0.6 in the signal: the network needs that pair. 10 % of the events are signal.

The simulation has weights ∝ Exp(1) + ½, a share of which is negative, scaled to the size of the
data: what is left is (Σw)²/Σw². The data have the true distributions, and in addition what is
planted: μ of ``iso`` moves, which nothing depends on; ρ of (pt_1, pt_2) grows in both classes. All
numbers are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import poisson

from onnxtaylor.gof import Sample

__all__ = [
    "FEATURES",
    "MISSING",
    "NOTHING",
    "PLANTED_FEATURE",
    "PLANTED_PAIR",
    "Planted",
    "correlations",
    "data",
    "simulation",
    "weights_of",
]

NAMES = "m_vis pt_1 pt_2 met njets m_jj eta_1 eta_2 phi_1 iso"
FEATURES = tuple(NAMES.split())
PLANTED_FEATURE, PLANTED_PAIR = "iso", ("pt_1", "pt_2")
MISSING = -999.0
SIGNAL = 0.1
MEANS = {"m_vis": 1.0, "pt_1": 0.4, "pt_2": 0.4, "njets": 0.3, "m_jj": 0.5}
RHO = {
    ("m_vis", "pt_1"): 0.3,
    ("m_vis", "pt_2"): 0.3,
    ("met", "pt_1"): 0.3,
    ("eta_1", "eta_2"): 0.3,
}
RHO_PAIR = (0.1, 0.6)  # background, signal

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Planted:
    """What the data have and the simulation has not: z(iso) shifted, ρ(pt_1, pt_2) changed."""

    shift: float = 0.0
    rho: float = 0.0


NOTHING = Planted()


def data(size: float, random: np.random.Generator, planted: Planted = NOTHING) -> Sample:
    """Poisson(size) events, counted."""
    x, _ = _events(int(random.poisson(size)), random, planted)
    return Sample(x, None, FEATURES, ("data",), MISSING)


def simulation(
    size: int, total: float, random: np.random.Generator, negative: float = 0.15
) -> tuple[Sample, npt.NDArray[np.int64]]:
    """Poisson(size) weighted events with Σw ≈ total, and their classes: 1 is signal."""
    size = int(random.poisson(size))
    x, signal = _events(size, random, NOTHING)
    weights = weights_of(size, total, random, negative)
    return Sample(x, weights, FEATURES, ("simulation",), MISSING), signal


def weights_of(size: int, total: float, random: np.random.Generator, negative: float) -> Floats:
    """Weights of both signs, Σw ≈ total."""
    sign = np.where(random.random(size) < negative, -1.0, 1.0)
    weights = (random.exponential(size=size) + 0.5) * sign
    return weights * total / (1.5 * (1 - 2 * negative) * size)


def _events(
    size: int, random: np.random.Generator, planted: Planted
) -> tuple[Floats, npt.NDArray[np.int64]]:
    signal = (random.random(size) < SIGNAL).astype(np.int64)
    z = random.normal(size=(size, len(FEATURES)))
    for c in (0, 1):
        rows = signal == c
        z[rows] = z[rows] @ np.linalg.cholesky(correlations(c, planted)).T
    for name, mean in MEANS.items():
        z[:, FEATURES.index(name)] += mean * signal
    z[:, FEATURES.index(PLANTED_FEATURE)] += planted.shift
    return _measured(z), signal


def correlations(signal: int, planted: Planted) -> Floats:
    """R of one class, (10, 10)."""
    r = np.eye(len(FEATURES))
    pairs = RHO | {PLANTED_PAIR: RHO_PAIR[signal] + planted.rho}
    for (a, b), rho in pairs.items():
        i, j = FEATURES.index(a), FEATURES.index(b)
        r[i, j] = r[j, i] = rho
    return r


def _measured(z: Floats) -> Floats:
    m_vis, pt_1, pt_2, met, njets, m_jj, eta_1, eta_2, phi_1, iso = z.T
    jets = poisson.ppf(ndtr(njets), 1.5)
    return np.column_stack(
        [
            70 * np.exp(0.30 * m_vis),
            30 * np.exp(0.40 * pt_1),
            25 * np.exp(0.40 * pt_2),
            35 * np.exp(0.60 * met),
            jets,
            np.where(jets >= 2, 150 * np.exp(0.7 * m_jj), MISSING),
            2.4 * np.tanh(eta_1 / 1.4),
            2.4 * np.tanh(eta_2 / 1.4),
            2 * np.pi * ndtr(phi_1) - np.pi,
            0.05 * np.exp(0.8 * iso),
        ]
    )
