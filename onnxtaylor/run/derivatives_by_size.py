"""Derivatives of a model on sets of varying size, put back to the slots of the longest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.errors import DataError, ModelError
from onnxtaylor.problem import Problem
from onnxtaylor.run.derivatives import Derivatives, DerivativeValues

__all__ = ["DerivativesBySize"]


class DerivativesBySize(Derivatives):
    """The exact derivatives of a model on sets of varying size: a graph for each size.

    It is called on rows (B, n + m) of the problem: n entries of the longest sets, m of context,
    with the numbers of filled slots. Derivatives (B, C, n), … by slots that an event does not have
    are 0. There is no single graph to be saved.

    Parameters
    ----------
    problem
        The problem, which has ``buckets``.
    make
        Differentiates the problem of one size, when it is met.
    order
        Order of the derivatives.
    """

    def __init__(
        self, problem: Problem, make: Callable[[Problem], Derivatives], *, order: int
    ) -> None:
        assert problem.buckets is not None
        self.n_features, self.note = problem.function.n_features, problem.stand_ins
        self.warnings = tuple(notice.message for notice in problem.notices)
        self._problem, self._buckets, self._make = problem, problem.buckets, make
        self._order = order
        self.kinks: dict[str, int] = {}  # each size has its own
        self._by_size: dict[tuple[int, ...], Derivatives] = {}

    @property
    def proto(self) -> onnx.ModelProto:
        """Raises ModelError: each size has a graph of its own."""
        raise ModelError(
            "sets of varying size have a derivative graph for each size: save that of one size"
            " with n_features=…, without data"
        ).located(self._problem.model.path)

    def __repr__(self) -> str:
        """Returns the shape of a call's argument."""
        return f"Derivatives by size of sets: called on x (events, {self.n_features})"

    def __call__(self, x: npt.ArrayLike | Mapping[str, Any]) -> DerivativeValues:
        """Evaluates value and derivatives at x (B, n + m).

        Raises DataError for another shape and for arrays by input, ModelError, with the size, where
        one cannot be differentiated.
        """
        if isinstance(x, Mapping):
            raise DataError(
                "sets of varying size are taken as rows of the problem: problem.first_events, or"
                " batches of problem.source"
            )
        rows = np.asarray(x, np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise DataError(f"x has shape {rows.shape}: (events, {self.n_features}) is needed")
        n, parts = self._problem.function.n_varied, []
        for size, events in self._buckets.jagged.groups(rows):
            columns = self._buckets.columns(size)
            with self._buckets.located(size):
                if size not in self._by_size:
                    self._by_size[size] = self._make(self._problem.of_size(size))
                answer = self._by_size[size](rows[np.ix_(events, columns)])
            found = [answer.value, answer.jacobian, answer.hessian, answer.third]
            parts.append((events, columns[columns < n], found[: self._order + 1]))
        count = self._order + 1
        arrays = [
            np.zeros((len(rows), len(self._problem.response_names), *[n] * k)) for k in range(count)
        ]
        for events, own, found in parts:
            for k, array in enumerate(found):
                places = np.ix_(events, np.arange(arrays[k].shape[1]), *[own] * k)
                arrays[k][places] = array
        values = DerivativeValues(arrays[0], arrays[1], arrays[2] if count > 2 else None)
        values.third = arrays[3] if count > 3 else None
        return values
