"""What is run."""

from __future__ import annotations

from typing import Any

import numpy as np

import onnxtaylor as ot
from validation.study import Outcome, Study
from validation.tensorflow_hessians.claims import claims_of
from validation.tensorflow_hessians.compare import compare
from validation.tensorflow_hessians.exporters import by_keras
from validation.tensorflow_hessians.networks import NETWORKS, Kit, Network
from validation.tensorflow_hessians.reference import derivatives, gelu_constant, proof
from validation.tensorflow_hessians.telling import section

__all__ = ["STUDY", "run"]

EVENTS, SHORT_EVENTS = 8, 3
SHORT = ("gelu", "relu", "LayerNormalization", "two inputs")
SCORED, SHORT_SCORED = "tanh 30→64→64→5", "tanh"


def run(short: bool) -> Outcome:
    """Every network, both exporters; four networks and three events in the short form."""
    from validation.tensorflow_hessians.figure import deviations_figure

    events = SHORT_EVENTS if short else EVENTS
    references, rows = [], []
    for network in NETWORKS:
        if not short or network.name in SHORT:
            reference, found = compare(network, events)
            references.append(reference)
            rows += found
    scored = next(n for n in NETWORKS if n.name == (SHORT_SCORED if short else SCORED))
    numbers = {
        "events": events,
        "proof": proof(),
        "gelu_constant": {k: float(v) for k, v in gelu_constant().items()},
        "references": references,
        "rows": rows,
        "scores": _scores(scored, 32 if short else 200),
    }
    return Outcome(numbers, claims_of(numbers), {"deviations": deviations_figure(numbers)})


def _scores(network: Network, events: int) -> dict[str, Any]:
    """⟨t⟩ by ``onnxtaylor.analyze`` against the means of TensorFlow's numbers."""
    proto = by_keras(network.build(Kit("float32")).model)
    asked = network.build(Kit("float64", "float32"))
    n = asked.model.inputs[0].shape[1]
    x = np.random.default_rng(9).normal(size=(events, n)).astype(np.float32).astype(np.float64)
    _, j, h = derivatives(asked.flat, x)
    i, k = np.triu_indices(n)
    terms = np.concatenate([j, h[..., i, k] * np.where(i == k, 0.5, 1.0)], axis=-1)
    wanted = np.abs(terms).mean(axis=0)
    found = {}
    for engine in ("exact", "differences"):
        result = ot.analyze(
            proto,
            x,
            engine=engine,
            curvature="pointwise",
            scale="unit",
            precision="float64",
            bootstrap=0,
            check=0,
        )
        found[engine] = float(np.abs(result.score[:, 0] / wanted - 1).max())
    return {"network": network.name, "events": events, "coefficients": wanted.size, **found}


STUDY = Study(
    name="tensorflow_hessians",
    title="TensorFlow's analytic Hessians",
    run=run,
    section=section,
    needs=("tensorflow", "keras", "tf2onnx"),
)
