"""The cost of an analysis, order by order: time, memory and work, as numbers and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Cost", "CostPlan", "bytes_words", "seconds_words"]

KINDS = {"derivative": "pointwise", "averaged": "averaged", "finite-step": "finite steps"}


@dataclass(frozen=True)
class Cost:
    """The cost of an analysis up to one order.

    Parameters
    ----------
    order
        Order of the coefficients.
    kind
        Second order at the events (``pointwise``) or ``averaged`` over steps; or ``finite steps``.
    engine
        ``exact``, ``differences``, ``mixed`` or ``finite-step``.
    coefficients
        Number of coefficients of a response that are computed.
    evaluations
        Evaluations of the model, or of its derivative graph, for all events.
    flops
        Floating-point operations of all evaluations; None where a graph cannot be counted.
    seconds
        Seconds by part: ``prepare`` compiles the engine, ``coefficients`` runs it at all events,
        ``rank`` makes the result, ``check`` compares engines.
    peak_bytes
        Largest memory of the process; None where the system does not tell.
    refused
        Why such an analysis cannot be made, in one line; then all other numbers are 0 or None.
    """

    order: int
    kind: str
    engine: str = ""
    coefficients: int = 0
    evaluations: int = 0
    flops: float | None = None
    seconds: Mapping[str, float] | None = None
    peak_bytes: int | None = None
    refused: str | None = None

    @property
    def total_seconds(self) -> float:
        """Seconds of all parts."""
        return sum((self.seconds or {}).values())

    @property
    def name(self) -> str:
        """Order and kind in words, such as ``2 pointwise``."""
        return "1" if self.order == 1 and self.kind == "pointwise" else f"{self.order} {self.kind}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the cost as a document: the fields, and ``total_seconds``."""
        return {**asdict(self), "total_seconds": self.total_seconds}


@dataclass(frozen=True)
class CostPlan:
    """The costs of the orders that an analysis may have; the one that was asked for comes first.

    Parameters
    ----------
    events, features, responses
        Numbers of events, features and responses.
    open_seconds
        Seconds that opening model and data took, which every analysis takes.
    held_bytes
        Memory that the process holds before an engine is made; None where the system does not
        tell.
    costs
        The costs.
    """

    events: int
    features: int
    responses: int
    open_seconds: float
    held_bytes: int | None
    costs: Sequence[Cost]

    @property
    def asked(self) -> Cost:
        """The cost of the analysis that was asked for."""
        return self.costs[0]

    @property
    def seconds(self) -> float:
        """Seconds of the analysis that was asked for, from opening to the result."""
        return self.open_seconds + self.asked.total_seconds

    @property
    def peak_bytes(self) -> int | None:
        """Largest memory of the analysis that was asked for."""
        return self.asked.peak_bytes

    def to_dict(self) -> dict[str, Any]:
        """Returns the plan as a document."""
        return {
            "events": self.events,
            "features": self.features,
            "responses": self.responses,
            "open_seconds": self.open_seconds,
            "held_bytes": self.held_bytes,
            "costs": [cost.to_dict() for cost in self.costs],
        }

    def table(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """Returns heads and rows of text, the asked order first."""
        heads = ("order", "engine", "coefficients", "evaluations", "FLOPs", "time", "memory")
        rows = []
        for cost in self.costs:
            name = cost.name + (" (asked)" if cost is self.asked else "")
            if cost.refused is not None:
                rows.append([name, cost.refused, "", "", "", "", ""])
                continue
            rows.append(
                [
                    name,
                    cost.engine,
                    f"{cost.coefficients * self.responses}",
                    f"{cost.evaluations}",
                    "–" if cost.flops is None else f"{cost.flops:.2g}",
                    seconds_words(self.open_seconds + cost.total_seconds),
                    "–" if cost.peak_bytes is None else bytes_words(cost.peak_bytes),
                ]
            )
        return heads, rows

    def lines(self) -> list[str]:
        """Returns one line of text for each order."""
        lines = []
        for cost, (_, *cells) in zip(self.costs, self.table()[1], strict=True):
            if cost.refused is not None:
                lines.append(f"order {cost.name}: {cost.refused}")
                continue
            engine, coefficients, evaluations, flops, seconds, memory = cells
            lines.append(
                f"order {cost.name}: about {seconds}, {memory}; {engine}, {coefficients}"
                f" coefficients, {evaluations} evaluations, {flops} FLOPs"
            )
        return lines

    @property
    def head(self) -> str:
        """The size of the analysis in one line."""
        sizes = zip(
            (self.events, self.features, self.responses),
            ("event", "feature", "response"),
            strict=True,
        )
        events, features, responses = (f"{n} {name}{'s' * (n != 1)}" for n, name in sizes)
        return f"{events} × {features}, {responses}"

    def __str__(self) -> str:
        return "\n".join([self.head, *self.lines()])


def seconds_words(seconds: float) -> str:
    """Writes a duration with two digits.

    >>> [seconds_words(s) for s in (0.04, 3.21, 59.0, 245.0, 8000.0)]
    ['0.04 s', '3.2 s', '59 s', '4.1 min', '2.2 h']
    """
    for limit, unit, name in ((60.0, 1.0, "s"), (3600.0, 60.0, "min"), (float("inf"), 3600.0, "h")):
        if seconds < limit:
            value = seconds / unit
            return f"{value:.0f} {name}" if value >= 9.5 else f"{value:.2g} {name}"
    raise ValueError(f"no duration: {seconds}")


def bytes_words(size: int) -> str:
    """Writes an amount of memory.

    >>> [bytes_words(b) for b in (3 * 2**20, 300 * 2**20, 5 * 2**28)]
    ['3 MiB', '300 MiB', '1.2 GiB']
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
