"""Origin of a result: model, data, options and features, as terms and their values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.views.tables import folds_words, pairs_words, reduction_words

__all__ = ["features", "groups", "method_sentences", "provenance"]

# told elsewhere on the page, or of no interest where they are empty
TOLD = (
    *("finite_step", "piecewise_linear", "no_exact_engine", "no_float64"),
    "pairs",
    *("curvature", "curvature_reason", "curvature_step", "by", "reduction"),
)

THIRD = 3  # order
FEATURES = 1000  # rows of the table of features
LONG = 120  # letters of an option: differences tell the step of each feature


def provenance(result: TaylorResult) -> dict[str, list[tuple[str, str]]]:
    """Sections of the page, each a list of (term, value)."""
    model, data = result.model, result.data
    return {
        "Model": [
            ("File", model.path),
            ("SHA-256", model.sha256),
            ("Producer", model.producer or "unknown"),
            ("Operator sets", ", ".join(f"{k or 'ai.onnx'} {v}" for k, v in model.opset.items())),
            ("Responses", ", ".join(_responses(result))),
        ],
        "Data": [
            ("Sources", ", ".join(data.sources) or "an array in memory"),
            ("Events", str(data.events)),
            ("Σw", f"{data.sum_weight:.6g}"),
            ("N_eff = (Σw)²/Σw²", f"{data.n_eff:.6g}"),
        ],
        "Run": [
            ("Engine", f"{model.engine} in {model.precision} on {model.provider}"),
            ("Result written by", f"onnxtaylor {result.version or 'of unknown version'}"),
            *_options(result),
        ],
    }


def _responses(result: TaylorResult) -> Iterator[str]:
    """Names of the responses, each with its node of the model where the user named it otherwise."""
    nodes = {node.name: node.node for node in result.nodes}
    for name in result.outputs:
        yield name if nodes[name] in ("", name) else f"{name} = {nodes[name]}"


def method_sentences(result: TaylorResult) -> Iterator[str]:
    """Sentences about the way the numbers were computed."""
    options = result.options
    if words := reduction_words(result):
        yield f"{words[0].upper()}{words[1:]}."
    if words := pairs_words(result):
        yield f"{words[0].upper()}{words[1:]}."
    if options.get("where"):
        yield f"Only events at which {options['where']}."
    if words := folds_words(result):
        yield f"{words}."
    if options.get("no_exact_engine"):
        yield f"No exact derivatives: {options['no_exact_engine']}."
    if options.get("no_float64"):
        yield f"Not in float64: {options['no_float64']}."
    remark, reason = result.quantity.remark, options.get("curvature_reason")
    if remark:
        yield f"Second order is {remark}{f': {reason}' if reason else ''}."
        yield from _not_moved(options.get("curvature_step"))
    elif sentence := _unseen_kinks(options, reason):
        yield sentence
    reached = [(f.kinks, f.name) for f in result.data.features if f.kinks]
    if reached:
        share, name = max(reached)
        yield (
            f"Kinks lie within reach of the stencil along {len(reached)} of the features,"
            f" most often along {name}: at {100 * share:.2g} % of the events."
        )
    told = options.get("finite_step")
    if isinstance(told, dict):
        asked = dict(told.get("asked") or {})
        others = "all others" if len(asked) > 1 else "all"
        steps = ", ".join(f"{others if k == '*' else k} by {v}" for k, v in asked.items())
        yield f"Finite-step responses are no derivatives. Steps: {steps}."
        yield from _not_moved(told)


def _unseen_kinks(options: Mapping[str, Any], reason: str | None) -> str:
    """Says that second order is pointwise where a graph has kinks, else nothing."""
    kinks = options.get("piecewise_linear")
    if not isinstance(kinks, dict) or not kinks or options.get("order") == 1:
        return ""
    which = ", ".join(f"{kind} ×{count}" for kind, count in kinks.items())
    if options.get("order") == THIRD:
        return f"Second and third order are pointwise: they do not see the kinks of {which}."
    if reason:
        return f"Second order is pointwise: {reason}."
    return f"Second order is pointwise: it leaves out what bends at the kinks of {which}."


def _not_moved(steps: Any) -> Iterator[str]:
    """Sentences about features that moved by whole steps, or not at all."""
    if isinstance(steps, dict):
        if steps.get("whole"):
            yield f"By whole steps, inside the range of the data: {', '.join(steps['whole'])}."
        for name, why in (steps.get("not_moved") or {}).items():
            yield f"{name} was not moved: {why}."


def features(result: TaylorResult) -> list[tuple[str, str, str, str, str, str]]:
    """Name, mean, σ, least and largest value, and number of missing values of each feature.

    Those of the first 1000; ``result.data`` has all.
    """
    return [
        (f.name, _number(f.mean), _number(f.std), _number(f.min), _number(f.max), str(f.missing))
        for f in result.data.features[:FEATURES]
    ]


def groups(result: TaylorResult) -> list[tuple[str, str, str, str]]:
    """Name, events, Σw and N_eff of each group."""
    return [
        (g.name, str(g.events), f"{g.sum_weight:.6g}", f"{g.n_eff:.6g}") for g in result.data.groups
    ]


def _options(result: TaylorResult) -> Iterator[tuple[str, str]]:
    for key, value in result.options.items():
        if key in TOLD or value is None or value == {}:
            continue
        yield key.replace("_", " ").capitalize(), _plain(value)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONG else f"{text[:LONG]}… (all of it is in the result)"


def _number(value: float) -> str:
    return f"{value:.4g}" if isfinite(value) else "–"
