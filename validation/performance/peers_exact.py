"""The one place where the comparison touches the exact engine: ``exact_scores``.

For now the compiled derivative graph is called as it is, with its sums over the batch in the graph
(abs, then a sum over events), by as many sessions, threads and events at a time as a short trial
of the graph itself finds best. The engine will do all that by itself: then this file is a call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from onnxtaylor.compiler import TERMS, compile_terms
from onnxtaylor.engine.observe import observe
from onnxtaylor.engine.session import runtime
from onnxtaylor.graph import ModelRequest, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from validation.performance.peers_programs import median_seconds

__all__ = ["Prepared", "exact_scores", "prepare"]

Scores = npt.NDArray[np.float64]
BATCHES = (2, 4, 8, 16, 32, 64, 256, 1024)
TENSOR_BYTES = 2**27
"""No larger batch is tried than one whose coefficients fit in here."""


@dataclass(frozen=True)
class Prepared:
    """A compiled graph and the best way that was found to run it."""

    sums: Callable[[npt.NDArray[np.float32]], Scores]
    batch: int
    sessions: int
    threads_each: int
    compile_seconds: float
    """From the model to sessions that can be called."""
    trial_seconds: float


_PREPARED: dict[tuple[bytes, int], Prepared] = {}


def exact_scores(
    model: onnx.ModelProto, x: npt.NDArray[np.float32], threads: int
) -> tuple[Scores, float]:
    """⟨t⟩ (C, K) over the events x (N, n) without weights, and the seconds that it took.

    The first call compiles, outside those seconds.
    """
    sums = prepare(model, threads).sums
    start = time.perf_counter()
    scores = sums(x) / len(x)
    return scores, time.perf_counter() - start


def prepare(model: onnx.ModelProto, threads: int) -> Prepared:
    """Compiles, and finds by trial the batch size, and one session of all threads or one each."""
    key = (model.SerializeToString(deterministic=True), threads)
    if key not in _PREPARED:
        _PREPARED[key] = _prepare(model, threads)
    return _PREPARED[key]


def _prepare(model: onnx.ModelProto, threads: int) -> Prepared:
    start = time.perf_counter()
    read = read_model(model)
    function = build_function(read, choose(read, ModelRequest()))
    indices = MultiIndices.full(function.n_features)
    opset = next(o.version for o in function.proto.opset_import if o.domain in ("", "ai.onnx"))
    graph = compile_terms(function, indices, observe(function), opset)
    content = _with_sums(graph.proto).SerializeToString()
    ways = {
        (sessions, threads // sessions): [
            _session(content, threads // sessions) for _ in range(sessions)
        ]
        for sessions in {1, threads}
    }
    compiled = time.perf_counter()
    event = 4 * len(indices) * model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    trials = []
    for (sessions, each), opened in ways.items():
        for batch in BATCHES:
            if batch > max(2, TENSOR_BYTES // event):
                break
            call = _caller(opened, function.feed, batch)
            x = np.random.default_rng(0).normal(size=(batch * sessions, function.n_features))
            rate = len(x) / median_seconds(partial(call, x.astype(np.float32)))
            trials.append((rate, batch, sessions, each, call))
    _, batch, sessions, each, call = max(trials, key=lambda t: t[0])
    end = time.perf_counter()
    return Prepared(call, batch, sessions, each, compiled - start, end - compiled)


def _with_sums(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with one output: Σ abs(t) over the events, (C, K)."""
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    graph = whole.graph
    graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "peers/axis"))
    graph.node.append(helper.make_node("Abs", [TERMS], ["peers/abs"]))
    graph.node.append(
        helper.make_node("ReduceSum", ["peers/abs", "peers/axis"], ["peers/sums"], keepdims=0)
    )
    del graph.output[:]
    graph.output.append(onnx.ValueInfoProto(name="peers/sums"))
    return whole


def _session(content: bytes, threads: int) -> Any:
    options = runtime().SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return runtime().InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _caller(
    sessions: list[Any], feed: str, batch: int
) -> Callable[[npt.NDArray[np.float32]], Scores]:
    """Sums over any number of events: every session takes its share, batch by batch."""

    def share(session: Any, x: npt.NDArray[np.float32]) -> Scores:
        total: Any = 0.0
        for k in range(0, len(x), batch):
            total = total + session.run(None, {feed: x[k : k + batch]})[0].astype(np.float64)
        return np.asarray(total)

    def sums(x: npt.NDArray[np.float32]) -> Scores:
        batches = -(-len(x) // batch)
        step = batch * -(-batches // len(sessions))
        shares = [x[k : k + step] for k in range(0, len(x), step)]
        if len(shares) == 1:
            return share(sessions[0], shares[0])
        with ThreadPoolExecutor(len(shares)) as pool:
            return np.asarray(sum(pool.map(share, sessions, shares)))

    return sums
