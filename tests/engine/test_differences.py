"""The finite-difference engine: exact where it must be, convergent where it can be, bit-stable."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import comb

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from onnxtaylor.engine import differences
from onnxtaylor.engine.differences import Differences
from onnxtaylor.engine.opening import open_model
from onnxtaylor.engine.session import Session
from onnxtaylor.engine.stencil import build_stencil, choose_steps
from onnxtaylor.errors import OptionError
from onnxtaylor.graph import GraphFunction, ModelRequest, build_function, choose, read_model
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


# ------------------------------------------------------------------------------------- models


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
    return build_function(loaded, choose(loaded, ModelRequest()))


def engine_of(
    model: onnx.ModelProto | GraphFunction,
    alphas: Sequence[Sequence[int]] | None = None,
    **options: object,
) -> Differences:
    function = model if isinstance(model, GraphFunction) else function_of(model)
    n = function.n_features
    indices = MultiIndices.full(n) if alphas is None else MultiIndices.of(n, alphas)
    defaults = {"spread": np.ones(n), "largest": np.full(n, 4.0), "threads": 2}
    return Differences(function, indices, **{**defaults, **options})  # type: ignore[arg-type]


@cache
def events(count: int = 20, n: int = N, seed: int = 2) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(count, n))
    x.flags.writeable = False
    return x


# ------------------------------------------------------------------------------------- values


@stencils
@pytest.mark.parametrize("choice", ["full", *CHOICES])
def test_polynomials_up_to_the_order_of_the_stencil_are_exact(accuracy, mixed, choice):
    """Quadratics for accuracy 2, quartics for accuracy 4, with steps of any width."""
    polynomial, x = Polynomial(accuracy), events()
    alphas = MultiIndices.full(N).tuples() if choice == "full" else CHOICES[choice]
    steps = np.array([0.5, 0.25, 1.0])
    engine = engine_of(polynomial.model(), alphas, accuracy=accuracy, mixed=mixed, steps=steps)
    answer = engine.coefficients(x)
    truth = polynomial.terms(x, alphas)
    np.testing.assert_allclose(answer.terms, truth, rtol=0, atol=2e-14 * abs(truth).max() / 0.1)
    np.testing.assert_allclose(answer.responses, polynomial.coefficient(x, ()), rtol=1e-12)


@stencils
def test_polynomials_beyond_the_order_are_not(accuracy, mixed):
    polynomial, x = Polynomial(accuracy + 2), events()
    found = engine_of(polynomial.model(), accuracy=accuracy, mixed=mixed, steps=np.full(N, 0.5))
    errors = found.coefficients(x).terms - polynomial.terms(x, MultiIndices.full(N).tuples())
    assert (abs(errors).max(axis=(0, 1)) > 1e-3).all()


@stencils
def test_errors_fall_with_the_power_of_the_step(accuracy, mixed):
    network, x = Network(), events(50, 4)
    alphas = MultiIndices.full(4).tuples()
    truth, function = network.terms(x, alphas), function_of(network.model())
    errors = []
    steps = np.array([2.0**-3, 2.0**-4, 2.0**-5])
    for h in steps:
        engine = engine_of(function, accuracy=accuracy, mixed=mixed, steps=np.full(4, h))
        errors.append(np.sqrt(((engine.coefficients(x).terms - truth) ** 2).mean(axis=(0, 1))))
    kinds = {
        "first": [len(a) == 1 for a in alphas],
        "diagonal": [len(a) == 2 and a[0] == a[1] for a in alphas],
        "pairs": [len(a) == 2 and a[0] != a[1] for a in alphas],
    }
    for kind, chosen in kinds.items():
        error = np.sqrt(np.square(errors)[:, chosen].mean(axis=1))
        slope = np.polyfit(np.log(steps), np.log(error), 1)[0]
        assert slope == pytest.approx(accuracy, abs=0.1), kind


@stencils
def test_the_chosen_steps_leave_small_errors_in_double_precision(accuracy, mixed):
    network, x = Network(), events(50, 4)
    spread, largest = x.std(axis=0), abs(x).max(axis=0)
    alphas = MultiIndices.full(4).tuples()
    engine = engine_of(
        network.model(), accuracy=accuracy, mixed=mixed, spread=spread, largest=largest
    )
    errors = abs(engine.coefficients(x).terms - network.terms(x, alphas)).max(axis=(0, 1))
    orders = MultiIndices.full(4).orders
    # truncation and round-off, as choose_steps balances them for second order
    assert errors[orders == 1].max() < {2: 1e-7, 4: 1e-9}[accuracy]
    assert errors[orders == 2].max() < {2: 1e-6, 4: 1e-8}[accuracy]


def test_single_precision_agrees_with_double():
    network, x = Network(), events(200, 4)
    alphas = MultiIndices.full(4).tuples()
    truth = network.terms(x.astype(np.float32).astype(np.float64), alphas)
    single, double = engine_of(network.model(np.float32)), engine_of(network.model())
    assert (single.precision, double.precision) == ("float32", "float64")
    assert single.describe()["accuracy"] == 4
    assert double.describe()["accuracy"] == 2
    a, b = single.coefficients(x).terms, double.coefficients(x).terms
    assert a.dtype == b.dtype == np.float64
    orders = single.indices.orders
    for order, bound in ((1, 1e-4), (2, 2e-3)):
        rms = np.sqrt(((a - truth)[..., orders == order] ** 2).mean())
        assert rms < bound * np.sqrt((truth[..., orders == order] ** 2).mean())
    np.testing.assert_allclose(a, b, rtol=0, atol=0.01)
    np.testing.assert_allclose(b, truth, rtol=0, atol=1e-5)


@stencils
def test_coefficients_are_those_of_a_naive_evaluation_point_by_point(accuracy, mixed):
    """Textbook formulas, Richardson's extrapolation, one row of onnxruntime at a time."""
    network, h = Network(n=3), np.array([0.125, 0.25, 0.0625])
    model = network.model()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    # x on the grid that the steps are on, so that no rounding of x comes in between
    x = np.round(events(4, 3) * 2**20) / 2**20
    unit = np.diag(h)

    def f(row):
        return session.run(["y"], {"x": row[None]})[0][0]

    def second(row, i, j, s):
        a, b = s * unit[i], s * unit[j]
        size = s * s * h[i] * h[j]
        if i == j:
            return (f(row + a) - 2 * f(row) + f(row - a)) / (2 * size)
        if mixed == "four":
            even, odd = f(row + a + b) + f(row - a - b), f(row + a - b) + f(row - a + b)
            return (even - odd) / (4 * size)
        corners = f(row + a + b) + f(row - a - b) + 2 * f(row)
        axes = f(row + a) + f(row - a) + f(row + b) + f(row - b)
        return (corners - axes) / (2 * size)

    def coefficient(row, alpha, s=1):
        if len(alpha) == 1:
            a = s * unit[alpha[0]]
            return (f(row + a) - f(row - a)) / (2 * s * h[alpha[0]])
        return second(row, *alpha, s)

    engine = engine_of(model, accuracy=accuracy, mixed=mixed, steps=h)
    answer = engine.coefficients(x)
    for e, row in enumerate(x):
        np.testing.assert_allclose(answer.responses[e], f(row), rtol=1e-14)
        for k, alpha in enumerate(MultiIndices.full(3).tuples()):
            expected = coefficient(row, alpha)
            if accuracy == 4:
                expected = (4 * expected - coefficient(row, alpha, 2)) / 3
            np.testing.assert_allclose(answer.terms[e, :, k], expected, rtol=0, atol=2e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("where", [1e4, -1e4, 16384.0])
def test_features_far_from_zero_keep_their_coefficients(dtype, where):
    """x = 1e4 ± 1 in float32 lies on a grid of 1e-3: only exact steps leave second derivatives."""
    network, alphas = Network(), MultiIndices.full(4).tuples()
    x = (where + events(300, 4)).astype(np.float32).astype(np.float64)
    engine = engine_of(
        network.model(dtype, centre=where),
        spread=x.std(axis=0),
        largest=abs(x).max(axis=0),
    )
    truth = network.terms(x - where, alphas)
    errors = abs(engine.coefficients(x).terms - truth)
    assert errors.max() < (6e-3 if dtype == np.float32 else 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_the_smallest_steps_are_exact_right_below_a_power_of_two(accuracy, dtype):
    """h is the spacing of numbers there, and the stencil reaches across the power of two."""
    powers = np.array([[1024, 16384, 0.125]], dtype)
    x = np.nextafter(powers, dtype(0)).astype(np.float64)
    g = Graph(N, dtype)
    model = g.model(g.node("Sub", "x", g.constant(powers)), N)  # exact in any arithmetic
    spread = np.full(N, 1e-20)
    engine = engine_of(
        model, CHOICES["gradient"], accuracy=accuracy, spread=spread, largest=abs(x[0])
    )
    np.testing.assert_allclose(engine.coefficients(x).terms[0], np.eye(N), rtol=1e-12)


# ------------------------------------------------------------------------------- choices, points


@stencils
@pytest.mark.parametrize("choice", CHOICES)
def test_chosen_coefficients_are_columns_of_the_full_run(accuracy, mixed, choice):
    polynomial, x, steps = Polynomial(5), events(33), np.array([0.25, 0.5, 0.125])
    function = function_of(polynomial.model())
    options = {"accuracy": accuracy, "mixed": mixed, "steps": steps}
    full = engine_of(function, **options).coefficients(x)
    chosen = engine_of(function, CHOICES[choice], **options)
    columns = [MultiIndices.full(N).tuples().index(a) for a in CHOICES[choice]]
    answer = chosen.coefficients(x)
    np.testing.assert_array_equal(answer.terms, full.terms[:, :, columns])
    np.testing.assert_array_equal(answer.responses, full.responses)
    active = {i for alpha in CHOICES[choice] for i in alpha}
    pairs = sum(len(set(a)) == 2 for a in CHOICES[choice])
    per_axis, per_pair = accuracy, {"two": 2, "four": 4}[mixed] * accuracy // 2
    assert chosen.points == 1 + per_axis * len(active) + per_pair * pairs


@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_point_counts(n):
    full = MultiIndices.full(n)
    assert build_stencil(full, accuracy=2, mixed="two").points == n**2 + n + 1
    assert build_stencil(full, accuracy=2, mixed="four").points == 2 * n**2 + 1
    assert build_stencil(MultiIndices.full(n, 1), accuracy=2).points == 2 * n + 1
    network = Network(n=n)
    assert engine_of(network.model(), mixed="two").points == n**2 + n + 1
    assert engine_of(network.model(), mixed="four").points == 2 * n**2 + 1


def test_the_engine_describes_its_stencil():
    engine = engine_of(Polynomial(2).model(), accuracy=4, mixed="four")
    described = engine.describe()
    assert described["accuracy"] == 4
    assert described["mixed"] == "four"
    assert described["points"] == engine.points == 4 * N**2 + 1
    assert described["steps"] == engine.steps.tolist()
    assert engine.batch_events >= 1


@pytest.mark.parametrize(
    ("order", "options", "message"),
    [
        (3, {}, "third order"),
        (2, {"accuracy": 3}, "accuracy 3"),
        (2, {"accuracy": 6}, "accuracy 6"),
        (2, {"mixed": "three"}, "mixed formula"),
    ],
)
def test_what_is_not_offered_is_refused(order, options, message):
    alphas = MultiIndices.full(N, order).tuples()
    with pytest.raises(OptionError, match=message):
        engine_of(Polynomial(2).model(), alphas, **options)


@pytest.mark.parametrize("digits", [11, 24, 53])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("accuracy", [2, 4])
def test_steps_are_powers_of_two_not_below_the_spacing_of_numbers(digits, order, accuracy):
    random = np.random.default_rng(digits + order)
    stencil = build_stencil(MultiIndices.full(500, 1), accuracy=accuracy)
    spread = 10.0 ** random.uniform(-12, 12, 500)
    largest = spread * 10.0 ** random.uniform(0, 12, 500)
    steps = choose_steps(stencil, spread, largest, digits=digits, order=order)
    assert (np.frexp(steps)[0] == 0.5).all()
    assert (steps >= np.spacing(largest) * 2.0 ** (53 - digits)).all()
    # they grow with the feature's spread wherever its numbers are fine enough
    free = steps > 4 * np.spacing(largest) * 2.0 ** (53 - digits)
    ratio = np.log2(steps / spread)[free]
    assert free.any()
    assert np.ptp(ratio) <= 1.0 + 1e-9


# ---------------------------------------------------------------------------- chunks and batches


def bits(engine: Differences, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    answer = engine.coefficients(x)
    return answer.responses.copy(), answer.terms.copy()


def assert_same_bits(a, b):
    for found, expected in zip(a, b, strict=True):
        np.testing.assert_array_equal(found, expected)


LIMITS = {
    "one event, blocks of 5 points": (5, 5, 2**20),
    "one event, blocks of 1 point": (1, 1, 2**20),
    "one event a chunk": (37, 37, 2**20),
    "three events a chunk": (100, 120, 2**20),
    "all events in one chunk": (256, 8192, 2**30),
    "chunks by the cache": (2, 8192, 2**11),
}


@stencils
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_chunks_and_blocks_do_not_change_a_bit(monkeypatch, accuracy, mixed, limit, dtype):
    function, x = function_of(Polynomial(4).model(dtype)), events(23)
    options = {"accuracy": accuracy, "mixed": mixed}
    expected = bits(engine_of(function, **options), x)
    least, most, cache_bytes = LIMITS[limit]
    monkeypatch.setattr(differences, "MIN_ROWS", least)
    monkeypatch.setattr(differences, "MAX_ROWS", most)
    monkeypatch.setattr(differences, "CHUNK_BYTES", cache_bytes)
    rows, bind = [], Session.bind
    monkeypatch.setattr(
        Session, "bind", lambda self, a, b: (rows.append(len(a)), bind(self, a, b))[1]
    )
    engine = engine_of(function, **options)
    assert_same_bits(bits(engine, x), expected)
    if "blocks" in limit:
        assert max(rows) == most < engine.points
    else:
        assert max(rows) % engine.points == 0
    # nothing of the last call is left in the buffers
    assert_same_bits(bits(engine, x[:2]), [part[:2] for part in expected])
    assert_same_bits(bits(engine, x), expected)


def test_events_do_not_depend_on_their_company():
    engine, x = engine_of(Polynomial(4).model()), events(40)
    responses, terms = bits(engine, x)
    for e in (0, 7, 39):
        assert_same_bits(bits(engine, x[e : e + 1]), (responses[e : e + 1], terms[e : e + 1]))
    order = np.random.default_rng(3).permutation(40)
    assert_same_bits(bits(engine, x[order]), (responses[order], terms[order]))
    assert_same_bits(bits(engine, np.asfortranarray(x)), (responses, terms))
    assert engine.coefficients(x[:0]).terms.shape == (0, 2, 9)


def test_the_number_of_threads_does_not_change_a_bit():
    function, x = function_of(Polynomial(4).model()), events(500)
    expected = bits(engine_of(function, threads=1), x)
    for threads in (2, 3):
        assert_same_bits(bits(engine_of(function, threads=threads), x), expected)


def test_the_number_of_threads_is_nobody_elses_business():
    import numba

    before = numba.get_num_threads()
    engine_of(Polynomial(2).model(), threads=1).coefficients(events())
    assert numba.get_num_threads() == before


def test_networks_agree_over_chunks_and_threads(monkeypatch):
    """Matrix products may sum in another order: then the round-off of the response is left."""
    function, x = function_of(Network().model()), events(100, 4)
    expected = bits(engine_of(function, steps=np.full(4, 2.0**-8)), x)
    monkeypatch.setattr(differences, "MIN_ROWS", 7)
    monkeypatch.setattr(differences, "MAX_ROWS", 7)
    found = bits(engine_of(function, steps=np.full(4, 2.0**-8), threads=1), x)
    np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=4e-15)
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-15 * 2**16 * 10)


def stubborn(polynomial: Polynomial, batch: int) -> onnx.ModelProto:
    """The polynomial with its batch in a Reshape whose target is computed: it cannot be freed."""
    model = polynomial.model(batch=batch)
    for node in model.graph.node:
        for k, name in enumerate(node.input):
            if name == "x":
                node.input[k] = "reshaped"
    constants = {"batch": [batch], "features": [N]}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(v, np.int64), k) for k, v in constants.items()
    )
    nodes = [
        helper.make_node("Concat", ["batch", "features"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["reshaped"]),
        *model.graph.node,
    ]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("count", [1, 7])
def test_graphs_that_insist_on_their_batch_give_the_same_coefficients(batch, count):
    # a polynomial of its own, so that memory of another test does not hold the answer
    polynomial, x = Polynomial(3, seed=10 * count + batch), events()[:count]
    opened = open_model(read_model(stubborn(polynomial, batch)), ModelRequest(), x)
    assert opened.batch == f"fixed to {batch}: evaluated {batch} at a time"
    assert opened.function.fixed_batch == batch
    engine = engine_of(opened.function)
    engine.coefficients(x + 1.0)  # nor a buffer that was used before
    assert_same_bits(bits(engine, x), bits(engine_of(polynomial.model()), x))


@pytest.mark.parametrize("batch", [1, 3])
def test_graphs_whose_batch_was_freed_give_the_same_coefficients(batch):
    polynomial, x = Polynomial(3), events()
    opened = open_model(read_model(polynomial.model(batch=batch)), ModelRequest(), x)
    assert opened.function.fixed_batch == 0
    found = bits(engine_of(opened.function), x)
    assert_same_bits(found, bits(engine_of(polynomial.model()), x))
