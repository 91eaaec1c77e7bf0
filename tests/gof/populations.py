"""Two data sets of one population: counted events, and weighted ones of both signs."""

from __future__ import annotations

import numpy as np

from onnxtaylor.gof import Sample

NAMES = ("a", "b", "c", "jets", "far")


def columns(random: np.random.Generator, size: int, shift: float = 0.0, tilt: float = 0.0):
    """Five features: a and b correlated, c exponential, whole numbers, 30 % missing.

    ``shift`` moves a feature, ``tilt`` the correlation of a and b, whose distributions stay.
    """
    z = random.normal(size=(size, 2))
    rho = 0.5 + tilt
    b = rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1]
    c = random.exponential(size=size) + shift
    jets = random.poisson(1.5, size)
    far = np.where(random.random(size) < 0.3, -999.0, random.normal(size=size))
    return np.column_stack([z[:, 0], b, c, jets, far])


def observed(seed: int, size: int = 2000, **planted: float) -> Sample:
    random = np.random.default_rng((seed, 0))
    x = columns(random, random.poisson(size), **planted)
    return Sample(x, None, NAMES, ("observed",), missing=-999.0)


def expected(seed: int, size: int = 8000, negative: float = 0.15, total: float = 2000.0) -> Sample:
    """Drawn too wide in the first feature and weighted back, with negative weights."""
    random = np.random.default_rng((seed, 1))
    x = columns(random, 2 * size)
    # keep the wings more often than the middle, and let the weight undo that
    keep = 0.3 + 0.4 * np.minimum(abs(x[:, 0]), 1.75) / 1.75
    kept = random.random(2 * size) < keep
    weights = 1 / keep[kept]
    sign = np.where(random.random(len(weights)) < negative, -1.0, 1.0) / (1 - 2 * negative)
    weights = weights * sign * total / (2 * size)
    return Sample(x[kept], weights, NAMES, ("expected",), missing=-999.0)
