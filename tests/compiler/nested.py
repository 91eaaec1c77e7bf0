"""Taylor coefficients of any order by nested central differences, with what they are good to.

    D_i f(x) = (f(x + h e_i) − f(x − h e_i)) / 2h,        t_α ≈ (1/α!) D_i D_j D_k f

is even in h, so each halving of h and one more column of Richardson's table

    T_m(h/2) + (T_m(h/2) − T_m(h)) / (4^(m+1) − 1)

removes one more even power of h, until round-off, ε·abs(f)/h^|α|, takes over. Where that is differs
from response to response; the table's own differences say it (Ridders, Adv. Eng. Softw. 4 (1982)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from onnxtaylor.indices import MultiIndices
from tests.rules.reference import Array

__all__ = ["Nested", "nested"]

WIDEST, LEVELS = 0.16, 7  # steps 0.16, 0.08, … 0.0025 for features of unit scale


@dataclass(frozen=True)
class Nested:
    """Coefficients (N, C, K) and, for every event, response and order, their largest error."""

    indices: MultiIndices
    values: Array
    errors: Array

    def scale(self) -> Array:
        """The largest coefficient of the same event, response and order, (N, C, K)."""
        return _largest(np.abs(self.values), self.indices.orders)


def nested(f: Callable[[Array], Array], x: Array, indices: MultiIndices) -> Nested:
    """All coefficients at x (N, n) of f, which takes rows of any number."""
    rows = [[_at(x, alpha, WIDEST / 2**k) for k in range(LEVELS)] for alpha in indices.tuples()]
    points = np.concatenate([level for alpha in rows for level in alpha])
    responses = f(points)
    tables, begin = [], 0
    for alpha, levels in zip(indices.tuples(), rows, strict=True):
        table = []
        for k, level in enumerate(levels):
            found = responses[begin : begin + len(level)].reshape(len(x), 2 ** len(alpha), -1)
            begin += len(level)
            signs = np.prod(_signs(len(alpha)), axis=1)
            table.append(np.einsum("s,nsc->nc", signs, found) / (2 * WIDEST / 2**k) ** len(alpha))
        tables.append(np.stack(table))
    best, errors = _extrapolated(np.stack(tables, axis=-1), indices.orders)
    factor = indices.inverse_factorials
    return Nested(indices, best * factor, errors * factor)


def _signs(order: int) -> Array:
    return np.array(list(product((1, -1), repeat=order)), float)


def _at(x: Array, alpha: tuple[int, ...], step: float) -> Array:
    """The 2^|α| points around every event, (N · 2^|α|, n)."""
    moves = _signs(len(alpha)) @ np.eye(x.shape[1])[list(alpha)] * step
    return (x[:, None] + moves).reshape(-1, x.shape[1])


def _largest(values: Array, orders: Array) -> Array:
    found = np.empty_like(values)
    for order in set(orders):
        found[..., orders == order] = values[..., orders == order].max(axis=-1, keepdims=True)
    return found


def _extrapolated(table: Array, orders: Array) -> tuple[Array, Array]:
    """The entry of Richardson's table that its neighbours confirm best, and how well they do."""
    best, least = table[0], np.full(table[0].shape, np.inf)
    column = 0
    while len(table) > 1:
        column += 1
        finer = table[1:] + (table[1:] - table[:-1]) / (4.0**column - 1)
        apart = np.maximum(np.abs(finer - table[1:]), np.abs(finer - table[:-1]))
        # one choice for all coefficients of an order: a single one may agree by chance
        for error, value in zip((_largest(a, orders) for a in apart), finer, strict=True):
            best = np.where(error < least, value, best)
            least = np.minimum(error, least)
        table = finer
    return best, least
