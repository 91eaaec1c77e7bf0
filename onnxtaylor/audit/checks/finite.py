"""``finite``: every response and every coefficient is a number, at every event.

An analysis stops at the first one that is not. This check then goes through all events, and counts
where responses, or else coefficients, are infinite or no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.check import Check, Looked
from onnxtaylor.audit.coefficients import quoted
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.wording import interval, percent
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.errors import ModelError, OnnxTaylorError
from onnxtaylor.graph import build_function, choose
from onnxtaylor.problem.opening import open_model
from onnxtaylor.run.prepare import full_indices
from onnxtaylor.runtime.session import Session

__all__ = ["Finite"]

Flags = npt.NDArray[np.bool_]

BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Finite(Check):
    """Responses and coefficients are finite at every event."""

    id: ClassVar[str] = "finite"

    def look(self, evidence: Evidence) -> Looked:
        """What the analysis has seen; where it failed, all events once more."""
        failure = evidence.failure
        if failure is None:
            events = evidence.result.data.events
            return Looked(events, "events", summary="all responses and coefficients are finite")
        if not isinstance(failure, ModelError):
            raise failure
        try:
            counts = _Counts("response")
            for part in _responses(evidence):
                counts.update(*part)
            if not counts.bad:
                counts = _Counts("coefficient")
                for part in _coefficients(evidence):
                    counts.update(*part)
        except OnnxTaylorError:
            raise failure from None
        if not counts.bad:
            raise failure  # it failed for another reason
        findings = [self._bad(evidence, counts, name) for name in counts.bad]
        summary = f"{percent(counts.share)} of the events"
        return Looked(counts.events, "events", tuple(findings), summary)

    def _bad(self, evidence: Evidence, counts: _Counts, name: str) -> Finding:
        bad, first = counts.bad[name]
        low, high = interval(bad, counts.events)
        what = f"response {quoted(name)} is"
        if counts.kind == "coefficient":
            what = f"coefficients of response {quoted(name)} are"
        return self.finding(
            Subject("output", name, output=name),
            evidence.model_file,
            f"{what} not finite at {bad} of {counts.events} events, first at event {first}"
            " (counted from 0)",
            quantity="share of the events",
            measured=bad / counts.events,
            relation="≤",
            limit=0.0,
            certainty=f"all were counted; of events like these {percent(low)} to {percent(high)},"
            " with 95 %",
            remedy="see what the features of that event do to the model: a logarithm, a division"
            " or an exponential, or a missing value that has no number",
        )


class _Counts:
    """At how many events something is not finite, by response, and at which first."""

    def __init__(self, kind: str) -> None:
        self.kind, self.events = kind, 0
        self.bad: dict[str, tuple[int, int]] = {}

    def update(self, names: tuple[str, ...], finite: Flags, numbers: npt.NDArray[np.int64]) -> None:
        """Adds a batch: finite (B, C) and the events' numbers (B,)."""
        self.events += len(finite)
        for c in np.flatnonzero(~finite.all(axis=0)).tolist():
            count, first = self.bad.get(names[c], (0, int(numbers[~finite[:, c]][0])))
            self.bad[names[c]] = (count + int((~finite[:, c]).sum()), first)

    @property
    def share(self) -> float:
        """Of the events, at the response where it is largest."""
        return max(count for count, _ in self.bad.values()) / self.events


def _responses(
    evidence: Evidence,
) -> Iterator[tuple[tuple[str, ...], Flags, npt.NDArray[np.int64]]]:
    """Names, whether each response is finite, and the numbers, batch by batch."""
    options = evidence.option_groups[0]
    choice = choose(evidence.model, options, derivatives=evidence.derivatives)
    names: tuple[str, ...] = ()
    session = None
    for batch in evidence.source.batches(BATCH):
        if session is None:
            function = build_function(
                evidence.model, choice, n_columns=batch.x.shape[1], link=options.link
            )
            session = Session(function)
        responses = session(batch.x)
        if not names:
            names = tuple(f"{function.response}[{c}]" for c in range(responses.shape[1]))
            good = np.isfinite(responses).all(axis=1)
            if good.any():  # the function can be opened there, and its responses have names
                opened = open_model(
                    evidence.model, options, batch.x[good], derivatives=evidence.derivatives
                )
                session, names = opened.session, opened.response_names
                responses = session(batch.x)
        yield names, np.asarray(np.isfinite(responses), np.bool_), batch.numbers


def _coefficients(
    evidence: Evidence,
) -> Iterator[tuple[tuple[str, ...], Flags, npt.NDArray[np.int64]]]:
    """Names, whether all coefficients of each response are finite, and the numbers."""
    problem, options = evidence.problem, evidence.option_groups[2]
    engine = make_engine(problem, options, full_indices(problem, options.order)).engine
    for batch in evidence.source.batches(engine.batch_events):
        terms = engine.coefficients(batch.x).terms
        finite = np.asarray(np.isfinite(terms).all(axis=2), np.bool_)
        yield problem.response_names, finite, batch.numbers
