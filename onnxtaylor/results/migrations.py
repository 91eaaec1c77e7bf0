"""Converts documents of earlier versions to the present form.

A migration changes a document of one schema in place. It runs before the document is validated, so
it must leave alone what it does not recognize: a damaged document is refused afterwards.

Where a format gets a new number, the last migration of the old one writes the new name into
``schema``; those of the new one follow. The schemas of a number stay as they are published: what
they let a document leave out, a migration fills in, so that no other code meets the older form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["MIGRATIONS", "migrate"]

Document = dict[str, Any]


def migrate(document: Document) -> None:
    """Converts a document to the present form of its kind, in place."""
    done: set[str] = set()
    while isinstance(schema := document.get("schema"), str) and schema not in done:
        done.add(schema)
        for step in MIGRATIONS.get(schema, ()):
            step(document)


def add_method(document: Document) -> None:
    """Fills in what results did not have before finite steps: method, warnings, error bounds.

    Development versions of 0.1.0 wrote derivatives of one engine, and later the bounds of their
    numerical errors.
    """
    rows = list(_objects(document.get("coefficients")))
    if {"method", "warnings"} & set(document) or any("method" in row for row in rows):
        return
    document |= {"method": "derivative", "warnings": []}
    for row in rows:
        row["method"] = "derivative"
        row.setdefault("numerical_error", None)


def add_nodes(document: Document) -> None:
    """Fills in the nodes of the model's outputs, which earlier results do not know."""
    for model in _objects([document.get("model")]):
        model.setdefault("nodes", [])


def add_joints(document: Document) -> None:
    """Fills in the coefficients that do not exist at many events: earlier checks found none."""
    for check in _objects([document.get("check")]):
        check.setdefault("joints", [])


def add_directions(document: Document) -> None:
    """Fills in that all coefficients were compared, as earlier checks did."""
    for check in _objects([document.get("check")]):
        check.setdefault("directions", None)


def list_baselines(document: Document) -> None:
    """Makes a list of the baseline of an audit, which was one file or null.

    The first audits did not have the warnings of the analysis either.
    """
    baseline = document.get("baseline", [])
    if isinstance(baseline, list):
        return
    document["baseline"] = [] if baseline is None else [baseline]
    document.setdefault("warnings", [])


MIGRATIONS: dict[str, tuple[Callable[[Document], None], ...]] = {
    "onnxtaylor.result/1": (add_method, add_nodes, add_joints, add_directions),
    "onnxtaylor.audit/1": (list_baselines,),
}


def _objects(values: object) -> Iterator[Document]:
    """The JSON objects in a list; other items of a damaged document are ignored."""
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
