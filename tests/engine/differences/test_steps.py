"""Steps are tried on the model: narrow where it is steep, wide where it is flat, and few trials."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from onnxtaylor.engine.differences.steps import (
    BEYOND,
    LADDER,
    NARROWER,
    adapt_steps,
    pilot_events,
    widen_to_grid,
)
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.session import Session
from tests.engine.nets import Net, events_of, judged
from tests.engine.paper import Graph

DIGITS = {np.float32: 24, np.float64: 53}
formats = pytest.mark.parametrize("dtype", DIGITS)


def waves(frequencies, dtype):
    """Σ sin(ω_i x_i) / ω_i: feature i changes over a length of 1/ω_i."""
    g = Graph(len(frequencies), dtype)
    inner = g.node("Mul", "x", g.constant(np.array(frequencies)[None]))
    outer = g.node("Div", g.node("Sin", inner), g.constant(np.array(frequencies)[None]))
    ones = g.constant(np.ones((len(frequencies), 1)))
    return g.model(g.node("MatMul", outer, ones), 1)


@formats
def test_steep_features_get_narrow_steps(dtype):
    x = events_of(4)
    engine, _ = judged(waves([0.5, 1.0, 8.0, 64.0], dtype), x)
    for h in engine.steps:
        assert (h[:-1] >= h[1:]).all()
        assert h[0] >= 16 * h[3]
    assert (engine.steps[1] >= engine.steps[0]).all()


@formats
def test_chosen_steps_are_nearly_the_best_there_are(dtype):
    """A scan over powers of two finds none that is much better.

    They are somewhat narrow: the truncation that is estimated is that of fourth order. Of second
    derivatives that costs ε^(2/3) in place of ε^(3/4), a factor 20 in double precision.
    """
    factor = {np.float32: 4, np.float64: 20}[dtype]
    net, x = Net("swish", gain=2.0), events_of(6)
    truth = net.terms(x[64:264])
    engine, answer = judged(net.model(dtype), x[64:264], x[:64])
    orders = engine.indices.orders
    medians = {order: [] for order in (1, 2)}
    for k in range(-14, 1):
        _, other = judged(net.model(dtype), x[64:264], x[:64], steps=np.full(6, 2.0**k))
        for order, found in medians.items():
            found.append(np.median(abs(other.terms - truth)[..., orders == order]))
    for order, found in medians.items():
        mine = np.median(abs(answer.terms - truth)[..., orders == order])
        assert mine <= factor * min(found), order


@formats
def test_steps_are_powers_of_two_not_below_the_spacing(dtype):
    x = events_of(6) + np.array([0, 0, 1e3, 0, -1e5, 0])
    engine, answer = judged(Net("tanh").model(dtype), x)
    assert engine.steps.shape == (2, 6)
    assert (np.frexp(engine.steps)[0] == 0.5).all()
    spacing = np.spacing(abs(x).max(axis=0)) * 2.0 ** (53 - DIGITS[dtype])
    assert (engine.steps >= spacing).all()
    assert np.isfinite(answer.error_bounds).all()


@pytest.mark.parametrize("power", [-20, 10])
def test_steps_follow_the_units_of_the_features(power):
    net, x, unit = Net("tanh"), events_of(6), 2.0**power
    model = net.model(np.float64)
    engine, _ = judged(model, x)
    scaled = net.model(np.float64)
    for k, tensor in enumerate(scaled.graph.initializer):
        if list(tensor.dims) == [6, 20]:
            wide = numpy_helper.to_array(tensor) / unit
            scaled.graph.initializer[k].CopyFrom(numpy_helper.from_array(wide, tensor.name))
    other, _ = judged(scaled, x * unit)
    np.testing.assert_array_equal(other.steps, engine.steps * unit)


@pytest.mark.parametrize("n", [1, 2, 12])
def test_the_number_of_evaluations_is_bounded(monkeypatch, n):
    rows, bind = [], Session.bind

    def counted(self, a, b):
        call = bind(self, a, b)

        def run():
            rows.append(len(a))
            call()

        return run

    monkeypatch.setattr(Session, "bind", counted)
    x = events_of(n, 64)
    model = Net("tanh", sizes=(n, 8, 2)).model()
    engine, _ = judged(model, x)
    pairs = min(2 * n, n * (n - 1) // 2)
    rungs = len(LADDER) + sum(map(len, BEYOND))
    most = 32 * (rungs * (1 + 12 * n) + len(NARROWER) * (1 + 6 * n + 6 * pairs))
    assert 0 < sum(rows) - len(x) * engine.points <= most


@pytest.mark.parametrize(("n", "outputs", "count"), [(4, 1, 32), (784, 10, 2), (60, 1, 10)])
def test_large_models_are_tried_on_fewer_events(n, outputs, count):
    x = np.arange(64.0)[:, None] * np.ones(n)
    chosen = pilot_events(x, outputs)
    assert len(chosen) == count
    assert chosen[0, 0] == 0
    assert chosen[-1, 0] == 63
    assert len(pilot_events(x[:5], outputs)) <= 5


def test_the_cheapest_step_is_taken_for_each_feature_and_order():
    """Costs that are known: a parabola in log₂ h with another bottom for each coefficient."""
    indices = MultiIndices.full(3)
    bottoms = {(0,): 1, (1,): -3, (2,): 0, (0, 0): 2, (1, 1): -1, (2, 2): -6}

    def trial(asked, steps):
        costs = []
        for alpha in asked.tuples():
            h = np.log2(steps[len(alpha) - 1, list(alpha)].mean())
            costs.append((h - bottoms.get(alpha, 99 if h > 0 else h)) ** 2)
        return np.tile(costs, (7, 1))

    start = np.ones((2, 3))
    found = np.log2(adapt_steps(trial, MultiIndices.of(3, bottoms), start, lambda h: h))
    np.testing.assert_array_equal(found, [[1, -3, 0], [2, -1, -6]])
    assert indices.order == 2


def test_pairs_narrow_the_steps_of_second_order():
    def trial(asked, steps):
        pairs = any(len(set(alpha)) == 2 for alpha in asked.tuples())
        h = np.log2(steps[1, 0])
        return np.full((3, len(asked)), (h + 2 if pairs else h) ** 2)

    found = adapt_steps(trial, MultiIndices.full(4), np.ones((2, 4)), lambda h: h)
    np.testing.assert_array_equal(found, [[1.0] * 4, [0.25] * 4])


def test_steps_that_leave_the_domain_are_not_taken():
    """√x near zero: wide steps give NaN."""
    g = Graph(2, np.float64)
    model = g.model(g.node("Sqrt", "x"), 2)
    x = 1.0 + 0.2 * np.random.default_rng(0).random((200, 2))
    spread = np.full(2, 1e4)  # as of a feature whose other events lie far away
    engine, answer = judged(model, x, spread=spread)
    assert np.isfinite(answer.error_bounds).all()
    assert (3 * engine.steps < 1.0).all()


def test_given_steps_replace_the_choice():
    x, net = events_of(6), Net("tanh")
    one, _ = judged(net.model(), x, steps=np.full(6, 0.125))
    np.testing.assert_array_equal(one.steps, np.full((2, 6), 0.125))
    both = np.stack((np.full(6, 0.0625), np.full(6, 0.25)))
    two, _ = judged(net.model(), x, steps=both)
    np.testing.assert_array_equal(two.steps, both)
    assert two.points == one.points + 36  # the first order has points of its own
    assert two.describe()["steps"] == both.tolist()


def test_widening_keeps_wide_steps():
    largest = np.array([1.0, 1000.0])
    steps = np.array([[2.0**-30, 2.0**-30], [0.5, 0.5]])
    found = widen_to_grid(steps, largest, reach=3.0, digits=24)
    np.testing.assert_array_equal(found, [[2.0**-22, 2.0**-14], [0.5, 0.5]])


def test_steps_are_chosen_once_and_the_same_every_time():
    x, net = events_of(6), Net("sigmoid")
    one, _ = judged(net.model(), x)
    two, _ = judged(net.model(), x)
    np.testing.assert_array_equal(one.steps, two.steps)


@pytest.mark.parametrize("flat", [0, 6, 18])
def test_events_without_a_response_have_no_say(flat: int):
    """Where a feature is missing the response is flat, and the widest step seems to be the best."""
    indices = MultiIndices.of(1, [(0,), (0, 0)])

    def trial(asked: MultiIndices, steps: np.ndarray) -> np.ndarray:
        h = steps[asked.orders - 1, 0]
        bends = 50.0 * (np.arange(20) >= flat)[:, None]
        return bends * h**4 + 1e-6 * np.linspace(1, 2, 20)[:, None] / h**asked.orders

    found = adapt_steps(trial, indices, np.full((2, 1), 2.0**-4), lambda steps: steps)
    assert found.tolist() == [[2.0**-5], [2.0**-4]]
