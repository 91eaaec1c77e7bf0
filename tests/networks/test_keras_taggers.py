"""Taggers of Keras, exported with tf2onnx: against TensorFlow's own derivatives in float64."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.options import ModelOptions

tf = pytest.importorskip("tensorflow", reason="Keras makes the networks")
tf2onnx = pytest.importorskip("tf2onnx", reason="Keras exports through tf2onnx")
keras = tf.keras
layers = keras.layers

pytestmark = pytest.mark.filterwarnings("ignore")
SIZES = {"charged": (25, 16), "neutral": (25, 6), "vertices": (4, 12)}


def deep_jet(kind: str):
    """15 global features, candidates through 1×1 convolutions and LSTMs, and vertices."""
    keras.utils.set_random_seed(2)
    general = keras.Input((15,), name="general", dtype=kind)
    inputs, parts = [general], [general]
    for name, shape in SIZES.items():
        x = keras.Input(shape, name=name, dtype=kind)
        inputs.append(x)
        h = layers.Conv1D(6, 1, activation="relu", dtype=kind)(x)
        h = layers.Conv1D(4, 1, activation="tanh", dtype=kind)(h)
        parts.append(layers.LSTM(4, dtype=kind)(h))
    h = layers.Dense(8, activation="relu", dtype=kind)(layers.Concatenate(dtype=kind)(parts))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", dtype=kind)(h))


def deep_sets(kind: str):
    """Constituents (any number, 12 variables) with a mask of numbers, 1 where filled; a jet."""
    keras.utils.set_random_seed(3)
    jet = keras.Input((4,), name="jet", dtype=kind)
    pf = keras.Input((None, 12), name="pf", dtype=kind)
    mask = keras.Input((None,), name="pf_mask", dtype=kind)
    h = layers.Dense(8, activation="silu", dtype=kind)(pf)
    h = layers.Dense(6, activation="tanh", dtype=kind)(h)
    pooled = layers.Dot((1, 1), dtype=kind)([mask, h])
    h = layers.Concatenate(dtype=kind)([jet, pooled])
    h = layers.Dense(8, activation="tanh", dtype=kind)(h)
    return keras.Model([jet, pf, mask], layers.Dense(3, activation="softmax", dtype=kind)(h))


def events(kind: str, names, count: int):
    random = np.random.default_rng(4)
    shapes = {"general": (15,), **SIZES, "jet": (4,), "pf": (6, 12)}
    mask = np.arange(6) < random.integers(2, 7, count)[:, None]
    rows = {k: random.normal(size=(count, *shapes.get(k, (6,)))) for k in names}
    if "pf_mask" in rows:
        rows |= {"pf_mask": mask, "pf": rows["pf"] * mask[..., None]}
    return {name: value.astype(kind) for name, value in rows.items()}


@cache
def exported(make, kind: str):
    net = make(kind)
    shapes = [tf.TensorSpec(x.shape, x.dtype, name=x.name) for x in net.inputs]
    call = tf.function(lambda *x: net(list(x)), input_signature=shapes)
    proto, _ = tf2onnx.convert.from_function(call, input_signature=shapes, opset=17)
    return proto, net.get_weights()


def in_float64(make, weights):
    """The same network in double precision, one that has the weights of the exported one."""
    net = make("float64")
    net.set_weights([w.astype(np.float64) for w in weights])
    return net


def tensorflow_derivatives(net, rows, features, subset):
    """Jacobian (B, C, n), and the Hessian (B, C, s, s) of a subset of the features of one event."""
    values = {k: tf.constant(v, tf.float64) for k, v in rows.items()}
    sizes = [int(np.prod(values[name].shape[1:])) for name in features]
    count = len(next(iter(rows.values())))
    flat = tf.concat([tf.reshape(values[name], (count, -1)) for name in features], 1)

    def respond(row):
        parts = dict(zip(features, tf.split(row, sizes, axis=1), strict=True))
        given = [tf.reshape(parts[k], tf.shape(v)) if k in parts else v for k, v in values.items()]
        return net(given)

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(flat)
        y = respond(flat)
    jacobian = tape.batch_jacobian(y, flat, experimental_use_pfor=False).numpy()
    places = np.array(subset)
    held = tf.tensor_scatter_nd_update(
        flat,
        [[k, i] for k in range(count) for i in subset],
        tf.zeros(count * len(subset), flat.dtype),
    )
    spread = tf.one_hot(places, flat.shape[1], dtype=flat.dtype)
    part = tf.gather(flat, places, axis=1)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(part)
        with tf.GradientTape(persistent=True) as inner:
            inner.watch(part)
            y = respond(held + part @ spread)
            columns = [y[:, c] for c in range(y.shape[1])]
        slopes = [inner.gradient(column, part) for column in columns]
    hessian = [outer.batch_jacobian(s, part, experimental_use_pfor=False).numpy() for s in slopes]
    return jacobian, np.stack(hessian, axis=1)


def apart(found, wanted):
    assert found.shape == wanted.shape
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (deep_sets, "float64"),
        (deep_sets, "float32"),
        pytest.param(deep_jet, "float32", marks=pytest.mark.slow),
    ],
)
def test_derivatives_of_keras_taggers(make, kind):
    proto, weights = exported(make, kind)
    names = [port.name for port in proto.graph.input]
    rows = events(kind, names, 2)
    features = [name for name in names if name != "pf_mask"]
    options = (
        ModelOptions(mask={"pf_mask": "pf"}) if "pf_mask" in names else ModelOptions(input=names)
    )
    found = ot.differentiate(ot.Problem.open(proto, rows, options))(rows)
    subset = list(range(0, 20, 3))
    jacobian, hessian = tensorflow_derivatives(in_float64(make, weights), rows, features, subset)
    close = 1e-12 if kind == "float64" else 5e-6
    assert apart(found.jacobian, jacobian) < close
    assert apart(found.hessian[:, :, subset][..., subset], hessian) < close


def test_by_variable_in_keras():
    proto, weights = exported(deep_sets, "float64")
    rows = events("float64", ["jet", "pf", "pf_mask"], 8)
    result = ot.analyze(proto, rows, mask={"pf_mask": "pf"}, order=1, scale="unit", bootstrap=0)
    jacobian, _ = tensorflow_derivatives(in_float64(deep_sets, weights), rows, ["jet", "pf"], [0])
    found = {(row["output"], row["features"][0]): row["score"] for row in result.rows()}
    for c, output in enumerate(result.outputs):
        for v in range(12):
            expected = np.abs(jacobian[:, c, 4 + v :: 12]).sum(axis=1).mean()
            assert found[output, f"pf.v{v}"] == pytest.approx(expected, rel=1e-11)
    assert result.check["verdict"] == "agrees"
