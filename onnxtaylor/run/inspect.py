"""What a model offers and what an analysis would do with it, as plain text and numbers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import survey
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.mixed import divide
from onnxtaylor.errors import ModelError, OnnxTaylorError, printable
from onnxtaylor.graph import (
    LoadedModel,
    ModelRequest,
    build_function,
    choose,
    input_ports,
    output_ports,
    read_model,
)
from onnxtaylor.graph.function import select_responses
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.options.analysis import DataRequest
from onnxtaylor.problem.events import feature_names_of, open_data
from onnxtaylor.problem.opening import OpenModel, open_model
from onnxtaylor.problem.rounding import require_held
from onnxtaylor.problem.standins import open_without_data

__all__ = ["inspect_model"]

Floats = npt.NDArray[np.float64]
MOST_RESPONSES = 2**10  # that are looked at one by one
PROBES = ("an event alone = in a batch", "twice the same", "finite")


def inspect_model(
    path: str | os.PathLike[str],
    data: Sequence[str | os.PathLike[str]],
    request: ModelRequest,
    wanted: DataRequest,
    *,
    missing: float | None = None,
) -> dict[str, object]:
    """A report of names to texts or lists of texts; ``problem`` is None or one line.

    What cannot be told because of a problem is left out. Raises ModelError for a file that is no
    model at all.
    """
    model = read_model(path)
    report = _file(model)
    problem = None
    try:
        report |= _function(model, data, request, wanted, missing)
    except OnnxTaylorError as error:
        problem = str(error)
    return {**report, "problem": problem}


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


def _function(
    model: LoadedModel,
    data: Sequence[str | os.PathLike[str]],
    request: ModelRequest,
    wanted: DataRequest,
    missing: float | None,
) -> dict[str, object]:
    report: dict[str, object] = {}
    if data:
        source = open_data(model, request, list(data), wanted, missing=missing)
        found = survey(source, missing=missing)
        require_held(model, request, source, found)
        x = next(iter(source.batches(64))).x
        report["events"] = f"{found.events}, Σw = {found.sum_weight:.6g}"
        if found.classes:
            report["classes"] = [
                f"{name}: {c.events} events, Σw = {c.sum_weight:.6g}"
                for name, c in found.classes.items()
            ]
        names = source.feature_names
    else:
        n = choose(model, request).n_features
        if n is None:
            # raises the line that says which size is free
            build_function(model, choose(model, request))
        found_at = open_without_data(model, request, n or 1)
        names = feature_names_of(model, found_at.opened.choice)
        probes = PROBES if found_at.finite else PROBES[:-1]
        said = f"{'; '.join(probes)} ({found_at.note})"
        return _opened(found_at.opened, found_at.x, names) | {"probes": said}
    opened = open_model(model, request, x)
    names = names or feature_names_of(model, opened.choice)
    return report | _opened(opened, x, names) | {"probes": "; ".join(PROBES)}


def _opened(opened: OpenModel, x: Floats, names: Sequence[str] | None) -> dict[str, object]:
    n = opened.function.n_features
    features = [f"{n}: " + ", ".join(map(printable, names))] if names else [str(n)]
    return {
        "features": features,
        "responses": ", ".join(map(printable, opened.response_names)),
        "other outputs": ", ".join(map(printable, opened.choice.others)) or "none",
        "held inputs": ", ".join(
            f"{printable(p.name)} = {v.tolist()}" for p, v in opened.choice.held
        )
        or "none",
        "precision": opened.function.precision,
        "batch": opened.batch,
        "engine": _engine(opened, x),
        "coefficients": f"{count(n, 1)} of first order, {count(n, 2)} up to second",
        **({"warnings": [note.message for note in opened.notes]} if opened.notes else {}),
    }


def _engine(opened: OpenModel, x: Floats) -> str | list[str]:
    """The engine that ``auto`` takes, and why; a line for each engine where it takes both."""
    function, names = opened.function, opened.response_names
    # second order of one feature and one response: every rule is asked, and the graph stays small
    one = function if function.fixed_batch else select_responses(function, [0])
    try:
        derive(one, MultiIndices.of(function.n_features, [(0,), (0, 0)]), x)
    except ModelError as error:
        division = divide(function, x) if len(names) <= MOST_RESPONSES else None
        if division is None:
            return f"differences: {error}"
        exact = ", ".join(printable(names[c]) for c in division.columns)
        return [f"exact: {exact}", f"differences: {division.why(names)}"]
    return "exact: every operator on the way has a rule"
