"""Two engines for one function: each response by the one that can serve it.

Where an operator on the way to some responses has no rule, the others are exact all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.facts import shapes_from
from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.errors import DisagreementError, ModelError, ProbeError, listed
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.narrow import narrowed, sources
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.observe import observe

__all__ = ["Division", "Mixed", "divide", "make_mixed"]

Floats = npt.NDArray[np.float64]

MOST_PARTS = 64  # groups of responses that are tried, each with a compilation of its own


@dataclass(frozen=True)
class Division:
    """A function cut in two: the response columns with exact derivatives, and why others have none.

    ``exact`` and ``others`` are functions of those columns, in this order.
    """

    columns: tuple[int, ...]
    refused: Mapping[int, str]
    exact: GraphFunction
    others: GraphFunction

    def why(self, names: Sequence[str]) -> str:
        """Which of the responses with these names are refused, for which operator and node."""
        reasons: dict[str, list[str]] = {}
        for column, reason in self.refused.items():
            reasons.setdefault(reason, []).append(names[column])
        return "; ".join(
            f"response{'s' * (len(group) > 1)} {listed(group)}: {reason}"
            for reason, group in reasons.items()
        )


def divide(function: GraphFunction, x: Floats) -> Division | None:
    """The responses with exact derivatives and those without, or None where all are of one kind.

    x (B, n) are events at which the graph is observed. Responses that are read from the same
    tensors share their fate.
    """
    if function.fixed_batch:
        return None
    try:
        shapes = shapes_from(observe(function, x))
    except ModelError:
        return None
    widths = {name: s[1] for name, s in shapes.items() if len(s) == 2 and s[0] == -1 and s[1] > 0}
    parts: dict[frozenset[str], list[int]] = {}
    for column in range(widths.get(function.response, 0)):
        parts.setdefault(sources(function, column, widths), []).append(column)
    if not 1 < len(parts) <= MOST_PARTS:
        return None
    refused: dict[int, str] = {}
    for columns in parts.values():
        # one of them stands for all: they are read from the same tensors
        why = _refusal(narrowed(function, columns[:1], widths), x)
        if why is not None:
            refused |= dict.fromkeys(columns, why)
    served = sorted({c for columns in parts.values() for c in columns} - refused.keys())
    if not served or not refused:
        return None
    refused = dict(sorted(refused.items()))
    return Division(
        tuple(served),
        refused,
        narrowed(function, served, widths),
        narrowed(function, list(refused), widths),
    )


def _refusal(function: GraphFunction, x: Floats) -> str | None:
    """Why a function has no exact derivatives. One pair is enough to ask every rule."""
    try:
        derive(function, MultiIndices.of(function.n_features, [(0,), (0, 0)]), x)
    except ModelError as error:
        return str(error)
    return None


def make_mixed(
    function: GraphFunction,
    x: Floats,
    names: Sequence[str],
    exact: Callable[[GraphFunction], Engine],
    differences: Callable[[GraphFunction], Engine],
) -> Mixed | None:
    """Both engines for a function that the exact one cannot serve alone, or None where it can serve
    no response. ``names`` are those of the responses. Raises DisagreementError.
    """
    division = divide(function, x)
    if division is None:
        return None
    try:
        served = exact(division.exact)
    except (DisagreementError, ProbeError):
        raise
    except ModelError:  # each part compiles, all of them together do not
        return None
    return Mixed(served, differences(division.others), division, names)


class Mixed:
    """The coefficients of ``exact`` at its columns, those of ``differences`` at the others.

    ``division`` says which are which, ``names`` are those of all responses. Sums are made of the
    coefficients, not in the graph.
    """

    name = "mixed"

    def __init__(
        self, exact: Engine, differences: Engine, division: Division, names: Sequence[str]
    ) -> None:
        self._exact, self._differences = exact, differences
        self._names = tuple(names)
        self._division = division
        self._columns = np.array(division.columns)
        self._others = np.array(list(division.refused))
        self.indices: MultiIndices = exact.indices

    @property
    def precision(self) -> str:
        """That of both engines, the exact one's first where they differ."""
        both = dict.fromkeys((self._exact.precision, self._differences.precision))
        return " and ".join(both)

    @property
    def batch_events(self) -> int:
        """What both engines have the memory for."""
        return min(self._exact.batch_events, self._differences.batch_events)

    @property
    def reach(self) -> Floats | None:
        """The largest displacement (n,) of each feature, where the differences tell it."""
        found: Floats | None = getattr(self._differences, "reach", None)
        return found

    @property
    def why(self) -> str:
        """Which responses are not exact, and the operator and node at fault."""
        return self._division.why(self._names)

    def describe(self) -> dict[str, object]:
        """What both engines tell of themselves, and ``engines``: which response has which."""
        engines = {
            name: self._differences.name if c in self._division.refused else self._exact.name
            for c, name in enumerate(self._names)
        }
        return {**self._exact.describe(), **self._differences.describe(), "engines": engines}

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """t_α at the events x (B, n); errors are NaN where the exact engine knows none."""
        exact = self._exact.coefficients(x)
        rest = self._differences.coefficients(x, watch)  # which takes most of the time
        responses = np.empty((len(x), len(self._names)))
        terms = np.empty((*responses.shape, len(self.indices)))
        for columns, answer in ((self._columns, exact), (self._others, rest)):
            responses[:, columns] = answer.responses
            terms[:, columns] = answer.terms
        errors = None
        if rest.errors is not None:
            errors = np.full(terms.shape, np.nan)
            errors[:, self._others] = rest.errors
        apart = None
        if exact.apart is not None:
            mask = np.zeros((len(exact.apart.events), *terms.shape[1:]), np.bool_)
            mask[:, self._columns] = exact.apart.mask
            apart = NoDerivative(exact.apart.events, mask)
        return BatchCoefficients(responses, terms, errors, rest.kinks, apart)
