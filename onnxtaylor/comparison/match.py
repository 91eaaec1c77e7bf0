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
        ("by", _by(a), _by(b)),
        ("reduce", a.options.get("reduction"), b.options.get("reduction")),
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
    theirs = {one.name: one.features for one in b.data.variables}
    changed = [v.name for v in a.data.variables if theirs.get(v.name, v.features) != v.features]
    if changed:
        notes.append(f"made of other features in A than in B: {join_names(changed)}")
    unmatched = [name for name in b.features if name not in features]
    unmatched += [name for name in a.features if name not in b.features]
    if unmatched:
        notes.append(f"features that only one of them has: {join_names(unmatched)}")
    # whatever the order of the features in the model: t_ij is t_ji
    in_a, in_b = _common(a, b)
    if not len(in_a):
        raise ResultError(
            f"the results cannot be compared: no coefficient is in both; A has features"
            f" {join_names(a.features)}, B has {join_names(b.features)}"
        )
    if len(in_a) < max(len(a.indices), len(b.indices)):
        notes.append(
            f"{len(in_a)} coefficients are in both, of {len(a.indices)} in A and"
            f" {len(b.indices)} in B"
        )
    if a.quantity.remark and (a.indices.orders[in_a] == 2).any():
        notes.append(f"second order is {a.quantity.remark} in both")
    return Match(
        outputs=tuple((a.outputs[i], b.outputs[j]) for i, j in outputs),
        groups=tuple(groups),
        features=a.features,
        indices=a.indices.part(in_a),
        a=(_array([i for i, _ in outputs]), _array([a.groups.index(g) for g in groups]), in_a),
        b=(_array([j for _, j in outputs]), _array([b.groups.index(g) for g in groups]), in_b),
        notes=tuple(notes),
    )


def _common(a: TaylorResult, b: TaylorResult) -> tuple[Places, Places]:
    """Places in A and in B of the coefficients that both have, in the order of A."""
    if a.features == b.features and _same(a.indices, b.indices):
        everywhere = np.arange(len(a.indices))
        return everywhere, everywhere
    numbers = {name: i for i, name in enumerate(dict.fromkeys((*a.features, *b.features)))}
    width = max(one.indices.table.shape[1] for one in (a, b))
    columns = np.concatenate([_numbered(one, numbers, width) for one in (a, b)])
    keys = columns[:, 0]
    for column in columns.T[1:]:  # numbered anew each time, so that no product exceeds 64 bits
        keys = np.unique(keys * (len(numbers) + 3) + column, return_inverse=True)[1]
    keys_a, keys_b = np.split(keys, [len(a.indices)])
    _, in_a, in_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    order = np.argsort(in_a, kind="stable")
    return in_a[order].astype(np.int64), in_b[order].astype(np.int64)


def _same(a: MultiIndices, b: MultiIndices) -> bool:
    told, theirs = (
        np.zeros(len(one), np.int8) if one.relation is None else one.relation for one in (a, b)
    )
    return np.array_equal(a.table, b.table) and np.array_equal(told, theirs)


def _numbered(result: TaylorResult, numbers: Mapping[str, int], width: int) -> Places:
    """Numbers of the features of each coefficient, sorted, and its relation: (K, width + 1)."""
    indices, none = result.indices, len(numbers)
    own = np.array([*(numbers[name] for name in result.features), none])
    found = np.full((len(indices), width + 1), none, np.int64)
    found[:, : indices.table.shape[1]] = np.sort(own[indices.table], axis=1)  # index -1: the last
    found[:, -1] = 0 if indices.relation is None else indices.relation
    return found


def _steps(result: TaylorResult) -> Any:
    """The finite steps of an analysis as the user gave them; ``none`` for derivatives."""
    steps = result.options.get("finite_step")
    return steps.get("asked") if isinstance(steps, Mapping) else "none"


def _by(result: TaylorResult) -> object:
    """Kind of names that are ranked; earlier results do not say so."""
    return result.options.get("by") or "feature"


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
