"""The saved form of a TaylorResult: writes its JSON document and reads it back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxtaylor.errors import ResultError, printable
from onnxtaylor.files.whole import write_all
from onnxtaylor.results.coefficient_file import (
    LARGE,
    LARGE_BYTES,
    CoefficientFile,
    companion,
    entry,
    parquet_bytes,
)
from onnxtaylor.results.consistency import (
    check_comparison,
    check_data,
    check_limits,
    check_ranks,
)
from onnxtaylor.results.documents import (
    DocumentKind,
    document_text,
    part,
    save_text,
    with_nulls,
)
from onnxtaylor.results.folds import fold_names, read_folds
from onnxtaylor.results.json_rows import (
    coefficient_texts,
    json_text,
    number_texts,
    row_texts,
)
from onnxtaylor.results.quantity import quantity_of
from onnxtaylor.results.rows import CoefficientRows
from onnxtaylor.results.summaries import DataSummary, ModelSummary, Notice

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "COLUMNS",
    "KIND",
    "NUMBERS",
    "SCHEMA",
    "columns_of",
    "fields_of",
    "result_text",
    "save_result",
]

SCHEMA = "onnxtaylor.result/1"
KIND = DocumentKind(SCHEMA, title="onnxtaylor result", name="result")
SAMPLE = 64  # rows that tell how large all of them are
NUMBERS = ("score", "sem", "numerical_error", "signed_mean", "rms", "rank", "rank_low", "rank_high")
COLUMNS = ("method", "output", "group", "order", "label", "features", *NUMBERS)


def columns_of(result: TaylorResult) -> tuple[str, ...]:
    """Names of the tidy columns; ``relation`` is one where pairs are told apart by it."""
    columns = (*COLUMNS, *fold_names(len(result.folds)))
    if result.indices.relation is None:
        return columns
    place = columns.index("features") + 1
    return (*columns[:place], "relation", *columns[place:])


def result_text(result: TaylorResult) -> str:
    """Returns the JSON document of a result, with all its rows."""
    return document_text(_head(result), {"coefficients": _rows(result)})


def save_result(result: TaylorResult, path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Writes the document, a large one with its coefficients in a file beside it.

    Returns the written files, which are written all or none. Raises ResultError.
    """
    target = Path(path)
    regular = target.is_file() or not target.exists()  # beside /dev/stdout there is no place
    if not _is_large(result) or not regular:
        save_text(target, result_text(result))
        return (target,)
    rows = companion(target)
    if rows.exists() and not target.exists():
        raise ResultError(
            f"{printable(rows)} exists without {printable(target)}: it may belong to a result of"
            " another name: save under another name, or delete it"
        )
    try:
        content = parquet_bytes(result.to_arrow())
    except UnicodeEncodeError:  # a name that is no Unicode, which JSON alone can hold
        save_text(target, result_text(result))
        return (target,)
    told = {"coefficients_file": entry(rows.name, content, result.score.size)}
    text = document_text(_head(result) | told, {"coefficients": ()})
    write_all({rows: content, target: text.encode(errors="backslashreplace")})
    return (target, rows)


def _is_large(result: TaylorResult) -> bool:
    """Whether the coefficients do not belong into the JSON document, by their number and size."""
    size, count = result.score.size, len(result.indices)
    if size > LARGE:
        return True
    some = range(0, count, -(-count // SAMPLE)) if count else range(0)
    texts = [len(json_text(with_nulls(result.row(0, 0, k))).encode()) for k in some]
    return bool(texts) and size * sum(texts) / len(texts) > LARGE_BYTES


def _head(result: TaylorResult) -> dict[str, Any]:
    """Returns what a document says besides its rows."""
    return {
        "schema": SCHEMA,
        "version": result.version,
        "method": result.method,
        "model": asdict(result.model),
        "data": result.data.to_document(),
        **({"folds": [asdict(fold) for fold in result.folds]} if result.folds else {}),
        "options": dict(result.options),
        "check": None if result.check is None else dict(result.check),
        "warnings": [asdict(notice) for notice in result.warnings],
    }


def _rows(result: TaylorResult) -> Iterator[str]:
    """Yields the JSON text of each row."""
    whose = coefficient_texts(result.indices, result.features)
    for c, output in enumerate(result.outputs):
        for g, group in enumerate(result.groups):
            place = {"method": result.method, "output": output, "group": group}
            yield from row_texts(
                {name: json_text(value) for name, value in place.items()}
                | whose
                | {
                    name: "null" if values is None else number_texts(values[c, g])
                    for name, values in result.numbers.items()
                },
                len(result.indices),
            )


def fields_of(document: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Returns the fields of the TaylorResult of a document that fits its schema.

    ``folder`` is that of the document's file, in which large results have their coefficients.
    Raises ValueError where the document contradicts itself: rows that are missing or out of order,
    names that it does not have, ranks against the order of the scores, and the like.
    """
    model = ModelSummary.from_document(document["model"])
    data = DataSummary.from_document(document["data"])
    check_data(data)
    check_comparison(document["check"])
    method = quantity_of(model.engine, document["options"]).method
    if document["method"] != method:
        raise ValueError(
            f"method must be '{method}' for the engine '{printable(model.engine)}' and its options,"
            f" got '{document['method']}'"
        )
    axes = {"output": model.output, "group": [group.name for group in data.groups]}
    rows: CoefficientRows | CoefficientFile
    if (told := document.get("coefficients_file")) is not None:
        columns = (*COLUMNS, *fold_names(len(document.get("folds", ()))))
        rows = CoefficientFile(folder, told, columns, axes, data.names, method)
    else:
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
        **read_folds(document, rows.column),
    }
    if (fields["rank_low"] is None) != (fields["rank_high"] is None):
        raise ValueError("coefficients must have both of rank_low and rank_high, or none")
    check_ranks(fields["score"], fields["rank"], fields["rank_low"], fields["rank_high"])
    check_limits(data, *(fields[name] for name in ("score", "sem", "signed_mean", "rms")))
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
