"""Two networks on the Higgs events: that of fold k is trained on the events of the other fold.

The fold of an event is EventId % 2. Features are standardized by the moments of all events, which
know nothing of the labels, so that both networks take the same numbers. Of the events to train on,
those whose EventId // 2 ends in 0 or 1 are held out, to stop by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.higgs_challenge.training import NETWORK, SHORT_EPOCHS, THINNED
from validation.higgs_data import HiggsEvents, Standardization, higgs_events
from validation.training import train

__all__ = ["FOLDS", "Folded", "fold_of", "read_events", "train_fold"]

FOLDS = 2


@dataclass(frozen=True)
class Folded:
    """The events, their standardized features z (N, 30), and the fold (N,) of each."""

    events: HiggsEvents
    z: npt.NDArray[np.float32]
    fold: npt.NDArray[np.int64]


def fold_of(events: HiggsEvents) -> npt.NDArray[np.int64]:
    """EventId % 2, shape (N,)."""
    return events.number % FOLDS


def read_events(short: bool) -> Folded:
    """All events at hand, or a part of them. Raises StudyError without the data."""
    events = higgs_events()
    if short:
        events = events.take(np.flatnonzero(events.number // 10 % THINNED == 0))
    return Folded(events, Standardization.of(events.x)(events.x), fold_of(events))


def train_fold(data: Folded, k: int, short: bool) -> Any:
    """The Keras model for the events of fold k, trained on all others."""
    others = np.flatnonzero(data.fold != k)
    held = data.events.number[others] // FOLDS % 10 < 2

    def part(rows: npt.NDArray[Any]) -> tuple[Any, Any, Any]:
        events = data.events.take(rows)
        return data.z[rows], events.signal, events.balanced()

    network = replace(NETWORK, seed=k)
    if short:
        network = replace(network, epochs=SHORT_EPOCHS)
    return train(network, *part(others[~held]), part(others[held]))
