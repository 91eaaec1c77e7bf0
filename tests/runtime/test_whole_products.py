"""Products of whole numbers of 8 bits: exact on every processor, compared with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.runtime.session import start
from onnxtaylor.runtime.tensors import run_all
from onnxtaylor.runtime.whole_products import exact_products

KINDS = {"u1": TensorProto.UINT8, "i1": TensorProto.INT8}
ROWS, WEIGHTS = (5, 32), (32, 7)
IMAGES, FILTERS = (2, 8, 6, 6), (4, 8, 3, 3)
SCALE = {"as": 0.02, "bs": 0.01, "ys": 1.5}
MICROSOFT = "com.microsoft"
# inputs, domain, and whether the response is a whole number of 8 bits
QUANTIZED = {
    "MatMulIntegerToFloat": (["a", "b", "as", "bs", "az", "bz"], MICROSOFT, False),
    "QLinearMatMul": (["a", "as", "az", "b", "bs", "bz", "ys", "yz"], "", True),
    "QLinearConv": (["a", "as", "az", "b", "bs", "bz", "ys", "yz"], "", True),
    "QGemm": (["a", "as", "az", "b", "bs", "bz", "", "ys", "yz"], MICROSOFT, True),
}


def drawn(kind, shape, seed):
    low, high = (0, 256) if kind == "u1" else (-128, 128)
    return np.random.default_rng(seed).integers(low, high, shape).astype(kind)


def graph(op, inputs, domain, given, response, constants):
    """One node; its input a is given."""
    name, kind, shape = given
    g = helper.make_graph(
        [helper.make_node(op, inputs, ["y"], domain=domain)],
        "product",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info("y", response, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items() if k in inputs],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(g, opset_imports=opsets, ir_version=8)


def product(a, b):
    """a · b, or the convolution of images a with filters b, in 64 bits."""
    a, b = a.astype(np.int64), b.astype(np.int64)
    if a.ndim == 2:
        return a @ b
    windows = sliding_window_view(a, b.shape[2:], axis=(2, 3))
    return np.einsum("ncxyij,fcij->nfxy", windows, b)


def responses(proto, feed):
    """By a session with optimizations, one without, and node by node."""
    yield start(proto).run(None, feed)[0]
    yield start(proto, plain=True).run(None, feed)[0]
    yield run_all(proto, [feed])[0]["y"]


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("b_kind", KINDS)
@pytest.mark.parametrize("a_kind", KINDS)
@pytest.mark.parametrize("op", ["MatMulInteger", "ConvInteger"])
def test_sums_are_exact(op, a_kind, b_kind, zeros):
    shapes = (ROWS, WEIGHTS) if op == "MatMulInteger" else (IMAGES, FILTERS)
    a, b = drawn(a_kind, shapes[0], 1), drawn(b_kind, shapes[1], 2)
    az, bz = (np.array(z, k) for z, k in ((3, a_kind), (5, b_kind)))
    inputs = ["a", "b", "az", "bz"] if zeros else ["a", "b"]
    constants = {"b": b, "az": az, "bz": bz}
    proto = graph(op, inputs, "", ("a", KINDS[a_kind], a.shape), TensorProto.INT32, constants)
    expected = product(a.astype(int) - zeros * int(az), b.astype(int) - zeros * int(bz))
    for found in responses(proto, {"a": a}):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("a_kind", "b_kind"), [("u1", "i1"), ("u1", "u1"), ("i1", "i1")])
@pytest.mark.parametrize("op", QUANTIZED)
def test_quantized_products_are_exact(op, a_kind, b_kind):
    inputs, domain, whole = QUANTIZED[op]
    shapes = (IMAGES, FILTERS) if op == "QLinearConv" else (ROWS, WEIGHTS)
    a, b = drawn(a_kind, shapes[0], 3), drawn(b_kind, shapes[1], 4)
    az, bz, yz = np.array(3, a_kind), np.array(5, b_kind), np.array(7, a_kind)
    constants = {k: np.float32(v) for k, v in SCALE.items()}
    constants |= {"b": b, "az": az, "bz": bz, "yz": yz}
    kind = KINDS[a_kind]
    response = kind if whole else TensorProto.FLOAT
    proto = graph(op, inputs, domain, ("a", kind, a.shape), response, constants)
    plain = product(a.astype(int) - int(az), b.astype(int) - int(bz)) * SCALE["as"] * SCALE["bs"]
    for found in responses(proto, {"a": a}):
        if not whole:
            np.testing.assert_allclose(found, plain, rtol=1e-6, atol=1e-5)
            continue
        unrounded = np.clip(plain / SCALE["ys"] + int(yz), *_range(a_kind))
        # half a step, and the rounding of scales in single precision
        assert np.abs(found - unrounded).max() <= 0.5 + 1e-4


def _range(kind):
    return np.iinfo(kind).min, np.iinfo(kind).max


def test_weights_are_stored_as_they_are_multiplied_exactly():
    b = drawn("i1", WEIGHTS, 5)
    given = ("a", TensorProto.UINT8, ROWS)
    proto = graph("MatMulInteger", ["a", "b"], "", given, TensorProto.INT32, {"b": b})
    before = proto.SerializeToString()
    changed = exact_products(proto)
    assert proto.SerializeToString() == before
    tensors = {t.name: numpy_helper.to_array(t) for t in changed.graph.initializer}
    weights, zero = (tensors[changed.graph.node[0].input[k]] for k in (1, 3))
    np.testing.assert_array_equal(weights, b.astype(int) + 128)
    assert weights.dtype == zero.dtype == np.uint8
    assert zero == 128
    assert exact_products(changed) is changed


def test_other_graphs_are_left_alone():
    node = helper.make_node("Relu", ["x"], ["y"])
    info = [helper.make_tensor_value_info(k, TensorProto.FLOAT, [1]) for k in "xy"]
    proto = helper.make_model(helper.make_graph([node], "g", info[:1], info[1:]))
    assert exact_products(proto) is proto
