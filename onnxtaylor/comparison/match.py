"""Outputs, groups and coefficients that two results have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, ResultError, join_names, printable
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.quantity import curvature_of
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["Match", "match"]

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Match:
    """The part that A and B share: pairs of outputs, groups, and coefficients in the order of A.

    ``a`` and ``b`` hold the places of these outputs, groups and coefficients in either result,
    fit for ``numpy.ix_``. ``notes`` list what was left out, and what was matched by its place.
    """

    outputs: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    features: tuple[str, ...]
    indices: MultiIndices
    a: tuple[Places, Places, Places]
    b: tuple[Places, Places, Places]
    notes: tuple[str, ...]


def match(a: TaylorResult, b: TaylorResult) -> Match:
    """Matches two results.

    Outputs are matched by name, or by place if both have as many and no name contradicts that;
    groups and features are matched by name.

    Raises
    ------
    ResultError
        Where the two hold different quantities: coefficients and finite-step responses, pointwise
        second order and averaged one, steps of other sizes, other units or another link; and where
        they have no coefficient in common.
    OptionError
        Where they have no output in common.
    """
    one, other = (curvature_of(result.quantity, result.indices) for result in (a, b))
    for option, first, second in (
        ("finite_step", _steps(a), _steps(b)),
        ("curvature", one or other, other or one),
        ("scale", a.options.get("scale"), b.options.get("scale")),
        ("link", a.options.get("link"), b.options.get("link")),
    ):
        if first != second:
            raise ResultError(
                f"the results cannot be compared: {option} is {printable(first)} in A and"
                f" {printable(second)} in B: analyze both with the same {option}=…"
            )
    notes: list[str] = []
    outputs = _outputs(a.outputs, b.outputs, notes)
    groups = [name for name in a.groups if name in b.groups]
    alone = [name for name in (*a.groups, *b.groups) if name not in groups]
    if alone:
        notes.append(f"groups that only one of them has: {join_names(alone)}")
    features = {name: i for i, name in enumerate(a.features)}
    unmatched = [name for name in b.features if name not in features]
    unmatched += [name for name in a.features if name not in b.features]
    if unmatched:
        notes.append(f"features that only one of them has: {join_names(unmatched)}")
    places = {_key(names): k for k, names in enumerate(b.indices.names(b.features))}
    rows = [
        (k, places[key])
        for k, key in enumerate(map(_key, a.indices.names(a.features)))
        if key in places
    ]
    if not rows:
        raise ResultError(
            f"the results cannot be compared: no coefficient is in both; A has features"
            f" {join_names(a.features)}, B has {join_names(b.features)}"
        )
    if len(rows) < max(len(a.indices), len(b.indices)):
        notes.append(
            f"{len(rows)} coefficients are in both, of {len(a.indices)} in A and"
            f" {len(b.indices)} in B"
        )
    in_a, in_b = np.array(rows, np.int64).T
    if a.quantity.remark and (a.indices.orders[in_a] == 2).any():
        notes.append(f"second order is {a.quantity.remark} in both")
    return Match(
        outputs=tuple((a.outputs[i], b.outputs[j]) for i, j in outputs),
        groups=tuple(groups),
        features=a.features,
        indices=MultiIndices(len(a.features), a.indices.table[in_a]),
        a=(_array([i for i, _ in outputs]), _array([a.groups.index(g) for g in groups]), in_a),
        b=(_array([j for _, j in outputs]), _array([b.groups.index(g) for g in groups]), in_b),
        notes=tuple(notes),
    )


def _steps(result: TaylorResult) -> Any:
    """The finite steps of an analysis as the user gave them; ``none`` for derivatives."""
    steps = result.options.get("finite_step")
    return steps.get("asked") if isinstance(steps, Mapping) else "none"


def _key(names: Sequence[str]) -> tuple[str, ...]:
    """Names a coefficient by its features, whatever their order in the model: t_ij is t_ji."""
    return tuple(sorted(names))


def _outputs(a: Sequence[str], b: Sequence[str], notes: list[str]) -> list[tuple[int, int]]:
    """Pairs the outputs of A and B. Exports of one model often name their outputs differently."""
    common = [(i, b.index(name)) for i, name in enumerate(a) if name in b]
    misplaced = any(i != j for i, j in common)
    if len(common) < len(a) == len(b) and not misplaced:
        notes.append(f"outputs are matched by their place: {join_names(a)} with {join_names(b)}")
        return [(i, i) for i in range(len(a))]
    if not common:
        raise OptionError(
            f"the outputs do not match: A has {join_names(a)}, B has {join_names(b)}:"
            " choose with output=…"
        )
    alone = [name for name in (*a, *b) if name not in a or name not in b]
    if alone:
        notes.append(f"outputs that only one of them has: {join_names(alone)}")
    return common


def _array(values: Sequence[int]) -> Places:
    return np.array(values, np.int64)
