"""Collects Σ_k Jᵀ (ā · D²φ) J and writes it as a few matrix products per event.

Every curved node brings rows r (one per feature) and weights w (one per response) over the D
elements that an event has there:

    H_c,ij += Σ_d w_cd r_id r_jd          (diagonal)
    H_c,ij += Σ_d w_cd (l_id r_jd + r_id l_jd)     (product)

Where the rows do not depend on the event, before the first nonlinearity, the products r_id r_jd are
constants, and the sum over d is one plain matrix product with the weights of all events. Elsewhere
it is a product of (C·n, D) by (D, n) for every event.
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from onnxtaylor.rules.base import Context
from onnxtaylor.rules.bundle import Bundle, batch_axis

__all__ = ["HessianBuilder"]

PAIR_LIMIT = 2**22  # numbers in a constant matrix of products of rows


class HessianBuilder:
    """Adds up the second derivatives ∂²f_c/∂x_i∂x_j of chosen pairs (i, j), i ≤ j."""

    def __init__(
        self, c: Context, features: int, responses: int, pairs: npt.NDArray[np.int64]
    ) -> None:
        self._c = c
        self._n, self._responses, self._pairs = features, responses, pairs
        self._parts: list[str] = []  # (N or 1, C, K)
        self._symmetric: list[str] = []  # (N, C·n, n)
        self._halves: list[str] = []  # (N, C·n, n), to be added to their transposes
        self.varies = False  # from event to event

    def diagonal(self, rows: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd r_d r_dᵀ."""
        self.varies |= rows.varies or weights.varies
        weight = self._by_event(weights)
        row = self._by_event(rows)
        constant = self._c.e.constants.get(row) if not rows.varies else None
        if constant is not None:
            size = constant.shape[-1] * len(self._pairs)
            if size <= PAIR_LIMIT:
                matrix = constant[0]
                products = matrix[self._pairs[:, 0]] * matrix[self._pairs[:, 1]]  # (K, D)
                self._parts.append(self._c.e.op("MatMul", weight, self._c.e.constant(products.T)))
                return
        self._symmetric.append(self._product(row, row, weight))

    def product(self, left: Bundle, right: Bundle, weights: Bundle) -> None:
        """H_c += Σ_d w_cd (l_d r_dᵀ + r_d l_dᵀ)."""
        self.varies |= left.varies or right.varies or weights.varies
        names = [self._by_event(b) for b in (left, right, weights)]
        self._halves.append(self._product(*names))

    def _product(self, left: str, right: str, weight: str) -> str:
        """Σ_d w_cd l_id r_jd as (N, C·n, n) from l, r (N or 1, n, D) and w (N or 1, C, D)."""
        e = self._c.e
        if self._responses == 1:
            weighted = e.op("Mul", left, weight)  # (N, n, D)
        else:
            w = e.op("Unsqueeze", weight, e.constant([2]))  # (N, C, 1, D)
            rows = e.op("Unsqueeze", left, e.constant([1]))  # (N, 1, n, D)
            both = e.op("Mul", rows, w)
            shape = e.constant([0, self._responses * self._n, -1])
            weighted = e.op("Reshape", both, shape)
        return e.op("MatMul", weighted, e.op("Transpose", right, perm=[0, 2, 1]))

    def _by_event(self, bundle: Bundle) -> str:
        """(L, *shape) as (N, L, D), or (1, L, D) where it does not vary."""
        e, axis = self._c.e, batch_axis(bundle.shape)
        assert axis is not None
        front = prod(abs(d) for d in bundle.shape[:axis])
        back = prod(abs(d) for d in bundle.shape[axis:])
        events = -1 if bundle.varies else 1
        if front == 1:
            split = e.op("Reshape", bundle.name, e.constant([bundle.lead, events, back]))
            return e.op("Transpose", split, perm=[1, 0, 2])
        split = e.op("Reshape", bundle.name, e.constant([bundle.lead, front, events, back]))
        turned = e.op("Transpose", split, perm=[2, 0, 1, 3])
        return e.op("Reshape", turned, e.constant([events, bundle.lead, front * back]))

    def finish(self) -> str | None:
        """The second derivatives, (N or 1, C, K), or None where nothing is curved."""
        e, n = self._c.e, self._n
        i, j = self._pairs[:, 0], self._pairs[:, 1]
        parts = list(self._parts)
        for stacks, places in ((self._symmetric, [(i, j)]), (self._halves, [(i, j), (j, i)])):
            if not stacks:
                continue
            total = stacks[0]
            for other in stacks[1:]:
                total = e.op("Add", total, other)
            flat = e.op("Reshape", total, e.constant([0, self._responses, n * n]))
            for a, b in places:
                parts.append(e.op("Gather", flat, e.constant(a * n + b), axis=2))
        if not parts:
            return None
        whole = parts[0]
        for part in parts[1:]:
            whole = e.op("Add", whole, part)
        return whole
