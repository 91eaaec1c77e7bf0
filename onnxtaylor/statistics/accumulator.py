"""All sums of an analysis: per group, response and coefficient, with bootstrap replicates.

Events come in batches of any size, accumulators merge, and the numbers are the same to round-off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DataError, printable
from onnxtaylor.results.taylor import GroupSummary
from onnxtaylor.statistics.bootstrap import Replicates, replicate_counts, replicate_weights
from onnxtaylor.statistics.moments import CoefficientMoments
from onnxtaylor.statistics.ranks import rank_intervals, ranks

__all__ = ["ALL", "Accumulator", "EventWeights", "Statistics"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ALL = "all"
BLOCK = 1024  # events whose bootstrap weights are held at a time


@dataclass(frozen=True)
class Statistics:
    """Final numbers; arrays have shape (C, G, K), group 0 is ``all``.

    ``numerical_error`` is None where the engine tells no errors, NaN where it knows none.
    """

    groups: tuple[GroupSummary, ...]
    score: Floats
    sem: Floats
    signed_mean: Floats
    rms: Floats
    rank: Integers
    rank_low: Integers | None
    rank_high: Integers | None
    numerical_error: Floats | None = None


class EventWeights(NamedTuple):
    """What sums of B events are made with: weights w (B,), the number of each event's class (B,)
    and the bootstrap's Poisson counts (B, R), uint8.
    """

    weights: Floats
    groups: Integers
    counts: npt.NDArray[np.uint8]


class Accumulator:
    """Sums of C responses × K coefficients for the given classes.

    Without classes all events form one group. ``replicates`` of 0 leaves the bootstrap out.
    ``quantity`` names what is summed: sums of different quantities are not merged.
    """

    def __init__(
        self,
        outputs: int,
        coefficients: int,
        *,
        classes: Sequence[str] = (),
        replicates: int = 0,
        seed: int = 0,
        quantity: str = "derivative",
    ) -> None:
        self.shape = (outputs, coefficients)
        self.classes = tuple(classes)
        self.replicates = replicates
        self.seed = seed
        self.quantity = quantity
        size = outputs * coefficients
        parts = max(1, len(self.classes))
        self._moments = [CoefficientMoments.zero(size) for _ in range(parts)]
        self._bootstrap = [Replicates(replicates, size) for _ in range(parts)]
        self._errors = [np.zeros(size) for _ in range(parts)]  # Σ abs(w) error; NaN: not known
        self.kinks: Floats = np.zeros(0)  # events with a kink within reach, (n,) once it is known
        self.joints: Floats = np.zeros(0)  # events exactly on a kink, (n,) once there is one

    @property
    def events(self) -> int:
        """Events so far."""
        return sum(m.events for m in self._moments)

    def update(
        self,
        terms: Floats,
        weights: Floats,
        numbers: Integers,
        labels: npt.NDArray[np.str_] | None = None,
        errors: Floats | None = None,
        kinks: npt.NDArray[np.bool_] | None = None,
        joints: Floats | None = None,
    ) -> None:
        """Adds events: terms (B, C, K), weights (B,), event numbers (B,), labels (B,) of classes.

        ``errors`` (B, C, K) bound abs(t − true); what is not known of some events is not known of
        their sums. ``kinks`` (B, n) tell of each feature whether one is within reach, likewise;
        ``joints`` (n,) at how many of the events there is no derivative by it.
        Raises DataError for a label that is none of the classes.
        """
        if len(terms):
            self._count(np.zeros(0) if kinks is None else kinks.sum(axis=0, dtype=np.float64))
        self._count_joints(np.zeros(0) if joints is None else joints)
        for start in range(0, len(terms), BLOCK):
            part = slice(start, start + BLOCK)
            own = None if labels is None else labels[part]
            bounds = None if errors is None else errors[part]
            self._add(terms[part], weights[part], numbers[part], own, bounds)

    def _count(self, kinks: Floats) -> None:
        """Adds those of further events, ahead of their moments; an empty array: not known."""
        if not self.events:
            self.kinks = kinks
        else:
            self.kinks = self.kinks + kinks if len(self.kinks) and len(kinks) else np.zeros(0)

    def _count_joints(self, joints: Floats) -> None:
        """Adds those of further events; an empty array: none."""
        if len(joints):
            self.joints = self.joints + joints if len(self.joints) else joints

    def _add(
        self,
        terms: Floats,
        weights: Floats,
        numbers: Integers,
        labels: npt.NDArray[np.str_] | None,
        errors: Floats | None,
    ) -> None:
        values = terms.reshape(len(terms), -1)
        parts = self._parts(len(terms), labels)
        for part, events in enumerate(parts):
            self._moments[part].update(values, weights, events)
            if errors is None:
                self._errors[part].fill(np.nan)
            else:
                self._errors[part] += abs(weights[events]) @ errors.reshape(values.shape)[events]
        if self.replicates:
            drawn = replicate_weights(self.seed, numbers, weights, self.replicates)
            magnitudes = np.abs(values)
            for part, events in enumerate(parts):
                self._bootstrap[part].update(magnitudes[events], drawn[events])

    def weigh(
        self, weights: Floats, numbers: Integers, labels: npt.NDArray[np.str_] | None = None
    ) -> EventWeights:
        """What an engine that sums by itself needs to know of events; arguments as for ``update``.

        Raises DataError for a label that is none of the classes.
        """
        groups = np.zeros(len(weights), np.int64)
        for part, events in enumerate(self._parts(len(weights), labels)):
            groups[events] = part
        return EventWeights(weights, groups, replicate_counts(self.seed, numbers, self.replicates))

    def merge_sums(self, moments: Floats, replicates: Floats, weighed: EventWeights) -> None:
        """Adds the sums that an engine made of events, those that ``weigh`` was asked for.

        moments (5, G, D) are, per class, the rows of the kernel ``moments``; replicates (G, R, D)
        the sums Σ w n abs(t). Same statistics as ``update``, to round-off.
        """
        self._count(np.zeros(0))
        for part in range(len(self._moments)):
            events = np.flatnonzero(weighed.groups == part)
            self._errors[part].fill(np.nan)
            if not len(events):
                continue
            own = weighed.weights[events]
            sums = (float(own.sum()), float((own**2).sum()))
            self._moments[part].merge(CoefficientMoments(len(events), *sums, *moments[:, part]))
            if self.replicates:
                self._bootstrap[part].absolute += replicates[part]
                self._bootstrap[part].sum_w += own @ weighed.counts[events]

    def _parts(self, events: int, labels: npt.NDArray[np.str_] | None) -> list[Integers]:
        """The numbers of each class's events."""
        if not self.classes:
            return [np.arange(events)]
        if labels is None:
            raise DataError(f"{events} events came without labels")
        masks = [labels == name for name in self.classes]
        known = np.any(np.stack(masks), axis=0)
        if not known.all():
            raise DataError(f"label '{printable(labels[~known][0])}' is none of the classes")
        return [np.flatnonzero(mask) for mask in masks]

    def merge(self, other: Accumulator) -> None:
        """Adds the events of an accumulator of the same make. Raises ValueError for another."""
        if self.quantity != other.quantity:
            raise ValueError(f"sums of {other.quantity} and of {self.quantity} cannot be merged")
        if self._make != other._make:
            raise ValueError("accumulators of different make cannot be merged")
        if other.events:
            self._count(other.kinks)
        self._count_joints(other.joints)
        for part, moments in enumerate(other._moments):
            self._moments[part].merge(moments)
            self._bootstrap[part].merge(other._bootstrap[part])
            self._errors[part] += other._errors[part]

    @property
    def _make(self) -> tuple[object, ...]:
        return (self.shape, self.classes, self.replicates, self.seed, self.quantity)

    def finalize(self, scale: Floats | None = None) -> Statistics:
        """The numbers so far, times ``scale`` (K,) where given. Group ``all`` merges the classes.

        Raises DataError for a group whose weights do not sum to a positive number.
        """
        whole_moments, whole_replicates = deepcopy(self._moments[0]), deepcopy(self._bootstrap[0])
        for part in range(1, len(self._moments)):
            whole_moments.merge(self._moments[part])
            whole_replicates.merge(self._bootstrap[part])
        names = (ALL, *self.classes)
        moments = [whole_moments, *(self._moments if self.classes else ())]
        replicates = [whole_replicates, *(self._bootstrap if self.classes else ())]
        for name, group in zip(names, moments, strict=True):
            if group.sum_w <= 0:
                raise DataError(
                    f"the weights of group '{printable(name)}' sum to {group.sum_w:g}: a weighted"
                    " mean needs a positive sum"
                )
        factor = np.ones(self.shape[1]) if scale is None else scale
        bounds = [sum(self._errors), *(self._errors if self.classes else ())]
        errors = self._stack(
            [bound / abs(m.sum_w) for bound, m in zip(bounds, moments, strict=True)], factor
        )
        score = self._stack([m.score for m in moments], factor)
        low = high = None
        if self.replicates:
            intervals = [
                rank_intervals(r.scores.reshape(self.replicates, *self.shape) * factor)
                for r in replicates
            ]
            low = np.stack([interval[0] for interval in intervals], axis=1)
            high = np.stack([interval[1] for interval in intervals], axis=1)
        return Statistics(
            groups=tuple(
                GroupSummary(name, m.events, m.sum_w, m.n_eff)
                for name, m in zip(names, moments, strict=True)
            ),
            score=score,
            sem=self._stack([m.sem for m in moments], factor),
            signed_mean=self._stack([m.signed_mean for m in moments], factor),
            rms=self._stack([m.rms for m in moments], factor),
            rank=ranks(score),
            rank_low=low,
            rank_high=high,
            numerical_error=None if np.isnan(errors).all() else errors,
        )

    def _stack(self, groups: list[Floats], factor: Floats) -> Floats:
        return np.stack([g.reshape(self.shape) for g in groups], axis=1) * factor

    def state(self) -> dict[str, Floats]:
        """All sums as named arrays, to be saved and continued from."""
        arrays: dict[str, Floats] = {"kinks": self.kinks, "joints": self.joints}
        for part, moments in enumerate(self._moments):
            arrays |= {f"moments/{part}/{name}": a for name, a in moments.state().items()}
            arrays[f"replicates/{part}/absolute"] = self._bootstrap[part].absolute
            arrays[f"replicates/{part}/sum_w"] = self._bootstrap[part].sum_w
            arrays[f"errors/{part}"] = self._errors[part]
        return arrays

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """The inverse of ``state``, into an accumulator of the same make. Raises KeyError."""
        self.kinks, self.joints = np.array(arrays["kinks"]), np.array(arrays["joints"])
        for part in range(len(self._moments)):
            stem = f"moments/{part}/"
            own = {name: arrays[stem + name] for name in self._moments[part].state()}
            self._moments[part] = CoefficientMoments.from_state(own)
            self._bootstrap[part].absolute = np.array(arrays[f"replicates/{part}/absolute"])
            self._bootstrap[part].sum_w = np.array(arrays[f"replicates/{part}/sum_w"])
            self._errors[part] = np.array(arrays[f"errors/{part}"])
