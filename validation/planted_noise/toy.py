"""The toy form: scenario C of two inputs, and a third one that is N(0, 1) whatever the class.

The ideal response does not depend on the third input: each of its coefficients is zero. What a
trained net has is what it took from chance in its training events, and ``chance`` says how much of
that there is: it falls like 1/√N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import onnxtaylor as ot
from validation.toys import SCENARIOS, coefficient_names, quadratic, sample, sigmoid, with_noise
from validation.training import Network, export, quiet_tensorflow, train

__all__ = ["FULL", "SHORT", "Plan", "chance", "study_toy"]

Floats = npt.NDArray[np.float64]

BATCH = 500
RATE, LAST = 1e-2, 1e-4
TEST_EVENTS, TEST_SEED = 20_000, 10_000


@dataclass(frozen=True)
class Plan:
    """Training events with their epochs: fewer of more, until it is chance that is left of noise.

    Every one with every L2 and seed.
    """

    sizes: tuple[tuple[int, int], ...]
    l2: tuple[float, ...]
    seeds: tuple[int, ...]


FULL = Plan(((2_000, 300), (20_000, 60), (200_000, 15)), (0.0, 1e-3), (1, 2))
SHORT = Plan(((2_000, 75), (20_000, 7)), (0.0,), (1,))


def study_toy(plan: Plan) -> list[dict[str, Any]]:
    """⟨t⟩ of all coefficients of each net, with its ``events``, ``l2``, ``seed`` and ``chance``."""
    return [
        {
            **{"events": events, "epochs": epochs, "l2": l2, "seed": seed},
            **_scores(events, epochs, l2, seed),
        }
        for events, epochs in plan.sizes
        for l2 in plan.l2
        for seed in plan.seeds
    ]


def chance(z: Floats, labels: npt.NDArray[np.int64], A: Floats, b: Floats, c: float) -> float:
    """⟨t_n⟩ that N events make of a last input without information, z (N, n), labels (N,).

    The best quadratic logit of these events, one Newton step from the ideal one: with monomials
    φ(z) up to second order and p the ideal response, δ = (Σ p(1−p) φφᵀ)⁻¹ Σ (y − p) φ. What of it
    has z_n is chance alone, and ⟨t_n⟩ = mean of p(1−p) abs(∂_n δ·φ).
    """
    n = z.shape[1]
    p = sigmoid(np.einsum("ki,ij,kj->k", z, A, z) + z @ b + c)
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    monomials = np.column_stack([np.ones(len(z)), z, *[z[:, i] * z[:, j] for i, j in pairs]])
    slope = p * (1 - p)
    step = np.linalg.solve((monomials.T * slope) @ monomials, monomials.T @ (labels - p))
    by_last = np.full(len(z), step[n])
    for (i, j), value in zip(pairs, step[n + 1 :], strict=True):
        if j == n - 1:
            by_last += (2 if i == j else 1) * value * z[:, i]
    return float((slope * np.abs(by_last)).mean())


def _scores(events: int, epochs: int, l2: float, seed: int) -> dict[str, Any]:
    scenario = with_noise(SCENARIOS["C"])
    x, labels = sample(scenario, events, np.random.default_rng(seed))
    mean, std = x.mean(axis=0), x.std(axis=0)
    fall = (LAST / RATE) ** (1 / max(1, epochs - 1))
    schedule = quiet_tensorflow().callbacks.LearningRateScheduler(lambda epoch: RATE * fall**epoch)
    network = Network((100,), l2=l2, learning_rate=RATE, batch=BATCH, epochs=epochs, seed=seed)
    A, b, c = quadratic(scenario, mean, std)
    expected = chance((x - mean) / std, labels, A, b, c)
    model = train(network, (x - mean) / std, labels, callbacks=[schedule])
    test, _ = sample(scenario, TEST_EVENTS, np.random.default_rng(TEST_SEED))
    z = ((test - mean) / std).astype(np.float32)
    result = ot.analyze(export(model), z, scale="unit", bootstrap=0, check=0)
    names = coefficient_names(scenario.inputs)
    scores, sem = result.score[0, 0].tolist(), result.sem[0, 0].tolist()
    return {
        "chance": expected,
        "score": dict(zip(names, scores, strict=True)),
        "sem": dict(zip(names, sem, strict=True)),
    }
