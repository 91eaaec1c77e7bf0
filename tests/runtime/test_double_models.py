"""Models that are in double precision already, with operators that onnxruntime has not there."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, pi, sqrt
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import onnxtaylor as ot
from onnxtaylor.cli import main
from onnxtaylor.errors import ModelError
from onnxtaylor.runtime import promotion
from onnxtaylor.runtime.session import Session, start
from tests.graph.graphs import F32, F64, ask, events, model, op, opened, port

Array = np.ndarray
RANDOM = np.random.default_rng(11)
W1, B1, W2 = RANDOM.normal(size=(3, 5)), RANDOM.normal(size=5), RANDOM.normal(size=(5, 2))
X = RANDOM.normal(size=(7, 3))  # neither they nor the weights are numbers of single precision


def over(function: Callable[[float], float]) -> Callable[[Array], Array]:
    return np.vectorize(function, otypes=[np.float64])


def bell(z: Array) -> Array:
    return np.exp(-z * z / 2) / sqrt(2 * pi)


def cut(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def low(z: Array) -> Array:
    return np.exp(np.minimum(z, 0))


def f32(number: float) -> float:
    return float(np.float32(number))


ALPHA, GAMMA = f32(1.6732632), f32(1.0507010)
Slopes = tuple[Callable[[Array], Array], Callable[[Array], Array], Callable[[Array], Array]]

# operator → φ, φ′, φ″
ACTIVATIONS: dict[str, Slopes] = {
    "Erf": (
        over(erf),
        lambda z: 2 / sqrt(pi) * np.exp(-z * z),
        lambda z: -4 / sqrt(pi) * z * np.exp(-z * z),
    ),
    "Gelu": (
        lambda z: z / 2 * (1 + over(erf)(z / sqrt(2))),
        lambda z: (1 + over(erf)(z / sqrt(2))) / 2 + z * bell(z),
        lambda z: (2 - z * z) * bell(z),
    ),
    "Softplus": (lambda z: np.logaddexp(0, z), cut, lambda z: cut(z) * cut(-z)),
    "Elu": (
        lambda z: np.where(z < 0, np.expm1(np.minimum(z, 0)), z),
        lambda z: np.where(z < 0, low(z), 1),
        lambda z: np.where(z < 0, low(z), 0),
    ),
    "Selu": (
        lambda z: GAMMA * np.where(z < 0, ALPHA * np.expm1(np.minimum(z, 0)), z),
        lambda z: GAMMA * np.where(z < 0, ALPHA * low(z), 1),
        lambda z: GAMMA * np.where(z < 0, ALPHA * low(z), 0),
    ),
    "Atan": (np.arctan, lambda z: 1 / (1 + z * z), lambda z: -2 * z / (1 + z * z) ** 2),
    "LeakyRelu": (
        lambda z: np.where(z < 0, f32(0.01) * z, z),
        lambda z: np.where(z < 0, f32(0.01), 1),
        np.zeros_like,
    ),
}

BENT = ("Elu", "LeakyRelu", "Selu")  # steps across a kink are another question


def net(
    kind: str, batch: object = "N", response: str = "y", to: int = F64, opset: int = 20
) -> onnx.ModelProto:
    """y = φ(x W1 + b1) W2, and p = sigmoid of it; weights in the format ``to``."""
    dtype = helper.tensor_dtype_to_np_dtype(to)
    nodes = [
        op("Gemm", ["x", "W1", "b1"], ["z"]),
        op(kind, ["z"], ["h"]),
        op("MatMul", ["h", "W2"], ["y"]),
        op("Sigmoid", ["y"], ["p"]),
    ]
    weights = {k: v.astype(dtype) for k, v in (("W1", W1), ("b1", B1), ("W2", W2))}
    outputs = [port(name, [batch, 2], to) for name in response.split()]
    return model(nodes, [port("x", [batch, 3], to)], outputs, weights, opset=opset, ir=9)


def derivatives(kind: str, x: Array) -> tuple[Array, Array, Array]:
    """y, J = W2ᵀ diag(φ′) W1ᵀ and H_c = W1 diag(W2_c φ″) W1ᵀ."""
    phi, first, second = ACTIVATIONS[kind]
    z = x @ W1 + B1
    jacobian = np.einsum("hc,nh,ih->nci", W2, first(z), W1)
    return phi(z) @ W2, jacobian, np.einsum("hc,nh,ih,jh->ncij", W2, second(z), W1, W1)


def scores(kind: str, x: Array) -> tuple[Array, Array]:
    """⟨t_i⟩ (C, 3) and ⟨t_ij⟩ (C, 6) by hand."""
    _, jacobian, hessian = derivatives(kind, x)
    i, j = np.triu_indices(3)
    pairs = hessian[..., i, j] / np.where(i == j, 2, 1)
    return np.abs(jacobian).mean(0), np.abs(pairs).mean(0)


# --- both engines --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_the_exact_engine(kind):
    value, jacobian, hessian = ot.differentiate(net(kind))(X)
    for found, wanted in zip((value, jacobian, hessian), derivatives(kind, X), strict=True):
        assert found.dtype == np.float64
        assert np.abs(found - wanted).max() < 3e-14


@pytest.mark.parametrize("kind", [kind for kind in ACTIVATIONS if kind not in BENT])
def test_the_differences_engine(kind):
    result = ot.analyze(net(kind), X, engine="differences", scale="unit", bootstrap=0, check=0)
    first, second = scores(kind, X)
    for c, output in enumerate(result.outputs):
        matrix = result.matrix(output)[np.triu_indices(3)]
        assert np.abs(result.vector(output) - first[c]).max() < 1e-9
        assert np.abs(matrix - second[c]).max() < 2e-7
    assert (result.model.engine, result.model.precision) == ("differences", "float64")


@pytest.mark.parametrize("engine", ["auto", "differences"])
@pytest.mark.parametrize("precision", ["auto", "float64"])
def test_an_analysis_checks_one_engine_with_the_other(engine, precision):
    result = ot.analyze(net("Gelu"), X, engine=engine, precision=precision, bootstrap=0)
    assert result.model.precision == "float64"
    assert result.model.engine == ("exact" if engine == "auto" else engine)
    assert result.options["no_exact_engine"] is None
    assert result.options["no_float64"] is None
    assert result.check["verdict"] == "agrees"
    assert result.check["coefficients"]["agrees"] == result.score.size


@pytest.mark.parametrize("kind", ["Softplus", "Elu", "Selu", "LeakyRelu"])
def test_an_operator_that_onnxruntime_has_in_one_operator_set_only(kind):
    """From 18 it loads these, writing out their bodies; not from the one of the derivatives."""
    proto = net(kind, opset=18)
    start(proto)
    value, jacobian, hessian = ot.differentiate(proto)(X)
    for found, wanted in zip((value, jacobian, hessian), derivatives(kind, X), strict=True):
        assert np.abs(found - wanted).max() < 3e-14


def test_an_operator_that_fails_only_when_it_runs():
    """onnxruntime loads an LSTM in double precision, and then says that it does not support it."""
    random = np.random.default_rng(4)
    w, r = random.normal(size=(1, 8, 3)), random.normal(size=(1, 8, 2))
    nodes = [
        op("Unsqueeze", ["x", "first"], ["t"]),
        op("LSTM", ["t", "w", "r"], ["", "s"], hidden_size=2),
        op("Squeeze", ["s", "first"], ["y"]),
    ]
    constants = {"w": w, "r": r, "first": np.array([0])}
    proto = model(nodes, [port("x", ["N", 3], F64)], [port("y", ["N", 2], F64)], constants)
    start(proto)
    i, o, _, c = np.split(X @ w[0].T, 4, axis=1)  # of one step from 0, where nothing is forgotten
    wanted = cut(o) * np.tanh(cut(i) * np.tanh(c))
    assert np.abs(ot.differentiate(proto)(X).value - wanted).max() < 1e-15


def test_a_convolution_and_a_recurrent_layer():
    """No double kernel either; here the two engines are one another's reference."""
    random = np.random.default_rng(3)
    w, r = random.normal(size=(1, 12, 2)), random.normal(size=(1, 12, 4))
    nodes = [
        op("Reshape", ["x", "image"], ["i"]),
        op("Conv", ["i", "k"], ["c"]),
        op("Transpose", ["c"], ["t"], perm=[2, 0, 1]),
        op("GRU", ["t", "w", "r"], ["", "s"], hidden_size=4),
        op("Squeeze", ["s", "first"], ["y"]),
    ]
    constants = {
        "image": np.array([-1, 1, 5]),
        "k": random.normal(size=(2, 1, 3)),
        "w": w,
        "r": r,
        "first": np.array([0]),
    }
    proto = model(nodes, [port("x", ["N", 5], F64)], [port("y", ["N", 4], F64)], constants)
    x = random.normal(size=(5, 5))
    exact, steps = (
        ot.analyze(proto, x, engine=engine, bootstrap=0, check=0)
        for engine in ("exact", "differences")
    )
    assert exact.model.precision == steps.model.precision == "float64"
    assert np.abs(exact.score - steps.score).max() < 1e-7
    assert exact.score.min() > 1e-6


