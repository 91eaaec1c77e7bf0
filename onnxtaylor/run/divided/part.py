"""The sums of a part of the events, and all that a result needs besides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from onnxtaylor.crosscheck import Sample
from onnxtaylor.crosscheck.costs import Timer
from onnxtaylor.crosscheck.plan import Spent
from onnxtaylor.data import EventRange
from onnxtaylor.options.declare import take_fields
from onnxtaylor.options.division import ClusterOptions, ShardOptions, read_shard
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.events import Events
from onnxtaylor.problem.unvarying import RangeSums
from onnxtaylor.progress import Progress
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.asked import read_analysis
from onnxtaylor.run.begun import Begun, begin
from onnxtaylor.run.divided.part_file import (
    PART,
    below,
    damaged,
    read_arrays,
    require_sizes,
    under,
    write_part,
)
from onnxtaylor.run.divided.surveys import known_survey, require_same_files
from onnxtaylor.run.facts import file_facts
from onnxtaylor.run.head import Head
from onnxtaylor.statistics import Accumulator

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import PartKeywords

__all__ = ["Part", "Sums", "analyze_part", "bounds", "draw_events", "sum_range"]

READ = 2**16  # events that are read at a time for the cross-check


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over some events: of the coefficients, and ranges of the responses."""

    coefficients: Accumulator
    ranges: RangeSums

    def merge(self, other: Sums) -> Sums:
        """Adds the events of another to this one, and returns it."""
        self.coefficients.merge(other.coefficients)
        self.ranges.merge(other.ranges)
        return self


@dataclass(frozen=True, eq=False)
class Part:
    """The sums of part K of N, and what they belong to.

    Parameters
    ----------
    shard
        K and N.
    facts
        What the sums depend on, the same for all parts.
    head
        The result without its numbers; that of part 1 has the cross-check.
    sums
        The sums over the events of the part.
    """

    shard: tuple[int, int]
    facts: Mapping[str, Any]
    head: Head
    sums: Sums

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the part, whole or not at all. Raises ResultError."""
        own, ranges = self.sums.coefficients, self.sums.ranges
        header = {
            "schema": PART,
            "shard": list(self.shard),
            "events": own.events,
            "facts": dict(self.facts),
            "head": self.head.to_document(),
            "outputs": list(ranges.outputs),
            "classes": list(own.classes),
            "coefficients": own.shape[1],
            "replicates": own.replicates,
            "seed": own.seed,
            "quantity": own.quantity,
            "epsilon": ranges.epsilon,
        }
        arrays = under("sums", own.state()) | under("ranges", ranges.state())
        write_part(path, header, arrays | under("head", self.head.arrays()))

    @classmethod
    def load(cls, path: str | os.PathLike[str], header: Mapping[str, Any]) -> Part:
        """Reads the part whose header is given. Raises ResultError where it is damaged."""
        arrays = read_arrays(path)
        try:
            outputs, classes = tuple(header["outputs"]), tuple(header["classes"])
            require_sizes(header, arrays)
            head = Head.from_document(header["head"], below("head", arrays))
            sums = Accumulator(
                len(outputs),
                header["coefficients"],
                classes=classes,
                replicates=header["replicates"],
                seed=header["seed"],
                quantity=header["quantity"],
            )
            sums.restore(below("sums", arrays))
            ranges = RangeSums(outputs, classes, header["epsilon"])
            ranges.restore(below("ranges", arrays))
            number, of = header["shard"]
        except Exception as error:  # of a header that somebody has written by hand: anything
            raise damaged(path, error) from error
        return cls((number, of), header["facts"], head, Sums(sums, ranges))

    def result(self) -> TaylorResult:
        """Returns the result of the sums, as though they were over all events."""
        return self.head.fill(self.sums.coefficients, self.sums.ranges)


def analyze_part(
    model: ModelSource,
    x: Events | None,
    *,
    progress: Progress | None = None,
    **options: Unpack[PartKeywords],
) -> Part:
    """Sums the coefficients of one shard of the events: see ``analyze``, whose options it takes.

    Parameters
    ----------
    model, x
        As for ``analyze``.
    progress
        Called with (stage, events done, events in all).
    **options
        Those of ``analyze``, ``shard``, and ``survey``, without which all events are read once.

    Raises
    ------
    ModelError, DataError, OptionError
        As ``analyze`` does; OptionError for a survey of other data.
    """
    asked = read_analysis("analyze_part", options)
    shard = read_shard(take_fields(ShardOptions, options).shard or "1/1")
    survey = take_fields(ClusterOptions, options).survey
    known, told = known_survey(survey, asked.data)
    timer = Timer()
    problem = Problem.open(
        model,
        x,
        asked.model,
        asked.data,
        derivatives=asked.engine.finite_step is None,
        provider=asked.engine.provider,
        seed=asked.statistics.seed,
        known=known,
        progress=progress,
    )
    require_same_files(told, problem)
    begun = begin(problem, asked.engine, asked.statistics, asked.pairs, progress)
    summing = Timer()
    sums = sum_range(begun, *bounds(shard, problem.survey.stop), progress)
    head = begun.head()
    summed, events = summing.seconds, sums.coefficients.events
    drawn = draw_events(begun) if shard[0] == 1 else None
    if drawn is not None:
        # the check is that of an undivided analysis, which has the time of all events
        event = summed / events if events else None
        others = (event or 0.0) * (problem.survey.events - events)
        spent = Spent(timer.seconds + others, event)
        head = replace(head, check=begun.check(drawn, spent, progress))
    facts = begun.facts() | file_facts(problem.source.origins, times=False)
    return Part(shard, facts, head, sums)


def bounds(shard: tuple[int, int], total: int) -> tuple[int, int]:
    """Returns the numbers of the first event of part K of N, and of the first one behind it.

    >>> [bounds((k, 3), 10) for k in (1, 2, 3)]
    [(0, 3), (3, 6), (6, 10)]
    """
    number, of = shard
    return total * (number - 1) // of, total * number // of


def sum_range(begun: Begun, start: int, stop: int, progress: Progress | None = None) -> Sums:
    """Sums the coefficients of the events ``start`` to ``stop`` − 1. Raises as ``analyze`` does."""
    sums, ranges = begun.sum_events(
        EventRange(begun.problem.source, start, stop),
        batch_size=begun.steady_batch,
        total=min(stop - start, begun.problem.survey.events),
        progress=progress,
    )
    return Sums(sums, ranges.found)


def draw_events(begun: Begun) -> Sample | None:
    """Draws the events at which the engines are to be compared, in one pass over all data.

    Returns None where the engines are not to be compared.
    """
    drawn = begun.draw()
    if drawn is not None:
        for _ in drawn.watch(begun.problem.source.batches(READ)):
            pass  # the sample keeps the events that it has drawn
    return drawn
