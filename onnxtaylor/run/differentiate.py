"""Value and derivatives of a model as a function, and as a file that runs anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

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
from onnxtaylor.errors import DataError, ModelError, OptionError
from onnxtaylor.files.whole import write_whole
from onnxtaylor.graph import choose, read_model
from onnxtaylor.options import EngineOptions, ModelOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.options.model import DerivativeOptions
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import refuse_beside_problem
from onnxtaylor.runtime.reason import reason
from onnxtaylor.runtime.session import start

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import DifferentiateKeywords

__all__ = ["DerivativeValues", "Derivatives", "differentiate", "differentiate_problem"]


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
    ``third``, up to the given order. ``note`` is one line on the data at which the model was
    probed; ``warnings`` are remarks on the model, such as that onnxruntime's default options change
    its response.

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
        self._proto = export(graph)
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

    @property
    def proto(self) -> onnx.ModelProto:
        """The derivative graph."""
        return self._proto

    def __repr__(self) -> str:
        """Returns the shapes of a call's argument and results."""
        names = ", ".join(output.name for output in self.proto.graph.output)
        n = self.n_features
        return f"Derivatives of {n} features: called on x (events, {n}) it gives {names}"

    def __call__(self, x: npt.ArrayLike) -> DerivativeValues:
        """Evaluates ∂f_c/∂x_i, ∂²f_c/∂x_i∂x_j, … at x (B, n).

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

    def __call__(self, x: npt.ArrayLike) -> DerivativeValues:
        """Evaluates value and derivatives at x (B, n + m).

        Raises DataError for another shape, ModelError, with the size, where one cannot be
        differentiated.
        """
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


@with_options("differentiate")
def differentiate(
    model: ModelSource | Problem, **options: Unpack[DifferentiateKeywords]
) -> Derivatives:
    """Compiles a model's graph into the graph of its derivatives up to an order.

    H_c = Σ_k Jᵀ (ā_ck · D²φ_k) J over the nodes φ_k that are not linear, with J the Jacobian of
    their inputs and ā_ck the derivative of response c by their outputs.

    Parameters
    ----------
    model
        An ONNX file, its bytes, or an ``onnx.ModelProto``, which is probed at random numbers; or a
        ``Problem``.
    **options
        Inputs and responses of the model, and how the graph is run. Of a ``Problem`` only the
        latter can be chosen.

    Raises
    ------
    ModelError
        An operator on the way from features to responses has no rule: operator and node are named.
    OptionError
        An argument makes no sense, or ``n_features`` is needed.
    """
    of_model, own, of_engine = read_keywords(
        "differentiate", options, ModelOptions, DerivativeOptions, EngineOptions
    )
    if isinstance(model, Problem):
        refuse_beside_problem(None, options)
        return differentiate_problem(model, of_engine)
    loaded = read_model(model)
    if not (choose(loaded, of_model).n_features or own.n_features):
        raise OptionError(
            "the model takes any number of features: give their number with n_features=…"
        )
    problem = Problem.open_without_data(
        loaded, of_model, n_features=own.n_features, provider=of_engine.provider
    )
    return differentiate_problem(problem, of_engine)


def differentiate_problem(problem: Problem, options: EngineOptions) -> Derivatives:
    """Compiles the derivatives of a problem's function, of ``options`` by order and threads.

    Raises as ``differentiate`` does.
    """
    if problem.buckets is not None:
        return DerivativesBySize(
            problem, lambda one: differentiate_problem(one, options), order=options.order
        )
    function, x = problem.function, problem.first_events
    try:
        indices = function.indices(options.order)
        # what is observed at x are shapes; the branch that is not taken may have no finite slope
        graph = derive(function, indices, x, joints=True, strong=None)
        exact = graph
        if graph.strong:
            exact = derive(function, indices, x, joints=True)
    except ModelError as error:
        raise ModelError(f"no exact derivatives: {error}").located(problem.model.path) from None

    def sides() -> TwoSidedLimits:
        return make_two_sided_limits(
            function, indices, x, provider=problem.provider, threads=options.threads
        )

    return Derivatives(
        graph,
        exact,
        sides,
        provider=problem.provider,
        threads=options.threads,
        note=problem.stand_ins,
        plain=function.plain,
        warnings=tuple(notice.message for notice in problem.notices),
    )
