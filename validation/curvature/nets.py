"""One net of a toy: trained, exported, analyzed with both kinds of second order.

Nets are made as those of ``validation.toy_studies``, with two hidden layers instead of one. The
closed form is taken on the events that the net is analyzed on, in the coordinates that it sees, so
that what remains is the net's and that of averaging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

import onnxtaylor as ot
from validation.tensorflow_hessians.exporters import has_erfc, without_erfc
from validation.toy_studies.nets import ideal_scores, loss_beyond_ideal, trained
from validation.toys import (
    SCENARIOS,
    THREE_INPUTS,
    Scenario,
    coefficient_names,
    oracle_model,
    quadratic,
    sample,
)
from validation.training import Network, export

__all__ = [
    "ACTIVATIONS",
    "FULL",
    "LONGER",
    "REMAINDER",
    "SHORT",
    "TOYS",
    "WIDTHS",
    "Size",
    "averaged_ideal",
    "portable",
    "study_net",
    "study_remainder",
]

TOYS: Mapping[str, Scenario] = {**SCENARIOS, THREE_INPUTS.name: THREE_INPUTS}
ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "tanh": "tanh",
}
TEST_SEED = 20_000  # of the events analyzed; those of training n have the seed n
CURVATURES = ("pointwise", "averaged")
REMAINDER = "A"  # the toy whose pair is farthest off
LONGER = 4  # times as many training events
WIDTHS = ("0.7sigma", "1.0sigma")  # the default first


@dataclass(frozen=True)
class Size:
    """Events and nets of a form of the study; the learning rate falls from ``rate`` to ``last``."""

    training_events: int
    test_events: int
    seeds: tuple[int, ...]
    epochs: int
    batch: int = 1000
    rate: float = 1e-2
    last: float = 1e-4
    hidden: tuple[int, ...] = (100, 100)

    def network(self, activation: str, seed: int) -> Network:
        """Hidden layers of an activation, sigmoid, cross entropy, Adam."""
        return Network(
            hidden=self.hidden,
            activation=activation,
            learning_rate=self.rate,
            batch=self.batch,
            epochs=self.epochs,
            seed=seed,
            steps_per_call=40,
        )


# The step of averaging was chosen on nets of other, smaller seeds.
FULL = Size(training_events=400_000, test_events=50_000, seeds=(101, 102, 103, 104, 105), epochs=15)
SHORT = Size(training_events=60_000, test_events=2_000, seeds=(101,), epochs=4, batch=500)


def study_net(toy: str, activation: str, seed: int, size: Size) -> dict[str, Any]:
    """⟨t⟩ of one net, pointwise and averaged, and of the closed form on the same events.

    ``auto`` is what default options took, ``reason`` why, ``check`` the verdict on it, ``kinks``
    how many coefficients that check put aside; ``other_check`` is the verdict on the kind of second
    order that was not taken.
    """
    scenario = TOYS[toy]
    names = coefficient_names(scenario.inputs)
    network = size.network(activation, seed)
    model, mean, std = trained(scenario, network, size.last, size.training_events)
    x, labels = sample(scenario, size.test_events, np.random.default_rng(TEST_SEED))
    z = ((x - mean) / std).astype(np.float32)
    proto = portable(export(model))
    features = [f"x{i + 1}" for i in range(scenario.inputs)]
    default = ot.analyze(proto, z, feature_names=features, scale="unit", bootstrap=0)
    auto = default.options["curvature"]
    (remaining,) = set(CURVATURES) - {auto}
    other = ot.analyze(
        proto, z, feature_names=features, scale="unit", bootstrap=0, curvature=remaining
    )
    form = quadratic(scenario, mean, std)
    ideal, sem = ideal_scores(z.astype(np.float64), form)
    response = model.predict(z, batch_size=10_000, verbose=0)[:, 0].astype(np.float64)
    check = default.check or {}
    return {
        "seed": seed,
        auto: _named(names, default.score[0, 0]),
        remaining: _named(names, other.score[0, 0]),
        "closed_form": _named(names, ideal),
        "closed_form_sem": _named(names, sem),
        "auto": auto,
        "reason": default.options["curvature_reason"],
        "check": check.get("verdict"),
        "kinks": check.get("coefficients", {}).get("kink"),
        "other_check": (other.check or {}).get("verdict"),
        "loss_beyond_ideal": loss_beyond_ideal(response, z, labels, form),
    }


def study_remainder(seed: int, size: Size) -> dict[str, Any]:
    """⟨t⟩ of a ReLU net of toy A, and of its closed form, of more training and wider steps.

    Where a deviation comes from: the net, trained on ``LONGER`` times as many events, or the width
    of the steps, ``WIDTHS``.
    """
    scenario = TOYS[REMAINDER]
    names = coefficient_names(scenario.inputs)
    network, events = size.network("relu", seed), LONGER * size.training_events
    model, mean, std = trained(scenario, network, size.last, events)
    x, _ = sample(scenario, size.test_events, np.random.default_rng(TEST_SEED))
    z, proto = ((x - mean) / std).astype(np.float32), portable(export(model))
    ideal, _ = ideal_scores(z.astype(np.float64), quadratic(scenario, mean, std))
    found: dict[str, Any] = {"seed": seed, "closed_form": _named(names, ideal)}
    for width in WIDTHS:
        result = ot.analyze(
            proto,
            z,
            scale="unit",
            bootstrap=0,
            check=0,
            curvature="averaged",
            curvature_step=width,
        )
        found[width] = _named(names, result.score[0, 0])
    return found


def averaged_ideal(toy: str, size: Size) -> dict[str, dict[str, float]]:
    """⟨t⟩ of the ideal response at the events and averaged: what averaging alone does to it."""
    scenario = TOYS[toy]
    mean, std = scenario.pooled()
    form = quadratic(scenario, mean, std)
    x, _ = sample(scenario, size.test_events, np.random.default_rng(TEST_SEED))
    z = (x - mean) / std
    result = ot.analyze(
        oracle_model(*form), z, scale="unit", bootstrap=0, check=0, curvature="averaged"
    )
    names = coefficient_names(scenario.inputs)
    return {
        "pointwise": _named(names, ideal_scores(z, form)[0]),
        "averaged": _named(names, result.score[0, 0]),
    }


def portable(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The file as it is, or without the operator Erfc, which exporters write for GELU."""
    return without_erfc(proto) if has_erfc(proto) else proto


def _named(names: tuple[str, ...], values: npt.ArrayLike) -> dict[str, float]:
    numbers = np.asarray(values, dtype=np.float64).tolist()
    return {name: round(value, 6) for name, value in zip(names, numbers, strict=True)}
