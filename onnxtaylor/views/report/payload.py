"""The numbers that the page's scripts show: small, rounded, and with names made inert."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError
from onnxtaylor.indices import RELATIONS
from onnxtaylor.results.quantity import noun_of
from onnxtaylor.results.ranking import class_groups, influential_count
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.text.abbreviation import shorten_all
from onnxtaylor.text.uncertainty import number_formats, plus_minus
from onnxtaylor.views.report.page import display_name, display_names
from onnxtaylor.views.tables import NO_SIGN

__all__ = ["FRACTION", "MATRIX", "payload", "units"]

ROWS = 40_000  # of all outputs and groups together: at 75 bytes a row 3 MB
LEAST = 50  # coefficients that are shown at least
MATRIX = 60  # features that a matrix shows at most
LENGTHS = (34, 30, 24, 18, 12)  # letters of a name where there is not room for all
FRACTION = 0.05  # the upper 5 % are called influential (arXiv:1803.08782)

Integers = npt.NDArray[np.int64]


def payload(result: TaylorResult) -> dict[str, Any]:
    """Returns the numbers of each output c and group g, as columns over the coefficients."""
    outputs, groups = range(len(result.outputs)), range(len(result.groups))
    kept = shown_coefficients(result)
    matrix = matrix_features(result)
    table = result.indices.table[kept]
    # names that no shown coefficient and no cell of the matrix has are left out
    used = np.unique(np.concatenate((table[table >= 0], matrix)))
    place = np.full(len(result.features) + 1, -1)
    place[used] = np.arange(len(used))
    return {
        "symbol": result.quantity.symbol,
        "units": units(result),
        "noun": noun_of(result.options),
        "features": (features := display_names([result.features[i] for i in used])),
        "short": {str(limit): shorten_all(features, limit) for limit in LENGTHS},
        "outputs": [response(result, c) for c in outputs],
        "groups": display_names(result.groups),
        "events": [g.events for g in result.data.groups],
        "own": own_groups(result),
        "alphas": [[i for i in alpha if i >= 0] for alpha in place[table].tolist()],
        **_relations(result, kept),
        "total": len(result.indices),
        "cut": influential_count(len(result.indices), FRACTION),
        "fraction": FRACTION,
        "matrix": place[matrix].tolist() if _has_order(result, 2) else None,
        "blocks": [[_block(result, c, g, kept) for g in groups] for c in outputs],
    }


def shown_coefficients(result: TaylorResult) -> Integers:
    """Positions of the coefficients that the page holds: all, or as many as ``ROWS`` allows.

    If not all: first order before the others, since it is compared over outputs, then the highest
    ranked of any output and group.
    """
    pairs, total = len(result.outputs) * len(result.groups), len(result.indices)
    room = max(LEAST, ROWS // pairs)
    if total <= room:
        return np.arange(total)
    best = result.rank.reshape(pairs, total).min(axis=0)
    urgent = np.where(result.indices.orders == 1, 0, best)
    return np.sort(np.argsort(urgent, kind="stable")[:room])


def matrix_features(result: TaylorResult) -> Integers:
    """Features of the matrix in the order of the input: all, or the best ranked of any output."""
    n = len(result.features)
    if n <= MATRIX:
        return np.arange(n)
    best = np.full(n, np.iinfo(np.int64).max)
    rank = result.rank.min(axis=(0, 1))
    for column in result.indices.table.T:
        here = column >= 0
        np.minimum.at(best, column[here], rank[here])
    return np.sort(np.argsort(best, kind="stable")[:MATRIX])


def own_groups(result: TaylorResult) -> list[int] | None:
    """The group of each output's own class, where outputs and classes match."""
    try:
        return [result.groups.index(group) for group in class_groups(result)]
    except OptionError:
        return None


def response(result: TaylorResult, c: int) -> str:
    """Name of an output, with its link if it has one."""
    link = str(result.options.get("link") or "identity")
    name = display_names(result.outputs)[c]
    return name if link == "identity" else f"{display_name(link)}({name})"


def units(result: TaylorResult) -> str:
    """Unit of ⟨t⟩, such as per σ²."""
    known = {"sigma": "per σ of each feature", "step": "per step"}
    return known.get(str(result.options.get("scale")), "per unit of the input")


def _relations(result: TaylorResult, kept: Integers) -> dict[str, Any]:
    """Place in ``RELATIONS`` of each coefficient, and whether its label says so."""
    if result.indices.relation is None:
        return {}
    return {
        "relations": list(RELATIONS),
        "relation": result.indices.relation[kept].tolist(),
        "told": (result.indices.told_apart[kept] > 0).astype(int).tolist(),
    }


def _has_order(result: TaylorResult, order: int) -> bool:
    return bool((result.indices.orders == order).any())


def _block(result: TaylorResult, c: int, g: int, kept: Integers) -> Mapping[str, Any]:
    score, sem = result.score[c, g, kept].tolist(), result.sem[c, g, kept].tolist()
    mean = result.signed_mean[c, g, kept].tolist()
    both = list(zip(score, sem, strict=True))
    block: dict[str, Any] = {
        "rank": result.rank[c, g, kept].tolist(),
        "score": [_rounded(s, 5) for s in score],
        "sem": [_rounded(s, 3) for s in sem],
        "text": [plus_minus(s, e) for s, e in both],
        "mean": [f"{m:+{number_formats(*pair)[0]}}" for m, pair in zip(mean, both, strict=True)]
        if result.data.signed
        else [NO_SIGN] * len(kept),
    }
    if result.rank_low is not None and result.rank_high is not None:
        block["low"] = result.rank_low[c, g, kept].tolist()
        block["high"] = result.rank_high[c, g, kept].tolist()
    if result.numerical_error is not None:
        errors = result.numerical_error[c, g, kept].tolist()
        block["error"] = [_rounded(x, 2) for x in errors]
    return block


def _rounded(value: float, digits: int) -> float | None:
    """Rounds to so many significant digits; NaN becomes None, which JSON has."""
    return float(f"{value:.{digits}g}") if isfinite(value) else None
