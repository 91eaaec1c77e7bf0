"""Coefficients block by block: those of one graph of everything, and of closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.engine.exact import fit
from onnxtaylor.engine.exact.compile_blocks import compile_blocks
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.exact.fit import Fit
from onnxtaylor.engine.exact.pipeline import Pipeline, PipelineParts
from onnxtaylor.errors import OptionError
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.session import Session
from tests.engine.nets import Net, events_of
from tests.engine.paper import function_of

Array = np.ndarray
NET = Net("tanh", (7, 11, 3))


def function(net: Net = NET) -> GraphFunction:
    return function_of(net.model(np.float64))


def coefficients(f: GraphFunction, indices: MultiIndices, x: Array, size: int) -> Array:
    graphs = compile_blocks(f, indices, x, size, joints=True)
    parts = PipelineParts.start(Fit(graphs, len(x), 1, True, 0, 0), f, provider="cpu")
    pipeline = Pipeline(parts, Session(f, threads=1), events=len(x), outputs=3)
    responses, terms = np.empty((len(x), 3)), np.full((len(x), 3, len(indices)), np.nan)
    pipeline.run(x, responses, terms, np.empty(len(x), np.bool_))
    return terms


def agree(terms: Array, expected: Array) -> bool:
    return bool(np.abs(terms - expected).max() < 1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_blocks_of_any_size_yield_the_closed_form(size):
    x = events_of(7, 9)
    assert agree(coefficients(function(), MultiIndices.full(7, 2), x, size), NET.terms(x))


@pytest.mark.parametrize("size", [1, 4, 7])
def test_first_order_in_blocks(size):
    x = events_of(7, 9)
    terms = coefficients(function(), MultiIndices.full(7, 1), x, size)
    assert agree(terms, NET.terms(x)[..., :7])


@pytest.mark.parametrize(
    "chosen", [[(5,), (0, 6), (2, 3)], [(0, 6)], [(1, 1), (6, 6)], [(0, 1), (0, 6), (4,)]]
)
def test_chosen_coefficients_in_blocks(chosen):
    x, indices = events_of(7, 4), MultiIndices.of(7, chosen)
    places = [MultiIndices.full(7, 2).tuples().index(alpha) for alpha in indices.tuples()]
    terms = coefficients(function(), indices, x, 2)
    assert agree(terms, NET.terms(x)[..., places])


def test_a_pair_of_blocks_is_computed_once():
    blocks = compile_blocks(function(), MultiIndices.full(7, 2), events_of(7, 3), 3)
    runs = blocks.runs
    assert [run.blocks for run in runs] == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    assert sorted(np.concatenate([run.slots for run in runs]).tolist()) == list(range(35))


def engine(memory: int, net: Net, x: Array, order: int = 2) -> Exact:
    f = function(net)
    return Exact(f, f.indices(order), x=x, memory=memory, threads=2)


def test_little_memory_takes_fewer_events_then_threads_then_blocks(monkeypatch):
    monkeypatch.setattr(fit, "BLOCK_BYTES", 0)
    net = Net("tanh", (60, 30, 3))
    x = events_of(60, 20)
    whole = engine(2**30, net, x)
    each = whole.fit.each
    needed = [whole.fit.fixed + 4 * each, whole.fit.fixed + each, whole.fit.fixed + each // 4]
    found = [engine(memory, net, x) for memory in needed]
    shown = [(e.fit.threads, e.fit.graphs.size > 0) for e in found]
    assert shown[0] == (2, False)
    assert shown[-1][1]
    for e, memory in zip(found, needed, strict=True):
        assert e.fit.peak(e.fit.most) <= memory
        assert agree(e.coefficients(x).terms, net.terms(x))


def test_one_event_that_does_not_fit_is_refused_with_the_number(monkeypatch):
    net = Net("tanh", (60, 30, 3))
    x = events_of(60, 20)
    with pytest.raises(OptionError, match=r"too little: .* needs [0-9.e-]+ GiB") as caught:
        engine(2**19, net, x)
    assert caught.value.option == "memory"
    assert "\n" not in str(caught.value)


def test_events_on_a_joint_in_blocks_as_in_one_graph(monkeypatch):
    net = Net("relu", (40, 20, 3))
    x = events_of(40, 12)
    matrix, bias = net.weights()[0]
    x[::3] -= np.outer((x[::3] @ matrix + bias)[:, 0], matrix[:, 0]) / (matrix[:, 0] @ matrix[:, 0])
    whole = engine(2**30, net, x)
    monkeypatch.setattr(fit.Planned, "constant_bytes", 2**30)  # so blocks from the beginning
    blocked = engine(2**30, net, x)
    assert blocked.fit.graphs.size
    a, b = whole.coefficients(x), blocked.coefficients(x)
    assert agree(b.terms, a.terms)
    assert (a.no_derivative is None) == (b.no_derivative is None)
    if a.no_derivative is not None:
        assert np.array_equal(a.no_derivative.mask, b.no_derivative.mask)
