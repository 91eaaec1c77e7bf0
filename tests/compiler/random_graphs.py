"""Random graphs: every step adds a tensor made of one or two of those that there are.

So tensors fan out and join again. Per event a tensor has at most 24 elements in three axes. What an
operator must not be given (a kink, a pole, a logarithm of nothing) is kept away by what is put
before it, so that every response is smooth around all events in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import onnx
from hypothesis import strategies as st

from onnxtaylor.indices import MultiIndices
from tests.compiler.coefficients import coefficients
from tests.compiler.nested import nested
from tests.rules.reference import Array, response_of
from tests.rules.sample import Graph, helper

__all__ = [
    "OPSET",
    "STEPS",
    "Tensor",
    "UnresolvedError",
    "Writer",
    "agrees",
    "among",
    "axis_of",
    "events",
    "fed",
    "step",
    "steps_of",
    "written",
]

OPSET = 24
LARGEST, DEEPEST = 24, 3

# Of the largest coefficient of an order. Differences of step h leave ε·abs(f)/h^m of round-off and,
# with the first k powers of h² taken away, (h/L)^(2k+2) of truncation, where f changes over the
# length L. What is left at the best h grows by two digits or three with every order.
LIMITS = {1: 1e-10, 2: 5e-8, 3: 2e-6}


class Tensor(NamedTuple):
    """A tensor [N, *shape]."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return prod(self.shape)


