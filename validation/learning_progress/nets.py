"""Networks of the mixed scenario, trained by Keras and tracked after each gradient step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import onnxtaylor as ot
from validation.learning_progress.forms import best_sizes, distance, half_reached, linear_sizes
from validation.toys import COEFFICIENTS, SCENARIOS, Scenario, sample
from validation.training import Network, export, train

__all__ = ["CLOSE", "FULL", "SHORT", "Size", "events", "shown_steps", "summary", "track"]

Floats = npt.NDArray[np.float64]
MIXED = SCENARIOS["C"]
CLOSE = 0.1  # of the norm of all five ⟨t⟩
TEST_SEED = 10_000  # of the events that are tracked; those of training n have the seed n


@dataclass(frozen=True)
class Size:
    """``steps`` gradient steps, each of ``batch`` of the training events; so many networks.

    Each ``every``-th step is tracked.
    """

    training_events: int
    tracked_events: int
    steps: int
    seeds: int
    batch: int = 1000
    rate: float = 1e-3
    every: int = 1
    activation: str = "tanh"

    @property
    def network(self) -> Network:
        """100 nodes, tanh as published, sigmoid, cross entropy, Adam."""
        epochs = -(-self.steps * self.batch // self.training_events)
        return Network(
            activation=self.activation, batch=self.batch, learning_rate=self.rate, epochs=epochs
        )


FULL = Size(training_events=100_000, tracked_events=1000, steps=4000, seeds=5)
SHORT = Size(training_events=10_000, tracked_events=200, steps=40, seeds=1)


def events(size: Size, seed: int, scenario: Scenario = MIXED) -> tuple[Floats, Any]:
    """Standardized training events in random order (N, 2), and their labels (N,)."""
    random = np.random.default_rng(seed)
    x, labels = sample(scenario, size.training_events, random)
    order = random.permutation(len(x))
    return standardized(x[order], scenario), labels[order]


def standardized(x: Floats, scenario: Scenario = MIXED) -> Floats:
    """Inputs in units of the pooled standard deviation, about the pooled mean."""
    mean, std = scenario.pooled()
    return (x - mean) / std


def track(size: Size, seed: int) -> tuple[dict[str, Any], ot.ProgressResult]:
    """What became of one network: numbers for JSON, and all that was tracked."""
    test, _ = sample(MIXED, size.tracked_events, np.random.default_rng(TEST_SEED))
    z = standardized(test).astype(np.float32)
    progress = ot.LearningProgress(z, feature_names=["x1", "x2"], scale="unit", sample=None)
    x, labels = events(size, seed)
    network = Network(**{**vars(size.network), "seed": seed})
    model = train(network, x, labels, callbacks=[progress.keras(size.every)])
    result = progress.result()
    curvature = str(result.options["curvature"])
    fresh = ot.analyze(
        export(model), z, scale="unit", bootstrap=0, check=0, curvature=curvature
    ).score[0, 0]
    return summary(result.numbers, result.score[:, 0, 0], z.astype(np.float64), fresh), result


def summary(steps: Floats, scores: Floats, z: Floats, fresh: Floats) -> dict[str, Any]:
    """Numbers of scores (S, 5) after these steps, on standardized events z (N, 2).

    ``half``: the step from which each coefficient stays above half of the closed form, None if it
    never does. ``linear``: the first and the last step at which the network is within ``CLOSE`` of
    the best linear logit, where it is nearest, and how near; ``turn``: the step from which on it is
    nearer to the full closed form. ``last``: of the closed form, at the end. ``swapped``: the
    largest deviation of the last scores from ``fresh``, an analysis of the exported network.
    """
    best, alone = best_sizes(MIXED, z), linear_sizes(MIXED, z)
    to_best, to_alone = distance(scores, best), distance(scores, alone)
    nearest, within = int(np.argmin(to_alone)), steps[to_alone <= CLOSE]
    apart = np.flatnonzero(to_best >= to_alone)
    turn = int(apart[-1]) + 1 if len(apart) else 0
    shown = shown_steps(len(steps))
    return {
        "half": {
            name: _finite(half_reached(steps, scores[:, k], best[k]))
            for k, name in enumerate(COEFFICIENTS)
        },
        "linear": {
            "first": float(within[0]) if len(within) else None,
            "last": float(within[-1]) if len(within) else None,
            "nearest": float(steps[nearest]),
            "distance": round(float(to_alone[nearest]), 4),
        },
        "turn": float(steps[turn]) if turn < len(steps) else None,
        "last": _named(scores[-1] / best),
        "last_distance": round(float(to_best[-1]), 4),
        "swapped": float(np.abs(scores[-1] / fresh - 1).max()),
        "steps": steps[shown].tolist(),
        "score": {name: _rounded(scores[shown, k]) for k, name in enumerate(COEFFICIENTS)},
        "closed_form": _named(best),
        "linear_form": _named(alone),
    }


def shown_steps(count: int, per_decade: int = 30) -> npt.NDArray[np.int64]:
    """Places of the steps that a logarithmic axis can tell apart: 0, 1, … and the last."""
    decades = np.log10(max(count - 1, 1))
    grid = np.logspace(0, decades, int(per_decade * decades) + 2)
    places = np.concatenate(([0], np.round(grid))).astype(np.int64)
    return np.unique(np.clip(places, 0, count - 1))


def _named(values: Floats) -> dict[str, float]:
    return dict(zip(COEFFICIENTS, _rounded(values), strict=True))


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 5) for value in values]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
