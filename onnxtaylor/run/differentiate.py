"""Value and derivatives of a model as a function, and as a file that runs anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.compiler import DerivativeGraph
from onnxtaylor.compiler.export import arrays_of, export, terms_of
from onnxtaylor.compiler.joints import JOINT_EVENTS
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.engine.exact.limit_graph import make_two_sided_limits
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.errors import DataError, ModelError, OptionError, printable
from onnxtaylor.files.whole import write_whole
from onnxtaylor.graph import ModelRequest, choose, read_model
from onnxtaylor.indices import MultiIndices, check_order
from onnxtaylor.problem.standins import open_without_data
from onnxtaylor.runtime.provider import choose_provider
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start

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
    ``third``, up to the order asked for. ``note`` says in one line at what the model was probed,
    ``warnings`` what a user must know of the model, such as that its response is another one where
    onnxruntime runs it with its default options.

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
    ) -> None:
        self.proto = export(graph)
        self.note, self.warnings = note, warnings
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

    def __repr__(self) -> str:
        """What a call takes and gives."""
        names = ", ".join(output.name for output in self.proto.graph.output)
        n = self.n_features
        return f"Derivatives of {n} features: called on x (events, {n}) it gives {names}"

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
            answers = self._session.run(self._names, {self._feed: rows})
        except Exception as error:
            raise ModelError(f"the derivative graph fails: {reason(error)}") from None
        odd = np.zeros(len(rows), np.bool_)
        if self._names[-1] == JOINT_EVENTS:
            odd = answers.pop()[:, 0] > 0
        value, *found = answers
        for array in found:
            odd |= ~np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        self._settle(rows, found, odd)
        values = DerivativeValues(value, *found[:2], *([None] * (2 - len(found))))
        values.third = found[2] if len(found) > 2 else None
        return values

    def _settle(
        self, rows: npt.NDArray[Any], found: list[npt.NDArray[Any]], odd: npt.NDArray[np.bool_]
    ) -> None:
        """Puts the limits of both sides into the derivatives of ``odd`` events."""
        if not odd.any():
            return
        terms = terms_of([array[odd] for array in found], self._indices)
        self._limits.take(rows[odd].astype(np.float64), terms, np.ones(len(terms), np.bool_))
        for array, limit in zip(found, arrays_of(terms, self._indices), strict=True):
            array[odd] = limit

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
        raise OptionError(
            "the model takes any number of features: say how many with n_features (--n-features N)"
        )
    chosen = choose_provider(provider)
    # what is probed and observed are shapes and agreement, not values
    found = open_without_data(loaded, request, n, provider=chosen)
    try:
        # the branch that is not taken may have no finite slope
        indices = MultiIndices.full(n, order)
        graph = derive(found.opened.function, indices, found.x, joints=True, strong=None)
        exact = graph
        if graph.strong:
            exact = derive(found.opened.function, indices, found.x, joints=True)
    except ModelError as error:
        raise ModelError(f"{printable(loaded.path)}: no exact derivatives: {error}") from None

    def sides() -> TwoSidedLimits:
        return make_two_sided_limits(
            found.opened.function, indices, found.x, provider=chosen, threads=threads
        )

    return Derivatives(
        graph,
        exact,
        sides,
        provider=chosen,
        threads=threads,
        note=found.note,
        plain=found.opened.function.plain,
        warnings=tuple(note.message for note in found.opened.notes),
    )
