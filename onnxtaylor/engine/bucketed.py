"""Coefficients of sets of varying size: each size has an engine of its own.

The events of a batch are grouped by size, and each group is given to the engine of its size, whose
function has the columns of filled slots alone. Coefficients are put back to the slots of the
longest sets; by slots that an event does not have they are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.base import BatchCoefficients, Engine, Quantity, Watcher
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.errors import ModelError
from onnxtaylor.indices import MultiIndices
from onnxtaylor.problem.buckets import Buckets
from onnxtaylor.problem.jagged import Size

__all__ = ["Bucketed", "narrowed_indices"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
BATCH_BYTES = 2**26  # of coefficients and their error bounds that leave the engine at a time

Evaluate = Callable[[Engine, Floats], BatchCoefficients]


@dataclass(frozen=True, eq=False)
class _Part:
    """The engine of one size: its columns in the row, and its places among all coefficients."""

    engine: Engine
    columns: Integers
    places: Integers


class Bucketed:
    """The engines of all sizes as one.

    Parameters
    ----------
    buckets
        Sizes, and the columns of each.
    indices
        The K coefficients of the longest sets.
    make
        Makes the engine of a size. It is called when the size is met for the first time.
    facts
        Facts for ``describe`` on the features of the longest sets.

    Raises
    ------
    ModelError
        The engine of the most frequent size cannot be made.
    """

    sums_in_graph = False

    def __init__(
        self,
        buckets: Buckets,
        indices: MultiIndices,
        make: Callable[[Size], Engine],
        facts: Mapping[str, object],
    ) -> None:
        self.indices = indices
        self._buckets, self._make, self._facts = buckets, make, facts
        self._parts: dict[Size, _Part] = {}
        self._first = self._part(buckets.usual).engine

    @property
    def name(self) -> str:
        """Name of the engine of every size."""
        return self._first.name

    @property
    def quantity(self) -> Quantity:
        """Quantity of the engine of every size."""
        return self._first.quantity

    @property
    def precision(self) -> str:
        """Floating-point format of the evaluation."""
        return self._first.precision

    @property
    def exact_responses(self) -> npt.NDArray[np.bool_]:
        """Whether the coefficients of each response (C,) are exact derivatives."""
        return self._first.exact_responses

    @property
    def reach(self) -> Floats | None:
        """Largest displacement (n,) of each feature, of the sizes that have been met."""
        known = [(part, r) for part in self._parts.values() if (r := part.engine.reach) is not None]
        if not known:
            return None
        reach = np.zeros(self.indices.n_features)
        for part, own in known:
            reach[part.columns] = np.maximum(reach[part.columns], own)
        return reach

    @property
    def points(self) -> int:
        """Evaluations of the model per event, of the size that takes most of those met."""
        return max(part.engine.points for part in self._parts.values())

    @property
    def batch_events(self) -> int:
        """Number of events that suits the engine of the most frequent size best at a time.

        They are fewer where the coefficients by all slots would need too much memory.
        """
        event = 16 * len(self.indices) * len(self.exact_responses)
        return max(1, min(self._first.batch_events, BATCH_BYTES // event))

    @property
    def accuracy(self) -> int:
        """Order of accuracy of the stencil, where all are differences."""
        return int(self._first.accuracy)  # type: ignore[attr-defined]

    @property
    def steps(self) -> Floats:
        """Steps (2, n) of the differences at the first size met that has the feature; else Inf."""
        steps = np.full((2, self.indices.n_features), np.inf)
        for part in reversed(self._parts.values()):
            steps[:, part.columns] = part.engine.steps  # type: ignore[attr-defined]
        return steps

    def describe(self) -> dict[str, object]:
        """Facts on the engine of the most frequent size, and on the features of the longest."""
        facts = {**self._first.describe(), **self._facts, "sizes": len(self._buckets.sizes)}
        if "steps" in facts:
            n = self.indices.n_features - len(self._buckets.jagged.data.columns)
            steps = self.steps[:, :n]
            facts["steps"] = np.where(np.isfinite(steps), steps, 0.0).tolist()
        return facts

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> None:
        """Returns None: the caller sums the coefficients itself."""

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes t_α at the events x (B, n): 0, without error, by slots that are not there.

        Raises ModelError, with the size, where a size has no engine of the kind of the others.
        """
        return self._gathered(x, lambda engine, rows: engine.coefficients(rows), watch)

    def with_other_steps(self, x: Floats, factor: float) -> BatchCoefficients:
        """Computes t_α at events x (B, n) by differences with steps ``factor`` times as wide."""

        def evaluate(engine: Engine, rows: Floats) -> BatchCoefficients:
            answer: BatchCoefficients = engine.with_other_steps(rows, factor)  # type: ignore[attr-defined]
            return answer

        return self._gathered(x, evaluate)

    def _gathered(
        self, x: Floats, evaluate: Evaluate, watch: Watcher | None = None
    ) -> BatchCoefficients:
        shape = (len(x), len(self.exact_responses), len(self.indices))
        responses, terms = np.empty(shape[:2]), np.zeros(shape)
        bounds: Floats | None = None
        kinks: npt.NDArray[np.bool_] | None = None
        missing: list[tuple[Integers, npt.NDArray[np.bool_]]] = []
        done = 0
        for part, events in self._chunks(x):
            answer = evaluate(part.engine, x[np.ix_(events, part.columns)])
            place = np.ix_(events, np.arange(shape[1]), part.places)
            responses[events], terms[place] = answer.responses, answer.terms
            if answer.error_bounds is not None:
                bounds = np.zeros(shape) if bounds is None else bounds
                bounds[place] = answer.error_bounds
            if answer.kinks is not None:
                kinks = np.zeros(x.shape, np.bool_) if kinks is None else kinks
                kinks[np.ix_(events, part.columns)] = answer.kinks
            if (apart := answer.no_derivative) is not None:
                mask = np.zeros((len(apart.events), *shape[1:]), np.bool_)
                mask[..., part.places] = apart.mask
                missing.append((events[apart.events], mask))
            done += len(events)
            if watch is not None:
                watch(done / len(x))
        joints = None
        if missing:
            numbers = np.concatenate([events for events, _ in missing])
            order = np.argsort(numbers)
            masks = np.concatenate([mask for _, mask in missing])
            joints = NoDerivative(numbers[order], masks[order])
        return BatchCoefficients(responses, terms, bounds, kinks, joints)

    def _chunks(self, x: Floats) -> Iterator[tuple[_Part, Integers]]:
        """Yields engines, with the numbers of the events that are given to them at a time."""
        for size, events in self._buckets.jagged.groups(x):
            part = self._part(size)
            step = part.engine.batch_events
            for start in range(0, len(events), step):
                yield part, events[start : start + step]

    def _part(self, size: Size) -> _Part:
        if size not in self._parts:
            columns = self._buckets.columns(size)
            wanted, places = narrowed_indices(self.indices, columns)
            with self._buckets.located(size):
                engine = self._make(size)
                if not np.array_equal(engine.indices.table, wanted.table):
                    raise ModelError("other coefficients exist than at other sizes")
                if self._parts:
                    self._require_same(engine)
            self._parts[size] = _Part(engine, columns, places)
        return self._parts[size]

    def _require_same(self, engine: Engine) -> None:
        """Raises ModelError for an engine that is not of the kind of the first."""
        first = self._first
        if engine.name != first.name or not np.array_equal(
            engine.exact_responses, first.exact_responses
        ):
            raise ModelError(
                f"the engine is {engine.name} and not {first.name}, as at other sizes: use"
                ' engine="differences"'
            )
        if engine.precision != first.precision:
            raise ModelError(
                f"the model is evaluated in {engine.precision} and not in {first.precision}, as at"
                ' other sizes: use precision="float32"'
            )


def narrowed_indices(
    indices: MultiIndices, columns: Integers
) -> tuple[MultiIndices, npt.NDArray[np.int64]]:
    """Returns the multi-indices of some columns, in their numbers, and their places in the list.

    >>> indices, places = narrowed_indices(MultiIndices.full(3, 2), np.array([0, 2]))
    >>> indices.tuples(), places.tolist()
    ([(0,), (1,), (0, 0), (0, 1), (1, 1)], [0, 2, 3, 5, 8])
    """
    numbers = np.full(indices.n_features + 1, -2, np.int32)
    numbers[columns] = np.arange(len(columns))
    numbers[-1] = -1  # the table's filler
    table = numbers[indices.table]
    kept = np.flatnonzero((table != -2).all(axis=1))
    return MultiIndices(len(columns), table[kept]), kept
