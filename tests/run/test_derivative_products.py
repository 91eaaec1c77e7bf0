"""Products of derivatives as functions and as files: against closed forms and full derivatives."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor as ot
from onnxtaylor.errors import DataError, ModelError, OptionError

MODES = ("jvp", "vjp", "hvp")
EVENTS, VECTORS = 5, 3
random = np.random.default_rng(7)
A, B = random.normal(size=(8, 5)), random.normal(size=(5, 4))

info = helper.make_tensor_value_info
node = helper.make_node
DOUBLE, WHOLE = TensorProto.DOUBLE, TensorProto.INT64


def model(inputs, output, nodes, **constants):
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, [output], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def layers(row, last, weights="A"):
    """y = tanh(row · weights), by itself or in another shape."""
    return [node("MatMul", [row, weights], ["z"]), node("Tanh", ["z"], [last])]


def two_inputs():
    return model(
        [info("a", DOUBLE, ["N", 2]), info("b", DOUBLE, ["N", 3, 2])],
        info("y", DOUBLE, ["N", 4]),
        [
            node("Flatten", ["b"], ["flat"]),
            node("Concat", ["a", "flat"], ["row"], axis=1),
            *layers("row", "t"),
            node("MatMul", ["t", "B"], ["y"]),
        ],
        A=A,
        B=B,
    )


def with_context():
    return model(
        [info("a", DOUBLE, ["N", 2]), info("kind", WHOLE, ["N", 1])],
        info("y", DOUBLE, ["N", 5]),
        [
            node("Cast", ["kind"], ["k"], to=DOUBLE),
            node("Concat", ["a", "k"], ["row"], axis=1),
            *layers("row", "y"),
        ],
        A=A[:3],
    )


def without_batch():
    return model([info("a", DOUBLE, [2, 3])], info("y", DOUBLE, [2, 5]), layers("a", "y"), A=A[:3])


def events_last():
    return model(
        [info("a", DOUBLE, [3, "N"])],
        info("y", DOUBLE, ["N", 5]),
        [node("Transpose", ["a"], ["row"]), *layers("row", "y")],
        A=A[:3],
    )


MODELS = {
    "two inputs": (two_inputs(), {}, {"a": (2,), "b": (3, 2)}),
    "context": (with_context(), {"context": "kind"}, {"a": (2,)}),
    "no batch": (without_batch(), {"no_batch": True}, {"a": (2, 3)}),
    "events last": (events_last(), {}, {"a": (3,)}),
}


def full(proto, x, options):
    """Value, Jacobian and Hessian, which share the compiler, but neither sweep nor file."""
    return ot.differentiate(proto, **options)(x)


def rows_of(name):
    size = sum(int(np.prod(shape)) for shape in MODELS[name][2].values())
    x = np.random.default_rng(1).normal(size=(1 if name == "no batch" else EVENTS, size))
    return np.hstack([x, np.arange(len(x))[:, None] - 1.0]) if name == "context" else x


def vectors(jacobian):
    """v (L, N, n) and u (L, N, C)."""
    events, responses, n = jacobian.shape
    draw = np.random.default_rng(2)
    return draw.normal(size=(VECTORS, events, n)), draw.normal(size=(VECTORS, events, responses))


def wanted(values, v, u):
    """The three products from Jacobian and Hessian."""
    return {
        "jvp": np.einsum("eci,lei->lec", values.jacobian, v),
        "vjp": np.einsum("eci,lec->lei", values.jacobian, u),
        "hvp": np.einsum("ecij,ec,lej->lei", values.hessian, u[0], v),
    }


def arguments(mode, v, u):
    return {"jvp": (v,), "vjp": (u,), "hvp": (u[0], v)}[mode]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", MODES)
def test_products_equal_derivatives_contracted(name, mode):
    proto, options, _ = MODELS[name]
    x = rows_of(name)
    values = full(proto, x, options)
    v, u = vectors(values.jacobian)
    d = ot.differentiate(proto, mode=mode, **options)
    found = d(x, *arguments(mode, v, u))
    np.testing.assert_allclose(found.value, values.value, rtol=1e-13)
    np.testing.assert_allclose(found.product, wanted(values, v, u)[mode], rtol=0, atol=1e-13)
    one = d(x, *(part if part.ndim == 2 else part[1] for part in arguments(mode, v, u)))
    np.testing.assert_allclose(one.product, found.product[1], rtol=0, atol=1e-14)
    if mode == "hvp":
        gradient = wanted(values, v, u)["vjp"][0]
        np.testing.assert_allclose(found.gradient, gradient, rtol=0, atol=1e-13)


def split(rows, shapes, axis, *, events_last, batchless):
    """Rows (…, N, n) as one array per input; ``axis`` is that of the events."""
    parts, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        part = rows[..., start : start + size].reshape(*rows.shape[:-1], *shape)
        start += size
        if events_last:
            part = np.moveaxis(part, axis, -1)
        parts[name] = part.squeeze(axis) if batchless else part
    return parts


def run(proto, fed):
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [o.name for o in session.get_outputs()]
    feeds = {i.name: fed[i.name] for i in session.get_inputs()}
    return dict(zip(names, session.run(None, feeds), strict=True))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", MODES)
def test_a_saved_file_has_the_inputs_of_the_model_and_vectors_of_each(name, mode, tmp_path):
    proto, options, shapes = MODELS[name]
    x = rows_of(name)
    values = full(proto, x, options)
    v, u = vectors(values.jacobian)
    ot.differentiate(proto, mode=mode, **options).save(tmp_path / "p.onnx")
    saved = onnx.load(tmp_path / "p.onnx")
    onnx.checker.check_model(saved, full_check=True)
    kind = {"events_last": name == "events last", "batchless": name == "no batch"}
    fed = split(x, shapes, 0, **kind)
    fed |= {f"v_{key}": part for key, part in split(v, shapes, 1, **kind).items()}
    fed |= {"u": u[0] if mode == "hvp" else u, "kind": x[:, -1:].astype(np.int64)}
    found = run(saved, fed)
    np.testing.assert_allclose(found["value"], values.value, rtol=1e-13)
    expected = wanted(values, v, u)[mode]
    if mode == "jvp":
        np.testing.assert_allclose(found["jvp"], expected, rtol=0, atol=1e-13)
        return
    for key, part in split(expected, shapes, 1, **kind).items():
        assert found[f"{mode}_{key}"].shape == part.shape
        np.testing.assert_allclose(found[f"{mode}_{key}"], part, rtol=0, atol=1e-13)
    if mode == "hvp":
        gradient = wanted(values, v, u)["vjp"][0]
        for key, part in split(gradient, shapes, 0, **kind).items():
            np.testing.assert_allclose(found[f"vjp_{key}"], part, rtol=0, atol=1e-13)


def side_by_side(vectors):
    """CasADi's layout of vectors (L, r, c), or (L, n), or (L, …) of an input of three axes."""
    if vectors.ndim == 3:
        return np.concatenate(list(vectors), axis=1)
    return vectors.reshape(len(vectors), -1).T


