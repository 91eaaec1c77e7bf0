"""Functions whose derivatives are known on paper, and an engine for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import comb

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices

N = 3
stencils = pytest.mark.parametrize(
    ("accuracy", "mixed"), [(2, "two"), (2, "four"), (4, "two"), (4, "four")]
)
CHOICES: dict[str, list[tuple[int, ...]]] = {
    "gradient": [(0,), (1,), (2,)],
    "diagonal": [(0, 0), (1, 1), (2, 2)],
    "one pair": [(0, 2)],
    "last feature": [(2,), (2, 2)],
    "pairs": [(0, 1), (0, 2), (1, 2)],
    "mixture": [(1,), (0, 2), (1, 1)],
}


class Graph:
    """A graph in the making; every method appends a node and returns its output."""

    def __init__(self, n: int = N, dtype: type = np.float64, batch: str | int = "events") -> None:
        self.dtype, self.batch, self.n = np.dtype(dtype), batch, n
        self.element = helper.np_dtype_to_tensor_dtype(self.dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: object, dtype: type | None = None) -> str:
        name = f"c{len(self.constants)}"
        array = np.asarray(value, dtype or self.dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def column(self, i: int) -> str:
        return self.node("Gather", "x", self.constant([i], np.int64), axis=1)

    def model(self, output: str, outputs: int) -> onnx.ModelProto:
        graph = helper.make_graph(
            [*self.nodes, helper.make_node("Identity", [output], ["y"])],
            "test",
            [helper.make_tensor_value_info("x", self.element, [self.batch, self.n])],
            [helper.make_tensor_value_info("y", self.element, [self.batch, outputs])],
            self.constants,
        )
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model


class Polynomial:
    """Σ c_p x^p in three variables, two responses, of Mul and Add alone.

    These round each element by itself, so an event's response has the same bits in any company.
    """

    def __init__(self, degree: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        powers = [p for p in np.ndindex(*(degree + 1,) * N) if 0 < sum(p) <= degree]
        assert len(powers) == comb(degree + N, N) - 1
        self.powers = [np.array(p) for p in powers]
        self.factors = random.normal(size=(len(powers), 2))

    def model(self, dtype: type = np.float64, batch: str | int = "events") -> onnx.ModelProto:
        g = Graph(N, dtype, batch)
        columns = [g.column(i) for i in range(N)]
        sums: list[str] = []
        monomials = []
        for power in self.powers:
            chain = [columns[i] for i in range(N) for _ in range(power[i])]
            product = chain[0]
            for factor in chain[1:]:
                product = g.node("Mul", product, factor)
            monomials.append(product)
        for c in range(2):
            total = ""
            for monomial, factor in zip(monomials, self.factors[:, c], strict=True):
                term = g.node("Mul", monomial, g.constant([[factor]]))
                total = g.node("Add", total, term) if total else term
            sums.append(total)
        return g.model(g.node("Concat", *sums, axis=1), 2)

    def coefficient(self, x: np.ndarray, alpha: Sequence[int]) -> np.ndarray:
        """t_α: of x^p it is Π binomial(p_i, α_i) x_i^(p_i − α_i)."""
        orders = [alpha.count(i) for i in range(N)]
        total = np.zeros((len(x), 2))
        for power, factor in zip(self.powers, self.factors, strict=True):
            term = np.ones(len(x))
            for i in range(N):
                term *= comb(power[i], orders[i]) * x[:, i] ** max(power[i] - orders[i], 0)
            total += term[:, None] * factor
        return total

    def terms(self, x: np.ndarray, alphas: Sequence[Sequence[int]]) -> np.ndarray:
        return np.stack([self.coefficient(x, alpha) for alpha in alphas], axis=2)


class Network:
    """y = V tanh(W x + b) in n variables with two responses, and its derivatives on paper."""

    def __init__(self, n: int = 4, hidden: int = 10, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.n = n
        self.W = random.normal(size=(hidden, n)) / np.sqrt(n)
        self.b = random.normal(size=hidden) / 2
        self.V = random.normal(size=(2, hidden)) / np.sqrt(hidden)

    def model(
        self, dtype: type = np.float64, batch: str | int = "events", centre: float = 0.0
    ) -> onnx.ModelProto:
        g = Graph(self.n, dtype, batch)
        x = g.node("Sub", "x", g.constant(centre)) if centre else "x"
        a = g.node("Add", g.node("MatMul", x, g.constant(self.W.T)), g.constant(self.b))
        return g.model(g.node("MatMul", g.node("Tanh", a), g.constant(self.V.T)), 2)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.tanh(x @ self.W.T + self.b) @ self.V.T)

    def terms(self, x: np.ndarray, alphas: Sequence[Sequence[int]]) -> np.ndarray:
        t = np.tanh(x @ self.W.T + self.b)
        slopes = {1: 1 - t**2, 2: -2 * t * (1 - t**2)}
        columns = []
        for alpha in alphas:
            factor = 0.5 if len(alpha) == 2 and alpha[0] == alpha[1] else 1.0
            path = self.W[:, list(alpha)].prod(axis=1)
            columns.append(factor * (slopes[len(alpha)] * path) @ self.V.T)
        return np.stack(columns, axis=2)


def function_of(model: onnx.ModelProto) -> GraphFunction:
    loaded = read_model(model)
    return build_function(loaded, choose(loaded))


def engine_of(
    model: onnx.ModelProto | GraphFunction,
    alphas: Sequence[Sequence[int]] | None = None,
    **options: object,
) -> Differences:
    function = model if isinstance(model, GraphFunction) else function_of(model)
    n = function.n_features
    indices = MultiIndices.full(n) if alphas is None else MultiIndices.of(n, alphas)
    defaults = {
        "spread": np.ones(n),
        "largest": np.full(n, 4.0),
        "threads": 2,
        "error_bounds": False,
    }
    return Differences(function, indices, **{**defaults, **options})  # type: ignore[arg-type]


@cache
def events(count: int = 20, n: int = N, seed: int = 2) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(count, n))
    x.flags.writeable = False
    return x


def bits(engine: Differences, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    answer = engine.coefficients(x)
    return answer.responses.copy(), answer.terms.copy()


def assert_same_bits(a, b):
    for found, expected in zip(a, b, strict=True):
        np.testing.assert_array_equal(found, expected)
