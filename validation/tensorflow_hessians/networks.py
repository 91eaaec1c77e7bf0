"""Keras networks of every kind that is compared, with random weights that float32 holds exactly.

A network is built as its users write it, in float32 and in float64, to be exported; and with the
same weights for TensorFlow's derivatives. These are taken of the function that is in the file:

- a float32 file holds ε = 1e-3, √½ and 0.044715 in single precision, and the exporters fold the
  numbers of a batch normalization into two of single precision; of SELU any file holds α and γ in
  single precision, as attributes;
- recurrent layers are unrolled: a loop inside two tapes takes TensorFlow half a minute;
- ``tf.nn.moments`` stops the gradient of the mean inside the variance. That does not change the
  first derivative, as ∂/∂μ of the mean of (x − μ)² vanishes at μ, but it drops a term of the
  second. LayerNormalization is written without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import pi, prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.training import quiet_tensorflow

__all__ = ["NETWORKS", "Built", "Kit", "Network", "f32"]

Floats = npt.NDArray[np.float64]
EPSILON = 1e-3
BENT = ("relu", "elu", "selu")


def f32(number: float) -> float:
    """The number that single precision holds."""
    return float(np.float32(number))


@dataclass
class Kit:
    """What builds a network: in a format, as its users do or, with the format of a ``file``, as
    TensorFlow's derivatives need it.

    ``bent`` collects what goes into activations whose first or second derivative jumps at 0.
    """

    dtype: str = "float32"
    file: str = ""
    bent: list[Any] = field(default_factory=list)

    @property
    def layers(self) -> Any:
        """Keras's layers."""
        return quiet_tensorflow().layers

    def input(self, *shape: int, name: str = "x") -> Any:
        """An input of the network's format."""
        return quiet_tensorflow().Input(shape, name=name, dtype=self.dtype)

    def dense(self, x: Any, width: int, activation: str = "linear") -> Any:
        """W x + b, and an activation behind it."""
        return self.activation(self.layers.Dense(width)(x), activation)

    def activation(self, x: Any, name: str) -> Any:
        """Keras's own activation, or the one that a file's numbers make."""
        if name in BENT:
            self.bent.append(x)
        return self.layers.Activation(_activation(name, self.file))(x)

    def batch_normalization(self, x: Any) -> Any:
        """With the statistics that training has left."""
        kind = _folded() if self.file == "float32" else self.layers.BatchNormalization
        return kind(epsilon=self.epsilon)(x)

    def layer_normalization(self, x: Any) -> Any:
        """Over the last axis."""
        kind = _twice_differentiable() if self.file else self.layers.LayerNormalization
        return kind(epsilon=self.epsilon)(x)

    @property
    def epsilon(self) -> float:
        """Of normalizations."""
        return f32(EPSILON) if "float32" in (self.file, self.dtype) else EPSILON


@dataclass(frozen=True)
class Built:
    """A Keras model; ``flat`` is f: (N, n) → (N, C), ``sides`` the arguments of bent activations,
    (N, m) at rows (N, n).
    """

    model: Any
    flat: Callable[[Any], Any]
    sides: Callable[[Floats], Floats] | None


@dataclass(frozen=True)
class Network:
    """A name, and how it is built: inputs and output."""

    name: str
    write: Callable[[Kit], tuple[Any, Any]]

    def build(self, kit: Kit, seed: int = 1) -> Built:
        """The model in the kit's format, with the weights of a seed."""
        keras = quiet_tensorflow()
        before = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx(kit.dtype)
        keras.config.set_dtype_policy(kit.dtype)
        try:
            inputs, output = self.write(kit)
            inputs = inputs if isinstance(inputs, list) else [inputs]
            model = keras.Model(inputs if len(inputs) > 1 else inputs[0], output)
            _draw(model, np.random.default_rng(seed))
            bent = keras.Model(model.inputs, kit.bent) if kit.bent else None
        finally:
            keras.config.set_floatx(before[0])
            keras.config.set_dtype_policy(before[1])
        shapes = [tuple(i.shape[1:]) for i in model.inputs]

        def sides(rows: Floats) -> Floats:
            found = bent(_cut(np.asarray(rows, kit.dtype), shapes), training=False)
            parts = [np.asarray(f).reshape(len(rows), -1) for f in _listed(found)]
            return np.concatenate(parts, axis=1).astype(np.float64)

        def flat(rows: Any) -> Any:
            return model(_cut(rows, shapes), training=False)

        return Built(model, flat, sides if kit.bent else None)


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list | tuple) else [found]


