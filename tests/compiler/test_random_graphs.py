"""Graphs that nobody thought of: random steps that fan out and join again, at orders 1, 2 and 3.

Every graph is compared with nested central differences of its own responses, in float64. A failure
prints the graph that is left after shrinking.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, reject, settings
from hypothesis import strategies as st
from onnx import printer

from onnxtaylor.indices import MultiIndices
from onnxtaylor.rules import RULES
from tests.compiler import random_moves, random_steps  # noqa: F401  they fill STEPS
from tests.compiler.coefficients import coefficients
from tests.compiler.random_graphs import STEPS, UnresolvedError, agrees, events, steps_of, written
from tests.rules.reference import distance

NAMES = sorted(STEPS)
NOT_WRITTEN = {
    # neither onnxruntime nor ONNX's reference computes them in double precision
    *("ConvTranspose", "Resize", "Gelu", "QuantizeLinear", "DynamicQuantizeLinear"),
    # tests/rules has these: they need a tensor of one kind or size
    *("And", "Or", "Xor", "Not", "Equal", "IsInf", "IsNaN", "NonZero", "OneHot", "EyeLike"),
    *("ConstantOfShape", "Range", "Size"),
    *("ArgMin", "Hardmax", "DepthToSpace", "SpaceToDepth", "ScatterElements", "ScatterND"),
    "GlobalMaxPool",
    # of more axes than two, or with lengths that are read: tests/rules and tests/graph have them
    *("DFT", "STFT", "Col2Im", "ReverseSequence", "TensorScatter"),
}


def drawn(examples: int) -> Any:
    """The same examples in every run, and none kept on disk."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def compare(order: int, n: int, responses: int, ends: int, steps: list[Any]) -> None:
    proto = written(n, responses, ends, steps)
    note(printer.to_text(proto))
    try:
        agrees(proto, events(n), order)
    except UnresolvedError:
        reject()


SECOND = {
    "n": st.integers(1, 4),
    "responses": st.integers(1, 5),
    "ends": st.integers(1, 3),
    "steps": steps_of(NAMES, 1, 12),
}
THIRD = {**SECOND, "n": st.integers(1, 3), "responses": st.integers(1, 3)}
THIRD["steps"] = steps_of(NAMES, 1, 8)


@drawn(75)
@given(**SECOND)
def test_up_to_second_order(n: int, responses: int, ends: int, steps: list[Any]):
    compare(2, n, responses, ends, steps)


@drawn(50)
@given(**THIRD)
def test_third_order(n: int, responses: int, ends: int, steps: list[Any]):
    compare(3, n, responses, ends, steps)


@pytest.mark.slow
@drawn(1500)
@given(**SECOND)
def test_many_up_to_second_order(n: int, responses: int, ends: int, steps: list[Any]):
    compare(2, n, responses, ends, steps)


@pytest.mark.slow
@drawn(1000)
@given(**THIRD)
def test_many_of_third_order(n: int, responses: int, ends: int, steps: list[Any]):
    compare(3, n, responses, ends, steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_variant_of_a_step_at_third_order(name: str):
    """On a row and on a matrix."""
    before: list[list[Any]] = [[("smooth", 0, 0, 0)], [("inside", 0, 0, 1), ("outer", 0, 1, 1)]]
    seen = set()
    for first in before:
        for pick in range(60):
            proto = written(2, 2, 1, [*first, (name, 0, 1, pick)])
            # the attributes and sizes of a graph, not its numbers
            kinds = (str(node) for node in proto.graph.node)
            key = (*kinds, *(tuple(t.dims) for t in proto.graph.initializer))
            if key not in seen:
                seen.add(key)
                agrees(proto, events(2), 3)


CHOSEN = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=6)


@drawn(20)
@given(n=st.integers(1, 4), responses=st.integers(1, 3), steps=steps_of(NAMES, 3, 8), chosen=CHOSEN)
def test_chosen_coefficients_are_those_of_the_full_graph(
    n: int, responses: int, steps: list[Any], chosen: list[list[int]]
):
    proto, x = written(n, responses, 2, steps), events(n)
    note(printer.to_text(proto))
    full = MultiIndices.full(n, 3)
    _, whole = coefficients(proto, x, full)
    some = MultiIndices.of(n, [[k % n for k in alpha] for alpha in chosen])
    _, found = coefficients(proto, x, some)
    places = [full.tuples().index(alpha) for alpha in some.tuples()]
    assert found.shape == (*whole.shape[:2], len(some))
    for order in np.unique(some.orders):
        mine = some.orders == order
        theirs = whole[..., np.asarray(places)[mine]]
        floor = np.abs(whole[..., full.orders == order]).max()
        # other rows of tangents, so other products: the roundings of the whole chain differ
        assert distance(found[..., mine], theirs, max(floor, 1e-9)) < 1e-11


def test_the_steps_write_every_operator_that_has_a_rule():
    """So a new rule gets a step, or a reason above."""
    kinds = set()
    for name in NAMES:
        for pick in range(60):
            for first in ("smooth", "outer", "reshape"):
                proto = written(2, 1, 1, [(first, 0, 0, 1), (name, 0, 1, pick)])
                kinds.update(node.op_type for node in proto.graph.node)
    assert set(RULES) - kinds == NOT_WRITTEN
