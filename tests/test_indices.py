"""The convention: which coefficients there are, in which order, with which 1/α!."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import comb, factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices, check_order, count, label

sizes = pytest.mark.parametrize("n", [1, 2, 3, 7, 30])


@sizes
def test_counts_are_those_of_the_paper(n):
    assert count(n, 1) == len(MultiIndices.full(n, 1)) == n
    assert count(n, 2) == len(MultiIndices.full(n, 2)) == n * (n + 3) // 2
    assert count(n, 3) == len(MultiIndices.full(n, 3)) == n + comb(n + 1, 2) + comb(n + 2, 3)


def test_thirty_inputs_give_495_coefficients():
    assert len(MultiIndices.full(30)) == 495
    assert MultiIndices.full(30).orders.tolist() == [1] * 30 + [2] * 465


def test_the_order_is_first_order_then_the_upper_triangle_row_by_row():
    assert MultiIndices.full(3).tuples() == [
        *[(0,), (1,), (2,)],
        *[(0, 0), (0, 1), (0, 2)],
        *[(1, 1), (1, 2)],
        *[(2, 2)],
    ]


def test_third_order_follows_likewise():
    assert MultiIndices.full(2, 3).tuples() == [
        *[(0,), (1,)],
        *[(0, 0), (0, 1), (1, 1)],
        *[(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)],
    ]


@sizes
@pytest.mark.parametrize("order", [1, 2, 3])
def test_full_is_every_sorted_tuple_once(n, order):
    if n > 7 and order == 3:
        n = 8
    tuples = MultiIndices.full(n, order).tuples()
    wanted = {tuple(sorted(a)) for k in range(1, order + 1) for a in product(range(n), repeat=k)}
    assert len(tuples) == len(set(tuples))
    assert set(tuples) == wanted
    assert tuples == sorted(tuples, key=lambda a: (len(a), a))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_inverse_factorials_are_one_over_alpha_factorial(order):
    indices = MultiIndices.full(4, order)
    naive = [1 / prod(factorial(m) for m in Counter(a).values()) for a in indices.tuples()]
    np.testing.assert_array_equal(indices.inverse_factorials, naive)


def test_inverse_factorials_of_a_polynomial_make_its_taylor_series():
    """f(x + d) = f(x) + Σ_α t_α d^α: the coefficients of (a·x)³ are those of the binomial."""
    a, d = np.array([0.5, -2.0, 3.0]), np.array([0.3, 0.1, -0.2])
    indices = MultiIndices.full(3, 3)
    x = np.array([1.0, 0.4, 0.7])
    falling = {1: 3 * (a @ x) ** 2, 2: 6 * (a @ x), 3: 6.0}
    derivatives = np.array([falling[len(i)] * a[list(i)].prod() for i in indices.tuples()])
    powers = np.array([d[list(i)].prod() for i in indices.tuples()])
    series = (a @ x) ** 3 + (indices.inverse_factorials * derivatives * powers).sum()
    assert series == pytest.approx((a @ (x + d)) ** 3, rel=1e-13)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_scale_is_the_product_of_the_sigmas(order):
    sigma = np.array([0.5, 3.0, 7.0])
    indices = MultiIndices.full(3, order)
    naive = [prod(sigma[i] for i in alpha) for alpha in indices.tuples()]
    np.testing.assert_allclose(indices.scale(sigma), naive, rtol=1e-15)


chosen = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(chosen)
def test_chosen_indices_are_sorted_and_unique(alphas):
    found = MultiIndices.of(5, alphas)
    order = max(map(len, alphas))
    wanted = {tuple(sorted(alpha)) for alpha in alphas}
    assert found.tuples() == [a for a in MultiIndices.full(5, order).tuples() if a in wanted]
    assert found.order == order
    assert found.n_features == 5
    assert found.orders.tolist() == [len(a) for a in found.tuples()]


def test_choosing_everything_gives_the_full_list():
    full = MultiIndices.full(4, 3)
    np.testing.assert_array_equal(MultiIndices.of(4, full.tuples()[::-1]).table, full.table)


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([], "list of multi-indices is empty"),
        ([(0, 3)], "outside 0…2"),
        ([(0,), (-1,)], "outside 0…2"),
        ([(0, 1, 2, 2)], "order must be .* got 4"),
        ([()], "order must be .* got 0"),
    ],
)
def test_impossible_choices_are_refused(alphas, message):
    with pytest.raises(OptionError, match=message):
        MultiIndices.of(3, alphas)


@pytest.mark.parametrize("order", [0, -1, 4])
def test_other_orders_are_refused(order):
    with pytest.raises(OptionError, match=f"order must be 1, 2 or 3, got {order}"):
        check_order(order)
    with pytest.raises(OptionError):
        MultiIndices.full(3, order)


def test_names_and_labels():
    indices = MultiIndices.of(3, [(0,), (1, 2), (2, 2)])
    names = indices.names(["pt", "m_vis", "eta"])
    assert names == [("pt",), ("m_vis", "eta"), ("eta", "eta")]
    assert [label(n) for n in names] == ["pt", "m_vis, eta", "eta, eta"]
