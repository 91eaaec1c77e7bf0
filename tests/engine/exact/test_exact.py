"""The exact engine: pieces put together, chosen coefficients, lanes, and bounded memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxtaylor
from onnxtaylor.compiler import TERMS, curvature
from onnxtaylor.compiler.curvature import blocks
from onnxtaylor.engine.exact import engine as exact
from onnxtaylor.engine.exact import pipeline
from onnxtaylor.engine.exact.batch_size import BatchRequest
from onnxtaylor.engine.exact.derive import derive
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.runtime.provider import PROVIDERS
from onnxtaylor.runtime.session import start
from tests.engine.paper import Graph
from validation.performance.nets import dense_net


def function_of(layers: tuple[int, ...], **kinds: str) -> GraphFunction:
    model = read_model(dense_net(layers, **kinds))
    return build_function(model, choose(model))


def events(rows: int, features: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(rows, features)).astype(np.float32).astype(float)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("layers", [(3, 8, 2), (30, 40, 20, 5), (70, 16, 8, 1)])
@pytest.mark.parametrize("activation", ["Tanh", "Relu"])
def test_pieces_are_the_terms_of_the_whole_graph(layers, order, activation):
    function, x = function_of(layers, activation=activation), events(37, layers[0])
    indices = MultiIndices.full(layers[0], order)
    whole = derive(function, indices, x)
    session = start(whole.proto, threads=1)
    (expected,) = session.run([TERMS], {function.feed: x.astype(np.float32)})
    found = Exact(function, indices, x=x, threads=2).coefficients(x).terms
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=4e-7 * scale)


@pytest.mark.parametrize(
    "alphas",
    [
        [(4,)],
        [(2, 2)],
        [(1, 29)],
        [(3,), (0, 5), (5, 28), (17, 17)],
        [(20,), *((i, j) for i in range(10, 20) for j in range(i, 25))],
    ],
)
def test_chosen_coefficients_are_those_of_the_full_list(alphas):
    function, x = function_of((30, 40, 20, 3)), events(9, 30)
    indices, full = MultiIndices.of(30, alphas), MultiIndices.full(30)
    place = {alpha: k for k, alpha in enumerate(full.tuples())}
    whole = Exact(function, full, x=x).coefficients(x).terms
    expected = whole[:, :, [place[alpha] for alpha in indices.tuples()]]
    found = Exact(function, indices, x=x).coefficients(x).terms
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(whole).max())


def test_only_features_that_are_asked_for_have_tangents():
    function, x = function_of((30, 40, 20, 3)), events(4, 30)
    few = derive(function, MultiIndices.of(30, [(0, 1), (1, 7)]), x, loose=True)
    rows = [t.dims[0] for t in few.proto.graph.initializer if len(t.dims) == 3]
    assert set(rows) == {3}


@pytest.mark.parametrize("features", [1, 7, 16, 17, 24, 30, 100, 129, 300, 1000])
def test_blocks_cut_all_features_once(features):
    parts = blocks(features)
    assert [i for a, b in parts for i in range(a, b)] == list(range(features))
    computed = sum((b - a) * (features - a) for a, b in parts)
    assert computed <= features**2
    if features >= 100:
        assert computed < 1.25 * count(features, 2)


# Sums in the graph: the same statistics as the kernels', on the CPU. Not run on CUDA.


def through_graph(monkeypatch: pytest.MonkeyPatch) -> list[Exact]:
    """Makes analyses sum in the graph, 32 events at a time; returns their engines, as made."""
    made: list[Exact] = []
    build = Exact.__init__

    def init(self: Exact, *args: object, **options: object) -> None:
        build(self, *args, **{**options, "sums": "graph", "batch": BatchRequest(size=32)})
        made.append(self)

    monkeypatch.setattr(Exact, "__init__", init)
    return made


@pytest.fixture
def same_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """All products are the graph's: the sums are of the same numbers in single precision."""
    monkeypatch.setattr(curvature, "KERNEL_FEATURES", 0)


def sample(rows: int = 211, features: int = 6) -> dict[str, Any]:
    random = np.random.default_rng(8)
    return {
        "x": events(rows, features),
        "weights": random.normal(1.0, 1.0, rows),
        "labels": random.choice(["a", "b", "c"], rows, p=[0.5, 0.4, 0.1]),
        "bootstrap": 30,
        "seed": 4,
    }


