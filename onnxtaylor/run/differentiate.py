"""Value and derivatives of a model as a function, and as a file that runs anywhere."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from onnxtaylor.compiler.product_file import ProductFile
from onnxtaylor.compiler.row_inputs import RowInputs
from onnxtaylor.compiler.vectors import Side
from onnxtaylor.engine.exact.derive import derive, derive_product, find_kinks
from onnxtaylor.engine.exact.limit_graph import make_two_sided_limits
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.errors import ModelError, OptionError, printable
from onnxtaylor.graph import InputData, choose, read_model
from onnxtaylor.graph.layout import lay_out, sizes_after_batch
from onnxtaylor.graph.ports import Port, output_ports
from onnxtaylor.options import EngineOptions, ModelOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.options.model import DerivativeOptions
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import refuse_beside_problem
from onnxtaylor.problem.fed_inputs import present_without_data
from onnxtaylor.problem.whole_numbers import whole_rows_of
from onnxtaylor.run.derivative_products import DerivativeProducts, ProductValues
from onnxtaylor.run.derivatives import Derivatives, DerivativeValues
from onnxtaylor.run.derivatives_by_size import DerivativesBySize

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import DifferentiateKeywords

__all__ = [
    "DerivativeProducts",
    "DerivativeValues",
    "Derivatives",
    "ProductValues",
    "differentiate",
    "differentiate_problem",
    "multiply_problem",
]


@overload
def differentiate(
    model: ModelSource | Problem,
    *,
    mode: Literal["full"] = "full",
    **options: Unpack[DifferentiateKeywords],
) -> Derivatives: ...
@overload
def differentiate(
    model: ModelSource | Problem,
    *,
    mode: Literal["jvp", "vjp", "hvp"],
    **options: Unpack[DifferentiateKeywords],
) -> DerivativeProducts: ...
@overload
def differentiate(
    model: ModelSource | Problem, *, mode: str, **options: Unpack[DifferentiateKeywords]
) -> Derivatives | DerivativeProducts: ...
@with_options("differentiate")
def differentiate(
    model: ModelSource | Problem,
    *,
    mode: str = "full",
    **options: Unpack[DifferentiateKeywords],
) -> Derivatives | DerivativeProducts:
    """Compiles a model's graph into the graph of its derivatives up to an order, or of products.

    H_c = Σ_k Jᵀ (ā_ck · D²φ_k) J over the nodes φ_k that are not linear, with J the Jacobian of
    their inputs and ā_ck the derivative of response c by their outputs.

    For solvers, controllers and the like, products with vectors cost a small multiple of the model
    itself, however many features it has: J v, Jᵀ u or Σ_c u_c H_c v, see ``DerivativeProducts``.

    Parameters
    ----------
    model
        An ONNX file, its bytes, or an ``onnx.ModelProto``, which is probed at random numbers; or a
        ``Problem``.
    mode
        ``full`` for ``Derivatives``, or ``jvp``, ``vjp`` or ``hvp`` for ``DerivativeProducts``.
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
        "differentiate",
        {"mode": mode, **options},
        ModelOptions,
        DerivativeOptions,
        EngineOptions,
    )
    if mode == "full" and own.names != "onnxtaylor":
        raise OptionError("is for the modes jvp, vjp and hvp", option="names")
    if isinstance(model, Problem):
        refuse_beside_problem(None, options)
        return _of_mode(model, own, of_engine)
    loaded = read_model(model)
    inputs = InputData(present=present_without_data(loaded))
    if not (choose(loaded, of_model, data=inputs).n_features or own.n_features):
        raise OptionError(
            "the model takes any number of features: give their number with n_features=…"
        )
    problem = Problem.open_without_data(
        loaded, of_model, n_features=own.n_features, provider=of_engine.provider
    )
    return _of_mode(problem, own, of_engine)


