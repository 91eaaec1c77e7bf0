"""The original model at events, in double precision where it can be promoted, by size of sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.problem import Problem
from onnxtaylor.problem.jagged import Size
from onnxtaylor.runtime.promotion import Promotion, promote
from onnxtaylor.runtime.session import Session

__all__ = ["Model", "Originals"]

Floats = npt.NDArray[np.float64]

PROMOTED = 16  # events at which the model in double precision is compared with itself


@dataclass(frozen=True, eq=False)
class Model:
    """The model at one event: a session, and the columns of the event that its rows have."""

    session: Session
    columns: npt.NDArray[np.int64]


class Originals:
    """The original model of a problem, opened when it is asked for.

    Parameters
    ----------
    problem
        The function, or one for each size of sets.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._promotions: dict[Size, Promotion] = {}

    def at(self, x: Floats) -> list[Model]:
        """Returns the model at each of the events x (E, n), all of one precision."""
        buckets = self.problem.buckets
        if buckets is None:
            session = self._sessions({(): self.problem})[()]
            return [Model(session, np.arange(x.shape[1]))] * len(x)
        groups = list(buckets.jagged.groups(x))
        sessions = self._sessions({size: self.problem.of_size(size) for size, _ in groups})
        models: dict[int, Model] = {}
        for size, events in groups:
            model = Model(sessions[size], buckets.columns(size))
            models |= dict.fromkeys(events.tolist(), model)
        return [models[event] for event in range(len(x))]

    def _sessions(self, problems: dict[Size, Problem]) -> dict[Size, Session]:
        """Returns sessions in one thread; in double precision only if all of them can be."""
        for size, problem in problems.items():
            if size not in self._promotions:
                self._promotions[size] = _promoted(problem)
        refused = any(self._promotions[size].refused for size in problems)
        sessions = {}
        for size, problem in problems.items():
            own = self._promotions[size]
            if refused or own.session is None:
                function = problem.function if refused else own.function
                sessions[size] = Session(function, provider=problem.provider, threads=1)
            else:
                sessions[size] = own.session
        return sessions


def _promoted(problem: Problem) -> Promotion:
    own = problem.session
    known = own if isinstance(own, Session) and own.function is problem.function else None
    events = problem.first_events[:PROMOTED]
    return promote(problem.function, events, provider=problem.provider, original=known)
