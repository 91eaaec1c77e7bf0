"""The exact engine: pieces put together, chosen coefficients, lanes, and bounded memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from onnxtaylor.compiler import TERMS
from onnxtaylor.compiler.curvature import blocks
from onnxtaylor.engine.exact import Exact, derive
from onnxtaylor.engine.session import start
from onnxtaylor.graph import GraphFunction, ModelRequest, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices, count
from validation.performance.nets import dense_net


def function_of(layers: tuple[int, ...], **kinds: str) -> GraphFunction:
    model = read_model(dense_net(layers, **kinds))
    return build_function(model, choose(model, ModelRequest()))


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
    assert rows and set(rows) == {3}


@pytest.mark.parametrize("features", [1, 7, 16, 17, 24, 30, 100, 129, 300, 1000])
def test_blocks_cut_all_features_once(features):
    parts = blocks(features)
    assert [i for a, b in parts for i in range(a, b)] == list(range(features))
    computed = sum((b - a) * (features - a) for a, b in parts)
    assert computed <= features**2
    if features >= 100:
        assert computed < 1.25 * count(features, 2)


PEAK = """
import sys, resource, numpy as np
from onnxtaylor.engine.exact import Exact
from onnxtaylor.graph import ModelRequest, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from validation.performance.nets import dense_net
n, events = int(sys.argv[1]), int(sys.argv[2])
model = read_model(dense_net((n, 64, 32, 2)))
function = build_function(model, choose(model, ModelRequest()))
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
