"""One scenario: nets trained, exported, analyzed, and held against the closed form.

The closed form is taken on the events that the net is analyzed on, in the coordinates that it sees:
standardized by the mean and standard deviation of its own training events. What remains between
the two is the net's, not that of a sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

import onnxtaylor as ot
from validation.toys import (
    Scenario,
    closed_form,
    coefficient_names,
    expected_scores,
    quadratic,
    sample,
)
from validation.training import Network, export, quiet_tensorflow, train

__all__ = [
    "FULL",
    "SHORT",
    "STEADY",
    "Size",
    "ideal_scores",
    "loss_beyond_ideal",
    "study_scenario",
    "trained",
]

Floats = npt.NDArray[np.float64]
TEST_SEED = 10_000  # of the events analyzed; those of training n have the seed n


@dataclass(frozen=True)
class Size:
    """Events and nets of a form of the study; the learning rate falls from ``rate`` to ``last``."""

    training_events: int
    test_events: int
    nets: int
    epochs: int
    batch: int = 1000
    rate: float = 1e-2
    last: float = 1e-4

    def network(self, seed: int) -> Network:
        """100 tanh nodes, sigmoid, cross entropy, Adam."""
        return Network(
            hidden=(100,),
            activation="tanh",
            learning_rate=self.rate,
            batch=self.batch,
            epochs=self.epochs,
            seed=seed,
        )


FULL = Size(training_events=400_000, test_events=100_000, nets=3, epochs=15)
STEADY = replace(FULL, nets=1, rate=3e-3, last=3e-3)  # what a rate that does not fall leaves
SHORT = Size(training_events=60_000, test_events=5_000, nets=1, epochs=8, batch=500)


def study_scenario(scenario: Scenario, size: Size) -> dict[str, Any]:
    """⟨t⟩ of each net, of the closed form on the same events, and of infinitely many events.

    ``expected`` is the latter, ``pull`` how many standard errors the closed form on these events,
    in the same coordinates, is away from it. Lists have an entry for each net: ``net``, ``sem``,
    ``closed_form`` and ``closed_form_sem`` with a number for each coefficient, ``check`` and
    ``loss_beyond_ideal``.
    """
    names = coefficient_names(scenario.inputs)
    x, labels = sample(scenario, size.test_events, np.random.default_rng(TEST_SEED))
    expected = expected_scores(scenario)
    mean, std = scenario.pooled()
    ideal, sem = ideal_scores((x - mean) / std, quadratic(scenario, mean, std))
    found: dict[str, Any] = {
        "expected": _named(names, expected),
        "pull": _named(names, (ideal - expected) / sem),
    }
    lists = ("net", "sem", "closed_form", "closed_form_sem", "check", "loss_beyond_ideal")
    found |= {key: [] for key in lists}
    for seed in range(1, size.nets + 1):
        model, mean, std = trained(scenario, size.network(seed), size.last, size.training_events)
        z = ((x - mean) / std).astype(np.float32)
        result = ot.analyze(
            export(model), z, feature_names=_inputs(scenario), scale="unit", bootstrap=0
        )
        form = quadratic(scenario, mean, std)
        found["net"].append(_named(names, result.score[0, 0]))
        found["sem"].append(_named(names, result.sem[0, 0]))
        ideal, sem = ideal_scores(z.astype(np.float64), form)
        found["closed_form"].append(_named(names, ideal))
        found["closed_form_sem"].append(_named(names, sem))
        found["check"].append((result.check or {}).get("verdict"))
        response = model.predict(z, batch_size=10_000, verbose=0)[:, 0].astype(np.float64)
        found["loss_beyond_ideal"].append(loss_beyond_ideal(response, z, labels, form))
    return found


def ideal_scores(z: Floats, form: tuple[Floats, Floats, float]) -> tuple[Floats, Floats]:
    """⟨t⟩ ± SEM of the closed form on events z (N, n), in the order of ``coefficient_names``."""
    sizes = np.abs(list(closed_form(z, *form).values()))
    return sizes.mean(axis=1), sizes.std(axis=1) / np.sqrt(len(z))


def trained(
    scenario: Scenario, network: Network, last: float, events: int
) -> tuple[Any, Floats, Floats]:
    """A Keras model, and the mean and standard deviation of its training events.

    The events have the network's seed; its learning rate falls to ``last`` in the last epoch.
    """
    x, labels = sample(scenario, events, np.random.default_rng(network.seed))
    mean, std = x.mean(axis=0), x.std(axis=0)
    rate = network.learning_rate
    fall = (last / rate) ** (1 / max(1, network.epochs - 1))
    schedule = quiet_tensorflow().callbacks.LearningRateScheduler(lambda epoch: rate * fall**epoch)
    return train(network, (x - mean) / std, labels, callbacks=[schedule]), mean, std


def loss_beyond_ideal(
    response: Floats,
    z: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    form: tuple[Floats, Floats, float],
) -> float:
    """Mean cross entropy of a response less that of the ideal one, on the same events."""
    A, b, c = form
    g = np.einsum("ki,ij,kj->k", z, A, z) + z @ b + c
    ideal = np.logaddexp(0.0, np.where(labels == 1, -g, g))
    net = -np.log(np.clip(np.where(labels == 1, response, 1 - response), 1e-12, None))
    return float((net - ideal).mean())


def _inputs(scenario: Scenario) -> list[str]:
    return [f"x{i + 1}" for i in range(scenario.inputs)]


def _named(names: tuple[str, ...], values: npt.ArrayLike) -> Mapping[str, float]:
    numbers = np.asarray(values, dtype=np.float64).tolist()
    return {name: round(value, 6) for name, value in zip(names, numbers, strict=True)}
