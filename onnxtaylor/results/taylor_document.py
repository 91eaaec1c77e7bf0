"""The saved form of a TaylorResult: writes its JSON document and reads it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import printable
from onnxtaylor.results.documents import DocumentKind, document_text, part, with_nulls
from onnxtaylor.results.quantity import quantity_of
from onnxtaylor.results.rows import CoefficientRows, check_ranks
from onnxtaylor.results.summaries import DataSummary, ModelSummary, Notice

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["COLUMNS", "KIND", "SCHEMA", "columns_of", "fields_of", "result_text"]

SCHEMA = "onnxtaylor.result/1"
KIND = DocumentKind(SCHEMA, title="onnxtaylor result", name="result")
COLUMNS = (
    *("method", "output", "group", "order", "label", "features"),
    *("score", "sem", "numerical_error", "signed_mean", "rms", "rank", "rank_low", "rank_high"),
)


def columns_of(result: TaylorResult) -> tuple[str, ...]:
    """Names of the tidy columns; ``relation`` is one where pairs are told apart by it."""
    if result.indices.relation is None:
        return COLUMNS
    place = COLUMNS.index("features") + 1
    return (*COLUMNS[:place], "relation", *COLUMNS[place:])


def result_text(result: TaylorResult) -> str:
    """Returns the JSON document of a result."""
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "version": result.version,
        "method": result.method,
        "model": asdict(result.model),
        "data": result.data.to_document(),
        "options": dict(result.options),
        "check": None if result.check is None else dict(result.check),
        "warnings": [asdict(notice) for notice in result.warnings],
    }
    return document_text(head, {"coefficients": map(with_nulls, result.rows())})


def fields_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of the TaylorResult of a document that fits its schema.

    Raises ValueError where the document contradicts itself: rows that are missing or out of order,
    names that it does not have, ranks against the order of the scores, and the like.
    """
    model = ModelSummary.from_document(document["model"])
    data = DataSummary.from_document(document["data"])
    method = quantity_of(model.engine, document["options"]).method
    if document["method"] != method:
        raise ValueError(
            f"method must be '{method}' for the engine '{printable(model.engine)}' and its options,"
            f" got '{document['method']}'"
        )
    axes = {"output": model.output, "group": [group.name for group in data.groups]}
    rows = CoefficientRows(document["coefficients"], axes, data.names, {"method": method})
    fields: dict[str, Any] = {
        "model": model,
        "data": data,
        "options": document["options"],
        "indices": rows.indices,
        **{name: rows.column(name, float) for name in ("score", "sem", "signed_mean", "rms")},
        "rank": rows.column("rank", int),
        "rank_low": rows.all_or_none("rank_low", int),
        "rank_high": rows.all_or_none("rank_high", int),
        "check": document["check"],
        "numerical_error": rows.column("numerical_error", float)
        if rows.has("numerical_error")
        else None,
        "version": document["version"],
        "warnings": tuple(part(Notice, row) for row in document["warnings"]),
    }
    check_ranks(fields["score"], fields["rank"], fields["rank_low"], fields["rank_high"])
    _check_lengths(document["options"], len(data.features))
    return fields


def _check_lengths(options: Mapping[str, Any], n_features: int) -> None:
    """Raises ValueError where the number of an engine's steps is not the number of features."""
    lists = {f"options.steps[{k}]": steps for k, steps in enumerate(options.get("steps", ()))}
    for name in ("finite_step", "curvature_step"):
        if moves := options.get(name):
            lists[f"options.{name}.steps"] = moves["steps"]
    for place, steps in lists.items():
        if len(steps) != n_features:
            raise ValueError(
                f"{place} must have a step for each of {n_features} features, got {len(steps)}"
            )