def _cut(rows: Any, shapes: Sequence[tuple[int, ...]]) -> Any:
    """Rows (N, n) as the model's inputs, in their shapes."""
    ops, parts, start = quiet_tensorflow().ops, [], 0
    for shape in shapes:
        part = rows[:, start : start + prod(shape)]
        parts.append(ops.reshape(part, (-1, *shape)))
        start += prod(shape)
    return parts if len(parts) > 1 else parts[0]


def _draw(model: Any, random: np.random.Generator) -> None:
    """Random weights: kernels of the size that keeps activations of order one."""
    for weight in model.weights:
        shape, name = tuple(weight.shape), weight.path.rsplit("/", 1)[-1]
        if name in ("seed", "seed_generator_state"):
            continue
        if name == "moving_variance":
            value = random.uniform(0.5, 2.0, shape)
        elif name == "gamma":
            value = random.normal(1.0, 0.3, shape)
        elif "kernel" in name:
            value = random.normal(size=shape) * sqrt(shape[-1] / prod(shape))
        else:
            value = random.normal(size=shape) * 0.4
        weight.assign(value.astype(np.float32))


# --- with the numbers of a float32 file ----------------------------------------------------------


def _activation(name: str, file: str) -> Callable[[Any], Any] | str:
    if name in _IN_FILES.get(file, {}):
        return _IN_FILES[file][name]
    return _gelu_approximate if name == "gelu_tanh" else name


def _gelu_approximate(x: Any) -> Any:
    return quiet_tensorflow().activations.gelu(x, approximate=True)


def _elu(x: Any, alpha: float) -> Any:
    ops = quiet_tensorflow().ops
    return ops.where(x < 0, alpha * ops.expm1(ops.minimum(x, 0.0)), x)


def _selu(x: Any) -> Any:
    return f32(1.05070102214813232421875) * _elu(x, f32(1.67326319217681884765625))


def _gelu(x: Any) -> Any:
    ops = quiet_tensorflow().ops
    return 0.5 * x * (1.0 + ops.erf(x * f32(sqrt(0.5))))


def _gelu_tanh(x: Any) -> Any:
    ops = quiet_tensorflow().ops
    return 0.5 * x * (1.0 + ops.tanh(f32(sqrt(2 / pi)) * (x + f32(0.044715) * x * x * x)))


_IN_FILES: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "float32": {"gelu": _gelu, "gelu_tanh": _gelu_tanh, "selu": _selu},
    "float64": {"selu": _selu},
}


def _folded() -> Any:
    """A batch normalization whose two numbers a feature, γ/√(v + ε) and β − μ γ/√(v + ε), are
    those that TensorFlow makes in single precision.
    """
    keras = quiet_tensorflow()
    ops = keras.ops

    class Folded(keras.layers.BatchNormalization):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            weights = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
            gamma, beta, mean, variance = (ops.cast(w, "float32") for w in weights)
            factor = ops.rsqrt(variance + ops.cast(self.epsilon, "float32")) * gamma
            shift = beta - mean * factor
            return inputs * ops.cast(factor, inputs.dtype) + ops.cast(shift, inputs.dtype)

    return Folded


def _twice_differentiable() -> Any:
    """A layer normalization with nothing in it that stops a gradient."""
    keras = quiet_tensorflow()
    ops = keras.ops

    class TwiceDifferentiable(keras.layers.LayerNormalization):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
            variance = ops.mean(centred * centred, axis=-1, keepdims=True)
            return centred * ops.rsqrt(variance + self.epsilon) * self.gamma + self.beta

    return TwiceDifferentiable


# --- the networks --------------------------------------------------------------------------------


def _mlp(activation: str) -> Callable[[Kit], tuple[Any, Any]]:
    def write(kit: Kit) -> tuple[Any, Any]:
        x = kit.input(6)
        h = kit.dense(kit.dense(x, 10, activation), 8, activation)
        return x, kit.dense(h, 3, "softmax")

    return write


