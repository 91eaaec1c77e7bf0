"""Fully connected networks of the studies: made and trained by Keras, exported to ONNX.

x (N, n) → [Dense, dropout] per hidden layer → sigmoid (one class) or softmax (several)

TensorFlow is imported by the functions: the numbers of a study can be read without it.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

__all__ = ["Network", "export", "quiet_tensorflow", "train"]

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Network:
    """Layers and the way of training; ``patience`` epochs without progress end it early.

    ``steps_per_call`` gradient steps are made in one call of TensorFlow: the same steps, sooner.
    """

    hidden: tuple[int, ...] = (100,)
    activation: str = "tanh"
    classes: int = 1
    dropout: float = 0.0
    l2: float = 0.0
    learning_rate: float = 1e-3
    batch: int = 100
    epochs: int = 10
    patience: int | None = None
    seed: int = 0
    steps_per_call: int = 1

    def build(self, features: int) -> Any:
        """The compiled Keras model of n features, with weights drawn from the seed."""
        keras = quiet_tensorflow()
        keras.utils.set_random_seed(self.seed)
        penalty = keras.regularizers.L2(self.l2) if self.l2 else None
        layers = [keras.Input((features,), name="x")]
        for width in self.hidden:
            layers.append(
                keras.layers.Dense(
                    width,
                    self.activation,
                    kernel_initializer="glorot_normal",
                    kernel_regularizer=penalty,
                )
            )
            if self.dropout:
                layers.append(keras.layers.Dropout(self.dropout))
        last, loss = "sigmoid", "binary_crossentropy"
        if self.classes > 1:
            last, loss = "softmax", "sparse_categorical_crossentropy"
        layers.append(
            keras.layers.Dense(
                self.classes, last, kernel_initializer="glorot_normal", kernel_regularizer=penalty
            )
        )
        model = keras.Sequential(layers)
        model.compile(
            optimizer=keras.optimizers.Adam(self.learning_rate),
            loss=loss,
            steps_per_execution=self.steps_per_call,
        )
        return model


def train(
    network: Network,
    x: Floats,
    y: npt.NDArray[Any],
    weights: Floats | None = None,
    held_out: tuple[Floats, npt.NDArray[Any], Floats | None] | None = None,
    callbacks: list[Any] | None = None,
) -> Any:
    """A trained Keras model. x (N, n), labels y (N,), weights (N,).

    With ``patience`` the epoch with the least loss on the events held out (x, y, weights) counts.
    """
    keras = quiet_tensorflow()
    model = network.build(x.shape[1])
    wanted = list(callbacks or ())
    if network.patience is not None:
        wanted.append(
            keras.callbacks.EarlyStopping(patience=network.patience, restore_best_weights=True)
        )
    kept = None
    if held_out is not None:
        kept = tuple(np.asarray(part, np.float32) for part in held_out if part is not None)
    model.fit(
        np.asarray(x, np.float32),
        np.asarray(y, np.float32),
        sample_weight=None if weights is None else np.asarray(weights, np.float32),
        validation_data=kept,
        batch_size=network.batch,
        epochs=network.epochs,
        callbacks=wanted,
        verbose=0,
    )
    return model


def export(model: Any) -> onnx.ModelProto:
    """The ONNX graph that Keras itself writes of a model."""
    quiet_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model(np.zeros((1, *model.input_shape[1:]), np.float32))  # Keras exports called models only
        model.export(str(path), format="onnx", verbose=False)
        return onnx.load(str(path))


def quiet_tensorflow() -> Any:
    """Keras on TensorFlow, on the CPU, without its greetings."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import keras

    return keras
