"""Graphs that nobody thought of: random chains and joins of smooth operators.

Every graph is compared with central differences of its own responses, at orders 1 and 2.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onnxtaylor.errors import ModelError
from onnxtaylor.indices import MultiIndices
from tests.rules.reference import differences, distance, response_of, terms
from tests.rules.sample import Graph, helper

UNARY = ("Tanh", "Sin", "Sigmoid", "Softplus", "Atan", "Asinh", "Neg", "Identity", "Cos")


class Writer:
    """Writes random operators; keeps the tensors that there are, with their shapes per event."""

    def __init__(self, n: int, seed: int) -> None:
        self.g = Graph(np.dtype(np.float64))
        self.random = np.random.default_rng(seed)
        self.tensors: list[tuple[str, tuple[int, ...]]] = [("features", (n,))]

    def constant(self, *shape: int) -> str:
        return self.g.constant(self.random.normal(size=shape) / np.sqrt(max(shape[-1:] or (1,))))

    def fit(self, other: tuple[str, tuple[int, ...]], shape: tuple[int, ...]) -> str:
        """A tensor that broadcasts to a shape: itself, or its mean."""
        name, have = other
        if len(have) == len(shape) and all(a in (1, b) for a, b in zip(have, shape, strict=True)):
            return name
        mean = self.g.op("ReduceMean", name, self.g.constant([*range(1, len(have) + 1)]))
        return self.g.op("Reshape", mean, self.g.constant([-1, *[1] * len(shape)]))

    def step(self, kind: int, first: int, second: int) -> None:
        name, shape = self.tensors[-1 - first % len(self.tensors)]
        other = self.tensors[-1 - second % len(self.tensors)]
        steps = (
            self.unary,
            self.pair,
            self.with_constant,
            self.weights,
            self.square,
            self.softmax,
            self.reduce,
            self.reshape,
            self.transpose,
            self.concat,
            self.part,
            self.split,
            self.exponential,
            self.mean,
        )
        found, shape = steps[kind % len(steps)](name, shape, other, second)
        if prod(shape) <= 24 and len(shape) <= 3:
            self.tensors.append((found, shape))

    def unary(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        return self.g.op(UNARY[pick % len(UNARY)], name), shape

    def exponential(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        inner = self.g.op("Tanh", name)
        if pick % 3 == 0:
            return self.g.op("Exp", inner), shape
        above = self.g.op("Add", inner, self.g.constant(2.0))
        return self.g.op(("Log", "Sqrt")[pick % 2], above), shape

    def pair(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        b = self.fit(other, shape)
        kind = ("Mul", "Add", "Sub", "Div", "Mul")[pick % 5]
        if kind == "Div":
            b = self.g.op("Add", self.g.op("Mul", b, b), self.g.constant(1.5))
        pair = (b, name) if pick % 2 and kind != "Div" else (name, b)
        return self.g.op(kind, *pair), shape

    def with_constant(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        last = shape[-1:] if pick % 3 else ()
        kind = ("Mul", "Add", "Sub")[pick % 3]
        pair = (name, self.constant(*last))
        return self.g.op(kind, *(pair if pick % 2 else pair[::-1])), shape

    def weights(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        columns = 1 + pick % 4
        found = self.g.op("MatMul", name, self.constant(shape[-1], columns))
        return found, (*shape[:-1], columns)

    def square(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        """X Xᵀ of matrices, the outer product of rows with themselves."""
        if len(shape) == 1:
            name = self.g.op("Unsqueeze", name, self.g.constant([2]))
            shape = (*shape, 1)
        rank = len(shape) + 1
        turned = self.g.op("Transpose", name, perm=[*range(rank - 2), rank - 1, rank - 2])
        return self.g.op("MatMul", name, turned), (*shape[:-1], shape[-2])

    def softmax(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        kind = ("Softmax", "LogSoftmax")[pick % 2]
        return self.g.op(kind, name, axis=1 + pick % len(shape)), shape

    def reduce(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        axis, kept = pick % len(shape), pick % 2 or len(shape) == 1
        kind = ("ReduceSum", "ReduceMean")[pick % 2]
        found = self.g.op(kind, name, self.g.constant([axis + 1]), keepdims=int(kept))
        return found, (*shape[:axis], *([1] if kept else []), *shape[axis + 1 :])

    def reshape(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        size = prod(shape)
        if pick % 3 == 0:
            return self.g.op("Flatten", name), (size,)
        if pick % 3 == 1:
            return self.g.op("Unsqueeze", name, self.g.constant([1])), (1, *shape)
        factor = next(k for k in (2, 3, 5, size) if size % k == 0)
        target = self.g.constant([-1, factor, size // factor])
        return self.g.op("Reshape", name, target), (factor, size // factor)

    def transpose(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        order = np.roll(np.arange(len(shape)), pick)
        perm = [0, *(int(k) + 1 for k in order)]
        return self.g.op("Transpose", name, perm=perm), tuple(shape[k] for k in order)

    def concat(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        a, b = self.g.op("Flatten", name), self.g.op("Flatten", other[0])
        return self.g.op("Concat", a, b, axis=1), (prod(shape) + prod(other[1]),)

    def part(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        axis = pick % len(shape)
        size = shape[axis]
        if pick % 2:
            places = self.random.integers(-size, size, 1 + pick % 3)
            found = self.g.op("Gather", name, self.g.constant(places), axis=axis + 1)
            return found, (*shape[:axis], len(places), *shape[axis + 1 :])
        step = (-1, 2, 1)[pick % 3]
        ends = (size - 1, -size - 1) if step < 0 else (0, size)
        given = [self.g.constant([k]) for k in (*ends, axis + 1, step)]
        return self.g.op("Slice", name, *given), (
            *shape[:axis],
            len(range(size)[::step]),
            *shape[axis + 1 :],
        )

    def split(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        axis = pick % len(shape)
        if shape[axis] < 2:
            return self.g.op("Sin", name), shape
        sizes = [1, shape[axis] - 1]
        parts = self.g.ops("Split", 2, name, self.g.constant(sizes), axis=axis + 1)
        place = pick % 2
        return parts[place], (*shape[:axis], sizes[place], *shape[axis + 1 :])

    def mean(self, name: str, shape: Any, other: Any, pick: int) -> Any:
        return self.g.op(("Mean", "Sum")[pick % 2], name, self.fit(other, shape), name), shape

    def model(self, responses: int, ends: int) -> onnx.ModelProto:
        """The last tensors, flattened, joined and mixed to responses."""
        last = self.tensors[-ends:]
        rows = [self.g.op("Flatten", name) for name, _ in last]
        row = self.g.op("Concat", *rows, axis=1) if len(rows) > 1 else rows[0]
        size = sum(prod(shape) for _, shape in last)
        n = self.tensors[0][1][0]
        return fed(self.g, self.g.op("MatMul", row, self.constant(size, responses)), n)


def fed(g: Graph, output: str, n: int) -> onnx.ModelProto:
    proto = g.model(output, 21)
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("features", g.float, ["N", n]))
    return proto


STEP = st.tuples(*[st.integers(0, 59)] * 3)


def drawn(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def agrees(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """All coefficients up to second order; fails where they differ from differences."""
    n = x.shape[1]
    f = response_of(proto)
    wanted = differences(f, x)
    # what differences of a response of this size can resolve
    floor = 1e-3 * max(np.abs(wanted).max(), np.abs(f(x)).max(), 1e-3)
    y, found = terms(proto, x, 2)
    np.testing.assert_allclose(y, f(x), rtol=1e-13, atol=1e-13 * np.abs(y).max())
    assert found.shape == wanted.shape
    assert distance(found[..., :n], wanted[..., :n], floor) < 2e-8
    assert distance(found[..., n:], wanted[..., n:], floor) < 5e-6
    _, first = terms(proto, x, 1)
    assert distance(first, found[..., :n], floor) < 1e-12
    return found


def events(n: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(-1, 1, (4, n))


@drawn(120)
@given(
    n=st.integers(1, 4),
    responses=st.integers(1, 5),
    ends=st.integers(1, 3),
    steps=st.lists(STEP, min_size=1, max_size=12),
)
def test_random_graphs(n: int, responses: int, ends: int, steps: list[tuple[int, int, int]]):
    writer = Writer(n, len(steps))
    for step in steps:
        writer.step(*step)
    agrees(writer.model(responses, ends), events(n))


@drawn(40)
@given(
    n=st.integers(1, 4),
    responses=st.integers(1, 3),
    steps=st.lists(STEP, min_size=3, max_size=8),
    chosen=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=2), min_size=1, max_size=6),
)
def test_chosen_coefficients_are_those_of_the_full_graph(
    n: int, responses: int, steps: list[tuple[int, int, int]], chosen: list[list[int]]
):
    writer = Writer(n, 7)
    for step in steps:
        writer.step(*step)
    proto, x = writer.model(responses, 2), events(n)
    full = MultiIndices.full(n, 2)
    _, whole = terms(proto, x, full)
    some = MultiIndices.of(n, [[k % n for k in alpha] for alpha in chosen])
    _, found = terms(proto, x, some)
    places = [full.tuples().index(alpha) for alpha in some.tuples()]
    assert found.shape == (*whole.shape[:2], len(some))
    assert distance(found, whole[..., places]) < 1e-12


def test_linear_model():
    g = Graph(np.dtype(np.float64))
    matrix = np.random.default_rng(0).normal(size=(3, 2))
    proto, x = fed(g, g.op("MatMul", "features", g.constant(matrix)), 3), events(3)
    found = agrees(proto, x)
    assert np.array_equal(found[..., :3], np.broadcast_to(matrix.T, (4, 2, 3)))
    assert not found[..., 3:].any()


def test_quadratic_model_has_a_constant_hessian():
    g = Graph(np.dtype(np.float64))
    a, b = np.random.default_rng(1).normal(size=(2, 3, 2))
    left = g.op("MatMul", "features", g.constant(a))
    right = g.op("MatMul", "features", g.constant(b))
    found = agrees(fed(g, g.op("Mul", left, right), 3), events(3))
    assert np.array_equal(found[..., 3:], np.broadcast_to(found[:1, :, 3:], found[..., 3:].shape))


def test_square_of_everything():
    g = Graph(np.dtype(np.float64))
    root = g.op("MatMul", "features", g.constant(np.eye(3)[::-1].copy()))
    agrees(fed(g, g.op("ReduceSum", g.op("Mul", root, root), g.constant([1])), 3), events(3))


@pytest.mark.parametrize("kind", ["Relu", "Abs"])
def test_piecewise_linear_model(kind: str):
    g = Graph(np.dtype(np.float64))
    random = np.random.default_rng(2)
    inner = g.op(kind, g.op("MatMul", "features", g.constant(random.normal(size=(3, 4)))))
    proto = fed(g, g.op("MatMul", inner, g.constant(random.normal(size=(4, 2)))), 3)
    _, found = terms(proto, events(3))
    assert not found[..., 3:].any()
    assert found[..., :3].any()


def test_features_and_responses_without_influence_have_zeros():
    """Response 0 depends on feature 0 alone, response 1 on nothing, response 2 is feature 1."""
    g = Graph(np.dtype(np.float64))
    first, second = (g.op("Gather", "features", g.constant([k]), axis=1) for k in range(2))
    nothing = g.op("Mul", g.op("Floor", first), g.constant(0.5))
    proto = fed(g, g.op("Concat", g.op("Sin", first), nothing, second, axis=1), 3)
    x = np.random.default_rng(5).uniform(0.2, 0.8, (4, 3))
    found = agrees(proto, x)
    wanted = np.zeros_like(found)
    wanted[:, 0, 0], wanted[:, 2, 1], wanted[:, 0, 3] = np.cos(x[:, 0]), 1, -np.sin(x[:, 0]) / 2
    np.testing.assert_allclose(found, wanted, atol=1e-15)


def test_chosen_features_that_a_response_does_not_know():
    g = Graph(np.dtype(np.float64))
    column = g.op("Gather", "features", g.constant([1]), axis=1)
    proto = fed(g, g.op("Tanh", column), 3)
    _, found = terms(proto, events(3), MultiIndices.of(3, [(0,), (2, 0)]))
    assert found.shape == (4, 1, 2)
    assert not found.any()


@pytest.mark.parametrize("order", [1, 2])
def test_a_response_that_does_not_vary_is_refused(order: int):
    g = Graph(np.dtype(np.float64))
    proto = fed(g, g.op("Floor", "features"), 2)
    with pytest.raises(ModelError, match="does not vary"):
        terms(proto, events(2), order)


def test_the_features_themselves_as_responses():
    g = Graph(np.dtype(np.float64))
    found = agrees(fed(g, g.op("Identity", "features"), 2), events(2))
    assert np.array_equal(found[0], np.eye(2, 5))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("responses", [1, 2, 5])
def test_few_features_and_many_responses(n: int, responses: int):
    g = Graph(np.dtype(np.float64))
    random = np.random.default_rng(n)
    inner = g.op("Tanh", g.op("MatMul", "features", g.constant(random.normal(size=(n, 3)))))
    root = g.op("MatMul", inner, g.constant(random.normal(size=(3, responses))))
    agrees(fed(g, g.op("Softmax", root, axis=1), n), events(n))


def test_only_second_order_of_a_linear_model():
    g = Graph(np.dtype(np.float64))
    proto = fed(g, g.op("MatMul", "features", g.constant(np.ones((2, 1)))), 2)
    _, found = terms(proto, events(2), MultiIndices.of(2, [(0, 1)]))
    assert found.shape == (4, 1, 1)
    assert not found.any()
