"""The result of a cross-check, with its forms as text, JSON and figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.comparisons import Comparisons, Responses
from onnxtaylor.crosscheck.directions import Layout
from onnxtaylor.crosscheck.verdicts import AGREES, DIFFERS, UNDECIDED, VERDICTS
from onnxtaylor.errors import printable
from onnxtaylor.indices import MultiIndices, label
from onnxtaylor.results.check_place import largest_difference, place_of
from onnxtaylor.results.lazy import LazyModule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from onnxtaylor.views.plot import check as figures
else:
    figures = LazyModule("onnxtaylor.views.plot.check")

__all__ = [
    "NOT_RUN",
    "PROBES",
    "CrossCheck",
    "disagreed",
    "failed",
    "not_run",
]

NOT_RUN = "not run"
PROBES = ("an event alone responds as in a batch", "twice the same", "finite")
LISTED = 100  # coefficients that a saved document lists at most


@dataclass(frozen=True, eq=False)
class CrossCheck:
    """The result of comparing both engines at a sample of events.

    The criterion is explained in ``onnxtaylor.crosscheck.verdicts``.

    Attributes
    ----------
    verdict
        ``agrees``, ``differs``, ``undecided``, ``kink`` or ``not run``.
    reason
        The reason in words, where no coefficient was compared.
    model, outputs, features
        Names of the model, its responses and features.
    indices
        The multi-indices of the coefficients by features.
    layout
        The random directions at each event, where coefficients were compared along these; None
        where all coefficients were compared.
    asked, total, seed
        Requested number of events, number in the data, and seed of the sample.
    exact, differences
        Facts on the two engines, such as their precision.
    codes
        Verdicts on the coefficients as places in ``VERDICTS``, (C, K), or along the directions,
        (C, K'); None, like ``comparisons`` and ``responses``, where nothing was compared.
    comparisons
        The comparisons at events.
    responses
        The comparison of the responses.
    notes
        Remarks on what was left out, such as events or the third order.
    warnings
        Remarks on the model, such as that other programs compute a different function from its
        file.
    on_joints
        Number of events at which a coefficient does not exist, where these are many, (C, K).
    """

    verdict: str
    reason: str | None = None
    model: str = ""
    outputs: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    indices: MultiIndices | None = None
    layout: Layout | None = None
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
        """Returns the verdict in one line, with numbers of coefficients and events."""
        of = f" of {printable(self.model)}" if self.model else ""
        if self.comparisons is None:
            return f"CrossCheck{of}: {self.verdict}: {printable(self.reason, 400)}"
        counts = {name: pair[0] for name, pair in self.counts().items()}
        worst = self.worst(1)
        ratio = worst[0]["ratio"] if worst else None
        agrees = self.verdict == "agrees"
        far = "" if ratio is None else f"; {largest_difference(ratio, agrees=agrees)}"
        listing = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return (
            f"CrossCheck{of}: {self.verdict}: {sum(counts.values())} coefficients"
            f" {place_of(self.directions, self.events, self.total)}: {listing}{far}"
        )

    @property
    def passed(self) -> bool:
        """Whether the engines agree; a check that could not be made has not passed."""
        return self.verdict == VERDICTS[AGREES]

    @property
    def events(self) -> int:
        """Number of events that were compared."""
        return 0 if self.comparisons is None else len(self.comparisons.numbers)

    @property
    def directions(self) -> int | None:
        """Number of random directions at all events; None where all coefficients were compared."""
        return None if self.layout is None else self.layout.count * self.events

    @property
    def compared_names(self) -> list[tuple[str, ...]]:
        """Names of the features, or of the directions, of each coefficient that was compared."""
        if self.layout is not None:
            return self.layout.indices.names(self.layout.names)
        return [] if self.indices is None else self.indices.names(self.features)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Counts coefficients, and comparisons at events, by verdict."""
        numbers = []
        for codes in (self.codes, None if self.comparisons is None else self.comparisons.codes):
            flat = np.empty(0, np.int8) if codes is None else codes.ravel()
            numbers.append(np.bincount(flat, minlength=len(VERDICTS)).tolist())
        return dict(zip(VERDICTS, zip(*numbers, strict=True), strict=True))

    def worst(self, count: int = 10) -> list[dict[str, Any]]:
        """Lists the comparisons with the largest deviation / budget, one of each event.

        Kinks and undecided comparisons are left out.

        Parameters
        ----------
        count
            Number of comparisons to list.
        """
        c = self.comparisons
        if c is None or self.indices is None:
            return []
        conclusive = np.where((c.codes == AGREES) | (c.codes == DIFFERS), c.ratio, -1.0)
        flat = conclusive.reshape(len(conclusive), -1)
        places, names = flat.argmax(axis=1), self.compared_names
        rows = []
        for e in np.argsort(-flat.max(axis=1), kind="stable")[:count]:
            place = np.unravel_index(places[e], conclusive.shape[1:])
            at = (e, *place)
            if conclusive[at] < 0:
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
                    "ratio": _json_number(c.ratio[at]),
                    "verdict": VERDICTS[c.codes[at]],
                }
            )
        return rows

    def differing(self) -> list[dict[str, Any]]:
        """Lists the coefficients that differ, sorted by the number of events at which they do."""
        c = self.comparisons
        if c is None or self.codes is None or self.indices is None:
            return []
        beyond = (c.codes == DIFFERS).sum(axis=0)
        conclusive = beyond + (c.codes == AGREES).sum(axis=0)
        names = self.compared_names
        places = np.argwhere(self.codes == DIFFERS)
        order = np.argsort(-beyond[tuple(places.T)], kind="stable")
        return [
            {
                "output": self.outputs[o],
                "label": label(names[k]),
                "features": list(names[k]),
                "beyond": int(beyond[o, k]),
                "events": int(conclusive[o, k]),
            }
            for o, k in places[order].tolist()
        ]

    def joints(self) -> list[dict[str, Any]]:
        """Lists the coefficients that do not exist at many events, first those with the most."""
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
        """Returns the entry ``check`` of a saved result: numbers and texts, no arrays."""
        c, r = self.comparisons, self.responses
        counts = self.counts()
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "asked": self.asked,
            "seed": self.seed,
            "events": [] if c is None else c.numbers.tolist(),
            "directions": self.directions,
            "coefficients": {name: pair[0] for name, pair in counts.items()},
            "comparisons": {name: pair[1] for name, pair in counts.items()},
            "worst": self.worst(),
            "differing": self.differing()[:LISTED],
            "joints": self.joints()[:LISTED],
            "responses": None
            if r is None
            else {
                "agree": r.agree,
                "ratio": _json_number(r.largest),
                "deviation": _json_number(r.deviation),
                "event": r.event,
            },
            "probes": list(PROBES),
            "exact": dict(self.exact),
            "differences": dict(self.differences),
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Returns the check as one JSON document."""
        document: dict[str, Any] = {"model": self.model, "outputs": self.outputs}
        document["features"] = self.features
        document |= {**self.to_dict(), "warnings": list(self.warnings)}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws deviation against budget. Raises OptionError where nothing was compared."""
        return figures.plot_check(self, ax)


