"""Units of two results: per σ of the same features, or the error that other σ make."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.comparison.match import Match
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["common_units", "error_of_units"]

Floats = npt.NDArray[np.float64]


def common_units(a: TaylorResult, b: TaylorResult, shared: Match) -> Floats:
    """Factors Π σ_A,i / σ_B,i from σ units of B to those of A, (K,).

    The factors are 1 in other units, for features without a σ, and by variable.
    """
    if a.options.get("scale") != "sigma" or a.data.variables:
        return np.ones(len(shared.indices))
    in_b = {feature.name: feature.std for feature in b.data.features}
    ratio = np.ones(len(a.data.features))
    for i, feature in enumerate(a.data.features):
        std = in_b.get(feature.name, 0.0)
        if std > 0 and feature.std > 0:
            ratio[i] = feature.std / std
    return shared.indices.scale(ratio)


def error_of_units(result: TaylorResult, shared: Match) -> Floats:
    """Relative error of a score by variable from the error of the features' σ, (K,): order/√(2N).

    That of normal distributions, and as if all features of a variable were off alike. In the sum
    over the features the σ of A cannot be put in place of that of B any more.
    """
    n = max(result.data.n_eff, 1.0)
    return np.asarray(shared.indices.orders / np.sqrt(2 * n), dtype=np.float64)
