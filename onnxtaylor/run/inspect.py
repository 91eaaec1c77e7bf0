"""A report of what a model offers and what an analysis would do with it."""

from __future__ import annotations

import time
from collections import Counter

from onnxtaylor.engine.beside_trees import refuse_trees
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.mixed import divide
from onnxtaylor.errors import ModelError, OnnxTaylorError, join_names, printable
from onnxtaylor.graph import LoadedModel, input_ports, output_ports, read_model
from onnxtaylor.graph.function import select_responses
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.options.process import ProcessOptions, require_isolated
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.events import Events, feature_names_of
from onnxtaylor.problem.roles import list_roles
from onnxtaylor.problem.standins import NOT_FINITE
from onnxtaylor.run.isolation import isolate
from onnxtaylor.run.plan import plan_problem

__all__ = ["inspect_model", "inspect_problem"]

FEW = 6  # features of a specification that are named
MOST_RESPONSES = 2**10  # that are looked at one by one
PROBES = ("an event alone = in a batch", "twice the same", "finite")


def inspect_model(
    model: ModelSource,
    data: Events | None = None,
    model_options: ModelOptions | None = None,
    data_options: DataOptions | None = None,
    *,
    cost: bool = False,
    isolated: bool = False,
    timeout: float | None = None,
    opening_time: float | None = None,
    opening_memory: str | None = None,
) -> dict[str, object]:
    """Reports what a model offers, and what an analysis would do with it.

    Returns names with texts or lists of texts; ``problem`` is None, or one line that says why the
    rest is left out. With ``cost`` and data, a short measurement says how long an analysis of each
    order takes. Without data the model is probed at random numbers. Raises ModelError for a
    file that is no model at all.

    With ``isolated`` the model is opened in another process, for which the limits ``timeout``,
    ``opening_time`` and ``opening_memory`` hold, see ``onnxtaylor.options.process``: WorkerError is
    raised where it crashes or exceeds one. It is no sandbox.
    """
    limits = ProcessOptions(
        timeout=timeout, opening_time=opening_time, opening_memory=opening_memory
    )
    if isolated:
        found: dict[str, object] = isolate(
            f"{__name__}:inspect_model",
            model,
            data,
            model_options,
            data_options,
            cost=cost,
            limits=limits,
        )
        return found
    require_isolated(limits)
    begin = time.perf_counter()
    loaded = read_model(model)
    report = _file(loaded)
    by_class = data_options is not None and data_options.files_by_class is not None
    try:
        if data is None and not by_class:
            problem = Problem.open_without_data(loaded, model_options, provider="cpu")
        else:
            problem = Problem.open(loaded, data, model_options, data_options, provider="cpu")
        report |= inspect_problem(problem)
        if cost and not problem.stand_ins:
            opened = time.perf_counter() - begin
            report["cost"] = plan_problem(problem, opened=opened).lines()
    except OnnxTaylorError as error:
        return {**report, "problem": str(error)}
    return {**report, "problem": None}


def inspect_problem(problem: Problem) -> dict[str, object]:
    """Reports data, function and engine of a problem: names with texts or lists of texts."""
    report: dict[str, object] = {}
    probes = "; ".join(PROBES)
    if problem.stand_ins:
        finite = problem.stand_ins != NOT_FINITE
        probes = f"{'; '.join(PROBES if finite else PROBES[:-1])} ({problem.stand_ins})"
    else:
        survey = problem.survey
        report["events"] = f"{survey.events}, Σw = {survey.sum_weight:.6g}"
        if survey.classes:
            report["classes"] = [
                f"{name}: {c.events} events, Σw = {c.sum_weight:.6g}"
                for name, c in survey.classes.items()
            ]
    return report | _opened(problem) | {"probes": probes}


def _file(model: LoadedModel) -> dict[str, object]:
    graph = model.proto.graph
    kinds = Counter(
        node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        for node in graph.node
    )
    return {
        "model": printable(model.path),
        "sha256": model.sha256,
        "producer": model.producer,
        "opset": ", ".join(f"{name} {number}" for name, number in model.opset.items()),
        "inputs": [f"{p.name} {p.type_name} {p.shape_text}" for p in input_ports(graph)],
        "outputs": [f"{p.name} {p.type_name} {p.shape_text}" for p in output_ports(graph)],
        "operators": ", ".join(
            f"{kind} ×{times}" if times > 1 else kind for kind, times in kinds.most_common()
        ),
    }


def _opened(problem: Problem) -> dict[str, object]:
    n = problem.function.n_varied
    names = problem.source.feature_names or feature_names_of(problem.model, problem.choice)
    names = problem.feature_names if names else None
    features = [f"{n}: " + ", ".join(map(printable, names))] if names else [str(n)]
    if names and problem.choice.specification is not None:  # the roles say which they are
        features = [f"{n}: {join_names(list(names), FEW)}"]
    return {
        "features": features,
        "responses": ", ".join(map(printable, problem.response_names)),
        "other outputs": ", ".join(map(printable, problem.choice.others)) or "none",
        "roles": [str(role) for role in list_roles(problem)],
        "precision": problem.function.precision,
        "batch": problem.batch,
        "engine": _engine(problem),
        "coefficients": f"{count(n, 1)} of first order, {count(n, 2)} up to second",
        **({"warnings": [notice.message for notice in problem.notices]} if problem.notices else {}),
    }


def _engine(problem: Problem) -> str | list[str]:
    """Lines on the engine that ``auto`` chooses, and why; two lines where it chooses both."""
    if problem.buckets is not None:
        problem = problem.of_size(problem.buckets.usual)
    function, names, x = problem.function, problem.response_names, problem.first_events
    # second order of one feature and one response: every rule is asked, and the graph stays small
    one = function if function.fixed_batch else select_responses(function, [0])
    try:
        derive(one, MultiIndices.of(function.n_features, [(0,), (0, 0)]), x)
    except ModelError as error:
        refuse_trees(function, problem.model.path)
        division = divide(function, x) if len(names) <= MOST_RESPONSES else None
        if division is None:
            return f"differences: {error}"
        exact = ", ".join(printable(names[c]) for c in division.columns)
        return [f"exact: {exact}", f"differences: {division.why(names)}"]
    return "exact: every operator on the way has a rule"