def _of_mode(
    problem: Problem, own: DerivativeOptions, options: EngineOptions
) -> Derivatives | DerivativeProducts:
    if own.mode == "full":
        return differentiate_problem(problem, options)
    return multiply_problem(problem, own.mode, options, casadi=own.names == "casadi")


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
        features = function.of_features(indices)
        graph, exact = (replace(one, indices=features) for one in (graph, exact))
    except ModelError as error:
        raise ModelError(f"no exact derivatives: {error}").located(problem.model.path) from None

    def sides() -> TwoSidedLimits:
        return make_two_sided_limits(
            function, indices, x, provider=problem.provider, threads=options.threads
        )

    own = None
    if not (
        problem.model_options.no_batch or problem.choice.holds_one_event
    ):  # there the graph has the batch that its inputs lack
        own = RowInputs(problem.choice.features, problem.choice.context, function.seed)
    return Derivatives(
        graph,
        exact,
        sides,
        provider=problem.provider,
        threads=options.threads,
        note=problem.stand_ins,
        plain=function.plain,
        warnings=tuple(notice.message for notice in problem.notices),
        own=own,
        rows=partial(whole_rows_of, problem.model, problem.choice, problem.model_options),
    )


def multiply_problem(
    problem: Problem, mode: str, options: EngineOptions, *, casadi: bool = False
) -> DerivativeProducts:
    """Compiles products of a problem's derivatives with vectors.

    Parameters
    ----------
    problem
        The problem.
    mode
        ``jvp``, ``vjp`` or ``hvp``.
    options
        Threads of the session.
    casadi
        Whether the file has CasADi's names and layout.

    Raises
    ------
    ModelError
        The graph cannot be differentiated, or a file of it cannot have the model's inputs.
    """
    path = problem.model.path
    if problem.buckets is not None or problem.choice.data.unfed:
        raise ModelError("sets of varying size have no single graph of products").located(path)
    function, x, choice = problem.function, problem.first_events, problem.choice
    own = RowInputs(choice.features, choice.context, function.seed)
    file = ProductFile(mode, own, *_sides(problem))
    try:
        graph = derive_product(function, mode, x)
        whole = graph
        if casadi and mode == "hvp":
            whole = derive_product(function, mode, x, by_adjoint=True)
        proto = file.write(whole, casadi=casadi)
    except ModelError as error:
        raise ModelError(f"no exact derivatives: {error}").located(path) from None
    return DerivativeProducts(
        mode,
        graph,
        proto,
        n_features=function.n_varied,
        provider=problem.provider,
        threads=options.threads,
        note=problem.stand_ins,
        plain=function.plain,
        warnings=tuple(notice.message for notice in problem.notices),
        kinks=find_kinks(function, x) if mode == "hvp" else None,
        rows=partial(whole_rows_of, problem.model, choice, problem.model_options),
    )


def _sides(problem: Problem) -> tuple[list[Side], Side | None]:
    """The inputs of features, and the output that is the response, if it is one as it stands."""
    function, choice = problem.function, problem.choice
    layout = lay_out(choice.features, printable(problem.model.path), function.n_varied)
    features = [Side(*pair) for pair in zip(choice.features, layout.sizes, strict=True)]
    named = {port.name: port for port in output_ports(problem.model.proto.graph)}
    port = named.get(choice.outputs[0])
    whole = len(choice.outputs) == 1 and choice.picks in ((), choice.outputs)
    if port is None or not whole or function.link != "identity" or not port.is_float:
        return features, None
    return features, _response(port, len(problem.response_names), features[0])


def _response(port: Port, size: int, feature: Side) -> Side | None:
    """An output of ``size`` numbers per event; None if its shape is not known."""
    if port.shape is None:
        return None
    sizes = port.shape if feature.is_batchless else sizes_after_batch(port)
    known = tuple(d for d in sizes if isinstance(d, int))
    side = Side(port, known)
    return side if len(known) == len(sizes) and side.size == size else None
