"""Chosen coefficients, the points that they need, and steps."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.engine.differences.stencil import build_stencil
from onnxtaylor.engine.differences.steps import formula_steps, widen_to_grid
from onnxtaylor.errors import OptionError
from onnxtaylor.indices import MultiIndices
from tests.engine.paper import (
    CHOICES,
    N,
    Network,
    Polynomial,
    engine_of,
    events,
    function_of,
    stencils,
)


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
        (3, {}, "order 3 is beyond finite differences"),
        (2, {"accuracy": 3}, "accuracy 3"),
        (2, {"accuracy": 8}, "accuracy 8"),
        (2, {"mixed": "three"}, "mixed 'three'"),
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
    wanted = formula_steps(spread, digits=digits, order=order, accuracy=accuracy)
    steps = widen_to_grid(wanted, largest, reach=stencil.formula.reach, digits=digits)
    assert (np.frexp(steps)[0] == 0.5).all()
    assert (steps >= np.spacing(largest) * 2.0 ** (53 - digits)).all()
    # they grow with the feature's spread wherever its numbers are fine enough
    free = steps > 4 * np.spacing(largest) * 2.0 ** (53 - digits)
    ratio = np.log2(steps / spread)[free]
    assert free.any()
    assert np.ptp(ratio) <= 1.0 + 1e-9
