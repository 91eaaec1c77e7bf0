"""The JSON document of a comparison, its rows made column by column."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxtaylor.results.documents import document_text
from onnxtaylor.results.json_rows import (
    Column,
    coefficient_texts,
    number_texts,
    row_texts,
    text_texts,
)

if TYPE_CHECKING:
    from onnxtaylor.comparison.moved import Comparison

__all__ = ["SCHEMA", "comparison_head", "comparison_text"]

SCHEMA = "onnxtaylor.comparison/1"


def comparison_head(comparison: Comparison) -> dict[str, Any]:
    """Returns what the document says besides its rows."""
    return {
        "schema": SCHEMA,
        "version": comparison.b.version,
        "passed": comparison.passed,
        "paired": comparison.paired,
        "significance": comparison.significance,
        "least": comparison.least,
        "notes": list(comparison.shared.notes),
        **{
            side: {"model": asdict(result.model), "events": result.data.events}
            for side, result in (("a", comparison.a), ("b", comparison.b))
        },
        "responses": [asdict(r) for r in comparison.responses],
    }


def comparison_text(comparison: Comparison) -> str:
    """Returns the document, with all rows, the most significant first."""
    shared = comparison.shared
    places = comparison.by_significance()
    c, g, k = np.unravel_index(places, comparison.change.shape)
    texts: dict[str, Column] = {
        "output": text_texts([name for name, _ in shared.outputs], c),
        "output_b": text_texts([name for _, name in shared.outputs], c),
        "group": text_texts(shared.groups, g),
    }
    for name, column in coefficient_texts(shared.indices, shared.features).items():
        texts[name] = column.take(k)
    for name, values in comparison.numbers(c, g, k).items():
        texts[name] = "null" if values is None else number_texts(values)
    return document_text(comparison_head(comparison), {"coefficients": row_texts(texts, len(c))})
