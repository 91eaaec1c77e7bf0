"""The kind of each feature (whole numbers, one-hot), and a sample of events, in bounded memory.

Whole numbers and one-hot groups must hold at every event, so they are followed exactly. What can
only be estimated, such as how often a value occurs, is estimated on a sample: the k events whose
numbers have the smallest hashes. Both can be merged, and neither depends on how the data are cut.

A one-hot group is a run of neighbouring columns of 0 and 1 that sum to 1 at every event. Each
column has a fingerprint, the sum modulo 2⁶⁴ of random 64-bit words, one for each event where the
column is 1; the fingerprints of a group's columns sum to that of a column of ones. Columns that are
no group pass this test with a probability of about 2⁻⁶⁴.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.source import Batch
from onnxtaylor.data.values import Floats

__all__ = ["FeatureTraits"]

Words = npt.NDArray[np.uint64]

SAMPLE = 1024  # events in the sample
CELLS = 2**22  # numbers in the sample, at most: of very many features fewer events are kept
GATHERED = ("whole", "sample", "_binary", "_seen", "_prints", "_ones", "_keys")


class FeatureTraits:
    """Traits of features, gathered batch by batch.

    Parameters
    ----------
    features
        Number n of features.

    Attributes
    ----------
    whole
        Shape (n,): whether all values of a feature are whole numbers, missing ones left out.
    sample
        Some events, shape (S, n), in an order that depends on their numbers alone.
    """

    def __init__(self, features: int) -> None:
        self.whole = np.ones(features, np.bool_)
        self.sample: Floats = np.empty((0, features))
        self._binary = np.ones(features, np.bool_)
        self._seen = np.zeros((2, features), np.bool_)  # 0 and 1, of binary columns
        self._prints = np.zeros(features, np.uint64)
        self._ones = np.zeros(1, np.uint64)
        self._keys = np.empty(0, np.uint64)
        self._size = int(np.clip(CELLS // max(features, 1), 16, SAMPLE))

    def update(self, batch: Batch, absent: npt.NDArray[np.bool_]) -> None:
        """Adds a batch of at least one event; ``absent`` (B, n) are the missing entries."""
        x = batch.x
        still = np.flatnonzero(self.whole)
        kept = x[:, still]
        good = (kept == np.rint(kept)) | absent[:, still]
        self.whole[still] = good.all(axis=0)
        words = scrambled(batch.numbers)
        self._fingerprint(x, words)
        self._keep(words, x)

    def _fingerprint(self, x: Floats, words: Words) -> None:
        still = np.flatnonzero(self._binary & self.whole)
        kept = x[:, still]
        one = kept == 1
        good = (one | (kept == 0)).all(axis=0)
        self._binary &= self.whole
        self._binary[still] = good
        self._prints[still] += np.where(one, words[:, None], np.uint64(0)).sum(axis=0)
        self._ones += words.sum()
        self._seen[:, still] |= np.stack((~one.all(axis=0), one.any(axis=0)))

    def merge(self, other: FeatureTraits) -> None:
        """Adds the events of another."""
        self._seen |= other._seen
        self.whole &= other.whole
        self._binary &= other._binary
        self._prints += other._prints
        self._ones += other._ones
        self._keep(other._keys, other.sample)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Returns all that was gathered as named arrays, to be saved."""
        return {f"traits/{name}": getattr(self, name) for name in GATHERED}

    @classmethod
    def of_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> FeatureTraits:
        """Returns the traits whose ``state`` is given.

        Raises KeyError where an array is missing, ValueError for one of another shape or type.
        """
        own = {name: np.array(arrays[f"traits/{name}"]) for name in GATHERED}
        traits = cls(len(own["whole"]))
        for name, array in own.items():
            expected = getattr(traits, name)
            grows = name in ("sample", "_keys")  # up to the size of the sample
            same = array.ndim == expected.ndim and array.dtype == expected.dtype
            if not same or array.shape[grows:] != expected.shape[grows:]:
                raise ValueError(f"{name} has another shape or type")
        if not len(own["sample"]) == len(own["_keys"]) <= traits._size:
            raise ValueError("the sample has another number of events")
        for name, array in own.items():
            setattr(traits, name, array)
        return traits

    def _keep(self, keys: Words, x: Floats) -> None:
        """Keeps the events with the smallest keys, sorted by their keys."""
        if len(keys) > self._size:
            few = np.argpartition(keys, self._size)[: self._size]
            keys, x = keys[few], x[few]
        keys = np.concatenate((self._keys, keys))
        order = np.argsort(keys, kind="stable")[: self._size]
        if len(self._keys) == self._size and (order < self._size).all():
            return
        self.sample = np.concatenate((self.sample, x))[order]
        self._keys = keys[order]

    def one_hot(self) -> tuple[tuple[int, ...], ...]:
        """Finds groups of columns of which, at every event, exactly one is 1 and the others are 0.

        At least two columns of a group vary; a column that is 0 everywhere belongs to a group if it
        lies between others of the group.

        Returns
        -------
        Positions of the columns of each group.
        """
        groups: list[tuple[int, ...]] = []
        varies = self._seen[0] & self._seen[1]
        seen: dict[int, int] = {0: 0}  # sum of the fingerprints so far → where the run starts
        total, target = 0, int(self._ones[0])
        for i in range(len(self._prints)):
            if not self._binary[i]:
                seen, total = {0: i + 1}, 0
                continue
            total = (total + int(self._prints[i])) % 2**64
            start = seen.get((total - target) % 2**64)
            run = [] if start is None else list(range(start, i + 1))
            if varies[run].sum() >= 2:
                groups.append(tuple(run))
                seen, total = {0: i + 1}, 0
            else:
                # the last of equal sums, so that columns of zeros before a group stay outside
                seen[total] = i + 1
        return tuple(groups)


def scrambled(numbers: npt.NDArray[np.int64]) -> Words:
    """Hashes event numbers (B,) to 64-bit words (B,), by the finalizer of SplitMix64.

    Source: G. Steele, D. Lea, C. Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA
    2014.
    """
    z = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), np.uint64)
