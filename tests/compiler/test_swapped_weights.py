"""A derivative graph that is fed with other weights equals one that is compiled with them.

The weights of a random graph are all of its floating-point constants of more than one number. Each
gets other values; the graph that was compiled with the old ones and is fed with the new ones must
compute what a compilation of the changed model computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from onnx import numpy_helper, printer

from onnxtaylor.compiler import TERMS, DerivativeGraph, compile_terms
from onnxtaylor.graph import GraphFunction
from onnxtaylor.graph.normalize import OPSET, normalize
from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from tests.compiler import random_moves, random_steps  # noqa: F401  they fill STEPS
from tests.compiler.coefficients import coefficients
from tests.compiler.random_graphs import STEPS, events, fed, steps_of, written
from tests.compiler.test_random_graphs import drawn
from tests.rules.reference import Array, Evaluator, distance, function_of, observed
from tests.rules.sample import Graph

NAMES = sorted(STEPS)


def normal_of(proto: onnx.ModelProto) -> GraphFunction:
    function = function_of(proto)
    return function.with_proto(normalize(function.proto, RULES))


def weights_of(function: GraphFunction) -> dict[str, Array]:
    arrays = {t.name: numpy_helper.to_array(t) for t in function.proto.graph.initializer}
    return {name: a for name, a in arrays.items() if a.dtype.kind == "f" and a.size > 1}


def changed(function: GraphFunction, values: dict[str, Array]) -> GraphFunction:
    proto = onnx.ModelProto()
    proto.CopyFrom(function.proto)
    for tensor in proto.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))
    return function.with_proto(proto)


def compiled(function: GraphFunction, x: Array, *weights: str) -> DerivativeGraph:
    indices = MultiIndices.full(x.shape[1], 2)
    return compile_terms(function, indices, observed(function, x), OPSET, weights=weights)


def run(graph: DerivativeGraph, x: Array, feeds: dict[str, Array]) -> dict[str, Array]:
    ask = Evaluator(graph.proto)
    names = [o.name for o in graph.proto.graph.output]
    fed = {graph.proto.graph.input[0].name: x, **feeds}
    with np.errstate(all="ignore"):
        return dict(zip(names, ask._session.run(names, fed), strict=True))


def swap(proto: onnx.ModelProto, x: Array, seed: int = 0) -> tuple[DerivativeGraph, float]:
    """The graph that is fed, and how far its coefficients are from a new compilation's."""
    old = normal_of(proto)
    weights = weights_of(old)
    graph = compiled(old, x, *weights)
    random = np.random.default_rng(seed)
    values = {
        name: value if name in graph.frozen else value * random.uniform(0.8, 1.25, value.shape)
        for name, value in weights.items()
    }
    found = run(graph, x, {name: values[name] for name in graph.weights})[TERMS]
    new = compiled(changed(old, values), x)
    assert not new.weights
    assert not new.frozen
    wanted = run(new, x, {})[TERMS]
    if not np.isfinite(wanted).all():  # the new weights left the domain of an operator
        return graph, 0.0 if (np.isfinite(found) == np.isfinite(wanted)).all() else np.inf
    return graph, distance(found, wanted, 1e-6)


@drawn(50)
@given(
    n=st.integers(1, 4),
    responses=st.integers(1, 4),
    ends=st.integers(1, 3),
    steps=steps_of(NAMES, 1, 10),
)
def test_random_graphs(n: int, responses: int, ends: int, steps: list[Any]):
    proto = written(n, responses, ends, steps)
    note(printer.to_text(proto))
    _, worst = swap(proto, events(n))
    assert worst < 1e-11


@pytest.mark.slow
@drawn(1500)
@given(
    n=st.integers(1, 4),
    responses=st.integers(1, 5),
    ends=st.integers(1, 3),
    steps=steps_of(NAMES, 1, 12),
)
def test_many_random_graphs(n: int, responses: int, ends: int, steps: list[Any]):
    proto = written(n, responses, ends, steps)
    note(printer.to_text(proto))
    _, worst = swap(proto, events(n))
    assert worst < 1e-11


def net(*, normalized: bool = False, folded: bool = False) -> onnx.ModelProto:
    """3 → 5 → 4 → 2, tanh and sigmoid; with batch normalization, or weights made on the way."""
    g, random = Graph(np.dtype(np.float64)), np.random.default_rng(1)
    row = "features"
    for k, (n_in, n_out) in enumerate(((3, 5), (5, 4), (4, 2))):
        weight = g.constant(random.normal(size=(n_out, n_in) if folded else (n_in, n_out)))
        if folded:
            scale = g.constant(random.uniform(0.5, 2, (n_out, 1)))
            weight = g.op("Transpose", g.op("Mul", weight, scale), perm=[1, 0])
        row = g.op("Gemm", row, weight, g.constant(random.normal(size=n_out)))
        if normalized:
            parts = [random.uniform(0.5, 2, n_out) for _ in range(4)]
            row = g.op("BatchNormalization", row, *map(g.constant, parts), epsilon=1e-3)
        row = g.op("Tanh" if k < 2 else "Sigmoid", row)

    return fed(g, row, 3)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("folded", [False, True])
def test_nets_freeze_no_weight(normalized: bool, folded: bool):
    """Constant rows before the first nonlinearity, statistics, and products of weights among them.

    Every single weight has its say: that of a model with one of them changed.
    """
    proto, x = net(normalized=normalized, folded=folded), events(3)
    graph, worst = swap(proto, x)
    assert worst < 1e-13
    assert not graph.frozen
    old = normal_of(proto)
    weights = weights_of(old)
    assert len(weights) == 6 + 3 * folded + 12 * normalized
    assert set(graph.weights) == set(weights)
    base = run(graph, x, weights)[TERMS]
    for name, value in weights.items():
        one = {**weights, name: value + 0.1}
        found = run(graph, x, one)[TERMS]
        assert distance(found, coefficients(changed(old, one).proto, x, 2)[1]) < 1e-13
        assert distance(found, base) > 1e-4


def test_what_a_rule_reads_by_value_is_frozen():
    """Clip's limits decide on which side of them an event is; here they are of one number each,
    and the scales of Resize decide how many points there are.
    """
    g = Graph(np.dtype(np.float32))
    image = g.op("Reshape", "features", g.constant(np.array([-1, 1, 1, 3])))
    scales = g.constant(np.array([1, 1, 1, 2], np.float32))
    wide = g.op("Resize", image, "", scales, mode="linear")

    row = g.op("Tanh", g.op("Flatten", wide))
    proto = fed(g, row, 3)
    function = normal_of(proto)
    graph = compiled(function, events(3).astype(np.float32), scales)
    assert graph.frozen == {scales}


def test_no_weights_no_other_graph():
    """A graph without weights to feed has one input, and all folded."""
    function = normal_of(net())
    graph = compiled(function, events(3))
    assert [i.name for i in graph.proto.graph.input] == [function.feed]
    assert graph.weights == ()
    swapped = compiled(function, events(3), *weights_of(function))
    assert len(swapped.proto.graph.node) > len(graph.proto.graph.node)
