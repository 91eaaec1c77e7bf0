"""A tagger with a set and its mask, its specification, raw events, and its derivatives by hand."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxtaylor.inputs import InputSpecification, Specification, Transform, Variable

SLOTS = 5


def tagger(mask_shape=("N", 1, "n"), masked=True, slots="n"):
    """y = [Σ_s m_s tanh(a·pf_s) + tanh(b·jet), Σ_s m_s (a·pf_s)²], pf [N, 2, n], jet [N, 3]."""
    a = np.array([[0.7, -0.4]])
    b = np.array([[0.5], [-0.2], [0.3]])
    nodes = [
        helper.make_node("MatMul", ["a", "pf"], ["h"]),  # (N, 1, n)
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("Mul", ["h", "h"], ["q"]),
    ]
    for one in "tq":
        kept = one
        if masked:
            nodes.append(helper.make_node("Mul", [one, "pf_mask"], [f"{one}m"]))
            kept = f"{one}m"
        nodes.append(helper.make_node("ReduceSum", [kept, "axes"], [f"{one}s"], keepdims=0))
    nodes += [
        helper.make_node("MatMul", ["jet", "b"], ["j"]),
        helper.make_node("Tanh", ["j"], ["jt"]),
        helper.make_node("Add", ["ts", "jt"], ["y0"]),
        helper.make_node("Concat", ["y0", "qs"], ["y"], axis=1),
    ]
    info = helper.make_tensor_value_info
    inputs = [info("jet", TensorProto.DOUBLE, ["N", 3])]
    inputs += [info("pf", TensorProto.DOUBLE, ["N", 2, slots])]
    if masked:
        inputs += [info("pf_mask", TensorProto.DOUBLE, list(mask_shape))]
    graph = helper.make_graph(
        nodes,
        "tagger",
        inputs,
        [info("y", TensorProto.DOUBLE, ["N", 2])],
        [
            numpy_helper.from_array(a, "a"),
            numpy_helper.from_array(b, "b"),
            numpy_helper.from_array(np.array([2]), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model, a[0], b[:, 0]


MOVED = {
    "pt": Transform(subtract=1.5, scale=0.8, lower=-1.0, upper=2.0, replace=0.5),
    "eta": Transform(scale=2.0),
    "mass": Transform(subtract=100.0, scale=0.02, upper=1.0),
}


def specification(masked=True, **further):
    jet = tuple(Variable(n, transform=MOVED.get(n, Transform())) for n in ("mass", "ntrk", "tau"))
    pf = tuple(Variable(n, transform=MOVED[n]) for n in ("pt", "eta"))
    axes = ("batch", "variable", "slot")
    inputs = [
        InputSpecification("jet", "features", variables=jet),
        InputSpecification("pf", "features", axes, pf, max_length=SLOTS),
    ]
    if masked:
        inputs.append(
            InputSpecification("pf_mask", "mask", axes, max_length=SLOTS, mask_of=("pf",))
        )
    return Specification(tuple(inputs), **further)


def made(events=30, seed=0, low=1, high=7):
    """Raw variables: columns (N,), and lists of one set for each event."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(low, high + 1, events)
    data = {n: rng.normal(size=events) for n in ("ntrk", "tau")}
    data["mass"] = rng.normal(120.0, 40.0, events)
    data["pf_pt"] = [rng.normal(1.5, 2.0, k) for k in sizes]
    data["pf_eta"] = [rng.normal(size=k) for k in sizes]
    return data, np.minimum(sizes, SLOTS)


def prepared(data):
    """The tensors, by loops over events, variables and slots."""
    events = len(data["mass"])
    jet, pf, mask = np.zeros((events, 3)), np.zeros((events, 2, SLOTS)), np.zeros((events, SLOTS))
    for k in range(events):
        jet[k] = min((data["mass"][k] - 100.0) * 0.02, 1.0), data["ntrk"][k], data["tau"][k]
        for s, (pt, eta) in enumerate(zip(data["pf_pt"][k], data["pf_eta"][k], strict=True)):
            if s < SLOTS:
                pt = pt if np.isfinite(pt) else 0.5
                pf[k, 0, s] = min(max((pt - 1.5) * 0.8, -1.0), 2.0)
                pf[k, 1, s] = 2.0 * eta
                mask[k, s] = 1.0
    return jet, pf, mask


def derivatives(data, a, b):
    """∂y/∂(jet, pf) per unit of the model's inputs, (N, 2, 3 + 2·SLOTS), by hand."""
    jet, pf, mask = prepared(data)
    h = np.einsum("v,nvs->ns", a, pf)
    out = np.zeros((len(jet), 2, 3 + 2 * SLOTS))
    out[:, 0, :3] = (1 - np.tanh(jet @ b) ** 2)[:, None] * b
    for v in range(2):
        place = slice(3 + v * SLOTS, 3 + (v + 1) * SLOTS)
        out[:, 0, place] = mask * (1 - np.tanh(h) ** 2) * a[v]
        out[:, 1, place] = mask * 2 * h * a[v]
    return out


def slopes(data):
    """Slope of the transform at each entry, (N, 3 + 2·SLOTS)."""
    jet, pf, _ = prepared(data)
    out = np.ones((len(jet), 3 + 2 * SLOTS))
    out[:, 0] = np.where((np.array(data["mass"]) - 100.0) * 0.02 < 1.0, 0.02, 0.0)
    inside = (pf[:, 0] > -1.0) & (pf[:, 0] < 2.0)
    out[:, 3 : 3 + SLOTS] = np.where(inside, 0.8, 0.0)
    out[:, 3 + SLOTS :] = 2.0
    return out
