"""Value and derivatives of a model as a function, and as a file that runs anywhere."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from onnxtaylor.compiler.row_inputs import RowInputs
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.limit_graph import make_two_sided_limits
from onnxtaylor.engine.exact.two_sided import TwoSidedLimits
from onnxtaylor.errors import ModelError, OptionError
from onnxtaylor.graph import InputData, choose, read_model
from onnxtaylor.options import EngineOptions, ModelOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.options.model import DerivativeOptions
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import refuse_beside_problem
from onnxtaylor.problem.fed_inputs import present_without_data
from onnxtaylor.problem.whole_numbers import whole_rows_of
from onnxtaylor.run.derivatives import Derivatives, DerivativeValues
from onnxtaylor.run.derivatives_by_size import DerivativesBySize

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import DifferentiateKeywords

__all__ = ["DerivativeValues", "Derivatives", "differentiate", "differentiate_problem"]


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
    inputs = InputData(present=present_without_data(loaded))
    if not (choose(loaded, of_model, data=inputs).n_features or own.n_features):
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
