"""Finite-difference weights on arbitrary nodes.

Source: B. Fornberg, Generation of Finite Difference Formulas on Arbitrarily Spaced Grids,
Math. Comp. 51 (1988) 699-706.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["fornberg"]


def fornberg(nodes: npt.ArrayLike, derivative: int) -> npt.NDArray[np.float64]:
    """Weights w with Σ_p w_p f(a_p) ≈ f⁽ᵐ⁾(0), exact for polynomials of degree < P.

    Parameters
    ----------
    nodes
        (P,) distinct positions a_p.
    derivative
        Order m < P of the derivative.

    Returns
    -------
    Weights (P,).

    Raises
    ------
    ValueError
        Repeated nodes, or too few of them.

    >>> fornberg([-1, 0, 1], 2).tolist()
    [1.0, -2.0, 1.0]
    """
    a = np.asarray(nodes, dtype=np.float64)
    count = len(a)
    if len(np.unique(a)) != count:
        raise ValueError("stencil nodes must be distinct")
    if not 0 <= derivative < count:
        raise ValueError(f"derivative {derivative} needs more than {count} nodes")
    # delta[m, p]: weight of node p for derivative m on the nodes seen so far
    delta = np.zeros((derivative + 1, count))
    delta[0, 0] = 1.0
    product = 1.0
    for p in range(1, count):
        distances = a[p] - a[:p]
        new_product = float(np.prod(distances))
        for m in range(min(p, derivative), -1, -1):
            lower = delta[m - 1, p - 1] if m > 0 else 0.0
            delta[m, p] = product / new_product * (m * lower - a[p - 1] * delta[m, p - 1])
        for m in range(min(p, derivative), -1, -1):
            lower_row = delta[m - 1, :p] if m > 0 else np.zeros(p)
            delta[m, :p] = (a[p] * delta[m, :p] - m * lower_row) / distances
        product = new_product
    return np.asarray(delta[derivative])
