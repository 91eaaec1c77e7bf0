"""The network of the study, and its trainings on chosen variables.

What the publication does not state is our choice: two hidden layers of 100 tanh nodes, sigmoid,
cross entropy, L2 1e-4, Adam 1e-3, batches of 200, until ten epochs bring no progress on the events
held out. Events count with KaggleWeight, scaled so that either class has half of the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.higgs_data import HiggsEvents, Standardization, higgs_events
from validation.training import Network, train

__all__ = ["NETWORK", "Sample", "Training", "trained"]

NETWORK = Network(
    hidden=(100, 100),
    activation="tanh",
    l2=1e-4,
    learning_rate=1e-3,
    batch=200,
    epochs=200,
    patience=10,
)
THINNED = 8  # the short form takes one event in so many
SHORT_EPOCHS = 4


@dataclass(frozen=True)
class Sample:
    """The events in three parts, and the moments of the first."""

    train: HiggsEvents
    held_out: HiggsEvents
    test: HiggsEvents
    scaler: Standardization

    @classmethod
    def read(cls, short: bool) -> Sample:
        """All events at hand, or a part of them. Raises StudyError without the data."""
        events = higgs_events()
        if short:
            # by tens: the last digits, by which the parts are made, stay as they are
            events = events.take(np.flatnonzero(events.number // 10 % THINNED == 0))
        fit, held_out, test = events.split()
        return cls(fit, held_out, test, Standardization.of(fit.x))


@dataclass(frozen=True)
class Training:
    """A trained network, and its responses to the events held out and to the test events."""

    model: Any
    epochs: int
    held_out: npt.NDArray[np.float64]
    test: npt.NDArray[np.float64]


def trained(
    sample: Sample, names: Sequence[str], seed: int, short: bool, activation: str = "tanh"
) -> Training:
    """One training on the named variables; tanh is the activation that was published."""
    columns = [sample.train.names.index(name) for name in names]

    def inputs(events: HiggsEvents) -> npt.NDArray[np.float32]:
        return sample.scaler(events.x)[:, columns]

    network = replace(NETWORK, seed=seed, activation=activation)
    if short:
        network = replace(network, epochs=SHORT_EPOCHS)
    model = train(
        network,
        inputs(sample.train),
        sample.train.signal,
        sample.train.balanced(),
        (inputs(sample.held_out), sample.held_out.signal, sample.held_out.balanced()),
    )

    def response(events: HiggsEvents) -> npt.NDArray[np.float64]:
        found = model(inputs(events), training=False)[:, 0]
        return np.asarray(found, np.float64)

    epochs = len(model.history.history["loss"])
    return Training(model, epochs, response(sample.held_out), response(sample.test))
