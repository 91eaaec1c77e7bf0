"""The simulated sample: five classes of H → ττ like events with densities that are known.

Of class c, with x = (z, n_1, n_2, u) for the variables of the four blocks below,

    p_c(x) = N(z; μ_c, Σ_c) · Poisson(n_1; λ_c1) · Poisson(n_2; λ_c2) · p(u)

z    15 variables, jointly Gaussian: momenta, masses and isolation by their logarithms. The classes
     differ by medians and by widths; Σ_c = D_c R_c D_c with D_c the widths and R_c the correlations
n    jets beyond the two leading ones, and b-tagged jets. The logarithm of the ratio of two Poisson
     distributions is linear in n, so what the ideal response is between whole numbers is no
     question of taste
u    azimuths, pseudorapidities of the two leptons and the number of vertices: the same in all
     classes, so they tell nothing, although some of them are correlated with one another

Planted on purpose:

- m_sv separates ggh from ztt by its median, m_vis does so less well and is correlated with it;
- pzeta has the same median in all classes and is 2.5 times as wide in misc: a width alone;
- jeta_1 and jeta_2, the pseudorapidities of the leading jets, have the same distribution in all
  classes. In qqh they lie in opposite hemispheres, correlation −0.6, in the others +0.6: a
  correlation alone. The separation of the jets in pseudorapidity, which would be that pair in one
  variable, is left out.

The numbers are our choice, of a size that a reader of the field will know. Every event has two
jets, no selection is applied and no variable is missing: simpler than any analysis. Event weights
are those of simulation: log-normal, negative for the share of events that the class says, and
normalised to the same sum for every class. They do not depend on x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = [
    "CLASSES",
    "COUNTS",
    "FEATURES",
    "GAUSSIAN",
    "JETS",
    "NOISE",
    "WIDTH",
    "Sample",
    "covariance",
    "draw",
    "means",
    "rates",
]

Floats = npt.NDArray[np.float64]

CLASSES = ("ggh", "qqh", "ztt", "noniso", "misc")
JETS = ("jeta_1", "jeta_2")  # the pair that differs by its correlation alone
WIDTH = "pzeta"  # the variable that differs by its width alone


@dataclass(frozen=True)
class Variable:
    """Median (of logarithms: of the variable itself) and width σ in each of ``CLASSES``."""

    unit: str
    logarithm: bool
    median: tuple[float, ...]
    sigma: tuple[float, ...]


def _log(unit: str, median: tuple[float, ...], *sigma: float) -> Variable:
    return Variable(unit, True, median, sigma if len(sigma) > 1 else sigma * len(CLASSES))


def _same(median: float, *sigma: float) -> Variable:
    wide = sigma if len(sigma) > 1 else sigma * len(CLASSES)
    return Variable("", False, (median,) * len(CLASSES), wide)


#                  ggh qqh ztt noniso misc
VARIABLES = {
    "m_sv": _log("GeV", (125, 125, 93, 100, 112), 0.16, 0.16, 0.17, 0.36, 0.38),
    "m_vis": _log("GeV", (80, 82, 63, 72, 78), 0.21, 0.21, 0.21, 0.36, 0.38),
    "pt_1": _log("GeV", (50, 56, 44, 45, 54), 0.36),
    "pt_2": _log("GeV", (39, 41, 35, 36, 39), 0.30),
    "mt_1": _log("GeV", (28, 28, 26, 34, 52), 0.70),
    "met": _log("GeV", (36, 44, 31, 32, 48), 0.52),
    "pzeta": _same(-5.0, 22.0, 22.0, 22.0, 22.0, 55.0),
    "pt_tt": _log("GeV", (48, 70, 40, 36, 58), 0.75),
    "iso_1": _log("", (0.030, 0.030, 0.030, 0.050, 0.033), 0.70),
    "iso_2": _log("", (0.030, 0.030, 0.030, 0.060, 0.035), 0.70),
    "mjj": _log("GeV", (220, 520, 210, 200, 230), 0.65),
    "jpt_1": _log("GeV", (62, 68, 57, 55, 70), 0.42),
    "jpt_2": _log("GeV", (40, 44, 38, 38, 44), 0.28),
    "jeta_1": _same(0.0, 1.9),
    "jeta_2": _same(0.0, 2.1),
}
GAUSSIAN = tuple(VARIABLES)
CORRELATIONS = {
    ("m_sv", "m_vis"): 0.75,
    ("m_vis", "pt_1"): 0.40,
    ("m_vis", "pt_2"): 0.40,
    ("m_sv", "pt_1"): 0.30,
    ("m_sv", "pt_2"): 0.30,
    ("pt_1", "pt_2"): 0.25,
    ("mt_1", "met"): 0.45,
    ("met", "pt_tt"): 0.45,
    ("pt_tt", "jpt_1"): 0.35,
    ("jpt_1", "jpt_2"): 0.45,
    ("mjj", "jpt_1"): 0.20,
    JETS: 0.60,  # with the other sign in qqh
}
#                  ggh   qqh   ztt  noniso misc
COUNTS = {"njets": (0.45, 0.40, 0.40, 0.40, 1.10), "nbtag": (0.07, 0.06, 0.06, 0.08, 0.55)}
LEADING = {"njets": 2, "nbtag": 0}  # jets that every event has
NOISE = ("eta_1", "eta_2", "phi_1", "phi_2", "met_phi", "npv")
FEATURES = (*GAUSSIAN, *COUNTS, *NOISE)
NEGATIVE = (0.04, 0.01, 0.16, 0.0, 0.10)  # share of events of negative weight
WEIGHT_SPREAD = 0.3


@dataclass(frozen=True, eq=False)
class Sample:
    """N events: x (N, n) in the order of ``FEATURES``, class number y (N,), weights (N,)."""

    x: Floats
    y: npt.NDArray[np.int64]
    weight: Floats

    @cached_property
    def labels(self) -> npt.NDArray[np.str_]:
        """Names of the classes, shape (N,)."""
        return np.array(CLASSES)[self.y]


def means(c: int) -> Floats:
    """μ_c, shape (15,); of logarithms the logarithm of the median."""
    return np.array(
        [np.log(v.median[c]) if v.logarithm else v.median[c] for v in VARIABLES.values()]
    )


def covariance(c: int) -> Floats:
    """Σ_c = D_c R_c D_c, shape (15, 15)."""
    correlation = np.eye(len(GAUSSIAN))
    for (one, two), rho in CORRELATIONS.items():
        i, j = GAUSSIAN.index(one), GAUSSIAN.index(two)
        opposite = (one, two) == JETS and CLASSES[c] == "qqh"
        correlation[i, j] = correlation[j, i] = -rho if opposite else rho
    sigma = np.array([v.sigma[c] for v in VARIABLES.values()])
    return np.asarray(sigma[:, None] * correlation * sigma)


def rates(c: int) -> Floats:
    """λ_c of the counts, shape (2,)."""
    return np.array([rate[c] for rate in COUNTS.values()])


def draw(per_class: int, seed: int) -> Sample:
    """``per_class`` events of every class, mixed; Σ w = ``per_class`` for each class."""
    random = np.random.default_rng(seed)
    parts, weights = [], []
    for c in range(len(CLASSES)):
        z = random.multivariate_normal(means(c), covariance(c), per_class, method="cholesky")
        counts = random.poisson(rates(c), (per_class, len(COUNTS))) + list(LEADING.values())
        parts.append(np.column_stack([z, counts, _noise(random, per_class)]))
        weight = random.lognormal(0.0, WEIGHT_SPREAD, per_class)
        weight[random.random(per_class) < NEGATIVE[c]] *= -1.0
        weights.append(weight * per_class / weight.sum())
    order = random.permutation(per_class * len(CLASSES))
    y = np.repeat(np.arange(len(CLASSES)), per_class)
    return Sample(np.concatenate(parts)[order], y[order], np.concatenate(weights)[order])


def _noise(random: np.random.Generator, events: int) -> Floats:
    """eta_1, eta_2 (correlated), phi_1, phi_2 (back to back), met_phi, npv: as in every class."""
    eta = random.multivariate_normal([0.0, 0.0], 1.1**2 * np.array([[1, 0.5], [0.5, 1]]), events)
    phi = random.uniform(-np.pi, np.pi, events)
    opposite = phi + np.pi + random.normal(0.0, 0.6, events)
    return np.column_stack(
        [
            eta,
            phi,
            np.remainder(opposite + np.pi, 2 * np.pi) - np.pi,
            random.uniform(-np.pi, np.pi, events),
            random.poisson(32.0, events),
        ]
    )
