"""Plans of the cost: numbers that are known, orders, refusals, and what a plan leaves untouched."""

from __future__ import annotations

import json

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.errors import DataError, OptionError
from onnxtaylor.options import EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.results.cost import Cost, CostPlan, bytes_words, seconds_words
from onnxtaylor.run.inspect import inspect_model
from onnxtaylor.run.plan import plan_problem
from onnxtaylor.runtime.flops import work_of_event
from validation.performance.kinds import masked_sets
from validation.performance.nets import dense_net

N, C, EVENTS = 6, 3, 211


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(2).normal(size=(EVENTS, N))


@pytest.fixture(scope="module")
def found(x):
    return ot.plan(dense_net((N, 16, C)), x)


def test_what_was_asked_for_comes_first_and_each_order_once(found):
    assert [cost.name for cost in found.costs] == ["2 pointwise", "1", "2 averaged"]
    assert found.asked is found.costs[0]
    assert (found.events, found.features, found.responses) == (EVENTS, N, C)


def test_numbers_of_coefficients_and_evaluations(found):
    second, first, averaged = found.costs
    assert first.coefficients == N
    assert second.coefficients == averaged.coefficients == N * (N + 3) // 2
    assert first.evaluations == second.evaluations == EVENTS
    # 2n + 1 gradients and 4n + 1 responses
    assert averaged.evaluations == EVENTS * (6 * N + 2)


def test_operations_of_averaged_second_order(found, x):
    model = work_of_event(dense_net((N, 16, C))).flops
    first = found.costs[1].flops / EVENTS
    averaged = found.costs[2].flops / EVENTS
    gradient = first - model  # responses of first order are compared with the model's
    assert averaged == pytest.approx((2 * N + 1) * gradient + (4 * N + 1) * model, rel=1e-12)


def test_time_and_memory_are_of_all_parts(found):
    for cost in found.costs:
        assert set(cost.seconds) == {"prepare", "coefficients", "rank", "check"}
        assert all(seconds >= 0 for seconds in cost.seconds.values())
        assert cost.total_seconds == pytest.approx(sum(cost.seconds.values()))
        assert found.held_bytes is None or cost.peak_bytes >= found.held_bytes
    assert found.seconds == found.open_seconds + found.asked.total_seconds


def test_as_a_document_and_as_text(found):
    document = json.loads(json.dumps(found.to_dict()))
    assert document["costs"][0]["kind"] == "pointwise"
    assert document["costs"][0]["total_seconds"] == found.asked.total_seconds
    lines = str(found).splitlines()
    assert lines[0] == f"{EVENTS} events × {N} features, {C} responses"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "order 2 pointwise",
        "order 1",
        "order 2 averaged",
    ]


def test_twice_the_events_take_twice_the_time(x):
    """The clock is the engine's own: it moves by one second for each event."""
    from onnxtaylor.run import measure as module
    from onnxtaylor.run import plan

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    real = module.accumulate

    def accumulate(engine, problem, events, sums, batch_size):
        real(engine, problem, events, sums, batch_size=batch_size)
        clock.now += batch_size

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", clock)
        patch.setattr(plan, "time", clock)
        patch.setattr(module, "accumulate", accumulate)
        for count in (EVENTS, 2 * EVENTS):
            rows = np.resize(x, (count, N))
            cost = ot.plan(dense_net((N, 16, C)), rows, check=0).asked
            assert cost.seconds["coefficients"] == count


def test_first_order_is_not_planned_twice(x):
    costs = ot.plan(dense_net((N, 16, C)), x, order=1).costs
    assert [cost.name for cost in costs] == ["1", "2 pointwise", "2 averaged"]


def test_finite_steps_are_planned_alone(x):
    found = ot.plan(dense_net((N, 16, C)), x, finite_step="0.5sigma", order=2)
    assert [cost.name for cost in found.costs] == ["2 finite steps"]
    assert found.asked.engine == "finite-step"
    assert found.asked.seconds["check"] == 0
    model = work_of_event(dense_net((N, 16, C))).flops
    assert found.asked.flops == found.asked.evaluations * model


def test_differences_count_evaluations_of_the_model(x):
    found = ot.plan(dense_net((N, 16, C)), x, engine="differences", check=0)
    model = work_of_event(dense_net((N, 16, C))).flops
    assert found.asked.evaluations > 2 * N * EVENTS
    assert found.asked.flops == found.asked.evaluations * model


def test_sets_with_a_mask_are_ranked_by_variable():
    random = np.random.default_rng(3)
    rows = {"x": random.normal(size=(40, 4, 2)), "mask": np.ones((40, 4))}
    rows["mask"][::2, 2:] = 0
    rows = {name: array.astype(np.float32) for name, array in rows.items()}
    found = ot.plan(masked_sets(4, 2, 8, 2), rows, mask={"mask": ["x"]})
    assert found.features == 8
    assert found.asked.coefficients == 8 * 11 // 2


def test_classes_that_come_late_are_part_of_the_sums(x):
    labels = np.array(["a"] * (EVENTS - 1) + ["b"])
    found = ot.plan(
        dense_net((N, 16, C)), x, labels=labels, weights=np.r_[-np.ones(3), x[3:, 0] ** 2]
    )
    assert found.asked.seconds["rank"] > 0


def test_an_order_with_too_many_coefficients_is_refused_in_its_line(x, monkeypatch):
    from onnxtaylor.run import prepare

    monkeypatch.setattr(prepare, "MOST_COEFFICIENTS", N * C)
    found = ot.plan(dense_net((N, 16, C)), x, order=1)
    assert found.costs[0].refused is None
    assert "too many to hold" in found.costs[1].refused
    assert "too many to hold" in str(found)
    with pytest.raises(OptionError, match="too many to hold"):
        ot.plan(dense_net((N, 16, C)), x, order=2)


def test_a_problem_can_be_planned_and_then_analyzed(x):
    problem = ot.Problem.open(dense_net((N, 16, C)), x)
    found = plan_problem(problem, EngineOptions(order=1), StatisticsOptions(bootstrap=0))
    assert found.asked.name == "1"
    result = ot.analyze(problem, order=1, bootstrap=0)
    alone = ot.analyze(dense_net((N, 16, C)), x, order=1, bootstrap=0)
    np.testing.assert_array_equal(result.score, alone.score)


def test_a_plan_needs_data():
    with pytest.raises(OptionError, match="a model needs data"):
        ot.plan(dense_net((N, 16, C)))
    problem = ot.Problem.open_without_data(dense_net((N, 16, C)), ModelOptions())
    with pytest.raises(DataError, match="needs data"):
        plan_problem(problem)


def test_inspect_says_what_each_order_costs(x):
    report = inspect_model(dense_net((N, 16, C)), x, cost=True)
    assert len(report["cost"]) == 3
    assert report["cost"][0].startswith("order 2 pointwise: about ")
    assert "cost" not in inspect_model(dense_net((N, 16, C)), x)
    assert "cost" not in inspect_model(dense_net((N, 16, C)), cost=True)


def test_words():
    cost = Cost(2, "pointwise", "exact", 9, 100, None, {"prepare": 1.0, "coefficients": 89.0}, None)
    plan = CostPlan(100, 3, 2, 0.5, None, [cost, Cost(1, "pointwise", refused="no")])
    assert plan.lines() == [
        "order 2 pointwise: about 1.5 min, –; exact, 18 coefficients, 100 evaluations, – FLOPs",
        "order 1: no",
    ]
    assert seconds_words(9.7) == "10 s"
    assert bytes_words(2**31) == "2.0 GiB"
