"""The ideal response to the simulated sample and its Taylor coefficients, in closed form.

For classes of equal prior the best that any network can learn is p_c = softmax_c(q) of

    q_c(x) = −½ (z − μ_c)ᵀ Σ_c⁻¹ (z − μ_c) − ½ ln det Σ_c + Σ_m (n_m ln λ_cm − λ_cm)

(terms that all classes share drop out). With G_c = ∂q_c, H_c = ∂∂q_c and the means over classes
Ḡ = Σ_k p_k G_k,

    ∂_i p_c  = p_c (G_ci − Ḡ_i)
    ∂_ij p_c = p_c [ (G_ci − Ḡ_i)(G_cj − Ḡ_j) + H_cij − Σ_k p_k (G_ki (G_kj − Ḡ_j) + H_kij) ]

G_c is −Σ_c⁻¹(z − μ_c) for the Gaussian variables, ln λ_c for the counts and 0 for the others; H_c
is −Σ_c⁻¹ for the Gaussian variables, else 0. No network and no derivative code takes part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from validation.cms_style.recipe import (
    CLASSES,
    COUNTS,
    FEATURES,
    GAUSSIAN,
    LEADING,
    covariance,
    means,
    rates,
)

__all__ = ["coefficients", "response", "scores"]

Floats = npt.NDArray[np.float64]

N, Z, M = len(FEATURES), len(GAUSSIAN), len(COUNTS)
BATCH = 4096


def response(x: Floats) -> Floats:
    """p (N, 5) of events x (N, n) as the recipe draws them."""
    return _softmax(_logarithms(x))


def coefficients(x: Floats) -> tuple[Floats, Floats]:
    """∂p (N, 5, n) and ∂∂p (N, 5, n, n) of events x (N, n), per unit of each variable."""
    p = response(x)
    slope = np.zeros((len(x), len(CLASSES), N))
    curvature = np.zeros((len(CLASSES), N, N))
    for c in range(len(CLASSES)):
        inverse = np.linalg.inv(covariance(c))
        slope[:, c, :Z] = -(x[:, :Z] - means(c)) @ inverse
        slope[:, c, Z : Z + M] = np.log(rates(c))
        curvature[c, :Z, :Z] = -inverse
    mean = np.einsum("bk,bki->bi", p, slope)
    centred = slope - mean[:, None]
    shared = np.einsum("bk,bki,bkj->bij", p, slope, centred)
    shared += np.einsum("bk,kij->bij", p, curvature)
    second = centred[..., :, None] * centred[..., None, :] + curvature - shared[:, None]
    return p[..., None] * centred, p[..., None, None] * second


def scores(
    x: Floats, weight: Floats, y: npt.NDArray[np.int64], sigma: Floats
) -> tuple[Floats, Floats]:
    """⟨t⟩ and signed mean of every t, per σ: (5, 6, K); groups are all events, then the classes.

    K counts all t_i, then the upper triangle row by row, t_ii with its ½.
    """
    i, j = np.triu_indices(N)
    scale = np.concatenate([sigma, sigma[i] * sigma[j] * np.where(i == j, 0.5, 1.0)])
    sums = np.zeros((2, len(CLASSES), len(CLASSES) + 1, len(scale)))
    total = np.zeros(len(CLASSES) + 1)
    for begin in range(0, len(x), BATCH):
        part = slice(begin, begin + BATCH)
        first, second = coefficients(x[part])
        t = np.concatenate([first, second[..., i, j]], axis=-1)
        group = np.column_stack([np.ones(len(t)), y[part, None] == np.arange(len(CLASSES))])
        share = group * weight[part, None]
        sums[0] += np.einsum("bg,bck->cgk", share, np.abs(t), optimize=True)
        sums[1] += np.einsum("bg,bck->cgk", share, t, optimize=True)
        total += share.sum(axis=0)
    absolute, signed = sums * scale / total[:, None]
    return absolute, signed


def _logarithms(x: Floats) -> Floats:
    """q (N, 5)."""
    counts = x[:, Z : Z + M] - list(LEADING.values())
    q = np.empty((len(x), len(CLASSES)))
    for c in range(len(CLASSES)):
        away, sigma = x[:, :Z] - means(c), covariance(c)
        q[:, c] = -0.5 * np.einsum("bi,ij,bj->b", away, np.linalg.inv(sigma), away, optimize=True)
        q[:, c] -= 0.5 * np.linalg.slogdet(sigma)[1]
        q[:, c] += counts @ np.log(rates(c)) - rates(c).sum()
    return q


def _softmax(q: Floats) -> Floats:
    e = np.exp(q - q.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
