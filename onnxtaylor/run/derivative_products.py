"""Products of a model's derivatives with vectors, as a function that can be called, and saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler.directions import ADJOINTS, DIRECTIONS
from onnxtaylor.errors import DataError, ModelError
from onnxtaylor.files.whole import write_whole
from onnxtaylor.run.derivatives import rows_in_format
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start

__all__ = ["DerivativeProducts", "ProductValues"]

Array = npt.NDArray[Any]


class _Product(NamedTuple):
    value: Array
    product: Array


class ProductValues(_Product):
    """Responses and products of B events.

    A tuple of value (B, C) and product: J v (B, C), Jᵀ u (B, n) or Σ_c u_c H_c v (B, n), with an
    axis (L, …) in front where L vectors were given for each event. ``gradient`` is Jᵀ u (B, n) if
    the mode is ``hvp``.
    """

    gradient: Array | None = None


class DerivativeProducts:
    """Products of a model's derivatives with vectors, without the derivatives themselves.

    With J the Jacobian and H_c the Hessian of response c, ``mode`` says which:

    ======  ===============================  ==============================
    mode    call                             product
    ======  ===============================  ==============================
    jvp     d(x, v)                          J v
    vjp     d(x, u)                          Jᵀ u
    hvp     d(x, u, v)                       Σ_c u_c H_c v, and Jᵀ u
    ======  ===============================  ==============================

    Each event has vectors of its own: v (B, n) or (L, B, n), u (B, C) or (L, B, C), for ``hvp``
    u (B, C). H_c v is the product for the unit vector u = e_c.

    ``proto`` is an ordinary ONNX model, whose inputs are those of the model and the vectors, see
    ``compiler.product_file``. ``kinks`` (of ``hvp``), ``note`` and ``warnings`` are those of
    ``Derivatives``. Where the pieces of an operator meet exactly at an event, the derivative is
    that of one piece.
    """

    def __init__(
        self,
        mode: str,
        graph: onnx.ModelProto,
        proto: onnx.ModelProto,
        *,
        n_features: int,
        provider: str = "cpu",
        threads: int = 0,
        note: str = "",
        plain: bool = False,
        warnings: tuple[str, ...] = (),
        kinks: Mapping[str, int] | None = None,
        rows: Callable[[Mapping[str, Any]], npt.NDArray[np.float64]] | None = None,
    ) -> None:
        self.mode, self.proto, self.note, self.warnings = mode, proto, note, warnings
        self.n_features, self.kinks = n_features, dict(kinks or {})
        self._rows, self._feed = rows, graph.graph.input[0].name
        info = graph.graph.input[0].type.tensor_type
        self._width = int(info.shape.dim[1].dim_value)
        double = info.elem_type == onnx.TensorProto.DOUBLE
        self._dtype = np.dtype(np.float64 if double else np.float32)
        response = graph.graph.output[0].type.tensor_type
        self.n_responses = int(response.shape.dim[1].dim_value)
        self._names = [output.name for output in graph.graph.output]
        self._session = start(graph, provider=provider, threads=threads, plain=plain)

    def __repr__(self) -> str:
        """Returns the shapes of a call's arguments."""
        n, c = self.n_features, self.n_responses
        vectors = {"jvp": f"v (events, {n})", "vjp": f"u (events, {c})"}
        taken = vectors.get(self.mode, f"u (events, {c}), v (events, {n})")
        return f"DerivativeProducts, {self.mode}: called on x (events, {self._width}), {taken}"

    def __call__(
        self, x: npt.ArrayLike | Mapping[str, Any], *vectors: npt.ArrayLike
    ) -> ProductValues:
        """Evaluates the product at x (B, n), or at one array per input.

        Raises DataError for vectors of another number or shape, and for numbers that the graph's
        format cannot hold.
        """
        given = self._rows(x) if isinstance(x, Mapping) and self._rows else np.asarray(x)
        rows = rows_in_format(given, self._dtype, self._width)
        kinds = {"jvp": "v", "vjp": "u", "hvp": "uv"}[self.mode]
        if len(vectors) != len(kinds):
            raise DataError(
                f"{self.mode} takes x and {' and '.join(kinds)}: {1 + len(vectors)} arrays were"
                " given"
            )
        feeds, single = {self._feed: rows}, True
        for kind, vector in zip(kinds, vectors, strict=True):
            several = not (kind == "u" and self.mode == "hvp")
            array = self._vectors(kind, vector, len(rows), several=several)
            single &= np.ndim(vector) == 2
            feeds[ADJOINTS if kind == "u" else DIRECTIONS] = array
        try:
            value, *rest = self._session.run(self._names, feeds)
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        product = rest[-1][0] if single else rest[-1]
        values = ProductValues(value, product)
        values.gradient = rest[0][0] if self.mode == "hvp" else None
        return values

    def _vectors(self, kind: str, vector: npt.ArrayLike, events: int, *, several: bool) -> Array:
        """The vectors as (L, B, size); raises DataError for another shape."""
        array = np.ascontiguousarray(vector, dtype=self._dtype)
        size = self.n_features if kind == "v" else self.n_responses
        if array.shape[-2:] != (events, size) or array.ndim > 2 + several:
            any_number = (
                f", or (L, {events}, {size}) for L vectors of each event" if several else ""
            )
            raise DataError(
                f"{kind} has shape {np.shape(vector)}: ({events}, {size}) is needed{any_number}"
            )
        return array if array.ndim == 3 else array[None]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the graph as an ONNX file, whole or not at all. Raises ResultError."""
        write_whole(path, self.proto.SerializeToString())
