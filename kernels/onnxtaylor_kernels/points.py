"""A stencil: the points at which a function is evaluated, and the weights of the values there.

In units of the steps h_i the points are

    the centre 0;
    on the axes     a·e_i               for every active feature i and multiple a;
    at the corners  a·e_i + b·e_j       for every pair i < j and corner (a, b),

in this order, and with F(p) = f(x + p·h) − f(x) the coefficients are

    t_i  = Σ_a first_a F(a e_i) / h_i
    t_ii = Σ_a second_a F(a e_i) / h_i²
    t_ij = [Σ_(a,b) corner_ab F(a e_i + b e_j) + Σ_a ridge_a (F(a e_i) + F(a e_j))] / (h_i h_j).

If first and second order have their own steps, the points on the axes come twice: first with the
steps of the first order, then with those of the second. The corners use the latter.

There are two mixed formulas. ``four`` uses the four corners (±1, ±1) and no ridge: 2n² + 1 points
in all. ``two`` uses the corners (1, 1) and (−1, −1) and takes the rest from the axes: n² + n + 1
points, at three times the round-off noise. Both are even in h, so Richardson's extrapolation lifts
them from second order of accuracy to fourth and sixth:

    (4 D(h) − D(2h)) / 3        (15 D(h) − 6 D(2h) + D(3h)) / 10.

Source: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions, 25.3.26 and 25.3.27.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.weights import fornberg

__all__ = ["EXTRAPOLATION", "Formula", "formula", "point_count"]

Floats = npt.NDArray[np.float64]

EXTRAPOLATION = {2: (1.0,), 4: (4 / 3, -1 / 3), 6: (3 / 2, -3 / 5, 1 / 10)}


class Formula(NamedTuple):
    """Displacements and weights of a stencil.

    Attributes
    ----------
    accuracy
        Power of h in the truncation error.
    multiples, first, second, ridge
        (M,) displacements a along an axis, in steps, and their weights for t_i, t_ii and t_ij.
    corners, corner
        (Q, 2) displacements (a, b) of a pair, in steps, and (Q,) their weights.
    """

    accuracy: int
    multiples: Floats
    first: Floats
    second: Floats
    corners: Floats
    corner: Floats
    ridge: Floats

    @property
    def reach(self) -> float:
        """The largest displacement in units of h."""
        return float(np.abs(self.multiples).max())


def formula(accuracy: int, mixed: str, reach: int = 0) -> Formula:
    """The stencil of an order of accuracy and a mixed formula.

    Parameters
    ----------
    accuracy
        Power of h in the truncation error: 2, 4 or 6.
    mixed
        The mixed formula: ``two`` or ``four`` corners.
    reach
        Least displacement that the stencil must reach, in steps. Points that the formula does not
        need get the weight 0.

    Returns
    -------
    The stencil; its ``second`` includes the ½ of t_ii.

    Raises
    ------
    ValueError
        Another accuracy or mixed formula.

    >>> formula(2, "four").second.tolist(), formula(2, "four").corner.tolist()
    ([0.5, 0.5], [0.25, -0.25, -0.25, 0.25])
    """
    if accuracy not in EXTRAPOLATION:
        raise ValueError(f"accuracy must be 2, 4 or 6, got {accuracy}")
    if mixed not in ("two", "four"):
        raise ValueError(f"mixed must be 'two' or 'four', got {mixed!r}")
    needed = accuracy // 2
    scales = np.arange(1, max(reach, needed) + 1, dtype=np.float64)
    near = np.array([-1.0, 1.0])
    nodes = np.concatenate(([0.0], *(a * near for a in scales[:needed])))
    idle = np.zeros(2 * (len(scales) - needed))
    if mixed == "four":
        corners = np.array([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)])
        corner, ridge = np.array([0.25, -0.25, -0.25, 0.25]), np.zeros(2)
    else:
        corners = np.array([(1.0, 1.0), (-1.0, -1.0)])
        corner, ridge = np.array([0.5, 0.5]), np.array([-0.5, -0.5])
    # D(a h) is divided by (a h)² in place of h²
    shares = np.zeros(len(scales))
    shares[:needed] = EXTRAPOLATION[accuracy] / scales[:needed] ** 2
    return Formula(
        accuracy,
        np.concatenate([a * near for a in scales]),
        # the centre's weight drops out: F is measured from the centre
        np.concatenate((fornberg(nodes, 1)[1:], idle)),
        np.concatenate((0.5 * fornberg(nodes, 2)[1:], idle)),
        np.concatenate([a * corners for a in scales]),
        np.concatenate([share * corner for share in shares]),
        np.concatenate([share * ridge for share in shares]),
    )


def point_count(formula: Formula, features: int, pairs: int, groups: int = 1) -> int:
    """Number of points, the centre included.

    Parameters
    ----------
    formula
        The stencil.
    features, pairs
        Numbers of active features and pairs.
    groups
        2 if first and second order have their own steps, else 1.

    >>> point_count(formula(2, "two"), 30, 435), point_count(formula(2, "four"), 30, 435)
    (931, 1801)
    """
    return 1 + groups * features * len(formula.multiples) + pairs * len(formula.corner)