class Writer:
    """Writes nodes in double precision."""

    def __init__(self, n: int, seed: int) -> None:
        self.g = Graph(np.dtype(np.float64))
        self.random = np.random.default_rng(seed)
        self.tensors = [Tensor("features", (n,))]

    def op(self, kind: str, *inputs: Tensor | str | Any, **attributes: Any) -> str:
        """A node; inputs are tensors, names, or values that become constants."""
        return self.g.op(kind, *map(self._name, inputs), **attributes)

    def ops(self, kind: str, outputs: int, *inputs: Any, **attributes: Any) -> list[str]:
        return self.g.ops(kind, outputs, *map(self._name, inputs), **attributes)

    def _name(self, value: Any) -> str:
        if isinstance(value, Tensor):
            return value.name
        return value if isinstance(value, str) else self.g.constant(value)

    def weights(self, *shape: int) -> np.ndarray:
        """A constant that keeps the scale of what it multiplies."""
        return self.random.normal(size=shape) / np.sqrt(max(shape[:1] or (1,)))

    def bounded(self, a: Tensor, half: float, centre: float | np.ndarray = 0.0) -> str:
        """A tensor of the same shape between centre − half and centre + half."""
        inner = self.op("Mul", self.op("Tanh", a), np.float64(half))
        return self.op("Add", inner, np.asarray(centre, float))

    def sided(self, a: Tensor) -> str:
        """Elements in ±[0.55, 0.95]: each stays on its side of 0."""
        return self.bounded(a, 0.2, self.random.choice([-0.75, 0.75], a.shape))

    def ordered(self, a: Tensor) -> str:
        """Elements that never change their order, in an order of no kind."""
        return self.bounded(a, 0.3, self.random.permutation(a.size).reshape(a.shape))

    def fit(self, a: Tensor, shape: tuple[int, ...]) -> str:
        """A tensor that broadcasts to [N, *shape]: itself, or its mean."""
        if len(a.shape) == len(shape) and all(
            p in (1, q) for p, q in zip(a.shape, shape, strict=True)
        ):
            return a.name
        mean = self.op("ReduceMean", a, np.arange(1, len(a.shape) + 1))
        return self.op("Reshape", mean, np.array([-1, *[1] * len(shape)]))

    def shaped(self, a: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A tensor as one of another shape: a constant matrix where sizes differ."""
        if a.shape == shape:
            return a
        row = self.op("Flatten", a)
        if a.size != prod(shape):
            row = self.op("MatMul", row, self.weights(a.size, prod(shape)))
        return Tensor(self.op("Reshape", row, np.array([-1, *shape])), shape)

    def matrix(self, a: Tensor) -> Tensor:
        """A tensor as a matrix for every event."""
        shape = a.shape if len(a.shape) == 2 else (1, *a.shape) if len(a.shape) == 1 else None
        return self.shaped(a, shape or (a.shape[0] * a.shape[1], a.shape[2]))

    def add(self, step: Any, first: int, second: int, pick: int) -> None:
        """Applies a step to the tensors ``first`` and ``second``, counted from the last."""
        a, b = (self.tensors[-1 - k % len(self.tensors)] for k in (first, second))
        found = step(self, a, b, pick)
        if found.size <= LARGEST and len(found.shape) <= DEEPEST:
            self.tensors.append(found)

    def model(self, responses: int, ends: int) -> onnx.ModelProto:
        """The last tensors, flattened, joined and mixed to responses."""
        last = self.tensors[-ends:]
        rows = [self.op("Flatten", t) for t in last]
        row = self.op("Concat", *rows, axis=1) if len(rows) > 1 else rows[0]
        size = sum(t.size for t in last)
        mixed = self.op("MatMul", row, self.weights(size, responses))
        return fed(self.g, mixed, self.tensors[0].shape[0])


Step = Callable[[Writer, Tensor, Tensor, int], Tensor]
STEPS: dict[str, Step] = {}


def step(f: Step) -> Step:
    """Makes a step known by its name."""
    STEPS[f.__name__] = f
    return f


def among(pick: int, options: Sequence[Any]) -> Any:
    return options[pick % len(options)]


def axis_of(a: Tensor, pick: int) -> int:
    return pick % len(a.shape)


def fed(g: Graph, output: str, n: int) -> onnx.ModelProto:
    """The model of n features."""
    proto = g.model(output, OPSET)
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("features", g.float, ["N", n]))
    return proto


def steps_of(names: list[str], fewest: int, most: int) -> st.SearchStrategy[Any]:
    """Lists of (step, first, second, pick)."""
    place = st.integers(0, 5)
    one = st.tuples(st.sampled_from(names), place, place, st.integers(0, 59))
    return st.lists(one, min_size=fewest, max_size=most)


def written(n: int, responses: int, ends: int, steps: Sequence[Any]) -> onnx.ModelProto:
    """The model that a drawn list of steps writes."""
    writer = Writer(n, len(steps))
    for name, *places in steps:
        writer.add(STEPS[name], *places)
    return writer.model(responses, ends)


class UnresolvedError(Exception):
    """Differences cannot tell what the coefficients of this graph are."""


def events(n: int) -> Array:
    """Four events in [-1, 1]."""
    return np.random.default_rng(n).uniform(-1, 1, (4, n))


def agrees(proto: onnx.ModelProto, x: Array, order: int = 3) -> Array:
    """All coefficients up to an order; fails where they differ from nested differences.

    The differences' own error estimate widens the limit. Raises UnresolvedError where it is
    beyond ten times the limit.
    """
    f = response_of(proto)
    indices = MultiIndices.full(x.shape[1], order)
    wanted, y = nested(f, x, indices), f(x)
    found_y, found = coefficients(proto, x, indices)
    # a chain of steps whose sums are taken in another order: 4 500 roundings are allowed for
    np.testing.assert_allclose(found_y, y, rtol=1e-12, atol=1e-12 * max(np.abs(y).max(), 1.0))
    assert found.shape == wanted.values.shape
    # what vanishes at these events is compared with the response
    scale = np.maximum(wanted.scale(), 1e-3 * max(np.abs(y).max(), 1e-3))
    limit = np.array([LIMITS[k] for k in indices.orders])
    estimate = wanted.errors / scale
    if not (estimate < 10 * limit).all():
        raise UnresolvedError(f"differences are good to {estimate.max():.1g} only")
    apart = np.abs(found - wanted.values) / scale
    worst = np.unravel_index(np.argmax(apart - limit - 10 * estimate), apart.shape)
    assert (apart <= limit + 10 * estimate).all(), (
        f"event {worst[0]}, response {worst[1]}, α = {indices.tuples()[worst[2]]}:"
        f" {found[worst]!r} is {wanted.values[worst]!r} by differences"
    )
    _, first = coefficients(proto, x, 1)  # the other sweep
    same = np.abs(first - found[..., : x.shape[1]]) / scale[..., : x.shape[1]]
    assert same.max() < 1e-11, "the two sweeps differ"
    return found