# --- how it is opened ----------------------------------------------------------------------------


def test_onnxruntime_does_not_load_them():
    """Else these tests would show nothing."""
    for kind in ACTIVATIONS:
        # of a Gelu it loads the official body, with an Erf
        with pytest.raises(ModelError, match=r"does not compute '\w+'.*in the number format"):
            start(net(kind))


def test_what_loads_is_left_as_it_is():
    proto = net("Tanh")
    kinds = {n.op_type for n in opened(proto, X).function.proto.graph.node}
    assert {"Gemm", "Tanh", "MatMul"} <= kinds
    assert ask(proto, x=X)["y"] == pytest.approx(Session(opened(proto, X).function)(X), rel=1e-15)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_batch_that_is_fixed_is_made_free(batch):
    found = opened(net("Erf", batch), X)
    assert "made free and verified" in found.batch
    assert np.abs(Session(found.function)(X) - derivatives("Erf", X)[0]).max() < 1e-14


@pytest.mark.parametrize("outputs", ["y", "y p"])
def test_links_and_several_outputs(outputs):
    wanted, _, _ = derivatives("Gelu", X)
    found = opened(net("Gelu", response=outputs), X, outputs=tuple(outputs.split()))
    values = {"y": wanted, "p": cut(wanted)}
    together = np.concatenate([values[k] for k in outputs.split()], axis=1)
    assert np.abs(Session(found.function)(X) - together).max() < 1e-14
    logit = opened(net("Gelu", response="p"), X, link="logit")
    assert np.abs(Session(logit.function)(X) - wanted).max() < 1e-14


