"""What a check costs: counted from its graphs it is the same in every run; the clock is a guard."""

from __future__ import annotations

import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser

import onnxtaylor as ot
from onnxtaylor.crosscheck import costs
from onnxtaylor.crosscheck.costs import measure_costs, plan_by_work
from onnxtaylor.crosscheck.plan import Costs, Plan, Shape, Spent
from onnxtaylor.engine.factory import make_engine
from onnxtaylor.engine.likely import likely_seconds, works_of_event
from onnxtaylor.options import EngineOptions
from validation.performance.nets import dense_net

N, C, EVENTS = 30, 5, 600


class SlowClock:
    """A clock on which everything takes ``times`` as long."""

    def __init__(self, times: float) -> None:
        self._times = times

    def perf_counter(self) -> float:
        return self._times * time.perf_counter()

    def process_time(self) -> float:
        return self._times * time.process_time()


def checked(model: onnx.ModelProto, times: float, **options: object) -> dict:
    x = np.random.default_rng(0).normal(size=(EVENTS, 30)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "time", SlowClock(times))
        check = ot.analyze(model, x, **options).check
    assert check is not None
    return check


def test_the_same_events_on_a_machine_that_is_slower():
    model = dense_net((N, 200, 200, C))
    assert checked(model, 1.0) == checked(model, 2.0) == checked(model, 0.2)


def test_a_check_that_the_clock_finds_too_long_is_cut():
    """A row of the model takes a millisecond, which its work does not show."""
    x = np.random.default_rng(0).normal(size=(EVENTS, N))
    problem = ot.Problem.open(dense_net((N, 200, 200, C)), x)
    indices = problem.function.indices(2)
    exact = make_engine(problem, EngineOptions(), indices, x=problem.first_events).engine
    shape = Shape(N, len(indices) * C, 2, averaged=False)

    def planned(evaluation: float) -> tuple[Plan, float]:
        measured = Costs(1e-4, evaluation, Spent(20.0, 1e-4))
        return plan_by_work(problem, exact, exact, shape, measured, asked=64, method="auto")

    (usual, _), (cut, seconds) = planned(4e-6), planned(1e-3)
    assert usual == planned(8e-6)[0]
    assert cut.events < usual.events
    assert 0 < seconds <= 0.1 * 20.0


def test_kernels_that_an_analysis_of_few_events_loads_are_no_part_of_an_event(monkeypatch):
    """Nor is there a time of an event where an analysis had none, as the first of many shards."""
    x = np.random.default_rng(0).normal(size=(EVENTS, N))
    problem = ot.Problem.open(dense_net((N, 16, C)), x)
    indices = problem.function.indices(2)
    exact = make_engine(problem, EngineOptions(), indices, x=problem.first_events).engine
    for told in (0.2, 2.0, None):  # by its work, such a net takes microseconds
        measured = measure_costs(problem, exact, x[:8], Spent(4.0, told), timed=True)
        assert 0 < measured.event < 0.1
    monkeypatch.setattr(costs, "LOADING", np.inf)  # as if it had the work for it
    long = measure_costs(problem, exact, x[:8], Spent(400.0, 2.0), timed=True)
    assert long.event == 2.0  # it is not taken twice


def test_work_of_each_engine():
    model = dense_net((N, 16, C))
    x = np.random.default_rng(0).normal(size=(50, N))
    problem = ot.Problem.open(model, x)
    indices = problem.function.indices(2)
    runs = {}
    for name, options in {
        "exact": EngineOptions(),
        "averaged": EngineOptions(curvature="averaged"),
        "differences": EngineOptions(engine="differences"),
    }.items():
        engine = make_engine(problem, options, indices, x=problem.first_events).engine
        works = works_of_event(engine, problem.function.proto)
        assert works is not None
        runs[name] = [count for count, _ in works]
        assert likely_seconds(works) > 0
    assert runs["exact"] == [1, 1]  # the graph, and the model that it is compared with
    assert runs["averaged"] == [2 * N + 1, 4 * N + 1]
    assert runs["differences"] == [engine.points]


def test_the_work_of_a_loop_is_not_known():
    body = parser.parse_graph(
        """body (int64 i, bool go, float[B, 3] h) => (bool further, float[B, 3] next)
        { further = Identity (go)  next = Tanh (h) }"""
    )
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
            helper.make_node("Cast", ["s"], ["count"], to=TensorProto.INT64),
            helper.make_node("Loop", ["count", "", "x"], ["y"], body=body),
        ],
        "loop",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert likely_seconds([(1.0, costs.work_of_event(model))]) is None
