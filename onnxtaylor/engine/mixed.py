"""Two engines for one function: each response is computed by the engine that can do so.

Where an operator on the way to some responses has no rule, the others are exact all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.compiler.facts import shapes_from
from onnxtaylor.engine.base import BatchCoefficients, Engine, Quantity, Watcher
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.errors import ModelError, join_names
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.narrow import narrowed, sources
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.observe import observe

__all__ = ["Division", "Mixed", "divide"]

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
        """Phrase on the responses without exact derivatives, and the operator and node at fault."""
        reasons: dict[str, list[str]] = {}
        for column, reason in self.refused.items():
            reasons.setdefault(reason, []).append(names[column])
        return "; ".join(
            f"response{'s' * (len(group) > 1)} {join_names(group)}: {reason}"
            for reason, group in reasons.items()
        )


def divide(function: GraphFunction, x: Floats) -> Division | None:
    """Divides the responses into those with exact derivatives and those without.

    x (B, n) are events at which the graph is observed. Responses that are read from the same
    tensors are treated alike. Returns None where all have exact derivatives, or none has.
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
    """Returns the reason why a function has no exact derivatives; one pair of features shows it."""
    try:
        derive(function, MultiIndices.of(function.n_features, [(0,), (0, 0)]), x)
    except ModelError as error:
        return str(error)
    return None


class Mixed:
    """The engine that joins the columns of ``exact`` and of ``differences``.

    ``division`` says which are which, ``names`` are those of all responses. Sums are made of the
    coefficients, not in the graph.
    """

    name = "mixed"
    sums_in_graph = False

    def __init__(
        self, exact: Engine, differences: Engine, division: Division, names: Sequence[str]
    ) -> None:
        self._exact, self._differences = exact, differences
        self._names = tuple(names)
        self._division = division
        self._columns = np.array(division.columns)
        self._others = np.array(list(division.refused))
        self.indices: MultiIndices = exact.indices
        self.quantity: Quantity = exact.quantity

    @property
    def precision(self) -> str:
        """Formats of both engines, the exact one's first where they differ."""
        both = dict.fromkeys((self._exact.precision, self._differences.precision))
        return " and ".join(both)

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """Whether each response (C,) has exact derivatives."""
        exact = np.zeros(len(self._names), np.bool_)
        exact[self._columns] = True
        return exact

    @property
    def points(self) -> int:
        """Evaluations of the model per event, by both engines."""
        return self._exact.points + self._differences.points

    @property
    def batch_events(self) -> int:
        """Number of events that fits the memory of both engines."""
        return min(self._exact.batch_events, self._differences.batch_events)

    @property
    def reach(self) -> Floats | None:
        """Largest displacement (n,) of each feature by the differences."""
        return self._differences.reach

    @property
    def why(self) -> str:
        """Phrase with the responses that are not exact, and the operator and node at fault."""
        return self._division.why(self._names)

    def describe(self) -> dict[str, object]:
        """Returns facts on both engines, and ``engines``, the engine of each response."""
        engines = {
            name: self._differences.name if c in self._division.refused else self._exact.name
            for c, name in enumerate(self._names)
        }
        return {**self._exact.describe(), **self._differences.describe(), "engines": engines}

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: the caller sums the coefficients itself."""

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at the events x (B, n); error bounds are NaN for exact responses."""
        exact = self._exact.coefficients(x)
        rest = self._differences.coefficients(x, watch)  # which takes most of the time
        responses = np.empty((len(x), len(self._names)))
        terms = np.empty((*responses.shape, len(self.indices)))
        for columns, answer in ((self._columns, exact), (self._others, rest)):
            responses[:, columns] = answer.responses
            terms[:, columns] = answer.terms
        errors = None
        if rest.error_bounds is not None:
            errors = np.full(terms.shape, np.nan)
            errors[:, self._others] = rest.error_bounds
        apart = None
        if exact.no_derivative is not None:
            mask = np.zeros((len(exact.no_derivative.events), *terms.shape[1:]), np.bool_)
            mask[:, self._columns] = exact.no_derivative.mask
            apart = NoDerivative(exact.no_derivative.events, mask)
        return BatchCoefficients(responses, terms, errors, rest.kinks, apart)
