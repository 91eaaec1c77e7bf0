"""First pass over the data: checks every cell, and sums what scales and steps need.

    μ_i = Σ w x_i / Σ w        σ_i² = Σ w (x_i − μ_i)² / Σ w

over the events whose x_i is not missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.block_sums import BlockSums, ClassSums, block_arrays, blocks_of
from onnxtaylor.data.columns import quoted
from onnxtaylor.data.source import Batch, EventSource
from onnxtaylor.data.spread import FeatureSums
from onnxtaylor.data.traits import FeatureTraits
from onnxtaylor.data.values import Floats, is_missing
from onnxtaylor.errors import DataError

__all__ = ["BLOCK", "ClassSums", "Survey", "SurveyAccumulator", "survey"]

BLOCK = 65536  # events that are added at a time
LEAST, MOST = 1e-280, 1e280  # of Σw²: its products with coefficients must be numbers, too
CLASSES = 100  # with more classes the column is hardly a class label


@dataclass(frozen=True, eq=False)
class Survey:
    """Summary of the data; arrays have shape (n,), one entry per feature, unless noted.

    Parameters
    ----------
    events, sum_weight, sum_weight2
        Number of the events, Σw and Σw².
    mean, std, min, max
        Statistics of the values that are not missing, in the feature's unit; NaN for a feature that
        is missing at every event. If negative weights leave σ² ≤ 0, the std is unweighted; if they
        leave Σw ≤ 0 of a feature's values, the mean is unweighted too.
    missing
        Number of the missing values.
    spread
        Size of a step in each feature, never 0: the unweighted std, or max abs(x) if that is 0, or
        1 if that is 0 too.
    largest
        max abs(x) over all entries; missing ones are included, unless they are NaN.
    classes
        Sums for each class, sorted (by number if all names are numbers); empty without labels.
    whole
        Whether all values of a feature are whole numbers.
    one_hot
        Groups of columns of 0 and 1 that sum to 1 at every event, as positions.
    sample
        Some of the events, shape (S, n).
    stop
        Number of the last event, plus 1: that of all events, unless some are left out.
    negative
        Whether any weight is negative.
    """

    events: int
    sum_weight: float
    sum_weight2: float
    mean: Floats
    std: Floats
    min: Floats
    max: Floats
    missing: npt.NDArray[np.int64]
    spread: Floats
    largest: Floats
    classes: Mapping[str, ClassSums]
    whole: npt.NDArray[np.bool_]
    one_hot: tuple[tuple[int, ...], ...]
    sample: Floats
    stop: int = 0
    negative: bool = False

    def of_columns(self, columns: npt.NDArray[np.int64], sample: Floats) -> Survey:
        """Returns the survey of some of the columns, with a sample (S, ·) of these alone."""
        arrays = ("mean", "std", "min", "max", "missing", "spread", "largest", "whole")
        places = {column: k for k, column in enumerate(columns.tolist())}
        groups = (tuple(places[i] for i in g if i in places) for g in self.one_hot)
        return replace(
            self,
            **{name: getattr(self, name)[columns] for name in arrays},
            one_hot=tuple(group for group in groups if group),
            sample=sample,
        )


def survey(
    source: EventSource,
    *,
    missing: float | Floats | None = None,
    padded: Callable[[Floats], npt.NDArray[np.bool_]] | None = None,
    progress: Callable[[int], None] | None = None,
    batch: int = BLOCK,
) -> Survey:
    """Reads all events once, and summarizes them.

    Parameters
    ----------
    source
        The data.
    missing
        Value that stands for a missing entry; may be NaN.
    padded
        Finds the entries (B, n) of events that are in padded slots: they count as missing.
    progress
        Called after each batch with the number of events read so far.
    batch
        Number of events that are read at a time.

    Raises
    ------
    DataError
        The source cannot be read, there are no events, Σw ≤ 0 of all events or of a class, there
        are more than 100 classes, or squares of values overflow.
    """
    sums = SurveyAccumulator(missing, padded)
    for part in source.batches(batch):
        sums.update(part)
        if progress is not None:
            progress(sums.events)
    names = source.feature_names
    context = getattr(source, "context_names", ())
    return sums.finalize(None if names is None else (*names, *context))


class SurveyAccumulator:
    """Survey of a stream: update it with batches, merge it with another, finalize it.

    Parameters
    ----------
    missing
        Value that stands for a missing entry.
    padded
        Finds entries in padded slots.
    apart
        Whether the sums of each batch are kept apart. Such a survey of a part of the data can be
        put to others without another round-off than the survey of the whole has.
    """

    def __init__(
        self,
        missing: float | Floats | None = None,
        padded: Callable[[Floats], npt.NDArray[np.bool_]] | None = None,
        *,
        apart: bool = False,
    ) -> None:
        self.missing_value, self._padded, self._apart = missing, padded, apart
        self.events = 0
        self._classes: set[str] = set()
        self._blocks: list[BlockSums] = []
        self._traits: FeatureTraits | None = None

    def update(self, batch: Batch) -> None:
        """Adds a batch. Raises DataError for the 101st class."""
        if not len(batch):
            return
        absent = is_missing(batch.x, self.missing_value)
        if self._padded is not None:
            absent |= self._padded(batch.x)
        self._add(BlockSums.of(batch, absent))
        if self._traits is None:
            self._traits = FeatureTraits(batch.x.shape[1])
        self._traits.update(batch, absent)

    def merge(self, other: SurveyAccumulator) -> None:
        """Adds the events of another. Raises DataError for the 101st class."""
        for block in other._blocks:
            self._add(block)
        if other._traits is not None:
            if self._traits is None:
                self._traits = FeatureTraits(len(other._traits.whole))
            self._traits.merge(other._traits)

    def _add(self, block: BlockSums) -> None:
        self.events += block.total.events
        self._classes |= block.classes.keys()
        if len(self._classes) > CLASSES:
            some = ", ".join(quoted(label) for label in sorted(self._classes)[:3])
            raise DataError(
                f"the label has more than {CLASSES} distinct values ({some}, …): is it really a"
                " class label? Choose another with labels=…"
            )
        if self._apart or not self._blocks:
            self._blocks.append(block)
        else:
            self._blocks = [self._blocks[0].merge(block)]

    def finalize(self, names: Sequence[str] | None = None) -> Survey:
        """Returns the survey of all events so far. Raises DataError as ``survey`` does."""
        if not self._blocks or self._traits is None:
            raise DataError("the data have no events: is this the right file or array?")
        sums = reduce(BlockSums.merge, self._blocks)
        _check_sum("", sums.total)
        for name, own in sums.classes.items():
            _check_sum(f"class {quoted(name)}: ", own)
        f = sums.features
        mean, std, spread = f.location(), f.deviation(negative=sums.negative), f.spread()
        _check_finite(f, mean + std + spread, names)
        return Survey(
            events=self.events,
            sum_weight=sums.total.sum_weight,
            sum_weight2=sums.total.sum_weight2,
            mean=mean,
            std=std,
            min=np.where(f.count > 0, f.low, np.nan),
            max=np.where(f.count > 0, f.high, np.nan),
            missing=self.events - f.count,
            spread=spread,
            largest=f.largest,
            classes={name: sums.classes[name] for name in _sorted(sums.classes)},
            whole=self._traits.whole,
            one_hot=self._traits.one_hot(),
            sample=self._traits.sample,
            stop=sums.stop,
            negative=sums.negative,
        )

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Returns all sums as named arrays, to be saved; empty without events."""
        if not self._blocks or self._traits is None:
            return {}
        return block_arrays(self._blocks) | self._traits.state()

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Adds the events whose ``state`` is given. Raises KeyError where an array is missing."""
        if not arrays:
            return
        for block in blocks_of(arrays):
            self._add(block)
        traits = FeatureTraits.of_state(arrays)
        if self._traits is None:
            self._traits = traits
        else:
            self._traits.merge(traits)


def _check_sum(what: str, sums: ClassSums) -> None:
    """Raises DataError unless Σw is positive, and Σw and Σw² are numbers of double precision.

    ``what`` names the class.
    """
    total, squares = sums.sum_weight, sums.sum_weight2
    if not 0 < total < np.inf:
        raise DataError(
            f"{what}the weights sum to {total:.6g}, but ⟨t⟩ is a weighted mean and needs a positive"
            " sum: check the weights, or use more events"
        )
    if not LEAST < squares < MOST:
        size = "small" if squares <= LEAST else "large"
        raise DataError(
            f"{what}the weights are too {size} (they sum to {total:.3g}): their squares are no"
            " numbers of double precision, and N_eff needs them: multiply all weights by a number"
        )


def _check_finite(sums: FeatureSums, result: Floats, names: Sequence[str] | None) -> None:
    """Raises DataError for the first feature whose statistics (n,) overflow."""
    bad = (sums.count > 0) & ~np.isfinite(result)
    if bad.any():
        i = int(bad.argmax())
        name = f"number {i}" if names is None else quoted(names[i])
        raise DataError(
            f"feature {name} has values up to {sums.largest[i]:.3g}: the sum of their squares"
            " overflows, so that σ cannot be computed; divide the feature by a large number"
        )


def _sorted(names: Iterable[str]) -> list[str]:
    """Class names in order: by number if all are numbers, else as text."""
    names = list(names)
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)
