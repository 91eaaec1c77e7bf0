"""Value and derivatives of a model as a function that can be called, and saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import DerivativeGraph
from onnxtaylor.compiler.export import arrays_of, export, terms_of
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.compiler.row_inputs import RowInputs, restore_inputs
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.errors import DataError, ModelError
from onnxtaylor.files.whole import write_whole
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start

__all__ = ["DerivativeValues", "Derivatives", "rows_in_format"]


class _UpToSecond(NamedTuple):
    value: npt.NDArray[Any]
    jacobian: npt.NDArray[Any]
    hessian: npt.NDArray[Any] | None


class DerivativeValues(_UpToSecond):
    """Responses and derivatives of B events.

    A tuple of value (B, C), jacobian (B, C, n) and hessian (B, C, n, n), which is None for order 1.
    From order 3 on ``third`` has the third derivatives (B, C, n, n, n).
    """

    third: npt.NDArray[Any] | None = None


class Derivatives:
    """A model's exact derivatives: call it on events x (B, n).

    ``proto`` is an ordinary ONNX model with the outputs ``value``, ``jacobian``, ``hessian`` and
    ``third``, up to the given order. ``kinks`` counts the nodes of each operator whose slope or
    value jumps: from second order on, derivatives are those of the pieces between. ``note`` is one
    line on the data at which the model was probed; ``warnings`` are remarks on the model, such as
    that onnxruntime's default options change its response.

    Where the pieces of an operator meet exactly at an event, or a slope on the way is not finite, a
    call gives the limit of both sides, if they have one. The file gives the derivative of one piece
    there, and takes 0 · ∞ for 0, so that a branch that is not taken does not show: of √x · √x at 0,
    too. ``exact`` is the graph without such zeros.
    """

    def __init__(
        self,
        graph: DerivativeGraph,
        exact: DerivativeGraph,
        sides: Callable[[], TwoSidedLimits],
        *,
        provider: str = "cpu",
        threads: int = 0,
        note: str = "",
        plain: bool = False,
        warnings: tuple[str, ...] = (),
        own: RowInputs | None = None,
        rows: Callable[[Mapping[str, Any]], npt.NDArray[np.float64]] | None = None,
    ) -> None:
        self._rows = rows
        self._proto = export(graph)
        self.note, self.warnings = note, warnings
        self.kinks = dict(graph.kinks)
        self._indices, self._limits = graph.indices, JointLimits(sides)
        flagged = export(exact, flagged=True)
        self._session = start(flagged, provider=provider, threads=threads, plain=plain)
        self._names = [output.name for output in flagged.graph.output]
        info = self.proto.graph.input[0]
        self._feed = info.name
        dims = info.type.tensor_type.shape.dim
        self.n_features = int(dims[1].dim_value)
        double = info.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
        self._dtype = np.dtype(np.float64 if double else np.float32)
        if own is not None and own.context:
            self._proto = restore_inputs(self._proto, own)

    @property
    def proto(self) -> onnx.ModelProto:
        """The derivative graph."""
        return self._proto

    def __repr__(self) -> str:
        """Returns the shapes of a call's argument and results."""
        names = ", ".join(output.name for output in self.proto.graph.output)
        n = self.n_features
        return f"Derivatives of {n} features: called on x (events, {n}) it gives {names}"

    def __call__(self, x: npt.ArrayLike | Mapping[str, Any]) -> DerivativeValues:
        """Evaluates ∂f_c/∂x_i, ∂²f_c/∂x_i∂x_j, … at x (B, n), or at one array per input.

        Raises DataError for another shape, and for numbers that the graph's format cannot hold.
        """
        given = self._rows(x) if isinstance(x, Mapping) and self._rows else np.asarray(x)
        rows = rows_in_format(given, self._dtype, self.n_features)
        try:
            answers = self._session.run(self._names, {self._feed: rows})
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        odd = np.zeros(len(rows), np.bool_)
        if self._names[-1] == JOINT_EVENTS:
            odd = answers.pop()[:, 0] > 0
        value, *arrays = answers
        for array in arrays:
            odd |= ~np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        self._settle(rows, arrays, odd)
        values = DerivativeValues(value, *arrays[:2], *([None] * (2 - len(arrays))))
        values.third = arrays[2] if len(arrays) > 2 else None
        return values

    def _settle(
        self, rows: npt.NDArray[Any], arrays: list[npt.NDArray[Any]], odd: npt.NDArray[np.bool_]
    ) -> None:
        """Replaces the derivatives at the events ``odd`` by the limits from both sides."""
        if not odd.any():
            return
        terms = terms_of([array[odd] for array in arrays], self._indices)
        self._limits.take(rows[odd].astype(np.float64), terms, np.ones(len(terms), np.bool_))
        for array, limit in zip(arrays, arrays_of(terms, self._indices), strict=True):
            array[odd] = limit

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the derivative graph as an ONNX file, whole or not at all. Raises ResultError."""
        write_whole(path, self.proto.SerializeToString())


def rows_in_format(given: npt.NDArray[Any], dtype: np.dtype[Any], columns: int) -> npt.NDArray[Any]:
    """Returns rows (B, columns) in a graph's format.

    Raises DataError for another shape, and for finite numbers that the format cannot hold.
    """
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(given, dtype=dtype)
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise DataError(f"x has shape {rows.shape}: (events, {columns}) is needed")
    beyond = np.isinf(rows) & np.isfinite(given)
    if beyond.any():
        k, i = (int(v) for v in np.argwhere(beyond)[0])
        most = np.finfo(np.float64 if dtype == np.float64 else np.float32).max
        raise DataError(
            f"x[{k}, {i}] is {given[k, i]:.6g}: the graph computes in {dtype}, which holds no more"
            f" than {most:.6g}"
        )
    return rows
