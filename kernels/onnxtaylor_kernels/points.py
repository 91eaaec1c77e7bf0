"""A stencil: the points at which a function is evaluated, and the weights of what is found there.

In units of the steps h_i the points are

    the centre 0;
    on the axes     a·e_i               for every active feature i and multiple a;
    at the corners  a·e_i + b·e_j       for every pair i < j and corner (a, b),

in this order, and with F(p) = f(x + p·h) − f(x) the coefficients are

    t_i  = Σ_a first_a F(a e_i) / h_i
    t_ii = Σ_a second_a F(a e_i) / h_i²
    t_ij = [Σ_(a,b) corner_ab F(a e_i + b e_j) + Σ_a ridge_a (F(a e_i) + F(a e_j))] / (h_i h_j).

Two mixed formulas are offered. ``four`` takes the four corners (±1, ±1) and no ridge, 2n² + 1
points in all. ``two`` takes the corners (1, 1) and (−1, −1) and finds the rest on the axes,
n² + n + 1 points for three times the round-off noise. Both are even in h, so one Richardson
extrapolation, (4 D(h) − D(2h)) / 3, lifts them from second to fourth order of accuracy.
Source: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions, 25.3.26 and 25.3.27.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onnxtaylor_kernels.weights import fornberg

__all__ = ["Formula", "formula", "point_count"]

Floats = npt.NDArray[np.float64]


class Formula(NamedTuple):
    """Multiples and weights of a stencil.

    ``multiples`` (M,), ``first`` (M,), ``second`` (M,), ``corners`` (Q, 2), ``corner`` (Q,),
    ``ridge`` (M,); ``accuracy`` is the power of h in the truncation error.
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


def formula(accuracy: int, mixed: str) -> Formula:
    """The stencil of the given order of accuracy (2 or 4) and mixed formula (``two``, ``four``).

    ``second`` includes the ½ of t_ii. Raises ValueError for anything else.

    >>> formula(2, "four").second.tolist(), formula(2, "four").corner.tolist()
    ([0.5, 0.5], [0.25, -0.25, -0.25, 0.25])
    """
    if accuracy not in (2, 4):
        raise ValueError(f"accuracy {accuracy}: 2 and 4 are offered")
    if mixed not in ("two", "four"):
        raise ValueError(f"mixed formula {mixed!r}: 'two' and 'four' are offered")
    near = np.array([-1.0, 1.0])
    multiples = near if accuracy == 2 else np.concatenate((near, 2 * near))
    nodes = np.concatenate(([0.0], multiples))
    # the centre's weight drops out: F is measured from the centre
    first = fornberg(nodes, 1)[1:]
    second = 0.5 * fornberg(nodes, 2)[1:]
    if mixed == "four":
        corners = np.array([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)])
        corner, ridge = np.array([0.25, -0.25, -0.25, 0.25]), np.zeros(2)
    else:
        corners = np.array([(1.0, 1.0), (-1.0, -1.0)])
        corner, ridge = np.array([0.5, 0.5]), np.array([-0.5, -0.5])
    if accuracy == 4:  # (4 D(h) - D(2h)) / 3, where D(2h) is divided by (2h)² in place of h²
        corners = np.concatenate((corners, 2 * corners))
        corner = np.concatenate((4 / 3 * corner, -1 / 12 * corner))
        ridge = np.concatenate((4 / 3 * ridge, -1 / 12 * ridge))
    return Formula(accuracy, multiples, first, second, corners, corner, ridge)


def point_count(formula: Formula, features: int, pairs: int) -> int:
    """Number of points with this many active features and pairs, the centre included.

    >>> point_count(formula(2, "two"), 30, 435), point_count(formula(2, "four"), 30, 435)
    (931, 1801)
    """
    return 1 + features * len(formula.multiples) + pairs * len(formula.corner)
