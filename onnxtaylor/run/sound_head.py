"""Whether what a file of sums says of its result fits the published schema, and its own arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.taylor_document import SCHEMA

__all__ = ["require_head"]

ROW = {
    **{"method": "derivative", "output": "", "group": "", "order": 1, "label": ""},
    **{"features": [""], "score": 0, "sem": 0, "numerical_error": None, "signed_mean": 0},
    **{"rms": 0, "rank": 1, "rank_low": None, "rank_high": None},
}
SUMS = {"events": 0, "sum_weight": 1, "n_eff": 0}


def require_head(document: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Checks the head of a result: everything but its numbers.

    Parameters
    ----------
    document
        What ``Head.to_document`` gives.
    arrays
        What ``Head.arrays`` gives.

    Raises
    ------
    KeyError
        Something is missing.
    ValueError
        A result would not fit its schema, or the coefficients are not those of its features.
    """
    from onnxtaylor.results.violations import violation  # its library: for readers alone

    kept = {name: document[name] for name in ("version", "model", "options", "check", "warnings")}
    # the numbers, which the sums give, stand for any
    whole = {
        **kept,
        "schema": SCHEMA,
        "method": "derivative",
        "data": {**document["data"], **SUMS, "groups": [{"name": "all", **SUMS}]},
        "coefficients": [ROW],
    }
    if problem := violation(whole, SCHEMA):
        raise ValueError(problem)
    names = document["data"].get("variables") or document["data"]["features"]
    if document["n_features"] != len(names):
        raise ValueError(f"n_features must be {len(names)}, got {document['n_features']}")
    ranked = document["ranked"]
    if not (isinstance(ranked, list) and all(isinstance(name, str) for name in ranked)):
        raise ValueError("ranked must be a list of names")
    if len(ranked) != len(names):
        raise ValueError(f"ranked must have {len(names)} names, got {len(ranked)}")
    _require_indices(len(names), arrays)


def _require_indices(n_features: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raises ValueError for coefficients that do not exist, or are out of order."""
    table, relation, factors = (arrays.get(key) for key in ("indices", "relation", "factors"))
    if table is None or table.dtype.kind != "i" or table.ndim != 2 or not table.shape[0]:
        raise ValueError("its coefficients are no table of whole numbers")
    count, order = table.shape
    rising = ((np.diff(table, axis=1) >= 0) | (table[:, 1:] < 0)).all()
    inside = ((table >= -1) & (table < n_features)).all() and (table[:, 0] >= 0).all()
    if not (1 <= order <= 3 and rising and inside):
        raise ValueError("its coefficients are not those of its features")
    for name, array, kind in (("relation", relation, "i"), ("factors", factors, "f")):
        if array is not None and (array.shape != (count,) or array.dtype.kind != kind):
            raise ValueError(f"{name} must have one number for each coefficient")
    if relation is not None and not ((relation >= 0) & (relation < 3)).all():
        raise ValueError("relation must be 0, 1 or 2")
    if factors is not None and not np.isfinite(factors).all():
        raise ValueError("factors must be finite")
    ordered = MultiIndices(n_features, table, relation).in_order()
    if not np.array_equal(ordered.table, table):
        raise ValueError("its coefficients are out of order, or one is there twice")
