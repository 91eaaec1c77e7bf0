"""Operators that broadcast: what was broadcast is summed before features are paired."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rules.reference import Evaluator, compiled
from tests.rules.sample import FEATURES, Graph


@pytest.mark.parametrize("kind", ["Mul", "Div"])
def test_what_was_broadcast_is_summed_before_features_are_paired(kind: str):
    """No product of rows (N, C·n, D) is made of a factor that is the same for D elements."""
    random, g, size, responses = np.random.default_rng(0), Graph(np.dtype(np.float64)), 64, 4
    wide = g.op("MatMul", "features", g.constant(random.normal(size=(FEATURES, size))))
    slim = g.op("MatMul", "features", g.constant(random.uniform(0.1, 0.2, (FEATURES, 1))))
    z = g.op(kind, wide, g.op("Add", slim, g.constant(np.ones(1))))
    y = g.op("MatMul", z, g.constant(random.normal(size=(size, responses))))
    proto = g.model(g.op("Mul", y, y), 21)
    events = random.uniform(-1, 1, (3, FEATURES))
    _, graph = compiled(proto, events)
    names = [name for node in graph.proto.graph.node for name in node.output]
    found = Evaluator(graph.proto, names)(events)
    largest = max(value.size for value in found.values()) / len(events)
    assert largest <= max(responses, FEATURES) * size