@pytest.mark.parametrize("name", ["two inputs", "context", "no batch"])
def test_files_for_casadi(name):
    """What CasADi 3.8 reads beside the model, in its layout: J fwd, Jᵀ adj, and the last's J."""
    proto, options, shapes = MODELS[name]
    x = rows_of(name)
    values = full(proto, x, options)
    v, u = vectors(values.jacobian)
    kind = {"events_last": False, "batchless": name == "no batch"}
    fed = split(x, shapes, 0, **kind) | {"kind": x[:, -1:].astype(np.int64)}
    responses = {"y": (2, 5) if name == "no batch" else u.shape[2:]}
    parts = split(v, shapes, 1, **kind), split(u, responses, 1, **kind)
    fed |= {f"fwd_{key}": side_by_side(part) for key, part in parts[0].items()}
    expected = wanted(values, v, u)

    def ask(mode, adjoint):
        graph = ot.differentiate(proto, mode=mode, names="casadi", **options).proto
        return run(graph, fed | {"adj_y": adjoint, "fwd_adj_y": side_by_side(parts[1]["y"])})

    def compare(found, prefix, product):
        for key, part in split(product, shapes, 1, **kind).items():
            target = side_by_side(part)
            np.testing.assert_allclose(found[f"{prefix}_{key}"], target, rtol=0, atol=1e-13)

    adjoints = parts[1]["y"]
    forward = ask("jvp", adjoints)
    y = split(values.value, responses, 0, **kind)["y"]
    np.testing.assert_allclose(forward["y"], y, rtol=1e-13)
    target = side_by_side(split(expected["jvp"], responses, 1, **kind)["y"])
    np.testing.assert_allclose(forward["fwd_y"], target, rtol=0, atol=1e-13)
    compare(ask("vjp", side_by_side(adjoints)), "adj", expected["vjp"])
    second = ask("hvp", adjoints[0])
    compare(second, "adj", expected["vjp"][:1])
    compare(second, "fwd_adj", expected["hvp"] + expected["vjp"])


