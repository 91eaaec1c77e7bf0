"""Sums over one block of events, for the survey: number, weights, classes, and each feature's sums.

The survey adds the blocks of 65 536 events in their order. A part of the data that keeps its blocks
apart therefore gives, put to the others, every bit of the survey of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.moments import FeatureMoments
from onnxtaylor.data.source import Batch
from onnxtaylor.data.spread import FeatureSums

__all__ = ["BlockSums", "ClassSums", "block_arrays", "blocks_of"]

MOST = 2**53  # events: larger numbers are not exact
MOMENTS = ("weighted", "plain")
PLAIN = tuple(f.name for f in fields(FeatureSums) if f.name not in MOMENTS)


class ClassSums(NamedTuple):
    """Sums over the events of one class: their number, Σw and Σw²."""

    events: int
    sum_weight: float
    sum_weight2: float

    @classmethod
    def of(cls, weights: npt.NDArray[np.float64]) -> ClassSums:
        """Returns the sums of events with these weights (B,)."""
        with np.errstate(over="ignore"):  # the survey refuses it at its end
            return cls(len(weights), float(weights.sum()), float(np.square(weights).sum()))

    def merge(self, other: ClassSums) -> ClassSums:
        """Returns the sums over the events of both."""
        return ClassSums(
            self.events + other.events,
            self.sum_weight + other.sum_weight,
            self.sum_weight2 + other.sum_weight2,
        )


@dataclass(frozen=True, eq=False)
class BlockSums:
    """Sums over some events.

    Parameters
    ----------
    total
        Number of the events, Σw and Σw².
    stop
        Number of the last event, plus 1.
    negative
        Whether any weight is negative.
    classes
        The sums of each class; empty without labels.
    features
        Sums over the values of each feature.
    """

    total: ClassSums
    stop: int
    negative: bool
    classes: Mapping[str, ClassSums]
    features: FeatureSums

    @classmethod
    def of(cls, batch: Batch, absent: npt.NDArray[np.bool_]) -> BlockSums:
        """Returns the sums of a batch of at least one event; ``absent`` (B, n) are missing."""
        classes = {}
        if batch.labels is not None:
            for name in np.unique(batch.labels):
                classes[str(name)] = ClassSums.of(batch.weights[batch.labels == name])
        return cls(
            ClassSums.of(batch.weights),
            int(batch.numbers[-1]) + 1,
            bool((batch.weights < 0).any()),
            classes,
            FeatureSums.of(batch, absent),
        )

    def merge(self, other: BlockSums) -> BlockSums:
        """Returns the sums over the events of both."""
        classes = dict(self.classes)
        for name, sums in other.classes.items():
            classes[name] = classes[name].merge(sums) if name in classes else sums
        return BlockSums(
            self.total.merge(other.total),
            max(self.stop, other.stop),
            self.negative or other.negative,
            classes,
            self.features.merge(other.features),
        )


def block_arrays(blocks: Sequence[BlockSums]) -> dict[str, npt.NDArray[Any]]:
    """Returns the sums of A ≥ 1 blocks as named arrays (A, …), to be saved."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "total": np.array([block.total for block in blocks]),
        "stop": np.array([block.stop for block in blocks], np.int64),
        "negative": np.array([block.negative for block in blocks]),
        "classes": np.array(json.dumps([dict(block.classes) for block in blocks])),
    }
    for name in PLAIN:
        arrays[name] = np.stack([getattr(block.features, name) for block in blocks])
    for kind in MOMENTS:
        for f in fields(FeatureMoments):
            own = [getattr(getattr(block.features, kind), f.name) for block in blocks]
            arrays[f"{kind}/{f.name}"] = np.stack(own)
    return arrays


def blocks_of(arrays: Mapping[str, npt.NDArray[Any]]) -> list[BlockSums]:
    """Returns the blocks whose ``block_arrays`` are given.

    Raises KeyError where an array is missing, ValueError where their shapes or numbers do not
    belong together.
    """
    classes = json.loads(str(arrays["classes"]))
    read = {name: arrays[name] for name in arrays if name != "classes"}
    _require_sound(read, classes)
    blocks = []
    for k, (total, stop) in enumerate(zip(read["total"].tolist(), read["stop"], strict=True)):
        features = FeatureSums(
            **{name: read[name][k] for name in PLAIN},
            weighted=_moments("weighted", read, k),
            plain=_moments("plain", read, k),
        )
        own = {name: _class_sums(sums) for name, sums in classes[k].items()}
        negative = bool(read["negative"][k])
        blocks.append(BlockSums(_class_sums(total), int(stop), negative, own, features))
    return blocks


def _require_sound(arrays: Mapping[str, npt.NDArray[Any]], classes: Any) -> None:
    """Raises ValueError for arrays that are no sums of blocks, KeyError where one is missing."""
    blocks, features = arrays["count"].shape
    moments = [f"{kind}/{f.name}" for kind in MOMENTS for f in fields(FeatureMoments)]
    for name in (*PLAIN, *moments):
        kind = np.int64 if name == "count" else np.float64
        if arrays[name].shape != (blocks, features) or arrays[name].dtype != kind:
            raise ValueError(f"{name} must have {features} numbers for each of {blocks} blocks")
    total, stop = arrays["total"], arrays["stop"]
    if (
        total.shape != (blocks, 3)
        or stop.shape != (blocks,)
        or arrays["negative"].shape != (blocks,)
    ):
        raise ValueError("it must have the sums of every block")
    own = [total[:, 0], *([one[0]] for block in classes for one in block.values())]
    events = np.concatenate([np.asarray(one, float) for one in own])
    whole = (events >= 0) & (events <= MOST) & (events == np.floor(events))
    if not blocks or not whole.all():
        raise ValueError("a number of events is none")
    # Σw = Σw² = N where no weight was given; (Σw)² ≤ N Σw² for any
    if (total[:, 1] ** 2 > total[:, 0] * total[:, 2] * (1 + 1e-9)).any():
        raise ValueError("Σw is one that no such number of weights has")
    if ((arrays["count"] < 0) | (arrays["count"] > total[:, :1])).any():
        raise ValueError("count must be at most the number of events")
    if (arrays["low"] > arrays["high"])[arrays["count"] > 0].any():
        raise ValueError("low must be at most high")


def _class_sums(numbers: Sequence[float]) -> ClassSums:
    return ClassSums(int(numbers[0]), float(numbers[1]), float(numbers[2]))


def _moments(kind: str, arrays: Mapping[str, npt.NDArray[Any]], k: int) -> FeatureMoments:
    return FeatureMoments(*(arrays[f"{kind}/{f.name}"][k] for f in fields(FeatureMoments)))
