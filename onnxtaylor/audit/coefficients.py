"""⟨t⟩ of the responses and groups that a check looks at, and shares of them.

    share of α = ⟨t_α⟩ / Σ ⟨t_β⟩      the sum over all coefficients β of the order of α

of one response and group, ± SEM_α (1 − share) / Σ: α is taken to vary alone. A feature that gives
all of the first order has share 1 there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.check import CoefficientCheck, NotApplicableError
from onnxtaylor.errors import OptionError, nearest, printable
from onnxtaylor.indices import label
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["ORDERS", "Block", "blocks", "chosen", "matching", "quoted", "with_coefficients"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ORDERS = {1: "first", 2: "second", 3: "third"}


@dataclass(frozen=True, eq=False)
class Block:
    """The coefficients of one response and group, K of them.

    ``names`` are the features of each, ``orders`` (K,) how many, ``table`` (K, order) their
    numbers. ``score``, ``sem`` and ``share`` with ``share_error`` have shape (K,), and so have
    ``rank`` and, of a bootstrap, ``low`` and ``high``.
    """

    output: str
    group: str
    names: Sequence[tuple[str, ...]]
    table: npt.NDArray[np.int32]
    orders: Integers
    score: Floats
    sem: Floats
    share: Floats
    share_error: Floats
    rank: Integers
    low: Integers | None
    high: Integers | None

    def having(self, feature: int) -> npt.NDArray[np.bool_]:
        """The coefficients (K,) that derive by a feature, given by its number."""
        return np.asarray((self.table == feature).any(axis=1))

    def label(self, k: int) -> str:
        """``a, b``: a coefficient's name in one line of a terminal."""
        return printable(label(self.names[k]))

    @property
    def of(self) -> str:
        """Behind a number: of which response, and over which events."""
        over = "" if self.group == "all" else f" over the events of {quoted(self.group)}"
        return f"of response {quoted(self.output)}{over}"


def blocks(result: TaylorResult, check: CoefficientCheck) -> Iterator[Block]:
    """Those of the responses and groups that match the check's patterns.

    Raises OptionError where a pattern matches none.
    """
    outputs = chosen(check, "output", check.outputs, result.outputs)
    groups = chosen(check, "group", check.groups, result.groups)
    names = result.indices.names(result.features)
    orders = result.indices.orders
    for c in outputs:
        for g in groups:
            share, error = np.zeros(len(names)), np.zeros(len(names))
            for order in np.unique(orders):
                mine = orders == order
                total = result.score[c, g, mine].sum() or 1.0  # all vanish: so do the shares
                share[mine] = result.score[c, g, mine] / total
                error[mine] = result.sem[c, g, mine] * (1 - share[mine]) / total
            yield Block(
                result.outputs[c],
                result.groups[g],
                names,
                result.indices.table,
                orders,
                result.score[c, g],
                result.sem[c, g],
                share,
                error,
                result.rank[c, g],
                None if result.rank_low is None else result.rank_low[c, g],
                None if result.rank_high is None else result.rank_high[c, g],
            )


def matching(patterns: Sequence[str], names: Sequence[str]) -> list[int]:
    """The places of the names that equal or match (``DER_*``) a pattern; cases differ."""
    return [
        k
        for k, name in enumerate(names)
        if any(p == name or fnmatchcase(name, p) for p in patterns)
    ]


def chosen(check: object, kind: str, patterns: Sequence[str], names: Sequence[str]) -> list[int]:
    """The same, of a check. Raises OptionError for the first pattern that matches nothing."""
    for pattern in patterns:
        if not matching([pattern], names):
            raise OptionError(
                f"check {quoted(getattr(check, 'name', ''))}: no {kind} matches {quoted(pattern)}"
                + nearest(pattern, names)
            )
    return matching(patterns, names)


def with_coefficients(result: TaylorResult, features: Sequence[int]) -> None:
    """Raises NotApplicableError for a feature that has no coefficient in the result.

    Finite steps do not move every feature: of those that they do not, nothing is known.
    """
    for i in features:
        if not (result.indices.table == i).any():
            raise NotApplicableError(
                f"feature {quoted(result.features[i])} has no coefficient: finite steps do not"
                " move it, so nothing is known of its influence"
            )


def quoted(name: str) -> str:
    """A name of model or data in a line of prose."""
    return f"'{printable(name)}'"
