"""Rows of the Hessian at points: H_ij for one feature i of each point and all j, and gradients.

All coefficients of second order have them, but of hundreds of features most of these are of no use.
There the product H_c v of the derivative graph along v = e_i yields a row alone, at a cost that
does not depend on n.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.exact.derive import derive_product
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.errors import ModelError
from onnxtaylor.runtime.flops import work_of_event
from onnxtaylor.runtime.liveness import Liveness
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start

__all__ = ["HessianRows", "RowsOfCoefficients", "RowsOfProducts", "rows_of"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MANY = 2**14  # coefficients of an event, beyond which products are taken
NUMBERS = 2**24  # coefficients that are held at a time
PRODUCT_BYTES = 2**28  # of tensors while products are computed
MOST_NUMBERS = 2**28  # coefficients that are computed
EVALUATIONS = 2**18  # of the model, where a coefficient takes many
FLOPS = 1e12  # of products


class HessianRows(Protocol):
    """Computes gradients and rows of the Hessian."""

    @property
    def size(self) -> int:
        """Points that are evaluated at a time, at least 1."""

    @property
    def most(self) -> int:
        """Points that may be evaluated in all."""

    def __call__(self, x: Floats, feature: Integers) -> tuple[Floats, Floats]:
        """Returns ∂f_c/∂x_j and ∂²f_c/∂x_i∂x_j, each (P, C, n), at points x (P, n + m).

        ``feature`` is the i of each point, (P,). Raises ModelError where the engine fails.
        """


def rows_of(engine: Engine, evaluations: int) -> HessianRows:
    """Chooses how rows are computed.

    Parameters
    ----------
    engine
        Computes all pointwise coefficients up to second order.
    evaluations
        Evaluations of the model that one event takes.
    """
    if isinstance(engine, Exact) and len(engine.indices) * len(engine.exact_responses) > MANY:
        try:
            return RowsOfProducts(engine)
        except ModelError:  # a graph that has coefficients, but no products
            pass
    return RowsOfCoefficients(engine, evaluations)


class RowsOfCoefficients:
    """Rows among all coefficients of an engine: see ``rows_of`` for the parameters."""

    def __init__(self, engine: Engine, evaluations: int) -> None:
        self._engine = engine
        number = len(engine.exact_responses) * len(engine.indices)
        self.size = max(1, NUMBERS // number)
        self.most = min(EVALUATIONS // evaluations, MOST_NUMBERS // number)
        table, n = engine.indices.table, int((engine.indices.orders == 1).sum())
        self._slots = np.zeros((n, n), np.int64)  # of ∂²f/∂x_i∂x_j among the coefficients
        second = np.flatnonzero(table[:, 1] >= 0)
        i, j = table[second].T
        self._slots[i, j] = self._slots[j, i] = second

    def __call__(self, x: Floats, feature: Integers) -> tuple[Floats, Floats]:
        """Computes gradients and rows (P, C, n): see ``HessianRows``."""
        terms, n = self._engine.coefficients(x).terms, len(self._slots)
        second = np.take_along_axis(terms, self._slots[feature][:, None], axis=2)
        twice = np.where(np.arange(n) == feature[:, None], 2.0, 1.0)[:, None]
        return terms[..., :n], second * twice


class RowsOfProducts:
    """Rows H_c e_i by products of the derivative graph.

    Parameters
    ----------
    engine
        The exact engine, whose function and provider are taken.

    Raises ModelError where the graph has no such products.
    """

    def __init__(self, engine: Exact) -> None:
        self._responses, self._n = len(engine.exact_responses), engine.function.n_varied
        self._dtype = engine.function.dtype
        graph = derive_product(engine.function, "hvp", engine.observed)
        self._feed = graph.graph.input[0].name
        self._names = [output.name for output in graph.graph.output][-2:]
        plain = engine.function.plain
        self._session: Any = start(graph, provider=engine.provider, plain=plain)
        lives = Liveness.of(graph)
        row = lives.peak(2) - lives.peak(1)
        self.size = max(1, PRODUCT_BYTES // max(1, row * self._responses))
        flops = max(1.0, work_of_event(graph).flops) * self._responses
        self.most = int(FLOPS / flops)

    def __call__(self, x: Floats, feature: Integers) -> tuple[Floats, Floats]:
        """Computes gradients and rows (P, C, n): see ``HessianRows``."""
        points, responses, n = len(x), self._responses, self._n
        rows = np.arange(points * responses)
        adjoints = np.zeros((1, len(rows), responses), self._dtype)
        adjoints[0, rows, rows % responses] = 1.0
        directions = np.zeros((1, len(rows), n), self._dtype)
        directions[0, rows, np.repeat(feature, responses)] = 1.0
        feeds = {
            self._feed: np.repeat(x, responses, axis=0).astype(self._dtype),
            ADJOINTS: adjoints,
            DIRECTIONS: directions,
        }
        try:
            gradient, product = self._session.run(self._names, feeds)
        except Exception as error:  # onnxruntime raises its own kinds
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        shape = (points, responses, n)
        return tuple(a[0].astype(np.float64).reshape(shape) for a in (gradient, product))
