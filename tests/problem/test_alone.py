"""Models that quantize by the range of a whole batch are evaluated one event at a time."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from scipy.special import expit

from onnxtaylor import analyze
from onnxtaylor.errors import ModelError, ProbeError
from onnxtaylor.runtime.session import Session
from tests.graph.graphs import F32, model, op, opened, port

RNG = np.random.default_rng(3)
N, H = 4, 6
Q = RNG.integers(-127, 128, (N, H)).astype("i1")
V = RNG.normal(size=(H, 2)).astype("f4")
SCALE = np.float32(0.01)
MICROSOFT = {"com.microsoft": 1}


def dynamic(*before, batch="N", **constants):
    """tanh of (x · W) V, x quantized by its range and W stored in whole numbers."""
    nodes = [
        *before,
        op("DynamicQuantizeLinear", ["u" if before else "x"], ["xq", "xs", "xz"], name="narrow"),
        op("MatMulInteger", ["xq", "q", "xz"], ["a"]),
        op("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
        op("Mul", ["xs", "s"], ["c"]),
        op("Mul", ["b", "c"], ["d"]),
        op("Tanh", ["d"], ["h"]),
        op("MatMul", ["h", "V"], ["y"]),
    ]
    ports = [port("x", [batch, N])], [port("y", [batch, 2])]
    return model(nodes, *ports, {"q": Q, "s": SCALE, "V": V, **constants}, opset=13)


def fused():
    """The same by one operator of com.microsoft."""
    nodes = [
        op("DynamicQuantizeMatMul", ["x", "q", "s"], ["d"], domain="com.microsoft", name="fused"),
        op("Tanh", ["d"], ["h"]),
        op("MatMul", ["h", "V"], ["y"]),
    ]
    ports = [port("x", ["N", N])], [port("y", ["N", 2])]
    return model(nodes, *ports, {"q": Q, "s": SCALE, "V": V}, opset=13, domains=MICROSOFT)


def recurrent():
    """A DynamicQuantizeLSTM over one step of N numbers; its last state is the response."""
    width = 3
    around = {"wi": (1, 1, N, 4 * width), "wr": (1, 1, width, 4 * width)}
    constants = {k: RNG.integers(-127, 128, shape[1:]).astype("i1") for k, shape in around.items()}
    constants |= {
        "s": np.array([0.01], "f4"),
        "z": np.zeros(1, "i1"),
        "steps": np.array([1, -1, N]),
    }
    nodes = [
        op("Reshape", ["x", "steps"], ["u"]),
        op(
            "DynamicQuantizeLSTM",
            ["u", "wi", "wr", "", "", "", "", "", "s", "z", "s", "z"],
            ["", "hidden", ""],
            domain="com.microsoft",
            name="recurrent",
            hidden_size=width,
        ),
        op("Squeeze", ["hidden", "first"], ["y"]),
    ]
    constants["first"] = np.array([0])
    ports = [port("x", ["N", N])], [port("y", ["N", width])]
    return model(nodes, *ports, constants, opset=13, domains=MICROSOFT)


def events(count=9):
    return (
        RNG.normal(size=(count, N)).astype("f4").astype(float) * np.linspace(0.2, 3, count)[:, None]
    )


def quantized(x):
    """One event in NumPy: scale and zero point from its own least and largest number."""
    low, high = min(0.0, x.min()), max(0.0, x.max())
    scale = np.float32(high - low) / np.float32(255)
    zero = np.clip(np.rint(-np.float32(low) / scale), 0, 255)
    whole = np.clip(np.rint(x.astype("f4") / scale) + zero, 0, 255)
    return (whole - zero) * scale.astype(float)


def by_hand(x):
    """One event alone: tanh of (x · W) V."""
    return np.tanh(quantized(x) @ Q.astype(float) * SCALE) @ V.astype(float)


RECURRENT = recurrent()


def step_by_hand(x):
    """One event alone: a step of an LSTM from rest, whose gates stand in the order i, o, f, c."""
    (weights,) = [t for t in RECURRENT.graph.initializer if t.name == "wi"]
    gates = quantized(x) @ numpy_helper.to_array(weights)[0].astype(float) * SCALE
    i, o, _, c = np.split(gates, 4)
    return np.tanh(np.tanh(c) * expit(i)) * expit(o)


def test_the_response_is_that_of_an_event_alone():
    x = events()
    made = opened(dynamic(), x, by_steps=True)
    assert (
        made.batch
        == "one event at a time: node 'narrow' (DynamicQuantizeLinear) depends on the batch"
    )
    expected = np.stack([by_hand(row) for row in x])
    assert Session(made.function)(x) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("proto", "node", "alone"),
    [
        (dynamic(), "'narrow' (DynamicQuantizeLinear)", by_hand),
        (fused(), "'fused' (DynamicQuantizeMatMul)", by_hand),
        (RECURRENT, "'recurrent' (DynamicQuantizeLSTM)", step_by_hand),
        (dynamic(batch=3), "'narrow' (DynamicQuantizeLinear)", by_hand),
    ],
    ids=["linear", "matmul", "lstm", "fixed batch"],
)
def test_each_such_node_is_named_and_events_are_given_alone(proto, node, alone):
    x = events()
    made = opened(proto, x, by_steps=True)
    (note,) = [note for note in made.notices if note.code == "batch"]
    assert node in note.message
    assert "one event at a time" in note.message
    assert "\n" not in note.message
    session = Session(made.function)
    together = session(x)
    assert together == pytest.approx(np.concatenate([session(row[None]) for row in x]), abs=1e-7)
    expected = np.stack([alone(row) for row in x])
    assert together == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("proto", [dynamic(), dynamic(batch=3)], ids=["free", "fixed"])
@pytest.mark.parametrize("link", ["identity", "log"])
def test_behind_a_link_too(proto, link):
    proto = onnx.ModelProto.FromString(proto.SerializeToString())
    proto.graph.node.append(op("Exp", ["y"], ["z"]))
    proto.graph.output[0].name = "z"
    x = events()
    found = Session(opened(proto, x, link=link, by_steps=True).function)(x)
    plain = np.stack([by_hand(row) for row in x])
    assert found == pytest.approx(plain if link == "log" else np.exp(plain), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("proto", [dynamic(batch=1)], ids=["one"])
def test_a_batch_of_one_needs_no_word(proto):
    made = opened(proto, events(), by_steps=True)
    assert made.notices == ()
    assert made.batch.startswith("fixed to 1")


def test_other_mixing_is_refused_as_ever():
    centred = [op("ReduceMean", ["x"], ["m"], axes=[0]), op("Sub", ["x", "m"], ["u"])]
    with pytest.raises(ProbeError, match="mixes events"):
        opened(dynamic(*centred), events(), by_steps=True)


def test_without_steps_the_way_out_is_told_and_works():
    x = events()
    with pytest.raises(ModelError, match=r'finite_step="0\.5sigma"'):
        analyze(dynamic().SerializeToString(), x)
    result = analyze(dynamic().SerializeToString(), x, finite_step="0.5sigma", order=1)
    assert [w.code for w in result.warnings].count("batch") == 1
    step = 0.5 * x.std(axis=0)
    up, down = (
        np.stack([[by_hand((row + k * d).astype("f4")) for row in x] for d in np.diag(step)])
        for k in (1, -1)
    )
    expected = np.abs((up - down) / 2).mean(axis=1)  # (feature, response)
    assert result.score[:, 0] == pytest.approx(expected.T, rel=0.02)


def test_quantized_by_onnxruntime(tmp_path):
    quantization = pytest.importorskip("onnxruntime.quantization")
    weights = {"W": RNG.normal(size=(N, H)).astype("f4"), "V": V}
    nodes = [
        op("MatMul", ["x", "W"], ["a"]),
        op("Tanh", ["a"], ["h"]),
        op("MatMul", ["h", "V"], ["y"]),
    ]
    path = tmp_path / "float.onnx"
    onnx.save(model(nodes, [port("x", ["N", N], F32)], [port("y", ["N", 2])], weights), path)
    quantization.quantize_dynamic(path, tmp_path / "quantized.onnx")
    x = events()
    result = analyze(tmp_path / "quantized.onnx", x, finite_step="1sigma", order=1)
    smooth = analyze(path, x, finite_step="1sigma", order=1)
    assert {w.code for w in result.warnings} >= {"batch"}
    assert result.score == pytest.approx(smooth.score, rel=0.1)
