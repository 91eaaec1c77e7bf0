"""Value and derivatives of a model as a function, and as a file that runs anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler.export import export
from onnxtaylor.engine.derive import derive
from onnxtaylor.engine.opening import open_model
from onnxtaylor.engine.session import choose_provider, reason, start
from onnxtaylor.errors import DataError, ModelError, OptionError, printable
from onnxtaylor.files import write_whole
from onnxtaylor.graph import ModelRequest, choose, read_model
from onnxtaylor.indices import MultiIndices, check_order

__all__ = ["DerivativeValues", "Derivatives", "differentiate"]


class _UpToSecond(NamedTuple):
    value: npt.NDArray[Any]
    jacobian: npt.NDArray[Any]
    hessian: npt.NDArray[Any] | None


class DerivativeValues(_UpToSecond):
    """Of B events: value (B, C), jacobian (B, C, n), hessian (B, C, n, n) or None for order 1.

    A tuple of these three; from order 3 on ``third`` has the third derivatives (B, C, n, n, n).
    """

    third: npt.NDArray[Any] | None = None


class Derivatives:
    """A model's exact derivatives: call it on events x (B, n).

    ``proto`` is an ordinary ONNX model with the outputs ``value``, ``jacobian``, ``hessian`` and
    ``third``, up to the order asked for.
    """

    def __init__(self, proto: onnx.ModelProto, *, provider: str = "cpu", threads: int = 0) -> None:
        self.proto = proto
        self._session = start(proto, provider=provider, threads=threads)
        info = proto.graph.input[0]
        self._feed = info.name
        dims = info.type.tensor_type.shape.dim
        self.n_features = int(dims[1].dim_value)
        double = info.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
        self._dtype = np.dtype(np.float64 if double else np.float32)

    def __call__(self, x: npt.ArrayLike) -> DerivativeValues:
        """∂f_c/∂x_i, ∂²f_c/∂x_i∂x_j, … at x (B, n).

        Raises DataError for another shape, and for numbers that the graph's format cannot hold.
        """
        given = np.asarray(x)
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(given, dtype=self._dtype)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise DataError(f"x has shape {rows.shape}: (events, {self.n_features}) is needed")
        beyond = np.isinf(rows) & np.isfinite(given)
        if beyond.any():
            k, i = (int(v) for v in np.argwhere(beyond)[0])
            most = np.finfo(np.float64 if self._dtype == np.float64 else np.float32).max
            raise DataError(
                f"x[{k}, {i}] is {given[k, i]:.6g}: the graph computes in {self._dtype}, which"
                f" holds no more than {most:.6g}"
            )
        try:
            found = self._session.run(None, {self._feed: rows})
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        values = DerivativeValues(*found[:3], *([None] * (3 - len(found))))
        values.third = found[3] if len(found) > 3 else None
        return values

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the derivative graph as an ONNX file, whole or not at all. Raises ResultError."""
        write_whole(path, self.proto.SerializeToString())


def differentiate(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto,
    *,
    order: int = 2,
    input: str | Sequence[str] | None = None,
    output: str | Sequence[str] | None = None,
    fix: Mapping[str, npt.ArrayLike] | None = None,
    link: str = "identity",
    n_features: int | None = None,
    provider: str = "auto",
    threads: int = 0,
) -> Derivatives:
    """Compiles a model's graph into the graph of its derivatives up to an order.

    H_c = Σ_k Jᵀ (ā_ck · D²φ_k) J over the nodes φ_k that are not linear, with J the Jacobian of
    their inputs and ā_ck the derivative of response c by their outputs.

    ``order`` is 1, 2 or 3; ``n_features`` is needed where the model takes any number; the others
    are those of ``analyze``. Raises ModelError, naming the operator and node, where an operator on
    the way from features to responses has no rule.
    """
    check_order(order)
    loaded = read_model(model)
    request = ModelRequest.of(input, output, fix, link)
    n = choose(loaded, request).n_features or n_features
    if n is None:
        raise OptionError("the model takes any number of features: say how many with n_features")
    # stand-ins for events: what is probed and observed are shapes and agreement, not values
    x = np.random.default_rng(0).normal(size=(8, n))
    chosen = choose_provider(provider)
    opened = open_model(loaded, request, x, provider=chosen)
    try:
        graph = derive(opened.function, MultiIndices.full(n, order), x)
    except ModelError as error:
        raise ModelError(f"{printable(loaded.path)}: no exact derivatives: {error}") from None
    return Derivatives(export(graph), provider=chosen, threads=threads)