def not_run(reason: str, **known: Any) -> CrossCheck:
    """Returns the result of a check that had nothing to compare with, which is no pass.

    ``known`` are the fields of ``CrossCheck`` that are available nevertheless.
    """
    return CrossCheck(verdict=NOT_RUN, reason=reason, **known)


def failed(reason: str, **known: Any) -> CrossCheck:
    """Returns the result of a check in which an engine failed, which is no pass.

    ``known`` are the fields of ``CrossCheck`` that are available nevertheless.
    """
    return CrossCheck(verdict=VERDICTS[UNDECIDED], reason=reason, **known)


def disagreed(reason: str, deviation: float, event: int, **known: Any) -> CrossCheck:
    """Returns the result of a check that stopped because the derivative graph responds differently.

    Parameters
    ----------
    reason
        The reason in words.
    deviation
        Deviation of the responses.
    event
        Number of the event in the data.
    known
        Fields of ``CrossCheck`` that are available nevertheless.
    """
    responses = Responses(agree=False, largest=inf, deviation=deviation, event=event)
    return CrossCheck(verdict=VERDICTS[DIFFERS], reason=reason, responses=responses, **known)


def _json_number(value: float) -> float | None:
    """Returns a number for JSON, which has no infinity: then None."""
    return float(value) if isfinite(value) else None