def test_a_quadratic_form_in_closed_form():
    """f = xᵀQx: J v = xᵀ(Q + Qᵀ)v, Jᵀu = u (Q + Qᵀ) x, u H v = u (Q + Qᵀ) v."""
    q = np.random.default_rng(3).normal(size=(4, 4))
    proto = model(
        [info("x", DOUBLE, ["N", 4])],
        info("y", DOUBLE, ["N", 1]),
        [
            node("MatMul", ["x", "Q"], ["xq"]),
            node("Mul", ["xq", "x"], ["m"]),
            node("ReduceSum", ["m", "one"], ["y"], keepdims=1),
        ],
        Q=q,
        one=np.array([1]),
    )
    x, v, u = (np.random.default_rng(k).normal(size=(6, m)) for k, m in ((1, 4), (2, 4), (3, 1)))
    s = q + q.T
    products = {mode: ot.differentiate(proto, mode=mode) for mode in MODES}
    found = {
        mode: d(x, *arguments(mode, v, [u])[: 1 + (mode == "hvp")])
        for mode, d in [("jvp", products["jvp"]), ("hvp", products["hvp"])]
    }
    near = {"rtol": 0, "atol": 1e-13}
    np.testing.assert_allclose(found["jvp"].product[:, 0], ((x @ s) * v).sum(1), **near)
    np.testing.assert_allclose(products["vjp"](x, u).product, u * (x @ s), **near)
    np.testing.assert_allclose(found["hvp"].product, u * (v @ s), **near)
    np.testing.assert_allclose(found["hvp"].gradient, u * (x @ s), **near)


def test_the_curvature_of_a_linear_model_vanishes():
    proto = model(
        [info("x", DOUBLE, ["N", 3])],
        info("y", DOUBLE, ["N", 5]),
        [node("MatMul", ["x", "A"], ["y"])],
        A=A[:3],
    )
    x, v, u = (np.random.default_rng(k).normal(size=(4, m)) for k, m in ((1, 3), (2, 3), (3, 5)))
    found = ot.differentiate(proto, mode="hvp")(x, u, np.stack([v, v]))
    np.testing.assert_array_equal(found.product, np.zeros((2, 4, 3)))
    np.testing.assert_allclose(found.gradient, u @ A[:3].T, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("mode", "shapes", "message"),
    [
        ("jvp", [], "jvp takes x and v: 1 arrays were given"),
        ("jvp", [(5, 3)], r"v has shape \(5, 3\): \(5, 8\) is needed, or \(L, 5, 8\)"),
        ("vjp", [(2, 4, 4)], r"u has shape \(2, 4, 4\): \(5, 4\) is needed"),
        ("hvp", [(2, 5, 4), (5, 8)], r"u has shape \(2, 5, 4\): \(5, 4\) is needed$"),
    ],
)
def test_vectors_of_a_wrong_shape_are_refused(mode, shapes, message):
    d = ot.differentiate(two_inputs(), mode=mode)
    with pytest.raises(DataError, match=message):
        d(rows_of("two inputs"), *map(np.ones, shapes))


def test_what_cannot_be_done_is_refused():
    with pytest.raises(OptionError, match="names is for the modes jvp, vjp and hvp"):
        ot.differentiate(two_inputs(), names="casadi")
    with pytest.raises(OptionError, match="mode"):
        ot.differentiate(two_inputs(), mode="gradient")
    with pytest.raises(ModelError, match="counts events along axis 1"):
        ot.differentiate(events_last(), mode="jvp", names="casadi")
    with pytest.raises(ModelError, match="whole output"):
        ot.differentiate(two_inputs(), mode="jvp", names="casadi", output="t")
    taken = model(
        [info("u", DOUBLE, ["N", 3])], info("y", DOUBLE, ["N", 5]), layers("u", "y"), A=A[:3]
    )
    with pytest.raises(ModelError, match="input 'u' has a name that the file needs"):
        ot.differentiate(taken, mode="vjp")
