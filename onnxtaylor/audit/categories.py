"""Features that encode a category: neighbouring columns of two values, at most one of them on.

The columns of a one-hot group cannot move on their own: half a category is no input of the model,
nor are two categories. So no event shows what a derivative along two of these columns predicts. A
group is recognized by ``onnxtaylor.data.traits`` (one column is 1 at every event), or as neighbours
that are never on together, although independent ones would be (one category has no column).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import EventSource
from onnxtaylor.data.traits import FeatureTraits
from onnxtaylor.data.values import is_missing
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["one_hot_features"]

BATCH = 2**16
EXPECTED = 20.0  # fewest events at which independent neighbours would both be on


def one_hot_features(
    source: EventSource,
    result: TaylorResult,
    missing: float | npt.NDArray[np.float64] | None,
    filled: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]] | None = None,
) -> frozenset[str]:
    """Finds the names of the features that belong to a one-hot group, scaled or not.

    ``filled`` tells which features of events (B, n) are in filled slots; context, which the source
    has behind the features, does not count.
    """
    features = result.data.features
    low, high = (np.array([getattr(f, end) for f in features]) for end in ("min", "max"))
    two = low < high
    if two.sum() < 2:
        return frozenset()
    traits = FeatureTraits(len(features))
    on = np.zeros(len(features))
    both = np.zeros(len(features) - 1)
    events = 0
    for batch in source.batches(BATCH):
        x = batch.x[:, : len(features)]
        absent = is_missing(x, missing)
        if filled is not None:
            absent |= ~filled(batch.x)
        traits.update(replace(batch, x=x), absent)
        up: npt.NDArray[np.bool_] = x == high
        two &= (up | (x == low)).all(axis=0)
        on += up.sum(axis=0)
        both += (up[:, :-1] & up[:, 1:]).sum(axis=0)
        events += len(batch)
    apart = two[:-1] & two[1:] & (both == 0) & (on[:-1] * on[1:] >= EXPECTED * events)
    member = np.append(apart, False) | np.append(False, apart)
    member[[i for group in traits.one_hot() for i in group]] = True
    return frozenset(f.name for f, hot in zip(features, member, strict=True) if hot)
