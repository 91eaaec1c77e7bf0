"""Graphs that change their number format on the way: derivatives are those of the function whose
rounding has no derivative, and as exact as the formats on the way.

Reference: y = tanh(W3ᵀ s) + W3ᵀ s with s = b σ(b), b = W2ᵀ tanh(W1ᵀ x), differentiated by hand in
float64.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor
from onnxtaylor.engine.exact.compared import response_limit
from onnxtaylor.errors import ModelError
from onnxtaylor.graph.formats import HALF, formats_of
from onnxtaylor.graph.half_precision import without_half_precision
from tests.graph.graphs import BF16, F16, F32, F64, ask, model, op, opened, port

KINDS = {F16: np.float16, F32: np.float32, F64: np.float64}
FORMATS = [(a, b) for a in KINDS for b in KINDS]
N, RANDOM = 4, np.random.default_rng(8)
WEIGHTS = [RANDOM.normal(size=size) / 2 for size in ((N, 5), (5, 6), (6, 2))]


def island(outer: int, inner: int, *, cast: bool = False) -> onnx.ModelProto:
    """The middle layer in another format; its weight stored so, or cast from the outer one."""
    stored = [KINDS[outer], KINDS[outer if cast else inner], KINDS[outer]]
    weights = {f"w{k}": w.astype(t) for k, (w, t) in enumerate(zip(WEIGHTS, stored, strict=True))}
    nodes = [
        op("MatMul", ["x", "w0"], ["a"]),
        op("Tanh", ["a"], ["h"]),
        op("Cast", ["h"], ["c"], to=inner),
        op("Cast" if cast else "Identity", ["w1"], ["w"], **({"to": inner} if cast else {})),
        op("MatMul", ["c", "w"], ["b"]),
        op("Sigmoid", ["b"], ["q"]),
        op("Mul", ["b", "q"], ["s"]),
        op("Cast", ["s"], ["d"], to=outer),
        op("MatMul", ["d", "w2"], ["e"]),
        op("Tanh", ["e"], ["f"]),
        op("Add", ["e", "f"], ["y"]),
    ]
    return model(nodes, [port("x", ["N", N], outer)], [port("y", ["N", 2], outer)], weights)


def by_hand(x, outer: int, inner: int) -> tuple[np.ndarray, np.ndarray]:
    """Jacobian and Hessian, of weights as they are stored."""
    kinds = (KINDS[outer], KINDS[inner], KINDS[outer])
    w0, w1, w2 = (w.astype(t).astype(float) for w, t in zip(WEIGHTS, kinds, strict=True))
    h = np.tanh(x @ w0)
    h1, h2 = 1 - h**2, -2 * h * (1 - h**2)
    b = h @ w1
    q = 1 / (1 + np.exp(-b))
    q1, q2 = q * (1 - q), q * (1 - q) * (1 - 2 * q)
    s1, s2 = q + b * q1, 2 * q1 + b * q2
    t = np.tanh((b * q) @ w2)
    y1, y2 = 2 - t**2, -2 * t * (1 - t**2)
    jb = np.einsum("ia,na,ak->nki", w0, h1, w1)
    hb = np.einsum("ia,ja,na,ak->nkij", w0, w0, h2, w1)
    je = np.einsum("nki,nk,kc->nci", jb, s1, w2)
    he = np.einsum("nkij,nk,kc->ncij", hb, s1, w2)
    he += np.einsum("nki,nkj,nk,kc->ncij", jb, jb, s2, w2)
    first = y1[..., None] * je
    second = y1[..., None, None] * he + y2[..., None, None] * je[..., None] * je[..., None, :]
    return first, second


def apart(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def events(count: int = 20) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, N)).astype(np.float16).astype(float)


@pytest.mark.parametrize(("outer", "inner"), FORMATS)
def test_derivatives_of_a_format_inside_another_one(outer, inner):
    x = events()
    found = onnxtaylor.differentiate(island(outer, inner))(x)
    first, second = by_hand(x, outer, inner)
    limit = 1e-14 if (outer, inner) == (F64, F64) else 2e-6
    assert apart(found.jacobian, first) < limit
    assert apart(found.hessian, second) < limit
    assert found.jacobian.dtype == (np.float64 if outer == F64 else np.float32)


@pytest.mark.parametrize(("outer", "inner"), [(F32, F16), (F32, F64), (F64, F32), (F16, F16)])
def test_analyze_takes_the_exact_engine_and_the_check_agrees(outer, inner):
    x = events()
    result = onnxtaylor.analyze(island(outer, inner), x, bootstrap=0, check=20, scale="unit")
    assert result.model.engine == "exact"
    assert result.model.precision == "float32"
    assert result.check["verdict"] == "agrees"
    first, _ = by_hand(x, outer, inner)
    assert np.allclose(result.score[:, 0, :N], np.abs(first).mean(axis=0), rtol=5e-6)


def test_double_precision_inside_is_not_lost_on_the_way():
    """f = (x + 10⁶)² − 10¹² − 2·10⁶ x = x²: in single precision nothing would be left of it."""
    constants = {"big": np.array(1e6), "square": np.array(1e12), "two": np.array(2e6)}
    nodes = [
        op("Cast", ["x"], ["d"], to=F64),
        op("Add", ["d", "big"], ["s"]),
        op("Mul", ["s", "s"], ["p"]),
        op("Sub", ["p", "square"], ["q"]),
        op("Mul", ["d", "two"], ["t"]),
        op("Sub", ["q", "t"], ["r"]),
        op("Cast", ["r"], ["y"], to=F32),
    ]
    proto = model(nodes, [port("x", ["N", 3])], [port("y", ["N", 3])], constants)
    x = events()[:, :3].astype(np.float32)
    found = onnxtaylor.differentiate(proto)(x)
    for i in range(3):
        assert np.allclose(found.jacobian[:, i, i], 2 * x[:, i], atol=1e-3)  # 10⁶ ε in float64
        assert np.allclose(found.hessian[:, i, i, i], 2.0, atol=1e-6)


@pytest.mark.parametrize("inner", [F16, F64])
def test_a_weight_that_is_cast_stays_rounded(inner):
    x = events()
    found = onnxtaylor.differentiate(island(F32, inner, cast=True))(x)
    wanted = by_hand(x, F32, inner)[0] if inner == F16 else by_hand(x, F32, F32)[0]
    assert apart(found.jacobian, wanted) < 2e-6
    other = by_hand(x, F32, F32)[0]
    assert inner == F64 or apart(found.jacobian, other) > 2e-5, "as it would be without rounding"
    result = onnxtaylor.analyze(
        island(F32, inner, cast=True), x, bootstrap=0, check=20, scale="unit"
    )
    assert result.check["verdict"] == "agrees"


def test_a_graph_without_half_precision_is_left_as_it_is():
    proto = island(F32, F64)
    assert without_half_precision(proto) is proto
    wide = without_half_precision(island(F32, F16, cast=True))
    assert not formats_of(wide) & HALF
    x = events(5)
    apart_by = ask(wide, x=x)["y"] - ask(island(F32, F16, cast=True), x=x)["y"]
    assert np.abs(apart_by).max() < 5e-3


def test_how_far_responses_may_be_apart_follows_from_the_coarsest_format():
    def limit(outer: int, inner: int) -> float:
        return response_limit(opened(island(outer, inner), events()).function)

    assert limit(F32, F32) == limit(F32, F64) == limit(F64, F32) == 2.0**-13
    assert limit(F64, F64) == 2.0**-42
    assert limit(F32, F16) == limit(F16, F16) == limit(F64, F16) == 2.0**-4


def test_where_half_precision_ends_the_response_is_not_finite():
    """The derivative graph, in single precision, would go on."""
    nodes = [
        op("Exp", ["x"], ["e"]),
        op("Cast", ["e"], ["c"], to=F16),
        op("Cast", ["c"], ["y"], to=F32),
    ]
    proto = model(nodes, [port("x", ["N", 2])], [port("y", ["N", 2])])
    x = events(40)[:, :2]
    assert onnxtaylor.analyze(proto, x, bootstrap=0, engine="exact").model.engine == "exact"
    x[33, 1] = 12.0  # e¹² = 162755
    with pytest.raises(onnxtaylor.errors.OnnxTaylorError, match=r"y\[1\].* event 33"):
        onnxtaylor.analyze(proto, x, bootstrap=0, engine="exact")


def test_a_node_of_several_formats_is_named():
    """Pow takes a base and an exponent of different formats."""
    nodes = [
        op("Exp", ["x"], ["e"]),
        op("Cast", ["x"], ["d"], to=F64),
        op("Pow", ["e", "d"], ["y"], "the_power"),
    ]
    proto = model(nodes, [port("x", ["N", 2])], [port("y", ["N", 2])])
    with pytest.raises(ModelError, match=r"'the_power' \(Pow\): it computes with several number"):
        onnxtaylor.differentiate(proto)


def test_brain_floats_on_the_way_are_single_precision_too():
    """onnxruntime has few kernels for them on a CPU; Cast is one."""
    nodes = [
        op("Tanh", ["x"], ["t"]),
        op("Cast", ["t"], ["b"], to=BF16),
        op("Cast", ["b"], ["c"], to=F32),
        op("Mul", ["c", "c"], ["y"]),
    ]
    proto = model(nodes, [port("x", ["N", 2])], [port("y", ["N", 2])])
    x = events()[:, :2].astype(np.float32)
    found = onnxtaylor.differentiate(proto)(x)
    t = np.tanh(x.astype(float))
    for i in range(2):
        assert np.allclose(found.jacobian[:, i, i], 2 * t[:, i] * (1 - t[:, i] ** 2), atol=1e-6)
