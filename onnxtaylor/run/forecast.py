"""Says how long a run takes, where that is more than a minute, as soon as a few seconds have shown.

The time is that of the events done, for all of them. Beside it stands what makes it long, and what
first order alone would take: the time of second order, times the ratio of the two graphs' work.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.likely import seconds_of_graphs
from onnxtaylor.errors import ModelError
from onnxtaylor.problem import Problem
from onnxtaylor.results.cost import bytes_words, seconds_words
from onnxtaylor.run.prepare import Prepared
from onnxtaylor.runtime.resident import peak_resident_bytes

__all__ = ["Announce", "Forecast"]

Announce = Callable[[str], None]

LONG = 60.0  # seconds of a run that is announced
SHOWN = 2.0  # seconds after which the time of a run is known well enough


class Forecast:
    """Tells the cost of a long run, once.

    Parameters
    ----------
    announce
        Called with one line.
    problem, ready
        The run.
    clock
        The time in seconds.
    """

    def __init__(
        self,
        announce: Announce,
        problem: Problem,
        ready: Prepared,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._announce: Announce | None = announce
        self._problem, self._ready, self._clock = problem, ready, clock
        self._begin: float | None = None
        self._known = 0.0  # events done before this run: of a checkpoint

    def seen(self, done: float) -> None:
        """Is told the number of events done, which may lie within a batch; announces a long run."""
        if self._announce is None:
            return
        if self._begin is None:
            self._begin, self._known = self._clock(), done
            return
        elapsed, fresh = self._clock() - self._begin, done - self._known
        if elapsed < SHOWN or fresh <= 0:
            return
        each = elapsed / fresh
        seconds = each * (self._problem.survey.events - self._known)
        if seconds > LONG:
            announce, self._announce = self._announce, None
            announce(self._line(seconds, each))

    def _line(self, seconds: float, each: float) -> str:
        problem, ready = self._problem, self._ready
        coefficients, responses = len(ready.chosen.engine.indices), len(problem.response_names)
        line = f"about {seconds_words(seconds)}: {problem.survey.events} events × {coefficients}"
        line += f" coefficients × {responses} response{'s' if responses > 1 else ''}"
        peak = peak_resident_bytes()
        if peak is not None:
            line += f", {bytes_words(peak)} so far"
        first = self._seconds_of_first_order(each)
        if first is not None:
            line += f"; order=1 takes about {seconds_words(first)}"
        return line

    def _seconds_of_first_order(self, each: float) -> float | None:
        """Estimates the seconds of first order; None where it is no other graph of this engine."""
        engine, problem = self._ready.chosen.engine, self._problem
        if not isinstance(engine, Exact) or engine.indices.order < 2 or problem.buckets is not None:
            return None
        function = problem.function
        try:
            first = derive(function, function.indices(1), problem.first_events, loose=True)
        except ModelError:
            return None
        graphs = engine.fit.graphs
        second = seconds_of_graphs(graphs.graphs[run.graph] for run in graphs.runs)
        return problem.survey.events * each * seconds_of_graphs(iter([first])) / second
