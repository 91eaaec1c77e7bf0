"""Finite differences are exact where they must be, and convergent where they can be."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from onnxtaylor.indices import MultiIndices
from tests.engine.paper import (
    CHOICES,
    Graph,
    N,
    Network,
    Polynomial,
    engine_of,
    events,
    function_of,
    stencils,
)


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
    # truncation and round-off, as formula_steps balances them for second order
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
