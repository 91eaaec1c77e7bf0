"""Rows of displaced events: the right ones, and displaced by exactly what they say."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import naive
import numpy as np
import pytest
from onnxtaylor_kernels.displace import displace, round_to_grid
from onnxtaylor_kernels.points import formula, point_count

DIGITS = {np.float32: 24, np.float64: 53}
formats = pytest.mark.parametrize("dtype", [np.float32, np.float64])

ALL_OF_4 = ([0, 1, 2, 3], [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
CHOICES = {
    "everything": ALL_OF_4,
    "axes only": ([0, 1, 2, 3], []),
    "chosen features": ([1, 3], []),
    "chosen pairs": ([0, 2, 3], [(0, 3), (2, 3)]),
    "one feature": ([2], []),
}


def write(stencil, centres, steps, features, pairs, first=0, count=None):
    """Rows for steps (n,) of one group, or (G, n)."""
    features, pairs = np.array(features, np.int64), np.array(pairs, np.int64).reshape(-1, 2)
    steps = np.atleast_2d(steps)
    whole = point_count(stencil, len(features), len(pairs), len(steps))
    count = whole - first if count is None else count
    rows = np.full((len(centres), count, centres.shape[1]), np.nan, centres.dtype)
    multiples, corners = stencil.multiples, stencil.corners
    displace(centres, steps, features, pairs, multiples, corners, first, rows)
    return rows


@formats
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("accuracy", "mixed"), [(2, "two"), (2, "four"), (4, "two"), (6, "four")])
@pytest.mark.parametrize("groups", [1, 2])
def test_rows_are_the_points_of_the_stencil_in_order(dtype, choice, accuracy, mixed, groups):
    features, pairs = CHOICES[choice]
    stencil, random = formula(accuracy, mixed), np.random.default_rng(1)
    centres = random.normal(size=(5, 4)).astype(dtype)
    steps = random.uniform(0.01, 1.0, (groups, 4))
    points = naive.stencil_points(4, features, pairs, stencil.multiples, stencil.corners)
    rows = write(stencil, centres, steps, features, pairs)
    # the axes come once for each group, the corners with the steps of the last
    axes = 1 + len(features) * len(stencil.multiples)
    parts = [naive.displaced(centres, h, points[1:axes]) for h in steps]
    corners = naive.displaced(centres, steps[-1], points[axes:])
    expected = np.concatenate((centres[:, None], *parts, corners), axis=1)
    np.testing.assert_array_equal(rows, expected)


@formats
def test_any_block_of_points_holds_the_same_rows(dtype):
    features, pairs = ALL_OF_4
    stencil, random = formula(2, "two"), np.random.default_rng(2)
    centres = random.normal(size=(3, 4)).astype(dtype)
    steps = np.stack((np.full(4, 0.125), np.full(4, 0.5)))
    whole = write(stencil, centres, steps, features, pairs)
    points = whole.shape[1]
    for first in range(points):
        for count in {1, 2, points - first}:
            if first + count <= points:
                block = write(stencil, centres, steps, features, pairs, first, count)
                np.testing.assert_array_equal(block, whole[:, first : first + count])


def awkward_events(dtype, random, count=400):
    """x from 1e-30 to 1e30 of both signs, 0, and numbers next to powers of two, as float64."""
    x = random.choice([-1.0, 1.0], count) * 10.0 ** random.uniform(-30, 30, count)
    powers = 2.0 ** random.integers(-40, 40, count // 4)
    near = np.concatenate((powers, np.nextafter(powers, 0), np.nextafter(powers, np.inf)))
    near = np.concatenate((near, near.astype(dtype), np.nextafter(powers.astype(dtype), dtype(0))))
    return np.concatenate((x, near, -near, np.zeros(3)))


def fitting_step(x, reach, digits, random):
    """A power of two not below the spacing of numbers at abs(x) + reach·h."""
    exponent = np.frexp(x)[1] - digits + random.integers(-2, 30, len(x))
    for _ in range(3):
        h = np.ldexp(1.0, exponent)
        exponent = np.maximum(exponent, np.frexp(abs(x) + reach * h)[1] - digits)
    return np.ldexp(1.0, exponent)


@formats
@pytest.mark.parametrize("accuracy", [2, 4])
def test_displacements_are_exact(dtype, accuracy):
    """(x + p·h) − x = p·h without any rounding, over sixty orders of magnitude."""
    stencil, random = formula(accuracy, "four"), np.random.default_rng(accuracy)
    events = awkward_events(dtype, random)
    width = 40  # steps belong to features: here each number is a feature of one event
    for start in range(0, len(events), width):
        x = events[start : start + width][None]
        features = list(range(x.shape[1]))
        pairs = list(pairwise(features))
        points = naive.stencil_points(
            len(features), features, pairs, stencil.multiples, stencil.corners
        )
        h = fitting_step(x[0], stencil.reach, DIGITS[dtype], random)
        centres = np.empty(x.shape, dtype)
        round_to_grid(x, h, stencil.reach, DIGITS[dtype], centres)
        rows = write(stencil, centres, h, features, pairs)[0].astype(np.float64)
        centre = centres[0].astype(np.float64)
        np.testing.assert_array_equal(rows - centre, np.array(points) * h)
        # NumPy's subtraction rounds, too: the two ends of each axis once more, as fractions
        for i in features:
            for p in (1 + i * len(stencil.multiples), (i + 1) * len(stencil.multiples)):
                step = Fraction(rows[p, i]) - Fraction(centre[i])
                assert step == Fraction(points[p][i]) * Fraction(h[i])


@formats
@pytest.mark.parametrize("reach", [1.0, 2.0])
def test_events_move_by_at_most_half_a_spacing(dtype, reach):
    random, digits = np.random.default_rng(5), DIGITS[dtype]
    x = awkward_events(dtype, random)[:, None]
    for exponent in (-20, 0, 10):
        h = np.array([2.0**exponent])
        out = np.empty(x.shape, dtype)
        round_to_grid(x, h, reach, digits, out)
        for before, after in zip(x[:, 0], out[:, 0], strict=True):
            # the spacing of numbers in [2^(e−1), 2^e) of so many digits is 2^(e−digits)
            size = abs(Fraction(before)) + int(reach) * Fraction(h[0])
            e = np.frexp(float(size))[1]
            grid = Fraction(2) ** int(e - digits)
            moved = abs(Fraction(float(after)) - Fraction(before))
            assert moved <= grid / 2
            assert Fraction(float(after)) % grid == 0


def test_events_of_half_precision_are_put_on_its_grid():
    """A graph that casts to float16 is fed float32 numbers that survive the cast."""
    random = np.random.default_rng(6)
    x, h = random.normal(size=(200, 3)) * [1.0, 50.0, 1000.0], np.array([0.0625, 2.0, 16.0])
    centres = np.empty(x.shape, np.float32)
    round_to_grid(x, h, 2.0, 11, centres)
    rows = write(formula(4, "two"), centres, h, [0, 1, 2], [(0, 1), (1, 2)])
    np.testing.assert_array_equal(rows, rows.astype(np.float16).astype(np.float32))
    assert (abs(centres - x) <= 0.5 * np.spacing((abs(x) + 2 * h).astype(np.float16))).all()
