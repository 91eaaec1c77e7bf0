"""The network of the study, trained on the simulated sample, and what it says of events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

import onnxtaylor as ot
from validation.cms_style.recipe import CLASSES, FEATURES, Sample
from validation.training import Network, export, train

__all__ = [
    "FULL",
    "NETWORK",
    "SHORT",
    "Scaling",
    "Sizes",
    "analyzed",
    "confusion",
    "responses",
    "trained",
]

Floats = npt.NDArray[np.float64]

NETWORK = Network(
    hidden=(200, 200),
    activation="tanh",
    classes=len(CLASSES),
    dropout=0.3,
    l2=1e-4,
    learning_rate=1e-4,
    batch=500,
    epochs=90,
    patience=8,
    seed=7,
)


@dataclass(frozen=True)
class Sizes:
    """Events of each class for training, held out, and for the analysis; epochs at most."""

    train: int
    held_out: int
    test: int
    epochs: int
    batch: int
    learning_rate: float


FULL = Sizes(60_000, 8_000, 20_000, NETWORK.epochs, NETWORK.batch, NETWORK.learning_rate)
SHORT = Sizes(5_000, 500, 1_000, 12, 100, 1e-3)  # at 1e-4 so few steps teach nothing


@dataclass(frozen=True, eq=False)
class Scaling:
    """x → (x − mean)/σ with mean and σ of the training events, each of shape (n,)."""

    mean: Floats
    sigma: Floats

    @classmethod
    def of(cls, x: Floats) -> Scaling:
        """The scaling that gives these events mean 0 and σ 1."""
        return cls(x.mean(axis=0), x.std(axis=0))

    def __call__(self, x: Floats) -> Floats:
        """The events scaled, (N, n)."""
        return (x - self.mean) / self.sigma


def trained(
    sizes: Sizes, sample: Sample, held_out: Sample, scaling: Scaling
) -> tuple[onnx.ModelProto, int]:
    """The network as an ONNX model with named features and outputs, and the epochs it took."""
    model = train(
        replace(
            NETWORK,
            epochs=sizes.epochs,
            batch=sizes.batch,
            learning_rate=sizes.learning_rate,
        ),
        scaling(sample.x),
        sample.y,
        sample.weight,
        held_out=(scaling(held_out.x), held_out.y, held_out.weight),
    )
    proto = export(model)
    names = {"feature_names": json.dumps(FEATURES), "output_names": json.dumps(CLASSES)}
    helper.set_model_props(proto, names)
    return proto, len(model.history.history["loss"])


def analyzed(proto: onnx.ModelProto, x: Floats, sample: Sample, **options: Any) -> ot.TaylorResult:
    """⟨t⟩ of every node over all events and over the events of every class, per σ."""
    return ot.analyze(
        proto,
        x.astype(np.float32),
        feature_names=FEATURES,
        weights=sample.weight,
        labels=sample.labels,
        scale="sigma",
        **options,
    )


def confusion(response: Floats, sample: Sample) -> Floats:
    """Share of Σw of true class c (row) whose largest response is node k: (5, 5)."""
    chosen = np.asarray(response).argmax(axis=1)
    table = np.zeros((len(CLASSES),) * 2)
    np.add.at(table, (sample.y, chosen), sample.weight)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def responses(proto: onnx.ModelProto, x: Floats) -> Floats:
    """What the ONNX model answers to scaled events: (N, 5)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (answer,) = session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})
    return np.asarray(answer, np.float64)