def _one_output(kit: Kit) -> tuple[Any, Any]:
    x = kit.input(6)
    return x, kit.dense(kit.dense(x, 10, "tanh"), 1, "sigmoid")


def _wide(kit: Kit) -> tuple[Any, Any]:
    x = kit.input(30)
    h = kit.dense(kit.dense(x, 64, "tanh"), 64, "tanh")
    return x, kit.dense(h, 5, "softmax")


def _batch_normalization(kit: Kit) -> tuple[Any, Any]:
    x = kit.input(6)
    h = kit.activation(kit.batch_normalization(kit.dense(x, 10)), "tanh")
    h = kit.batch_normalization(kit.dense(h, 8, "tanh"))
    return x, kit.dense(h, 3, "softmax")


def _layer_normalization(kit: Kit) -> tuple[Any, Any]:
    x = kit.input(6)
    h = kit.layer_normalization(kit.dense(x, 10))
    return x, kit.dense(kit.activation(h, "swish"), 3, "softmax")


def _dropout(kit: Kit) -> tuple[Any, Any]:
    x = kit.input(6)
    h = kit.layers.Dropout(0.3)(kit.dense(x, 10, "tanh"))
    h = kit.layers.Dropout(0.3)(kit.dense(h, 8, "tanh"))
    return x, kit.dense(h, 3, "softmax")


def _convolution(kit: Kit) -> tuple[Any, Any]:
    x, keras = kit.input(12, 2), kit.layers
    h = kit.activation(keras.Conv1D(4, 3, padding="same")(x), "tanh")
    h = keras.AveragePooling1D(2)(h)
    h = kit.activation(keras.Conv1D(3, 3, strides=2, padding="same")(h), "swish")
    return x, kit.dense(keras.Flatten()(h), 3, "softmax")


def _attention(kit: Kit) -> tuple[Any, Any]:
    x, keras = kit.input(4, 3), kit.layers
    # key_dim 4: its factor 1/√4 is one of any format
    h = keras.Add()([x, keras.MultiHeadAttention(num_heads=2, key_dim=4)(x, x)])
    h = kit.layer_normalization(h)
    return x, kit.dense(keras.Flatten()(h), 3, "softmax")


def _recurrent(kind: str, unroll: bool) -> Callable[[Kit], tuple[Any, Any]]:
    def write(kit: Kit) -> tuple[Any, Any]:
        x = kit.input(4, 3)
        h = getattr(kit.layers, kind)(5, unroll=unroll or bool(kit.file))(x)
        return x, kit.dense(h, 3, "softmax")

    return write


def _branches(kit: Kit) -> tuple[Any, Any]:
    x, keras = kit.input(6), kit.layers
    a, b = kit.dense(x, 6, "tanh"), kit.dense(x, 6, "sigmoid")
    joined = keras.Concatenate()([keras.Add()([a, x]), keras.Multiply()([a, b]), b])
    return x, kit.dense(joined, 3, "softmax")


def _two_inputs(kit: Kit) -> tuple[Any, Any]:
    x, y, keras = kit.input(4), kit.input(3, name="y"), kit.layers
    a, b = kit.dense(x, 5, "tanh"), kit.dense(y, 5, "softplus")
    joined = keras.Concatenate()([keras.Multiply()([a, b]), keras.Subtract()([a, b]), x])
    return [x, y], kit.dense(joined, 3, "softmax")


NETWORKS = (
    *(Network(name, _mlp(name)) for name in ("tanh", "sigmoid", "softplus")),
    *(Network(name, _mlp(name)) for name in ("gelu", "swish", "elu", "selu", "relu")),
    Network("gelu, tanh form", _mlp("gelu_tanh")),
    Network("tanh, one sigmoid", _one_output),
    Network("tanh 30→64→64→5", _wide),
    Network("BatchNormalization", _batch_normalization),
    Network("LayerNormalization", _layer_normalization),
    Network("Dropout", _dropout),
    Network("Conv1D, pooling", _convolution),
    Network("MultiHeadAttention", _attention),
    Network("GRU", _recurrent("GRU", False)),
    Network("GRU, unrolled", _recurrent("GRU", True)),
    Network("LSTM", _recurrent("LSTM", False)),
    Network("LSTM, unrolled", _recurrent("LSTM", True)),
    Network("add, multiply, concatenate", _branches),
    Network("two inputs", _two_inputs),
)
