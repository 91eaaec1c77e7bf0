"""The events at which a training is watched: the same ones at every step, held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource, Survey, survey
from onnxtaylor.data.rechunk import cut
from onnxtaylor.data.source import DerivedSource
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.errors import DataError, ModelError, printable
from onnxtaylor.indices import MultiIndices
from onnxtaylor.problem import Problem
from onnxtaylor.problem.slots import Slots
from onnxtaylor.results.summaries import DataSummary, GroupSummary
from onnxtaylor.statistics.finalize import ALL
from onnxtaylor.statistics.moments import CoefficientMoments

__all__ = ["Scores", "TrackedEvents", "read_events"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """⟨t⟩, its standard error and the signed mean: each of shape (C, G, K), group 0 is ``all``."""

    score: Floats
    sem: Floats
    signed_mean: Floats


@dataclass(frozen=True)
class TrackedEvents:
    """The events in memory: x (N, n), weights (N,), class of each event (N,), -1 without classes.

    ``origins`` are the files that they come from.
    """

    source: EventSource
    origins: tuple[str, ...]
    survey: Survey
    x: Floats
    weights: Floats
    classes: npt.NDArray[np.int64]

    def summary(self, problem: Problem) -> DataSummary:
        """Summarizes the events for a result, with the features of a problem."""
        names = list(self.survey.classes)
        groups = [(ALL, np.arange(len(self.x)))]
        groups += [(name, np.flatnonzero(self.classes == k)) for k, name in enumerate(names)]
        summaries = [_group(name, self.weights[events]) for name, events in groups]
        return DataSummary(
            sources=self.origins,
            events=len(self.x),
            sum_weight=summaries[0].sum_weight,
            n_eff=summaries[0].n_eff,
            groups=tuple(summaries),
            features=problem.features,
            negative_weights=self.survey.negative,
        )

    def without_padding(
        self, parts: Iterable[tuple[slice, BatchCoefficients]], indices: MultiIndices, slots: Slots
    ) -> Iterator[tuple[slice, BatchCoefficients]]:
        """Sets coefficients by entries of padded slots to 0."""
        for part, answer in parts:
            padded = indices.having(slots.padded(self.x[part]))[:, None]
            yield part, replace(answer, terms=np.where(padded, 0.0, answer.terms))

    def scores(
        self, parts: Iterable[tuple[slice, BatchCoefficients]], factor: Floats | None
    ) -> Scores:
        """Sums coefficients that come part by part, times ``factor`` (K,).

        Raises ModelError, naming the event, where a coefficient is not finite.
        """
        moments: list[CoefficientMoments] = []
        shape: tuple[int, ...] = ()
        for part, answer in parts:
            shape = answer.terms.shape[1:]
            if not np.isfinite(answer.terms).all():
                event = int(np.flatnonzero(~np.isfinite(answer.terms).all(axis=(1, 2)))[0])
                raise ModelError(
                    f"its coefficients are not finite at tracked event {part.start + event}"
                    " (counted from 0): leave the event out, or check the responses there"
                )
            values = answer.terms.reshape(len(answer.terms), -1)
            if not moments:
                count = max(1, len(self.survey.classes))
                moments = [CoefficientMoments.zero(values.shape[1]) for _ in range(count)]
            classes = self.classes[part]
            for k, own in enumerate(moments):
                chosen = np.flatnonzero(classes == k) if self.survey.classes else None
                own.update(values, self.weights[part], chosen)
        groups = moments
        if self.survey.classes:
            whole = CoefficientMoments.zero(len(moments[0].absolute))
            for own in moments:
                whole.merge(own)
            groups = [whole, *moments]

        def stacked(arrays: Sequence[Floats]) -> Floats:
            numbers = np.stack([a.reshape(shape) for a in arrays], axis=1)
            return numbers if factor is None else numbers * factor

        return Scores(
            stacked([m.score for m in groups]),
            stacked([m.sem for m in groups]),
            stacked([m.signed_mean for m in groups]),
        )


def read_events(source: EventSource, missing: float | Floats | None) -> TrackedEvents:
    """Reads the events that are to be watched into memory. Raises DataError."""
    batches = list(source.batches(2**16))
    if not batches:
        raise DataError("there are no events to track")
    rows = np.concatenate([b.x for b in batches])
    weights = np.concatenate([b.weights for b in batches])
    labels = None
    if batches[0].labels is not None:
        labels = np.concatenate([b.labels for b in batches if b.labels is not None])
    kept = _Kept(source, Batch(rows, weights, labels, np.arange(len(rows), dtype=np.int64)))
    surveyed = survey(kept, missing=missing)
    if ALL in surveyed.classes:
        raise DataError(f"a class is called '{printable(ALL)}', as is the group of all events")
    classes = np.full(len(rows), -1)
    for k, name in enumerate(surveyed.classes):
        assert labels is not None
        classes[labels == name] = k
    return TrackedEvents(kept, tuple(source.origins), surveyed, rows, weights, classes)


class _Kept(DerivedSource):
    """Events of a source in memory, with its names, and what it tells of inputs and context."""

    def __init__(self, source: EventSource, events: Batch) -> None:
        super().__init__(source)
        self._events = events

    @property
    def origins(self) -> Sequence[str]:
        """``("array",)``."""
        return ("array",)

    def batches(self, size: int) -> Iterator[Batch]:
        """Gives copies of the events, exactly ``size`` in a batch; the last may have fewer."""
        for start in range(0, len(self._events), size):
            part = cut(self._events, start, start + size)
            yield replace(part, x=part.x.copy(), weights=part.weights.copy())


def _group(name: str, weights: Floats) -> GroupSummary:
    total, squares = float(weights.sum()), float((weights**2).sum())
    return GroupSummary(name, len(weights), total, total**2 / squares if squares else 0.0)
