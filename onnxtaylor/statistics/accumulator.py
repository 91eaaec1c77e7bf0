"""All sums of an analysis: per group, response and coefficient, with bootstrap replicates.

Events come in batches of any size, and accumulators can be merged: the numbers are the same up to
round-off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import DataError, printable
from onnxtaylor.statistics.bootstrap import replicate_counts, replicate_weights
from onnxtaylor.statistics.finalize import ClassSums, Statistics, finalize
from onnxtaylor.statistics.moments import CoefficientMoments
from onnxtaylor.statistics.sound_sums import require_sums

__all__ = ["Accumulator", "EventWeights"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCK = 1024  # events whose bootstrap weights are held at a time


class EventWeights(NamedTuple):
    """The weights of B events, for an engine that makes sums itself.

    Attributes
    ----------
    weights
        Weights w, (B,).
    groups
        The number of each event's class, (B,).
    counts
        The bootstrap's Poisson counts, (B, R), uint8.
    """

    weights: Floats
    groups: Integers
    counts: npt.NDArray[np.uint8]


class Accumulator:
    """Sums of C responses × K coefficients for each class of events.

    Parameters
    ----------
    outputs, coefficients
        Numbers C of responses and K of coefficients.
    classes
        Names of the classes; without any, all events form one group.
    replicates, seed
        Number of bootstrap replicates, R, 0 for none, and their random seed.
    quantity
        Name of the summed quantity: sums of different quantities are not merged.
    threads
        Number of threads that ``update`` takes.

    Attributes
    ----------
    kinks
        Number of events with a kink within reach along each feature, (n,); empty where some events
        have no flags.
    joints
        Number of events exactly on a kink of each feature, (n,); empty while there is none.
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
        threads: int = 1,
    ) -> None:
        self.shape = (outputs, coefficients)
        self.classes = tuple(classes)
        self.replicates = replicates
        self.seed = seed
        self.quantity = quantity
        self._threads = threads
        size = outputs * coefficients
        self._sums = [ClassSums.zero(size, replicates) for _ in range(max(1, len(self.classes)))]
        self.kinks: Floats = np.zeros(0)
        self.joints: Floats = np.zeros(0)

    @property
    def events(self) -> int:
        """Number of events so far."""
        return sum(sums.moments.events for sums in self._sums)

    def update(
        self,
        terms: Floats,
        weights: Floats,
        numbers: Integers,
        labels: npt.NDArray[np.str_] | None = None,
        error_bounds: Floats | None = None,
        kinks: npt.NDArray[np.bool_] | None = None,
        joints: Floats | None = None,
    ) -> None:
        """Adds events.

        Parameters
        ----------
        terms
            Coefficients of the events, (B, C, K).
        weights
            Weights of the events, (B,).
        numbers
            Numbers of the events in the data, (B,), which the bootstrap's weights depend on.
        labels
            Classes of the events, (B,).
        error_bounds
            Bounds of abs(t − true), (B, C, K). If they are missing for some events, the sums have
            none.
        kinks
            Flags of features along which a kink lies within reach, (B, n). If they are missing for
            some events, kinks are not counted.
        joints
            Number of these events at which no derivative by a feature exists, (n,).

        Raises
        ------
        DataError
            A label is none of the classes.
        """
        if len(terms):
            self._count_kinks(np.zeros(0) if kinks is None else kinks.sum(axis=0, dtype=np.float64))
        self._count_joints(np.zeros(0) if joints is None else joints)
        for start in range(0, len(terms), BLOCK):
            part = slice(start, start + BLOCK)
            own = None if labels is None else labels[part]
            bounds = None if error_bounds is None else error_bounds[part]
            self._add(terms[part], weights[part], numbers[part], own, bounds)

    def _count_kinks(self, kinks: Floats) -> None:
        """Adds kink counts of further events, before their moments; empty: not counted."""
        if not self.events:
            self.kinks = kinks
        else:
            self.kinks = self.kinks + kinks if len(self.kinks) and len(kinks) else np.zeros(0)

    def _count_joints(self, joints: Floats) -> None:
        """Adds the counts of further events; an empty array: none."""
        if len(joints):
            self.joints = self.joints + joints if len(self.joints) else joints

    def _add(
        self,
        terms: Floats,
        weights: Floats,
        numbers: Integers,
        labels: npt.NDArray[np.str_] | None,
        error_bounds: Floats | None,
    ) -> None:
        values = terms.reshape(len(terms), -1)
        members = self._members(len(terms), labels)
        for sums, events in zip(self._sums, members, strict=True):
            sums.moments.update(values, weights, events, threads=self._threads)
            if error_bounds is None:
                sums.error_bounds.fill(np.nan)
            else:
                bounds = error_bounds.reshape(values.shape)[events]
                sums.error_bounds += abs(weights[events]) @ bounds
        if self.replicates:
            drawn = replicate_weights(
                self.seed, numbers, weights, self.replicates, threads=self._threads
            )
            for sums, events in zip(self._sums, members, strict=True):
                # no copy where all events are of one class
                own = slice(None) if len(events) == len(values) else events
                sums.replicates.update(np.abs(values[own]), drawn[own])

    def weigh(
        self, weights: Floats, numbers: Integers, labels: npt.NDArray[np.str_] | None = None
    ) -> EventWeights:
        """Prepares the weights of events for an engine that makes sums itself.

        Parameters
        ----------
        weights, numbers, labels
            As for ``update``.

        Raises
        ------
        DataError
            A label is none of the classes.
        """
        groups = np.zeros(len(weights), np.int64)
        for number, events in enumerate(self._members(len(weights), labels)):
            groups[events] = number
        return EventWeights(weights, groups, replicate_counts(self.seed, numbers, self.replicates))

    def merge_sums(self, moments: Floats, replicates: Floats, weighed: EventWeights) -> None:
        """Adds the sums that an engine made; the statistics are those of ``update``, to round-off.

        Parameters
        ----------
        moments
            For each class the rows of the kernel ``moments``, (5, G, D), D = C·K.
        replicates
            Sums Σ w n abs(t), (G, R, D).
        weighed
            The events that were summed, from ``weigh``.
        """
        self._count_kinks(np.zeros(0))
        for number, sums in enumerate(self._sums):
            events = np.flatnonzero(weighed.groups == number)
            sums.error_bounds.fill(np.nan)
            if not len(events):
                continue
            own = weighed.weights[events]
            weight_sums = (float(own.sum()), float((own**2).sum()))
            sums.moments.merge(CoefficientMoments(len(events), *weight_sums, *moments[:, number]))
            if self.replicates:
                sums.replicates.absolute += replicates[number]
                sums.replicates.sum_w += own @ weighed.counts[events]

    def total(self, name: Literal["square", "absolute"]) -> Floats:
        """Returns Σ w t² or Σ w abs(t) of all events so far, (C, K)."""
        return np.asarray(sum(getattr(s.moments, name) for s in self._sums)).reshape(self.shape)

    def _members(self, events: int, labels: npt.NDArray[np.str_] | None) -> list[Integers]:
        """Lists the events of each class."""
        if not self.classes:
            return [np.arange(events)]
        if labels is None:
            raise DataError(f"{events} events came without labels")
        masks = [labels == name for name in self.classes]
        labelled = np.any(np.stack(masks), axis=0)
        if not labelled.all():
            raise DataError(f"label '{printable(labels[~labelled][0])}' is none of the classes")
        return [np.flatnonzero(mask) for mask in masks]

    def merge(self, other: Accumulator) -> None:
        """Adds the events of another accumulator.

        Raises
        ------
        ValueError
            The other accumulator has different parameters.
        """
        if self.quantity != other.quantity:
            raise ValueError(f"sums of {other.quantity} and of {self.quantity} cannot be merged")
        if self._parameters != other._parameters:
            raise ValueError("accumulators of different make cannot be merged")
        if other.events:
            self._count_kinks(other.kinks)
        self._count_joints(other.joints)
        for sums, theirs in zip(self._sums, other._sums, strict=True):
            sums.merge(theirs)

    @property
    def _parameters(self) -> tuple[object, ...]:
        return (self.shape, self.classes, self.replicates, self.seed, self.quantity)

    def finalize(self, scale: Floats | None = None) -> Statistics:
        """Computes the numbers so far, times factors ``scale`` (K,). Group ``all`` has all classes.

        Raises DataError where the weights of a group do not sum to a positive number.
        """
        return finalize(self._sums, self.classes, self.shape, scale)

    def state(self) -> dict[str, Floats]:
        """Returns all sums as named arrays, to be saved and continued from."""
        arrays: dict[str, Floats] = {"kinks": self.kinks, "joints": self.joints}
        for number, sums in enumerate(self._sums):
            arrays |= {f"moments/{number}/{name}": a for name, a in sums.moments.state().items()}
            arrays[f"replicates/{number}/absolute"] = sums.replicates.absolute
            arrays[f"replicates/{number}/sum_w"] = sums.replicates.sum_w
            arrays[f"errors/{number}"] = sums.error_bounds
        return arrays

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Restores the sums from ``state`` of an accumulator with the same parameters.

        Raises KeyError where an array is missing, ValueError for what no such sums can be.
        """
        require_sums(self.state(), arrays)
        self.kinks, self.joints = np.array(arrays["kinks"]), np.array(arrays["joints"])
        for number, sums in enumerate(self._sums):
            stem = f"moments/{number}/"
            own = {name: arrays[stem + name] for name in sums.moments.state()}
            sums.moments = CoefficientMoments.from_state(own)
            sums.replicates.absolute = np.array(arrays[f"replicates/{number}/absolute"])
            sums.replicates.sum_w = np.array(arrays[f"replicates/{number}/sum_w"])
            sums.error_bounds = np.array(arrays[f"errors/{number}"])
