"""``finite``: every response and every coefficient is a number, at every event.

An analysis stops at the first number that is not finite. This check then goes through all events,
and counts those at which responses, or else coefficients, are infinite or NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.audit.check import Check, CheckReport
from onnxtaylor.audit.evidence import Evidence
from onnxtaylor.audit.finding import Finding, Subject
from onnxtaylor.audit.phrases import interval, percent, quote_name
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.errors import ModelError, OnnxTaylorError
from onnxtaylor.graph import build_function, choose
from onnxtaylor.problem.fed_inputs import input_data
from onnxtaylor.problem.opening import Evaluator, open_model
from onnxtaylor.run.prepare import choose_memory, full_indices
from onnxtaylor.runtime.session import Session
from onnxtaylor.supervision.work import opening_model

__all__ = ["Finite"]

Flags = npt.NDArray[np.bool_]

BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Finite(Check):
    """Responses and coefficients are finite at every event."""

    id: ClassVar[str] = "finite"

    def run(self, evidence: Evidence) -> CheckReport:
        """Trusts an analysis that succeeded; where it failed, evaluates all events once more."""
        failure = evidence.failure
        if failure is None:
            events = evidence.result.data.events
            return CheckReport(
                events, "events", summary="all responses and coefficients are finite"
            )
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
            raise failure  # everything is finite: the analysis failed for another reason
        findings = [self._bad(evidence, counts, name) for name in counts.bad]
        summary = f"{percent(counts.share)} of the events"
        return CheckReport(counts.events, "events", tuple(findings), summary)

    def _bad(self, evidence: Evidence, counts: _Counts, name: str) -> Finding:
        bad, first = counts.bad[name]
        low, high = interval(bad, counts.events)
        what = f"response {quote_name(name)} is"
        if counts.kind == "coefficient":
            what = f"coefficients of response {quote_name(name)} are"
        return self.finding(
            Subject("output", name, output=name),
            evidence.model_file,
            f"{what} not finite at {bad} of {counts.events} events, first at event {first}"
            " (counted from 0)",
            quantity="share of the events",
            measured=bad / counts.events,
            relation="≤",
            limit=0.0,
            certainty=f"all were counted; for events of this kind {percent(low)} to"
            f" {percent(high)} (95 %)",
            remedy="look at the features of that event: a logarithm, a division or an exponential"
            " of the model fails there, or a missing value is NaN",
        )


class _Counts:
    """Counter of the events that are not finite, with the first of them, by response."""

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
        """Largest share of the events, over the responses."""
        return max(count for count, _ in self.bad.values()) / self.events


def _responses(
    evidence: Evidence,
) -> Iterator[tuple[tuple[str, ...], Flags, npt.NDArray[np.int64]]]:
    """Yields response names, whether each response is finite, (B, C), and event numbers, (B,)."""
    options = evidence.option_groups[0]
    if getattr(evidence.source, "lengths", None):
        return  # lists of varying length are no rows of this model: the failure is told as it is
    inputs = input_data(evidence.model, evidence.source, no_batch=options.no_batch)
    choice = choose(evidence.model, options, derivatives=evidence.derivatives, data=inputs)
    names: tuple[str, ...] = ()
    session: Evaluator | None = None
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
            # opening probes the model, which fails where a response is not finite; until there is
            # a good event, responses are called by their places
            if good.any():
                with opening_model(evidence.path, anew=True):
                    opened = open_model(
                        evidence.model,
                        options,
                        batch.x[good],
                        derivatives=evidence.derivatives,
                        data=inputs,
                    )
                session, names = opened.session, opened.response_names
                responses = session(batch.x)
        yield names, np.asarray(np.isfinite(responses), np.bool_), batch.numbers


def _coefficients(
    evidence: Evidence,
) -> Iterator[tuple[tuple[str, ...], Flags, npt.NDArray[np.int64]]]:
    """Yields response names, whether all coefficients of each are finite, and event numbers."""
    problem, options = evidence.problem, evidence.engine_options
    engine = make_engine(
        problem, options, full_indices(problem, options.order, choose_memory(options))
    ).engine
    for batch in evidence.source.batches(engine.batch_events):
        terms = engine.coefficients(batch.x).terms
        finite = np.asarray(np.isfinite(terms).all(axis=2), np.bool_)
        yield problem.response_names, finite, batch.numbers