def assert_same(found: TaylorResult, expected: TaylorResult) -> None:
    largest = expected.score.max()
    for name in ("score", "sem", "signed_mean"):
        value, known = getattr(found, name), getattr(expected, name)
        assert np.abs(value - known).max() <= 1e-12 * largest, name
    # negative weights may leave next to nothing of a mean square: its root has fewer digits
    assert np.array_equal(np.isnan(found.rms), np.isnan(expected.rms))
    assert np.nanmax(np.abs(found.rms**2 - expected.rms**2)) <= 1e-12 * largest**2
    for name in ("rank", "rank_low", "rank_high"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    for group, known in zip(found.data.groups, expected.data.groups, strict=True):
        assert (group.name, group.events) == (known.name, known.events)
        assert group.sum_weight == pytest.approx(known.sum_weight, rel=1e-12)
        assert group.n_eff == pytest.approx(known.n_eff, rel=1e-12)


@pytest.mark.usefixtures("same_products")
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_sums_of_the_graph_are_those_of_the_kernels(monkeypatch, order, precision):
    model = dense_net((6, 12, 3))
    options = {**sample(), "order": order, "engine": "exact", "precision": precision}
    expected = onnxtaylor.analyze(model, **options)
    made = through_graph(monkeypatch)
    assert_same(onnxtaylor.analyze(model, **options), expected)
    assert made[0].sums_in_graph
    # batches that the graph has to cut, and others that do not fill one
    for size in (1, 50, 1000):
        assert_same(onnxtaylor.analyze(model, **options, batch_size=size), expected)


@pytest.mark.usefixtures("same_products")
def test_sums_without_classes_weights_and_replicates(monkeypatch):
    model, x = dense_net((4, 8, 1), last="Sigmoid"), events(77, 4)
    expected = onnxtaylor.analyze(model, x, bootstrap=0)
    assert through_graph(monkeypatch) == []
    found = onnxtaylor.analyze(model, x, bootstrap=0)
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-12)
    np.testing.assert_allclose(found.sem, expected.sem, rtol=1e-12)
    assert found.rank_low is None


def test_graph_makes_the_sums_where_it_is_told_to():
    function, x = function_of((4, 8, 2)), events(16, 4)
    indices = MultiIndices.full(4, 1)
    assert not Exact(function, indices, x=x).sums_in_graph
    engine = Exact(function, indices, x=x, sums="graph")
    nothing = np.empty((3, 0), np.uint8)
    moments, _ = engine.sums(x[:3], np.ones(3), np.zeros(3, np.int64), nothing)
    terms = engine.coefficients(x[:3]).terms.reshape(3, -1)
    np.testing.assert_allclose(moments[0, 0], np.abs(terms).sum(axis=0), rtol=1e-12)
    kernel = Exact(function, indices, x=x, sums="kernel")
    assert kernel.sums(x[:3], np.ones(3), np.zeros(3, np.int64), nothing) is None


def test_cuda_sums_in_the_graph_unless_replicates_outnumber_the_coefficients(monkeypatch):
    """The CPU's provider under the name of the other: what is chosen, not how it runs there."""
    monkeypatch.setitem(PROVIDERS, "cuda", PROVIDERS["cpu"])
    function, x = function_of((4, 8, 2)), events(16, 4)
    for replicates, in_graph in ((0, True), (500, False)):
        engine = Exact(
            function,
            MultiIndices.full(4, 1),
            x=x,
            provider="cuda",
            replicates=replicates,
            batch=BatchRequest(size=64),
        )
        assert engine.sums_in_graph == in_graph


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_sums_name_the_event_whose_coefficients_are_not_finite(monkeypatch, weight):
    """√Σx² has no derivative at 0; an event without weight is named as well."""
    g = Graph(3, np.float64)
    norm = g.node("ReduceSum", g.node("Mul", "x", "x"), g.constant([1], np.int64), keepdims=1)
    model, x, weights = g.model(g.node("Sqrt", norm), 1), events(301, 3), np.ones(301)
    x[223], weights[223] = 0.0, weight
    for _ in range(2):
        with pytest.raises(ModelError, match="not finite at event 223"):
            onnxtaylor.analyze(model, x, weights=weights, engine="exact", bootstrap=5)
        through_graph(monkeypatch)


