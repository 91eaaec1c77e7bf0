"""The check finds faults that few events meet: those on joints, or a twentieth of all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import onnxtaylor as ot
from onnxtaylor.engine.exact.joints import JointLimits
from onnxtaylor.rules import RULES
from tests.engine.nets import Net
from tests.engine.pieced import PIECES, Writer
from tests.rules.sample import helper

# where a rule's own piece gives a first or second derivative other than the limit at 0, 0.5
WRONG_ON_JOINTS = [
    "square_by_abs",
    "identity_by_relu",
    "identity_by_max_and_min",
    "softplus_by_relu",
    "log_sigmoid_by_min",
    "log_cosh_by_abs",
    "x_log_y",
]


def in_pieces(name: str, dtype: Any) -> onnx.ModelProto:
    w = Writer(dtype)
    model = w.g.model(w.op("Tanh", w.op("MatMul", PIECES[name](w, "features")[0], W)), 21)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("features", kind, ["N", 2]))
    return model


W = np.array([[1.0, 0.3], [0.5, -0.7]])


def a_third_at(place: float, events: int = 64) -> np.ndarray:
    x = np.random.default_rng(3).uniform(-1, 1, (events, 2)).astype(np.float32)
    x[: events // 3, 0] = place
    return x.astype(np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", WRONG_ON_JOINTS)
def test_a_fault_on_joints_only_differs(name, dtype, monkeypatch):
    place = 0.5 if "max" in name else 0.0
    model, x = in_pieces(name, dtype), a_third_at(place)
    assert ot.cross_check(model, x).verdict == "agrees"
    # as it was before both sides were looked at: the derivative of one piece, or of none
    monkeypatch.setattr(JointLimits, "take", lambda *_: None)
    # its fault looks like kinks: only pointwise second order shows it
    check = ot.cross_check(model, x, curvature="pointwise")
    assert check.verdict == "differs"
    on_joints = set(np.flatnonzero(x[:, 0] == place).tolist())
    assert {row["event"] for row in check.worst(3)} <= on_joints


@dataclass(frozen=True)
class AboveOnly:
    """A rule that gives a factor too much where its input is above a place."""

    rule: Any
    factor: float
    place: float

    @property
    def kind(self) -> str:
        return self.rule.kind

    def _bent(self, c: Any, node: Any, bundle: Any) -> Any:
        if bundle is None:
            return None
        above = c.e.op("Greater", node.inputs[0], c.e.number(self.place))
        factor = c.e.op("Where", above, c.e.number(self.factor), c.e.number(1.0))
        return replace(bundle, name=c.e.op("Mul", bundle.name, factor), varies=True)

    def jvp(self, c: Any, node: Any, tangents: Any) -> Any:
        return [self._bent(c, node, b) for b in self.rule.jvp(c, node, tangents)]

    def vjp(self, c: Any, node: Any, adjoints: Any, wanted: Any) -> Any:
        found = self.rule.vjp(c, node, adjoints, wanted)
        return [self._bent(c, node, b) for b in found]

    def curvature(self, c: Any, node: Any, tangents: Any, adjoints: Any, h: Any) -> None:
        self.rule.curvature(c, node, tangents, adjoints, h)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("factor", [1.05, -1.0])
def test_a_fault_at_a_twentieth_of_the_events_differs(factor, dtype, monkeypatch):
    # one feature in front of a tanh of its own, and a net behind it
    text = (
        "m (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {0.7, -0.2, 0.4, 0.9, -0.5, 0.3}>"
        " { t = Tanh(x) h = MatMul(t, w) y = Sigmoid(h) }"
    )
    text = (
        text.replace("float[", "double[").replace("<float", "<double")
        if dtype is np.float64
        else text
    )
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]>\n{text}')
    x = np.random.default_rng(8).normal(size=(64, 3))
    place = float(np.sort(x.max(axis=1))[-4])  # three events of 64 are above
    assert ot.cross_check(model, x).verdict == "agrees"
    monkeypatch.setitem(RULES, "Tanh", AboveOnly(RULES["Tanh"], factor, place))
    check = ot.cross_check(model, x)
    assert check.verdict == "differs"
    found = {row["event"] for row in check.worst(64) if row["verdict"] == "differs"}
    assert found <= set(np.flatnonzero((x > place).any(axis=1)).tolist())


def test_the_sample_of_an_analysis_finds_a_fault_at_a_twentieth_of_its_events(monkeypatch):
    x = np.random.default_rng(8).normal(size=(2000, 4))
    place = 1.645  # 5 % of a normal distribution
    net = Net("tanh", sizes=(4, 8, 2))
    monkeypatch.setitem(RULES, "Tanh", AboveOnly(RULES["Tanh"], 1.2, place))
    check = ot.analyze(net.model(), x, bootstrap=0).check
    assert check is not None
    assert check["verdict"] == "differs"