def test_double_precision_inside_a_model_that_is_fed_single():
    nodes = [
        op("Cast", ["x"], ["d"], to=F64),
        op("Erf", ["d"], ["e"]),
        op("Cast", ["e"], ["y"], to=F32),
    ]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])])
    x = events()
    assert np.abs(Session(opened(proto, x).function)(x) - over(erf)(x)).max() < 1e-15


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "refused"), [(1e-3, True), (1e-7, False)])
def test_what_differs_from_single_precision_is_refused(fault, refused, monkeypatch):
    right = promotion.promote_graph

    def wrong(proto: onnx.ModelProto) -> onnx.ModelProto:
        found = right(proto)
        for tensor in found.graph.initializer:
            if tensor.name == "W2":
                value = onnx.numpy_helper.to_array(tensor) * (1 + fault)
                tensor.CopyFrom(onnx.numpy_helper.from_array(value, "W2"))
        return found

    monkeypatch.setattr(promotion, "promote_graph", wrong)
    if refused:
        with pytest.raises(ModelError, match=r"does not compute 'Erf'.*export the model in flo"):
            opened(net("Erf"), X)
    else:
        assert opened(net("Erf"), X).function.precision == "float64"


def test_what_no_operator_can_say_keeps_its_message(tmp_path, capsys):
    nodes = [
        op("Reshape", ["x", "square"], ["m"]),
        op("Det", ["m"], ["d"], name="volume"),
        op("Reshape", ["d", "column"], ["e"]),
        op("Erf", ["e"], ["y"], name="error"),
    ]
    shapes = {"square": np.array([-1, 2, 2]), "column": np.array([-1, 1])}
    proto = model(nodes, [port("x", ["N", 4], F64)], [port("y", ["N", 1], F64)], shapes)
    onnx.save(proto, tmp_path / "det.onnx")
    np.save(tmp_path / "x.npy", events(4))
    assert main(["analyze", str(tmp_path / "det.onnx"), str(tmp_path / "x.npy")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "does not compute" in err


def test_a_model_in_single_precision_gets_no_second_try(monkeypatch):
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a model in single precision is written anew")

    monkeypatch.setattr(promotion, "_session_in_double", never)
    proto = net("Tanh", to=F32)
    proto.graph.node[1].op_type = "Unknowable"
    with pytest.raises(ModelError, match="Unknowable"):
        opened(proto, events())


def test_an_event_alone_where_the_file_does_not_say_that_its_batch_is_fixed():
    proto = net("Erf")
    shape = np.array([1, 3])
    proto.graph.initializer.append(onnx.numpy_helper.from_array(shape, "one"))
    proto.graph.node[0].input[0] = "r"
    proto.graph.node.insert(0, op("Reshape", ["x", "one"], ["r"]))
    found = opened(proto, X)
    assert "in truth fixed" in found.batch
    assert np.abs(Session(found.function)(X) - derivatives("Erf", X)[0]).max() < 1e-14