class WrongAbove:
    """A session whose first answer is off by 0.1 where a feature exceeds 2."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._last = threading.local()  # what the latest call of a thread read and answered
        self._bound: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        first, *others = self._session.run(names, feeds)
        self._last.arrays = next(iter(feeds.values())), first
        self._spoil(*self._last.arrays)
        return [first, *others]

    def io_binding(self) -> Any:
        """The arrays of the latest call are bound."""
        binding = self._session.io_binding()
        self._bound[id(binding)] = self._last.arrays
        return binding

    def run_with_iobinding(self, binding: Any) -> None:
        self._session.run_with_iobinding(binding)
        self._spoil(*self._bound[id(binding)])

    def _spoil(self, rows: np.ndarray, responses: np.ndarray) -> None:
        responses += 0.1 * (rows > 2.0).any(axis=1)[:, None].astype(responses.dtype)


@pytest.mark.parametrize("sums", ["graph", "kernel"])
def test_responses_are_compared_on_every_batch(monkeypatch, sums):
    """The last event of the last batch is the only one at which the derivative graph is wrong."""
    for module in (exact, pipeline):
        wrong = lambda *args, **kinds: WrongAbove(start(*args, **kinds))  # noqa: E731
        monkeypatch.setattr(module, "start", wrong)
    if sums == "graph":
        through_graph(monkeypatch)
    x = np.clip(events(333, 3), -1.5, 1.5)
    options = {"engine": "exact", "bootstrap": 0, "batch_size": 100}
    onnxtaylor.analyze(dense_net((3, 8, 2)), x, **options)
    x[-1, 1] = 3.0
    with pytest.raises(ModelError, match=r"response differs from the model's by 0\.1"):
        onnxtaylor.analyze(dense_net((3, 8, 2)), x, **options)


@pytest.mark.usefixtures("same_products")
def test_sums_continue_from_a_checkpoint_of_the_kernels(monkeypatch, tmp_path):
    model, options = dense_net((6, 12, 3)), {**sample(), "engine": "exact", "batch_size": 20}
    expected = onnxtaylor.analyze(model, **options)

    def interrupt(stage: str, done: int, total: int | None) -> None:
        if stage == "coefficients" and done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        onnxtaylor.analyze(model, **options, resume=tmp_path, progress=interrupt)
    through_graph(monkeypatch)
    starts: list[int] = []
    found = onnxtaylor.analyze(
        model,
        **options,
        resume=tmp_path,
        progress=lambda stage, done, total: (
            starts.append(done) if stage == "coefficients" else None
        ),
    )
    assert starts[0] == 100
    assert_same(found, expected)


PEAK = """
import sys, resource, numpy as np
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.graph import build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from validation.performance.nets import dense_net
n, events = int(sys.argv[1]), int(sys.argv[2])
model = read_model(dense_net((n, 64, 32, 2)))
function = build_function(model, choose(model))
x = np.random.default_rng(0).normal(size=(events, n))
engine = Exact(function, MultiIndices.full(n), x=x[:16])
for k in range(0, events, engine.batch_events):
    engine.coefficients(x[k : k + engine.batch_events])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_a_thousand_features_fit_in_bounded_memory():
    """501 500 coefficients of 2 responses; their constant products alone would take 128 MB."""

    def peak(features: int, rows: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(features), str(rows)],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    few, many = peak(1000, 8), peak(1000, 64)
    assert many < 1.1 * few
    assert many - peak(8, 8) < 400


def test_a_softplus_of_log_and_exp_does_not_overflow():
    """f = log(1 + exp(3x)): the square of exp(3x) leaves single precision at x = 15, f does not."""
    e3 = helper.make_node("Mul", ["x", "three"], ["a"])
    steps = [("Exp", ["a"], "b"), ("Add", ["b", "one"], "c"), ("Log", ["c"], "y")]
    nodes = [e3, *(helper.make_node(kind, names, [out]) for kind, names, out in steps)]
    constants = {"three": np.float32(3), "one": np.float32(1)}
    graph = helper.make_graph(
        nodes,
        "softplus",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = read_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    )
    function = build_function(model, choose(model))
    x = np.linspace(-9, 29, 39)[:, None]
    terms = Exact(function, MultiIndices.full(1), x=x).coefficients(x).terms[:, 0]
    slope = 1 / (1 + np.exp(-3 * x[:, 0]))
    np.testing.assert_allclose(terms[:, 0], 3 * slope, rtol=1e-6)
    np.testing.assert_allclose(terms[:, 1], 4.5 * slope * (1 - slope), atol=3e-6)
