"""The events at which a training is watched: the same ones at every step, held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor import data
from onnxtaylor.data import ArraySource, EventSource, Survey
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.errors import DataError, ModelError, printable
from onnxtaylor.graph import LoadedModel, ModelRequest
from onnxtaylor.options.analysis import DataRequest
from onnxtaylor.problem.events import Paths, Progress, open_data
from onnxtaylor.problem.opening import OpenModel
from onnxtaylor.results.summaries import DataSummary, GroupSummary
from onnxtaylor.run.summarize import feature_summaries
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
    """x (N, n), weights (N,), and the class of each event (N,), -1 without classes."""

    source: EventSource
    origins: tuple[str, ...]
    found: Survey
    x: Floats
    weights: Floats
    classes: npt.NDArray[np.int64]

    def summary(self, opened: OpenModel) -> DataSummary:
        """What a result says of them."""
        names = list(self.found.classes)
        groups = [(ALL, np.arange(len(self.x)))]
        groups += [(name, np.flatnonzero(self.classes == k)) for k, name in enumerate(names)]
        found = [_group(name, self.weights[events]) for name, events in groups]
        return DataSummary(
            sources=self.origins,
            events=len(self.x),
            sum_weight=found[0].sum_weight,
            n_eff=found[0].n_eff,
            groups=tuple(found),
            features=feature_summaries(opened, self.source, self.found),
        )

    def scores(
        self, parts: Iterable[tuple[slice, BatchCoefficients]], factor: Floats | None
    ) -> Scores:
        """Sums over coefficients that come part by part, times ``factor`` (K,).

        Raises ModelError, naming the event, where a coefficient is not finite.
        """
        moments: list[CoefficientMoments] = []
        shape: tuple[int, ...] = ()
        for part, found in parts:
            shape = found.terms.shape[1:]
            if not np.isfinite(found.terms).all():
                event = int(np.flatnonzero(~np.isfinite(found.terms).all(axis=(1, 2)))[0])
                raise ModelError(
                    f"its coefficients are not finite at tracked event {part.start + event}"
                    " (counted from 0): leave the event out, or see what the model does there"
                )
            values = found.terms.reshape(len(found.terms), -1)
            if not moments:
                count = max(1, len(self.found.classes))
                moments = [CoefficientMoments.zero(values.shape[1]) for _ in range(count)]
            classes = self.classes[part]
            for k, own in enumerate(moments):
                chosen = np.flatnonzero(classes == k) if self.found.classes else None
                own.update(values, self.weights[part], chosen)
        groups = moments
        if self.found.classes:
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


def read_events(
    model: LoadedModel,
    request: ModelRequest,
    x: npt.ArrayLike | EventSource | Paths,
    wanted: DataRequest,
    *,
    missing: float | None,
    arrays: tuple[Any, Any],
    seed: int,
    progress: Progress | None = None,
) -> TrackedEvents:
    """Reads the events that are to be watched. Raises DataError, OptionError."""
    source = open_data(
        model, request, x, wanted, missing=missing, arrays=arrays, seed=seed, progress=progress
    )
    batches = list(source.batches(2**16))
    if not batches:
        raise DataError("there are no events to track")
    rows = np.concatenate([b.x for b in batches])
    weights = np.concatenate([b.weights for b in batches])
    labels = None
    if batches[0].labels is not None:
        labels = np.concatenate([b.labels for b in batches if b.labels is not None])
    kept = ArraySource(
        rows, weights=weights, labels=labels, feature_names=source.feature_names, missing=missing
    )
    found = data.survey(kept, missing=missing)
    if ALL in found.classes:
        raise DataError(f"a class is called '{printable(ALL)}', as is the group of all events")
    classes = np.full(len(rows), -1)
    for k, name in enumerate(found.classes):
        assert labels is not None
        classes[labels == name] = k
    return TrackedEvents(kept, tuple(source.origins), found, rows, weights, classes)


def _group(name: str, weights: Floats) -> GroupSummary:
    total, squares = float(weights.sum()), float((weights**2).sum())
    return GroupSummary(name, len(weights), total, total**2 / squares if squares else 0.0)
