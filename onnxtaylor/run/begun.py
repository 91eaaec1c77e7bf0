"""An analysis that is prepared: events can be summed, all of them or parts, and become a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck import Sample, compare_engines
from onnxtaylor.crosscheck.largest import LargestEvents, find_largest
from onnxtaylor.crosscheck.plan import Spent
from onnxtaylor.data import EventSource
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import Problem
from onnxtaylor.problem.unvarying import ResponseRanges
from onnxtaylor.progress import Progress
from onnxtaylor.results.taylor import Notice
from onnxtaylor.run.accumulate import accumulate
from onnxtaylor.run.facts import file_facts, list_facts
from onnxtaylor.run.head import Head
from onnxtaylor.run.pairs import PairChoice, prepare_pairs
from onnxtaylor.run.prepare import Prepared, find_notices, prepare
from onnxtaylor.run.summarize import make_head
from onnxtaylor.runtime.provider import available_threads
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.checkpoint import Checkpoint
from onnxtaylor.statistics.heaviest import Heaviest

__all__ = ["Begun", "begin", "unfinished_work"]

BATCH_BYTES, BATCH_MOST = 2**24, 2**27  # of coefficients at a time: usually, and at most
BATCH_EVENTS = 4096
MOST_WATCHED = 2**18  # coefficients, of which those of the largest events are held
LOOKED_AT, SHARE_LOOKED_AT = 64, 0.02  # events whose coefficients are computed anew


@dataclass(frozen=True, eq=False)
class Begun:
    """An analysis before its first event.

    Parameters
    ----------
    problem, options
        The model and its data, and how coefficients are computed.
    ready
        The engine, what is ranked, and the statistics with the replicates that are made.
    choice
        The chosen pairs; None for all.
    notices
        Warnings that need no sums.
    """

    problem: Problem
    options: EngineOptions
    ready: Prepared
    choice: PairChoice | None
    notices: tuple[Notice, ...]

    @property
    def checked(self) -> int:
        """Number of events at which the engines are to be compared.

        There is no other engine of finite steps to compare with.
        """
        return 0 if self.ready.engine.quantity == "finite-step" else self.ready.statistics.check

    @property
    def steady_batch(self) -> int:
        """Number of events at a time that no clock and no machine has a say in.

        Sums of the same batches have the same bits, in whichever process they are made.
        """
        if self.options.batch_size is not None:
            return self.options.batch_size
        event = 8 * len(self.ready.engine.indices) * len(self.problem.response_names)
        return max(1, min(BATCH_EVENTS, max(BATCH_BYTES // event, min(64, BATCH_MOST // event))))

    def facts(self) -> dict[str, Any]:
        """Lists what the sums depend on."""
        ready = self.ready
        return list_facts(self.problem, ready.engine, self.options, ready.statistics, self.choice)

    def empty_sums(self) -> tuple[Accumulator, ResponseRanges]:
        """Returns the sums over no events, of coefficients and of responses."""
        threads = self.options.threads or available_threads()
        classes = tuple(self.problem.survey.classes)
        return self.ready.sums(self.problem, threads=threads), ResponseRanges(self.problem, classes)

    def sum_events(
        self,
        events: EventSource,
        *,
        batch_size: int | None = None,
        total: int | None = None,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
        seen: Callable[[float], None] | None = None,
        heaviest: Heaviest | None = None,
    ) -> tuple[Accumulator, ResponseRanges]:
        """Sums the coefficients of some or all events of the data; parameters as ``accumulate``.

        Raises as ``accumulate`` does.
        """
        sums, ranges = self.empty_sums()
        accumulate(
            self.ready.engine,
            self.problem,
            ranges.of(events),
            sums,
            batch_size=batch_size or self.options.batch_size,
            total=total,
            checkpoint=checkpoint,
            progress=progress,
            seen=seen,
            heaviest=heaviest,
        )
        return sums, ranges

    def head(self) -> Head:
        """Returns the result without its numbers and without a check."""
        ready = self.ready
        reduced = replace(ready.chosen, engine=ready.engine)
        head = make_head(
            self.problem, reduced, self.options, ready.statistics, self.notices, ready.ranked
        )
        if self.choice is None:
            return head
        return replace(head, options={**head.options, "pairs": self.choice.describe()})

    def draw(self) -> Sample | None:
        """Draws the events at which the engines are to be compared; None where they are not."""
        count = self.checked
        total, seed = self.problem.survey.events, self.ready.statistics.seed
        return Sample(total, count, seed) if count else None

    def keep_heaviest(self) -> Heaviest | None:
        """Returns what keeps the events with the largest coefficients; None where nothing does.

        They are looked at in a check of the coefficients that are summed, of the exact engine.
        """
        ready, responses = self.ready, len(self.problem.response_names)
        if not self.checked or self.choice or ready.ranked.how or ready.chosen.differences:
            return None
        if responses * len(ready.engine.indices) > MOST_WATCHED:
            return None
        return Heaviest(self._units, responses)

    @property
    def _units(self) -> npt.NDArray[np.float64]:
        """Scales of the coefficients in units of the features' spreads, (K,)."""
        return self.ready.engine.indices.scale(self.problem.survey.spread)

    def _largest(self, heaviest: Heaviest | None, sums: Accumulator) -> LargestEvents | None:
        """Finds the events with the largest shares of ⟨t⟩, among those that were kept."""
        if heaviest is None:
            return None
        kept = heaviest.events(max(LOOKED_AT, int(SHARE_LOOKED_AT * sums.events)))
        return find_largest(self.ready.engine, kept, sums.total("absolute"), self._units)

    def check(
        self,
        drawn: Sample,
        spent: Spent | None,
        progress: Progress | None = None,
        *,
        sums: Accumulator | None = None,
        heaviest: Heaviest | None = None,
    ) -> dict[str, Any]:
        """Compares the engines at events that have passed; ``spent`` is the analysis' time.

        Also at those with the largest coefficients, where ``heaviest`` has kept them beside the
        sums.
        """
        choice, ready = self.choice, self.ready
        compared = compare_engines(
            self.problem,
            self.options,
            drawn,
            chosen=ready.chosen,
            indices=None if choice is None else choice.compared(ready.chosen),
            method=ready.statistics.check_method if choice is None else "all",
            spent=spent,
            largest=None if sums is None else self._largest(heaviest, sums),
            progress=progress,
        )
        return compared.to_dict()


def begin(
    problem: Problem,
    options: EngineOptions,
    statistics: StatisticsOptions,
    pairs: str | None = None,
    progress: Progress | None = None,
) -> Begun:
    """Prepares an analysis. Parameters and errors are those of ``analyze_problem``."""
    if pairs is None:
        ready, choice = prepare(problem, options, statistics, progress), None
    else:
        ready, choice = prepare_pairs(problem, options, statistics, pairs, progress)
    notices = find_notices(problem, ready.engine, scale_of(options, ready.statistics))
    return Begun(problem, options, ready, choice, tuple(notices))


@contextmanager
def unfinished_work(begun: Begun, fold: int | None = None) -> Iterator[Checkpoint | None]:
    """Yields the folder of unfinished work, which no other process uses; None where there is none.

    The sums of a fold of the events are in a folder of their own in it. Raises OptionError where
    another process uses it.
    """
    folder = begun.ready.statistics.resume
    if folder is None:
        yield None
        return
    facts = begun.facts() | file_facts(begun.problem.source.origins, times=True)
    if fold is not None:
        folder, facts = Path(folder) / f"fold{fold}", facts | {"number of the fold": fold}
    checkpoint = Checkpoint(folder, facts)
    with checkpoint.held():
        yield checkpoint
