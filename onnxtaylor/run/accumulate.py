"""Batch by batch: events → coefficients → sums, saved now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.ahead import read_ahead
from onnxtaylor.data.rechunk import cut
from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.problem import Problem
from onnxtaylor.progress import Progress, report_progress
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.checkpoint import Checkpoint
from onnxtaylor.statistics.heaviest import Heaviest

__all__ = ["accumulate"]

Floats = npt.NDArray[np.float64]

SAVE_SECONDS = 20.0  # between checkpoints


def accumulate(
    engine: Engine,
    problem: Problem,
    events: EventSource,
    sums: Accumulator,
    *,
    batch_size: int | None = None,
    total: int | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    seen: Callable[[float], None] | None = None,
    heaviest: Heaviest | None = None,
) -> None:
    """Feeds every batch of ``events``, those of the problem, through the engine into the sums.

    Saves the sums now and then, and when interrupted. ``seen`` is called with the events done, also
    within a batch; ``total`` is their number, all by default; ``heaviest`` keeps those with the
    largest coefficients. Raises ModelError, naming the event, where a coefficient is not finite.
    """
    done = checkpoint.restore(sums, heaviest) if checkpoint else 0
    total = problem.survey.events if total is None else total
    saved = time.monotonic()
    whole = True  # sums that an interrupt tore half way are not worth saving
    try:
        batches = events.batches(batch_size or engine.batch_events)
        for batch in read_ahead(skip_events(batches, done)):
            report_progress(progress, "coefficients", sums.events, total)
            if seen is not None:
                seen(sums.events)
            watch = _watcher(progress, seen, sums.events, len(batch), total)
            for add in _additions(engine, batch, sums, problem, watch, heaviest):
                whole = False
                add()
                whole = True
            if checkpoint and time.monotonic() - saved > SAVE_SECONDS:
                checkpoint.save(sums, heaviest)
                saved = time.monotonic()
        if checkpoint:
            checkpoint.save(sums, heaviest)
        report_progress(progress, "coefficients", sums.events, total)
    except ModelError as error:
        raise error.located(problem.model.path) from None
    except KeyboardInterrupt:
        if checkpoint and whole:
            checkpoint.save(sums, heaviest)
        raise


def skip_events(batches: Iterator[Batch], done: int) -> Iterator[Batch]:
    """Yields the batches without the first ``done`` events."""
    for batch in batches:
        if done >= len(batch):
            done -= len(batch)
        elif done:
            yield cut(batch, done, len(batch))
            done = 0
        else:
            yield batch


def _watcher(
    progress: Progress | None,
    seen: Callable[[float], None] | None,
    done: int,
    events: int,
    total: int,
) -> Watcher | None:
    """Reports progress within a batch, since a batch of a slow model takes long."""
    if progress is None and seen is None:
        return None

    def watch(share: float) -> None:
        report_progress(progress, "coefficients", done + round(share * events), total)
        if seen is not None:
            seen(done + share * events)

    return watch


def _additions(
    engine: Engine,
    batch: Batch,
    sums: Accumulator,
    problem: Problem,
    watch: Watcher | None,
    heaviest: Heaviest | None,
) -> Iterator[Callable[[], None]]:
    """Yields the calls that add the events of a batch to the sums, in their order."""
    if not engine.sums_in_graph:
        yield _from_coefficients(engine, batch, sums, problem, watch, heaviest)
        return
    for start in range(0, len(batch), engine.batch_events):
        part = cut(batch, start, start + engine.batch_events)
        weighed = sums.weigh(part.weights, part.numbers, part.labels)
        own = engine.sums(part.x, *weighed)
        if own is None:  # a number that is not finite: its event is to be named
            yield _from_coefficients(engine, part, sums, problem, None, heaviest)
        else:
            yield partial(_add, part, sums, heaviest, None, partial(sums.merge_sums, *own, weighed))


def _add(
    batch: Batch,
    sums: Accumulator,
    heaviest: Heaviest | None,
    terms: Floats | None,
    add: Callable[[], None],
) -> None:
    """Adds the events of a batch to the sums, then sees whether they stand out."""
    add()
    if heaviest is not None:
        heaviest.see(batch, sums.total("square").ravel(), terms)


def _from_coefficients(
    engine: Engine,
    batch: Batch,
    sums: Accumulator,
    problem: Problem,
    watch: Watcher | None,
    heaviest: Heaviest | None,
) -> Callable[[], None]:
    answer = engine.coefficients(batch.x, watch)
    _check_finite(answer, batch, problem)
    joints = answer.no_derivative
    update = partial(
        sums.update,
        answer.terms,
        batch.weights,
        batch.numbers,
        batch.labels,
        error_bounds=answer.error_bounds,
        kinks=answer.kinks,
        joints=None if joints is None else joints.by_feature(engine.indices),
    )
    return partial(_add, batch, sums, heaviest, answer.terms, update)


def _check_finite(answer: BatchCoefficients, batch: Batch, problem: Problem) -> None:
    finite = np.isfinite(answer.terms).all(axis=2) & np.isfinite(answer.responses)
    if finite.all():
        return
    event, node = np.argwhere(~finite)[0]
    hint = (
        'the response is saturated there: use link="identity"'
        if problem.function.link != "identity"
        else "leave the event out, or see what its features do to the model"
    )
    raise ModelError(
        f"{printable(problem.model.path)}: response '{printable(problem.response_names[node])}' or"
        f" its coefficients are not finite at event {batch.numbers[event]} (counted from 0): {hint}"
    )
