"""Chunks, threads and fixed batches do not change a bit of the differences."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnxtaylor.engine.differences import chunks
from onnxtaylor.graph import read_model
from onnxtaylor.options import ModelOptions
from onnxtaylor.problem.opening import open_model
from onnxtaylor.runtime.session import Session
from tests.engine.paper import (
    N,
    Network,
    Polynomial,
    assert_same_bits,
    bits,
    engine_of,
    events,
    function_of,
    stencils,
)

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
    monkeypatch.setattr(chunks, "MIN_ROWS", least)
    monkeypatch.setattr(chunks, "MAX_ROWS", most)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", cache_bytes)
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
    monkeypatch.setattr(chunks, "MIN_ROWS", 7)
    monkeypatch.setattr(chunks, "MAX_ROWS", 7)
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
    opened = open_model(read_model(stubborn(polynomial, batch)), ModelOptions(), x)
    assert opened.batch == f"fixed to {batch}: evaluated {batch} at a time"
    assert opened.function.fixed_batch == batch
    engine = engine_of(opened.function)
    engine.coefficients(x + 1.0)  # nor a buffer that was used before
    assert_same_bits(bits(engine, x), bits(engine_of(polynomial.model()), x))


@pytest.mark.parametrize("batch", [1, 3])
def test_graphs_whose_batch_was_freed_give_the_same_coefficients(batch):
    polynomial, x = Polynomial(3), events()
    opened = open_model(read_model(polynomial.model(batch=batch)), ModelOptions(), x)
    assert opened.function.fixed_batch == 0
    found = bits(engine_of(opened.function), x)
    assert_same_bits(found, bits(engine_of(polynomial.model()), x))
