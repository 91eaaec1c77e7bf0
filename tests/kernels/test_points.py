"""Stencils: which polynomials they differentiate exactly, with how many points."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
from onnxtaylor_kernels.points import formula, point_count

STEPS = (0.5, 0.25)
every_formula = pytest.mark.parametrize(
    "stencil",
    [formula(a, m) for a in (2, 4, 6) for m in ("two", "four")],
    ids=lambda s: f"{s.accuracy}-{len(s.corner)}",
)


def found(stencil, power, alpha):
    """t_α of x^a y^b about (0.3, −0.7) by the sums of the stencil."""
    x0, y0 = 0.3, -0.7

    def rise(a, b):
        x, y = x0 + a * STEPS[0], y0 + b * STEPS[1]
        return x ** power[0] * y ** power[1] - x0 ** power[0] * y0 ** power[1]

    if alpha == (0, 1):
        total = sum(
            w * rise(a, b) for (a, b), w in zip(stencil.corners, stencil.corner, strict=True)
        )
        for a, w in zip(stencil.multiples, stencil.ridge, strict=True):
            total += w * (rise(a, 0) + rise(0, a))
        return total / (STEPS[0] * STEPS[1])
    weights = stencil.first if len(alpha) == 1 else stencil.second
    along = [rise(a, 0) if alpha[0] == 0 else rise(0, a) for a in stencil.multiples]
    return float(weights @ along) / STEPS[alpha[0]] ** len(alpha)


def truth(power, alpha):
    """(1/α!) ∂^α x^a y^b at the same place."""
    value = 1.0
    for place, centre in enumerate((0.3, -0.7)):
        m, p = alpha.count(place), power[place]
        falling = factorial(p) // factorial(p - m) if m <= p else 0
        value *= falling * centre ** max(p - m, 0) / factorial(m)
    return value


def degree_of_exactness(stencil, alpha):
    """Symmetric stencils of even order miss only even surplus degrees."""
    return stencil.accuracy if len(alpha) == 1 else stencil.accuracy + 1


def monomials(degree):
    return [(a, degree - a) for a in range(degree + 1)]


@every_formula
@pytest.mark.parametrize("alpha", [(0,), (1,), (0, 0), (0, 1), (1, 1)])
def test_formulas_are_exact_up_to_their_degree_and_not_beyond(stencil, alpha):
    exact = degree_of_exactness(stencil, alpha)
    for degree in range(exact + 1):
        for power in monomials(degree):
            assert found(stencil, power, alpha) == pytest.approx(truth(power, alpha), abs=1e-12)
    misses = [abs(found(stencil, p, alpha) - truth(p, alpha)) for p in monomials(exact + 1)]
    assert max(misses) > 1e-4


@every_formula
def test_weights_with_the_centre_satisfy_the_moment_conditions(stencil):
    """Σ w a^k of the axis weights is k! at k = m and 0 elsewhere; ½ is in ``second``."""
    for k in range(1, stencil.accuracy + 1):
        moments = [float(w @ stencil.multiples**k) for w in (stencil.first, stencil.second)]
        assert moments == pytest.approx([float(k == 1), float(k == 2)], abs=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_point_counts(n):
    pairs = n * (n - 1) // 2
    assert point_count(formula(2, "two"), n, pairs) == n**2 + n + 1
    assert point_count(formula(2, "four"), n, pairs) == 2 * n**2 + 1
    assert point_count(formula(4, "two"), n, pairs) == 2 * n**2 + 2 * n + 1
    assert point_count(formula(4, "four"), n, pairs) == 4 * n**2 + 1
    assert point_count(formula(6, "two"), n, pairs) == 3 * n**2 + 3 * n + 1
    assert point_count(formula(2, "two"), n, 0) == 2 * n + 1
    assert point_count(formula(6, "two"), n, pairs, groups=2) == 3 * n**2 + 9 * n + 1


def test_two_corners_cost_three_times_the_noise_of_four():
    """Independent noise of the responses, the centre's included, in t_ij."""

    def noise(stencil):
        centre = stencil.corner.sum() + 2 * stencil.ridge.sum()
        return np.sqrt(sum(stencil.corner**2) + 2 * sum(stencil.ridge**2) + centre**2)

    assert noise(formula(2, "two")) / noise(formula(2, "four")) == pytest.approx(np.sqrt(10))


@every_formula
def test_reach_is_the_largest_displacement(stencil):
    assert stencil.reach == max(abs(stencil.multiples).max(), abs(stencil.corners).max())
    assert 0.0 not in stencil.multiples
    assert len(set(stencil.multiples)) == len(stencil.multiples)


@pytest.mark.parametrize("mixed", ["two", "four"])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_wider_points_have_weight_zero(accuracy, mixed):
    plain, wide = formula(accuracy, mixed), formula(accuracy, mixed, reach=3)
    points = formula(6, mixed)
    np.testing.assert_array_equal(wide.multiples, points.multiples)
    np.testing.assert_array_equal(wide.corners, points.corners)
    for name in ("first", "second", "corner", "ridge"):
        own, padded = getattr(plain, name), getattr(wide, name)
        np.testing.assert_array_equal(padded[: len(own)], own)
        assert not padded[len(own) :].any()


@pytest.mark.parametrize(("accuracy", "mixed"), [(3, "two"), (8, "four"), (2, "three"), (4, "")])
def test_other_formulas_are_refused(accuracy, mixed):
    with pytest.raises(ValueError, match="must be"):
        formula(accuracy, mixed)
