"""Recurrent networks of Keras that tf2onnx exports as loops: against TensorFlow in float64."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot

tf = pytest.importorskip("tensorflow", reason="Keras makes the networks")
pytest.importorskip("tf2onnx", reason="Keras exports through tf2onnx")
keras = tf.keras
layers = keras.layers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
STEPS, VARIABLES = 4, 2


def network(name: str, kind: str, *, unrolled: bool = False):
    """A network of a number format; ``unrolled`` without a loop, for TensorFlow's derivatives."""
    keras.utils.set_random_seed(5)
    how = {"dtype": kind, "unroll": unrolled}
    x = h = keras.Input((STEPS, VARIABLES), dtype=kind)
    if name == "gru":
        h = layers.GRU(3, **how)(h)
    if name == "gru of old":
        h = layers.GRU(3, reset_after=False, **how)(h)
    if name == "simple, all steps":
        h = layers.Flatten(dtype=kind)(layers.SimpleRNN(3, return_sequences=True, **how)(h))
    if name == "both directions":
        h = layers.Bidirectional(layers.GRU(2, **how), dtype=kind)(h)
    return keras.Model(x, layers.Dense(2, activation="tanh", dtype=kind)(h))


def tensorflow(model, x):
    """Value, Jacobian and Hessian in the features of a row."""
    rows = tf.constant(x.reshape(len(x), -1))
    with tf.GradientTape() as outer:
        outer.watch(rows)
        with tf.GradientTape() as inner:
            inner.watch(rows)
            y = model(tf.reshape(rows, (-1, STEPS, VARIABLES)))
        jacobian = inner.batch_jacobian(y, rows)
        flat = tf.reshape(jacobian, (len(x), -1))
    hessian = outer.batch_jacobian(flat, rows)
    n = rows.shape[1]
    return y.numpy(), jacobian.numpy(), hessian.numpy().reshape(len(x), -1, n, n)


@pytest.mark.parametrize("name", ["gru", "gru of old", "simple, all steps", "both directions"])
def test_a_loop_has_tensorflows_derivatives(name, tmp_path):
    single, double = network(name, "float32"), network(name, "float64", unrolled=True)
    double.set_weights([np.asarray(v, np.float64) for v in single.get_weights()])
    x = np.random.default_rng(6).normal(size=(3, STEPS, VARIABLES))
    single(x.astype(np.float32))
    path = str(tmp_path / "network.onnx")
    single.export(path, format="onnx", verbose=False)
    assert any(node.op_type == "Loop" for node in onnx.load(path).graph.node)
    found = ot.differentiate(path)(x.reshape(3, -1))
    for ours, theirs in zip(found[:3], tensorflow(double, x), strict=True):
        assert np.abs(ours - theirs).max() < 2e-6
