"""⟨t⟩ of the responses and groups that a check compares, and shares of them.

    share of α = ⟨t_α⟩ / Σ ⟨t_β⟩      the sum over all coefficients β of the order of α

of one response and group, ± SEM_α (1 − share) / Σ: α is taken to vary alone. A feature that carries
all of the first order has share 1 there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.check import CoefficientCheck, NotApplicableError
from onnxtaylor.audit.phrases import quote_name
from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.taylor import TaylorResult

__all__ = [
    "ORDERS",
    "Block",
    "blocks",
    "indices_matching",
    "require_coefficients",
    "select_matching",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ORDERS = {1: "first", 2: "second", 3: "third"}


@dataclass(frozen=True, eq=False)
class Block:
    """The K coefficients of one response over one group of events.

    Attributes
    ----------
    output, group
        Names of the response and of the group.
    indices
        The coefficients.
    features
        Names of the features.
    score, sem
        ⟨t⟩ and its standard error, (K,), in the units of the result.
    share, share_error
        Share of ⟨t⟩ of the coefficient's order and its standard error, (K,): see above.
    rank, low, high
        Rank and the ends of its 68 % interval, (K,); no ends without a bootstrap.
    """

    output: str
    group: str
    indices: MultiIndices
    features: tuple[str, ...]
    score: Floats
    sem: Floats
    share: Floats
    share_error: Floats
    rank: Integers
    low: Integers | None
    high: Integers | None

    def contains(self, feature: int) -> npt.NDArray[np.bool_]:
        """Flags the coefficients, (K,), that are derivatives along the feature of this index."""
        return np.asarray((self.indices.table == feature).any(axis=1))

    def label(self, k: int) -> str:
        """Name of coefficient k, such as ``a, b``, fit for a line of prose."""
        return printable(self.plain_label(k))

    def plain_label(self, k: int) -> str:
        """Name of coefficient k, as it is."""
        return self.indices.label_at(k, self.features)

    def names(self, k: int) -> tuple[str, ...]:
        """Names of the features of coefficient k, one to three."""
        return self.indices.names_at(k, self.features)

    @property
    def orders(self) -> Integers:
        """Order of each coefficient, (K,)."""
        return self.indices.orders

    @property
    def location_phrase(self) -> str:
        """Phrase that follows a number in a message: ``of response 'y' over the events of 'b'``."""
        over = "" if self.group == "all" else f" over the events of {quote_name(self.group)}"
        return f"of response {quote_name(self.output)}{over}"


def blocks(result: TaylorResult, check: CoefficientCheck) -> Iterator[Block]:
    """Yields the coefficients of the responses and groups that match the patterns of a check.

    Raises
    ------
    OptionError
        Where a pattern matches no response or no group.
    """
    outputs = select_matching(check, "output", check.outputs, result.outputs)
    groups = select_matching(check, "group", check.groups, result.groups)
    orders = result.indices.orders
    for c in outputs:
        for g in groups:
            share, error = np.zeros(len(orders)), np.zeros(len(orders))
            for order in np.unique(orders):
                mine = orders == order
                total = result.score[c, g, mine].sum() or 1.0  # all vanish: so do the shares
                share[mine] = result.score[c, g, mine] / total
                error[mine] = result.sem[c, g, mine] * (1 - share[mine]) / total
            yield Block(
                result.outputs[c],
                result.groups[g],
                result.indices,
                result.features,
                result.score[c, g],
                result.sem[c, g],
                share,
                error,
                result.rank[c, g],
                None if result.rank_low is None else result.rank_low[c, g],
                None if result.rank_high is None else result.rank_high[c, g],
            )


def indices_matching(patterns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Indices of the names that equal a pattern or match it (``DER_*``); letter case counts.

    >>> indices_matching(["DER_*", "pt"], ["pt", "eta", "DER_mass", "der_x"])
    [0, 2]
    """
    # equality, too: read as a pattern, a name such as "x[0]" would match "x0" and not itself
    return [
        k
        for k, name in enumerate(names)
        if any(p == name or fnmatchcase(name, p) for p in patterns)
    ]


def select_matching(
    check: object, kind: str, patterns: Sequence[str], names: Sequence[str]
) -> list[int]:
    """Indices of the names that match the patterns of a check's option.

    Parameters
    ----------
    check
        The check, named in the error.
    kind
        Noun for one of the names in the error: output, group, feature.
    patterns, names
        Patterns of the option, and the names that they may match.

    Raises
    ------
    OptionError
        For the first pattern that matches no name.
    """
    for pattern in patterns:
        if not indices_matching([pattern], names):
            raise OptionError(
                f"check {quote_name(getattr(check, 'name', ''))}: no {kind} matches"
                f" {quote_name(pattern)}" + name_hint(pattern, names)
            )
    return indices_matching(patterns, names)


def require_coefficients(result: TaylorResult, features: Sequence[int]) -> None:
    """Makes sure that every feature, given by its index, has a coefficient in the result.

    Finite steps move only some of the features; the others have no coefficient.

    Raises
    ------
    NotApplicableError
        For the first feature without any.
    """
    for i in features:
        if not (result.indices.table == i).any():
            raise NotApplicableError(
                f"feature {quote_name(result.features[i])} has no coefficient: finite steps do not"
                " move it, so nothing is known of its influence"
            )
