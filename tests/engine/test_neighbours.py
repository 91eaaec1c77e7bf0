"""Rows gathered from the flattened batch: those of an event's own are differentiated, an event that
gathers those of another one is refused wherever it stands.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxtaylor
from onnxtaylor.errors import ProbeError
from tests.graph.graphs import F32, I64, model, op, port


def far_gatherer(limit: float) -> onnx.ModelProto:
    """y = tanh(row 0) · x2, where row 0 is the next event's as soon as x0 exceeds the limit."""
    nodes = [
        op("Reshape", ["x", "pairs"], ["rows"]),
        op("Shape", ["x"], ["shape"]),
        op("Gather", ["shape", "zero"], ["n"]),
        op("Range", ["zero", "n", "one"], ["e"]),
        op("Mul", ["e", "two"], ["base"]),
        op("Gather", ["x", "zero"], ["x0"], axis=1),
        op("Greater", ["x0", "limit"], ["far"]),
        op("Cast", ["far"], ["k"], to=I64),
        op("Mul", ["k", "two"], ["step"]),
        op("Add", ["base", "step"], ["where"]),
        op("Mul", ["n", "two"], ["all"]),
        op("Mod", ["where", "all"], ["inside"]),
        op("Gather", ["rows", "inside"], ["row"]),
        op("Tanh", ["row"], ["h"]),
        op("Gather", ["x", "column"], ["own"], axis=1),
        op("Mul", ["h", "own"], ["y"]),
    ]
    constants = {"pairs": [-1, 2], "zero": 0, "one": 1, "two": 2, "column": [2]}
    stored = {k: np.array(v, np.int64) for k, v in constants.items()}
    stored["limit"] = np.float32(limit)
    return model(nodes, [port("x", ["N", 4], F32)], [port("y", ["N", 2], F32)], stored)


def events() -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, (300, 4))


@pytest.mark.parametrize("engine", ["auto", "exact"])
@pytest.mark.parametrize("event", [0, 150, 299])
def test_an_event_that_gathers_from_another_one_is_refused(engine, event):
    """At the first events by the probe, elsewhere by every batch's comparison."""
    x = events()
    x[event, 0] = 3.0
    with pytest.raises(ProbeError, match="mixes events"):
        onnxtaylor.analyze(far_gatherer(2.0), x, engine=engine, bootstrap=0)


def test_events_that_gather_from_themselves_are_differentiated():
    x = events()
    result = onnxtaylor.analyze(far_gatherer(2.0), x, engine="exact", bootstrap=0, scale="unit")
    first = np.abs(x[:, 2] / np.cosh(x[:, 0]) ** 2).mean()
    curved = np.abs(x[:, 2] * np.tanh(x[:, 0]) / np.cosh(x[:, 0]) ** 2).mean()
    table = {tuple(a): k for k, a in enumerate(result.indices.tuples())}
    assert result.score[0, 0, table[(0,)]] == pytest.approx(first, rel=1e-6)
    assert result.score[0, 0, table[(0, 0)]] == pytest.approx(curved, rel=1e-6)


def test_what_a_factor_of_zero_hides_is_no_mixing():
    """Padding may point anywhere: into another event, too."""
    proto = far_gatherer(-2.0)  # every event reads the next one's row
    proto.graph.node[-1].CopyFrom(op("Mul", ["h", "none"], ["hidden"]))
    proto.graph.node.append(op("Add", ["hidden", "own"], ["z"]))
    proto.graph.node.append(op("Mul", ["z", "z"], ["y"]))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(2, np.float32), "none"))
    x = events().astype(np.float32)
    found = onnxtaylor.differentiate(proto)(x)
    assert np.allclose(found.jacobian[:, :, 2], 2 * x[:, [2]], rtol=1e-6)
    assert np.abs(found.jacobian[:, :, [0, 1, 3]]).max() == 0
    result = onnxtaylor.analyze(proto, x, engine="exact", bootstrap=0, scale="unit")
    assert result.score[0, 0, 2] == pytest.approx(np.abs(2 * x[:, 2]).mean(), rel=1e-6)
