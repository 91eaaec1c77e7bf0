"""Batch by batch: events → coefficients → sums, saved now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from onnxtaylor.data import Batch, EventSource
from onnxtaylor.data.rechunk import cut
from onnxtaylor.engine.base import BatchCoefficients, Engine, Watcher
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.errors import DisagreementError, ModelError, printable
from onnxtaylor.options.analysis import AnalysisOptions
from onnxtaylor.problem.events import Progress, tell
from onnxtaylor.problem.opening import OpenModel
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.checkpoint import Checkpoint

__all__ = ["accumulate"]

SAVE_SECONDS = 20.0  # between checkpoints


def accumulate(
    engine: Engine,
    source: EventSource,
    sums: Accumulator,
    total: int,
    options: AnalysisOptions,
    opened: OpenModel,
    checkpoint: Checkpoint | None,
    progress: Progress | None,
) -> None:
    """Feeds every batch through the engine; saves the sums now and then, and when interrupted."""
    done = checkpoint.restore(sums) if checkpoint else 0
    saved = time.monotonic()
    whole = True  # sums that an interrupt tore half way are not worth saving
    try:
        for batch in _behind(source.batches(options.batch_size or engine.batch_events), done):
            tell(progress, "coefficients", sums.events, total)
            watch = _watcher(progress, sums.events, len(batch), total)
            for add in _additions(engine, batch, sums, opened, watch):
                whole = False
                add()
                whole = True
            if checkpoint and time.monotonic() - saved > SAVE_SECONDS:
                checkpoint.save(sums)
                saved = time.monotonic()
        if checkpoint:
            checkpoint.save(sums)
        tell(progress, "coefficients", sums.events, total)
    except DisagreementError as error:
        raise error.located(opened.model.path) from None
    except KeyboardInterrupt:
        if checkpoint and whole:
            checkpoint.save(sums)
        raise


def _watcher(progress: Progress | None, done: int, events: int, total: int) -> Watcher | None:
    """Tells of a batch that is under way: one of a slow model takes long."""
    if progress is None:
        return None
    return lambda share: tell(progress, "coefficients", done + round(share * events), total)


def _additions(
    engine: Engine, batch: Batch, sums: Accumulator, opened: OpenModel, watch: Watcher | None
) -> Iterator[Callable[[], None]]:
    """What is to be called, in this order, to add the events of a batch to the sums."""
    if not (isinstance(engine, Exact) and engine.sums_in_graph):
        yield _from_coefficients(engine, batch, sums, opened, watch)
        return
    for part in _parts(batch, engine.batch_events):
        weighed = sums.weigh(part.weights, part.numbers, part.labels)
        found = engine.sums(part.x, *weighed)
        if found is None:  # a number that is not finite: its event is to be named
            yield _from_coefficients(engine, part, sums, opened, None)
        else:
            yield partial(sums.merge_sums, *found, weighed)


def _from_coefficients(
    engine: Engine, batch: Batch, sums: Accumulator, opened: OpenModel, watch: Watcher | None
) -> Callable[[], None]:
    answer = engine.coefficients(batch.x, watch)
    _check_finite(answer, batch, opened)
    return partial(
        sums.update,
        answer.terms,
        batch.weights,
        batch.numbers,
        batch.labels,
        error_bounds=answer.errors,
        kinks=answer.kinks,
        joints=None if answer.apart is None else answer.apart.by_feature(engine.indices),
    )


def _parts(batch: Batch, size: int) -> Iterator[Batch]:
    """The batch in parts of at most ``size`` events."""
    for start in range(0, len(batch), size):
        yield cut(batch, start, start + size)


def _behind(batches: Iterator[Batch], done: int) -> Iterator[Batch]:
    """The batches without the first ``done`` events."""
    for batch in batches:
        if done >= len(batch):
            done -= len(batch)
        elif done:
            yield cut(batch, done, len(batch))
            done = 0
        else:
            yield batch


def _check_finite(answer: BatchCoefficients, batch: Batch, opened: OpenModel) -> None:
    finite = np.isfinite(answer.terms).all(axis=2) & np.isfinite(answer.responses)
    if finite.all():
        return
    event, node = np.argwhere(~finite)[0]
    hint = (
        "the response is saturated there: use --link identity"
        if opened.function.link != "identity"
        else "leave the event out, or see what its features do to the model"
    )
    raise ModelError(
        f"{printable(opened.model.path)}: response '{printable(opened.response_names[node])}' or"
        f" its coefficients are not finite at event {batch.numbers[event]} (counted from 0): {hint}"
    )
