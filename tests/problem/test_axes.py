"""An axis that counts no events is refused: whether it does is asked, not assumed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor as ot
from onnxtaylor.cli.app import run
from onnxtaylor.errors import ProbeError
from tests.graph.graphs import model, op, port

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(40, 7))
JET, TRACK = X[:, :4], X[:, 4:]


def weights(*shape):
    return (np.random.default_rng(sum(shape)).normal(size=shape) / 2).astype(np.float32)


CONSTANTS = {"wj": weights(4, 6), "wt": weights(3, 6), "wo": weights(6, 2), "ax": np.array([0])}


def joined(kind):
    """Nodes from ``hj`` [·, 6] of the jet and ``ht`` [·, 6] of the tracks to ``y``; its shape."""
    if kind == "attention":  # over the tracks, which a query of the jet weighs
        nodes = [
            op("Transpose", ["ht"], ["k"], perm=[1, 0]),
            op("MatMul", ["hj", "k"], ["a0"]),
            op("Softmax", ["a0"], ["a"], axis=1),
            op("MatMul", ["a", "ht"], ["p"]),
            op("Add", ["p", "hj"], ["u"]),
        ]
        return [*nodes, op("MatMul", ["u", "wo"], ["y"])], [1, 2]
    if kind in ("ReduceSum", "ReduceMean", "ReduceMax"):
        pooled = op("ReduceSum", ["ht", "ax"], ["p"], keepdims=1)
        if kind != "ReduceSum":
            pooled = op(kind, ["ht"], ["p"], axes=[0], keepdims=1)
        nodes = [pooled, op("Add", ["p", "hj"], ["s"]), op("Tanh", ["s"], ["u"])]
        return [*nodes, op("MatMul", ["u", "wo"], ["y"])], [1, 2]
    if kind == "vector":
        nodes, _ = joined("ReduceSum")
        nodes[-1] = op("MatMul", ["u", "wo"], ["y0"])
        return [*nodes, op("Squeeze", ["y0", "ax"], ["y"])], [2]
    if kind == "mixing":  # a row for each track, which looks at the others
        nodes = [
            op("Add", ["ht", "hj"], ["s"]),
            op("ReduceMean", ["s"], ["m"], axes=[0], keepdims=1),
            op("Sub", ["s", "m"], ["d"]),
            op("Tanh", ["d"], ["u"]),
        ]
        return [*nodes, op("MatMul", ["u", "wo"], ["y"])], ["n", 2]
    nodes = [op("Add", ["ht", "hj"], ["s"]), op("Tanh", ["s"], ["u"])]  # a row for each track alone
    return [*nodes, op("MatMul", ["u", "wo"], ["y"])], ["n", 2]


def two(kind, jet=1, track="n"):
    """A jet [1, 4] and its tracks [n, 3]."""
    nodes, shape = joined(kind)
    first = [op("MatMul", ["jet", "wj"], ["hj"]), op("MatMul", ["tracks", "wt"], ["ht"])]
    inputs = [port("jet", [jet, 4]), port("tracks", [track, 3])]
    return model([*first, *nodes], inputs, [port("y", shape)], CONSTANTS)


def one(kind):
    """Tracks [n, 3] alone; the jet is a constant."""
    nodes, shape = joined(kind)
    constants = {**CONSTANTS, "hj": weights(1, 6)}
    first = [op("MatMul", ["tracks", "wt"], ["ht"])]
    return model([*first, *nodes], [port("tracks", ["n", 3])], [port("y", shape)], constants)


POOLED = ("attention", "ReduceSum", "ReduceMean", "ReduceMax", "vector")
INPUTS = {"input": ["jet", "tracks"], "order": 1, "bootstrap": 0}


@pytest.mark.parametrize("kind", [*POOLED, "mixing"])
def test_a_jet_and_its_tracks_are_no_batch(kind):
    with pytest.raises(ProbeError) as refused:
        ot.analyze(two(kind), X, **INPUTS)
    line = str(refused.value)
    assert "axis 0 of input 'tracks' [n, 3] does not count events" in line
    assert "export the model with inputs [batch, …]" in line
    assert "\n" not in line


@pytest.mark.parametrize("kind", POOLED)
def test_nor_are_axes_of_two_names(kind):
    """Jets [batch, 4] and all tracks of all of them [n, 3]."""
    proto = two(kind, jet="batch")
    with pytest.raises(ot.OnnxTaylorError) as refused:
        ot.analyze(proto, X, **INPUTS)
    if kind != "vector":  # which fails by itself
        assert "axis 0 of input 'tracks' [n, 3] does not count events" in str(refused.value)


@pytest.mark.parametrize("kind", [*POOLED, "mixing"])
@pytest.mark.parametrize("fixed", [True, False])
def test_tracks_alone_are_refused_with_their_axis(kind, fixed):
    """The jet held, as the message about it advises, or a constant."""
    proto, held = (two(kind), {"fix": {"jet": [1, 2, 3, 4]}}) if fixed else (one(kind), {})
    with pytest.raises(ProbeError) as refused:
        ot.analyze(proto, TRACK, order=1, bootstrap=0, **held)
    assert "if axis 0 of input 'tracks' [n, 3] counts the objects of one event" in str(
        refused.value
    )


def test_a_model_that_mixes_names_its_axis():
    with pytest.raises(ProbeError, match=r"alone and in a batch.* axis 0 of input 'jet' \[N, 4\]"):
        ot.analyze(two("mixing", jet="N", track="N"), X, **INPUTS)


def expected():
    """Mean abs(∂y/∂x) of the rows of tanh(jet wj + track wt) wo."""
    both = np.concatenate((CONSTANTS["wj"], CONSTANTS["wt"])).astype(np.float64)
    slope = 1 - np.tanh(X @ both) ** 2
    terms = np.einsum("eh,ih,hc->eci", slope, both, CONSTANTS["wo"].astype(np.float64))
    return np.abs(terms).mean(axis=0)


@pytest.mark.parametrize("axes", [(1, "n"), ("n", 1), ("batch", "n"), ("N", "N"), (None, None)])
def test_rows_that_stand_alone_are_events(axes):
    """However the axes are called: a row of responses for each row, and the one that it has alone.

    A jet [1, 4] is then broadcast: it is fed event by event.
    """
    result = ot.analyze(two("rows", *axes), X, scale="unit", **INPUTS)
    np.testing.assert_allclose(result.score[:, 0], expected(), rtol=1e-5)
    assert result.check["verdict"] == "agrees"


def test_a_fixed_batch_of_one_stays_one_event():
    """Both inputs [1, ·]: whatever the model does with its rows, there is one."""
    result = ot.analyze(two("ReduceSum", 1, 1), X, scale="unit", **INPUTS)
    np.testing.assert_allclose(result.score[:, 0], expected(), rtol=1e-5)


def test_columns_of_their_own_stay_events():
    """One input for each column, each with a symbol of its own, as exporters write them."""
    nodes = [op("Concat", ["a", "b", "c"], ["x"], axis=1), op("MatMul", ["x", "w"], ["y"])]
    inputs = [port(name, [f"unk_{k}", 1]) for k, name in enumerate("abc")]
    proto = model(nodes, inputs, [port("y", ["N", 2])], {"w": weights(3, 2)})
    result = ot.analyze(proto, TRACK, order=1, scale="unit", bootstrap=0)
    np.testing.assert_allclose(result.score[:, 0], np.abs(weights(3, 2)).T, rtol=1e-6)


def test_a_mask_of_tracks():
    """tracks [n, 3] and which of them count [n]: held at 1, and taken as a feature."""
    nodes = [
        op("MatMul", ["tracks", "wt"], ["ht"]),
        op("Unsqueeze", ["mask", "one"], ["m"]),
        op("Mul", ["ht", "m"], ["hm"]),
        op("ReduceSum", ["hm", "ax"], ["p"], keepdims=1),
        op("MatMul", ["p", "wo"], ["y"]),
    ]
    inputs = [port("tracks", ["n", 3]), port("mask", ["n"])]
    constants = {**CONSTANTS, "one": np.array([1])}
    proto = model(nodes, inputs, [port("y", [1, 2])], constants)
    for options in ({"fix": {"mask": 1}}, {"input": ["tracks", "mask"]}):
        x = TRACK if "fix" in options else X[:, :4]
        with pytest.raises(ProbeError, match=r"axis 0 of input 'tracks' \[n, 3\]"):
            ot.analyze(proto, x, order=1, **options)


@pytest.mark.parametrize("command", ["analyze", "check", "inspect", "audit", "track", "compare"])
def test_every_command_refuses(command, tmp_path, capsys):
    path, data = str(tmp_path / "m.onnx"), str(tmp_path / "x.npy")
    onnx.save(two("attention"), path)
    np.save(data, X)
    words = {"track": [path, "--data", data], "compare": [path, path, data]}
    call = [command, *words.get(command, [path, data]), "--input", "jet", "--input", "tracks"]
    assert run(call) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "axis 0 of input 'tracks' [n, 3] does not count events" in line


def test_the_derivative_graph_is_refused_too():
    with pytest.raises(ProbeError, match="does not count events"):
        ot.differentiate(two("ReduceMean"), input=["jet", "tracks"])


def test_a_model_without_kernels_in_double_precision_is_asked_in_single():
    """Two inputs with symbols of their own, as TensorFlow's exporter names them, and a Softplus."""
    text = (
        '<ir_version: 8, opset_import: ["" : 17]> m (double[A, 1] a, double[B, 2] b)'
        " => (double[A, 3] y) { c = Concat<axis: int = 1>(a, b) y = Softplus(c) }"
    )
    x = np.random.default_rng(0).normal(size=(20, 3))
    model = onnx.parser.parse_model(text)
    result = ot.analyze(model, x, input=["a", "b"], bootstrap=0, scale="unit")
    slopes = 1 / (1 + np.exp(-x))
    assert result.score[0, 0, 0] == pytest.approx(slopes[:, 0].mean(), rel=1e-12)
