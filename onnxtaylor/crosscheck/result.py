"""What a cross-check found: frozen, told as text, JSON and figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.verdicts import AGREES, DIFFERS, UNDECIDED, VERDICTS
from onnxtaylor.errors import printable
from onnxtaylor.indices import MultiIndices, label
from onnxtaylor.results.lazy import LazyModule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from onnxtaylor.views.plot import check as figures
else:
    figures = LazyModule("onnxtaylor.views.plot.check")

__all__ = [
    "NOT_RUN",
    "PROBES",
    "Comparisons",
    "CrossCheck",
    "Responses",
    "disagreed",
    "failed",
    "not_run",
]

Floats = npt.NDArray[np.float64]

NOT_RUN = "not run"
PROBES = ("an event alone responds as in a batch", "twice the same", "finite")
LISTED = 100  # of coefficients that differ


@dataclass(frozen=True)
class Responses:
    """The responses that the derivative graph computes on its way, beside the original model's.

    ``largest`` is the largest deviation in units of its ``budget``, at the event ``event``.
    """

    agree: bool
    largest: float
    deviation: float
    event: int


@dataclass(frozen=True, eq=False)
class Comparisons:
    """The events that were compared: ``numbers`` (E,), the rest has shape (E, C, K).

    ``budget`` is the differences' error estimate plus the exact engine's round-off, ``ratio`` the
    deviation in units of it, ``codes`` are places in ``VERDICTS``.
    """

    numbers: npt.NDArray[np.int64]
    exact: Floats
    differences: Floats
    budget: Floats
    ratio: Floats
    codes: npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class CrossCheck:
    """Both engines against each other at a sample of events: see ``checking.verdicts``.

    ``verdict`` is ``agrees``, ``differs``, ``undecided``, ``kink`` or ``not run``, with the
    ``reason`` where no coefficient was compared. ``codes`` (C, K) are the verdicts of the
    coefficients as places in ``VERDICTS``; they, ``comparisons`` and ``responses`` are None where
    nothing ran. ``notes`` say what was left out: events, or the third order; ``warnings`` what a
    user must know of the model, such as that others get another function from the file.
    ``on_joints`` (C, K) counts the events at which a coefficient does not exist, where these are
    many.
    """

    verdict: str
    reason: str | None = None
    model: str = ""
    outputs: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    indices: MultiIndices | None = None
    asked: int = 0
    total: int = 0
    seed: int = 0
    exact: Mapping[str, Any] = field(default_factory=dict)
    differences: Mapping[str, Any] = field(default_factory=dict)
    codes: npt.NDArray[np.int8] | None = None
    comparisons: Comparisons | None = None
    responses: Responses | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    on_joints: npt.NDArray[np.int64] | None = None

    def __repr__(self) -> str:
        """The verdict, and of how many coefficients."""
        of = f" of {printable(self.model)}" if self.model else ""
        if self.comparisons is None:
            return f"CrossCheck{of}: {self.verdict}: {printable(self.reason, 400)}"
        counts = {name: pair[0] for name, pair in self.counts().items()}
        worst = self.worst(1)
        ratio = worst[0]["ratio"] if worst else None
        far = "" if ratio is None else f"; largest deviation {ratio:.2g} of its budget"
        listing = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return (
            f"CrossCheck{of}: {self.verdict}: {sum(counts.values())} coefficients at"
            f" {self.events} of {self.total} events: {listing}{far}"
        )

    @property
    def passed(self) -> bool:
        """Whether the engines agree. What could not be checked has not passed."""
        return self.verdict == VERDICTS[AGREES]

    @property
    def events(self) -> int:
        """The number of events that were compared."""
        return 0 if self.comparisons is None else len(self.comparisons.numbers)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Of each verdict the numbers of coefficients and of comparisons at events."""
        found = []
        for codes in (self.codes, None if self.comparisons is None else self.comparisons.codes):
            flat = np.empty(0, np.int8) if codes is None else codes.ravel()
            found.append(np.bincount(flat, minlength=len(VERDICTS)).tolist())
        return dict(zip(VERDICTS, zip(*found, strict=True), strict=True))

    def worst(self, count: int = 10) -> list[dict[str, Any]]:
        """The comparisons with the largest deviation in units of the budget, one of each event.

        Only those that tell something: neither kinks nor undecided ones.
        """
        c = self.comparisons
        if c is None or self.indices is None:
            return []
        telling = np.where((c.codes == AGREES) | (c.codes == DIFFERS), c.ratio, -1.0)
        flat = telling.reshape(len(telling), -1)
        places, names = flat.argmax(axis=1), self.indices.names(self.features)
        rows = []
        for e in np.argsort(-flat.max(axis=1), kind="stable")[:count]:
            place = np.unravel_index(places[e], telling.shape[1:])
            at = (e, *place)
            if telling[at] < 0:
                continue
            features = names[int(place[1])]
            rows.append(
                {
                    "event": int(c.numbers[e]),
                    "output": self.outputs[int(place[0])],
                    "label": label(features),
                    "features": list(features),
                    "exact": float(c.exact[at]),
                    "differences": float(c.differences[at]),
                    "budget": float(c.budget[at]),
                    "ratio": _number(c.ratio[at]),
                    "verdict": VERDICTS[c.codes[at]],
                }
            )
        return rows

    def differing(self) -> list[dict[str, Any]]:
        """The coefficients that differ, those first that do so at most events."""
        c = self.comparisons
        if c is None or self.codes is None or self.indices is None:
            return []
        beyond = (c.codes == DIFFERS).sum(axis=0)
        telling = beyond + (c.codes == AGREES).sum(axis=0)
        names = self.indices.names(self.features)
        places = np.argwhere(self.codes == DIFFERS)
        order = np.argsort(-beyond[tuple(places.T)], kind="stable")
        return [
            {
                "output": self.outputs[o],
                "label": label(names[k]),
                "features": list(names[k]),
                "beyond": int(beyond[o, k]),
                "events": int(telling[o, k]),
            }
            for o, k in places[order].tolist()
        ]

    def joints(self) -> list[dict[str, Any]]:
        """The coefficients that do not exist at many events, those first that do so at most."""
        if self.on_joints is None or self.indices is None:
            return []
        names, places = self.indices.names(self.features), np.argwhere(self.on_joints)
        order = np.argsort(-self.on_joints[tuple(places.T)], kind="stable")
        return [
            {
                "output": self.outputs[o],
                "label": label(names[k]),
                "features": list(names[k]),
                "events": int(self.on_joints[o, k]),
            }
            for o, k in places[order].tolist()
        ]

    def to_dict(self) -> dict[str, Any]:
        """What goes into ``check`` of a saved result: numbers and texts, no arrays."""
        c, r = self.comparisons, self.responses
        counts = self.counts()
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "asked": self.asked,
            "seed": self.seed,
            "events": [] if c is None else c.numbers.tolist(),
            "coefficients": {name: pair[0] for name, pair in counts.items()},
            "comparisons": {name: pair[1] for name, pair in counts.items()},
            "worst": self.worst(),
            "differing": self.differing()[:LISTED],
            "joints": self.joints()[:LISTED],
            "responses": None
            if r is None
            else {
                "agree": r.agree,
                "ratio": _number(r.largest),
                "deviation": _number(r.deviation),
                "event": r.event,
            },
            "probes": list(PROBES),
            "exact": dict(self.exact),
            "differences": dict(self.differences),
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """The check as one JSON document."""
        document: dict[str, Any] = {"model": self.model, "outputs": self.outputs}
        document["features"] = self.features
        document |= {**self.to_dict(), "warnings": list(self.warnings)}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws deviation against budget. Raises OptionError where nothing was compared."""
        return figures.plot_check(self, ax)


def not_run(reason: str, **known: Any) -> CrossCheck:
    """A check that could not run, as there is nothing to compare with: a failure, not a pass."""
    return CrossCheck(verdict=NOT_RUN, reason=reason, **known)


def failed(reason: str, **known: Any) -> CrossCheck:
    """A check in which an engine failed: nothing is known of the coefficients, so no pass."""
    return CrossCheck(verdict=VERDICTS[UNDECIDED], reason=reason, **known)


def disagreed(reason: str, deviation: float, event: int, **known: Any) -> CrossCheck:
    """A check that ended at once: derivative graph and model respond differently at an event."""
    responses = Responses(agree=False, largest=inf, deviation=deviation, event=event)
    return CrossCheck(verdict=VERDICTS[DIFFERS], reason=reason, responses=responses, **known)


def _number(value: float) -> float | None:
    """JSON has no infinity."""
    return float(value) if isfinite(value) else None
