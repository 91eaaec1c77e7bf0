"""Bounds of errors: the formulas written out, and their parts one by one."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from onnxtaylor_kernels.errors import bound_errors
from onnxtaylor_kernels.points import formula

N = 3
FEATURES = [0, 1, 2]
PAIRS = [(0, 1), (0, 2), (1, 2)]
ALPHAS = [(i,) for i in FEATURES] + sorted([(i, i) for i in FEATURES] + PAIRS)
ROUNDING = 1e-9
LINE = (-3, -2, -1, 0, 1, 2, 3)
mixed_formulas = pytest.mark.parametrize("mixed", ["two", "four"])


def bounds(responses, noise, steps, mixed, alphas=ALPHAS, pooled=True):
    """errors (E, C, K) and kinks (E, N) of responses (E, P, C)."""
    value, fourth, second = (formula(a, mixed, reach=3) for a in (6, 4, 2))
    couples = ((value, fourth), (fourth, second))
    gaps = {
        name: np.stack([getattr(a, name) - getattr(b, name) for a, b in couples])
        for name in ("first", "second", "corner", "ridge")
    }
    pairs = [a for a in alphas if len(set(a)) == 2]
    where = {alpha: k for k, alpha in enumerate(alphas)}
    integers = [
        np.array([where.get((i,), -1) for i in FEATURES]),
        np.array([where.get((i, i), -1) for i in FEATURES]),
        np.array([where[pair] for pair in pairs], np.int64),
    ]
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    errors = np.full((len(responses), responses.shape[2], len(alphas)), np.nan)
    kinks = np.ones((len(responses), N), np.bool_)
    bound_errors(
        responses,
        noise,
        ROUNDING,
        np.atleast_2d(steps),
        np.array(FEATURES),
        pairs,
        pairs,
        gaps["first"],
        gaps["second"],
        value.corners,
        gaps["corner"],
        gaps["ridge"],
        np.array([amplified(value, kind) for kind in ("first", "second", "pair")]),
        pooled,
        *integers,
        errors,
        kinks,
    )
    return errors, kinks


def amplified(value, kind):
    """√Σw² of independent noise in every response, the centre's among them."""
    if kind == "pair":
        weights = [*value.corner, *value.ridge, *value.ridge]
    else:
        weights = list(getattr(value, kind))
    return float(np.sqrt(sum(w**2 for w in weights) + sum(weights) ** 2))


def evaluated(f, mixed, steps, events=1, seed=0):
    """Responses of f(x) (C,) at the points around events on a grid; points by name for groups."""
    value = formula(6, mixed)
    steps = np.atleast_2d(steps)
    points = naive.stencil_points(N, FEATURES, PAIRS, value.multiples, value.corners)
    axes = 1 + N * len(value.multiples)
    places = [np.zeros(N)]
    for h in steps:
        places += [np.array(p) * h for p in points[1:axes]]
    places += [np.array(p) * steps[-1] for p in points[axes:]]
    x = np.round(np.random.default_rng(seed).normal(size=(events, N)) * 2**20) / 2**20
    return np.array([[f(row + place) for place in places] for row in x]), x


def naive_bounds(f, x, sigma, steps, mixed, pooled):
    """Errors of one event and response from the definitions, on lines through x."""
    steps = np.atleast_2d(steps)
    h1, h2 = steps[0], steps[-1]
    unit = np.eye(N)
    formulas = [formula(a, mixed) for a in (6, 4, 2)]

    def line(direction):
        return [f(x + k * direction) for k in LINE]

    def along(direction, kind):
        """The three orders of accuracy, times h^m."""
        return [
            sum(
                w * (f(x + a * direction) - f(x))
                for a, w in zip(stencil.multiples, getattr(stencil, kind), strict=True)
            )
            for stencil in formulas
        ]

    def mixed_values(i, j):
        a, b = h2[i] * unit[i], h2[j] * unit[j]
        ridges = np.add(along(a, "ridge"), along(b, "ridge"))
        corners = [
            sum(
                w * (f(x + p * a + q * b) - f(x))
                for (p, q), w in zip(stencil.corners, stencil.corner, strict=True)
            )
            for stencil in formulas
        ]
        return np.add(corners, ridges)

    def decay(values):
        if not pooled:
            return 0.0
        return min(
            1.0, sum(abs(v[0] - v[1]) for v in values) / sum(abs(v[1] - v[2]) for v in values)
        )

    firsts = [along(h1[i] * unit[i], "first") for i in FEATURES]
    seconds = [along(h2[i] * unit[i], "second") for i in FEATURES]
    sixths = [naive.rough(line(h1[i] * unit[i]), sigma)[2] / 924**0.5 for i in FEATURES]
    level = (
        sigma
        if not pooled
        else max(sigma, np.sqrt(np.mean([min(s, 4 * sigma) ** 2 for s in sixths])))
    )
    found = []
    for alpha in ALPHAS:
        i, j = alpha[0], alpha[-1]
        if len(alpha) == 1:
            values, q, kind, size = firsts[i], decay(firsts), "first", h1[i]
            rough = 0.3 * naive.rough(line(h1[i] * unit[i]), sigma)[0]
        elif i == j:
            values, q, kind, size = seconds[i], decay(seconds), "second", h2[i] ** 2
            rough = 0.5 * naive.rough(line(h2[i] * unit[i]), sigma)[0]
        else:
            values, q, kind, size = mixed_values(i, j), decay(seconds), "pair", h2[i] * h2[j]
            a, b = h2[i] * unit[i], h2[j] * unit[j]
            lines = [a + b, a, b] if mixed == "two" else [a + b, a - b]
            rough = sum(naive.rough(d, sigma)[0] for d in map(line, lines)) / 2
            rough *= 1.0 if mixed == "two" else 0.5
        truncation = max(abs(values[0] - values[1]), q / 2 * abs(values[1] - values[2]))
        noise = 4 * level * amplified(formulas[0], kind)
        found.append((truncation + rough + noise) / size)
    return found


def wavy(x):
    return np.sin(x[0] * x[1]) + np.tanh(2 * x[2] - x[0]) + 0.3 * abs(x[1] - x[2])


@mixed_formulas
@pytest.mark.parametrize("sigma", [1e-15, 1e-6])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("pooled", [True, False])
def test_bounds_are_those_of_the_definitions(mixed, sigma, groups, pooled):
    steps = np.array([[0.125, 0.0625, 0.25], [0.25, 0.125, 0.5]])[:groups]
    responses, x = evaluated(lambda p: [wavy(p)], mixed, steps, events=20)
    found, kinks = bounds(responses, np.full((20, 1), sigma), steps, mixed, pooled=pooled)
    assert 0 < kinks.mean() < 1
    for e, row in enumerate(x):
        expected = naive_bounds(wavy, row, sigma, steps, mixed, pooled)
        np.testing.assert_allclose(found[e, 0], expected, rtol=1e-6, atol=1e-12)
        for i in FEATURES:
            lines = [[wavy(row + k * h[i] * np.eye(N)[i]) for k in LINE] for h in steps]
            assert kinks[e, i] == any(naive.rough(line, sigma)[1] for line in lines)


@mixed_formulas
def test_polynomials_of_fourth_degree_leave_their_noise_alone(mixed):
    """Both orders of accuracy agree there, and no difference of order six is left."""
    steps, sigma = np.full(N, 0.25), 1e-9
    responses, _ = evaluated(
        lambda p: [p[0] ** 3 * p[1] + p[2] ** 4 - p[0] * p[2]], mixed, steps, events=5
    )
    found, kinks = bounds(responses, np.full((5, 1), sigma), steps, mixed)
    six = formula(6, mixed)
    for k, alpha in enumerate(ALPHAS):
        kind = "first" if len(alpha) == 1 else "second" if alpha[0] == alpha[1] else "pair"
        expected = 4 * sigma * amplified(six, kind) / 0.25 ** len(alpha)
        np.testing.assert_allclose(found[:, 0, k], expected, rtol=1e-4)
    assert not kinks.any()


@mixed_formulas
def test_noise_stays_within_its_bound(mixed):
    """A constant with noise: coefficients are all error, and 4σ bounds nearly all of them."""
    events, sigma = 4000, 0.01
    value = formula(6, mixed)
    points = naive.stencil_points(N, FEATURES, PAIRS, value.multiples, value.corners)
    random = np.random.default_rng(5)
    responses = 1.0 + sigma * random.normal(size=(events, len(points), 1))
    steps = np.array([0.5, 0.25, 0.125])
    found, kinks = bounds(responses, np.full((events, 1), sigma), steps, mixed)
    true = naive.coefficients(responses, points, steps, ALPHAS, value)
    assert (abs(true) <= found).mean() > 0.9999
    ratio = np.median(found, axis=0) / np.median(abs(true), axis=0)
    assert (ratio < 12).all()
    assert kinks.mean() < 1e-3


@mixed_formulas
@pytest.mark.parametrize("flat", FEATURES)
def test_features_that_change_nothing_are_uncertain_by_rounding_alone(mixed, flat):
    def f(p):
        others = [p[i] for i in FEATURES if i != flat]
        return [1.0 + others[0] * others[1]]

    steps, sigma = np.full(N, 0.25), 1e-3
    responses, _ = evaluated(f, mixed, steps)
    found, _ = bounds(responses, np.full((1, 1), sigma), steps, mixed)
    for k, alpha in enumerate(ALPHAS):
        level = ROUNDING * abs(responses[0, 0, 0]) if flat in alpha else sigma
        kind = "first" if len(alpha) == 1 else "second" if alpha[0] == alpha[-1] else "pair"
        expected = 4 * level * amplified(formula(6, mixed), kind) / 0.25 ** len(alpha)
        assert found[0, 0, k] == pytest.approx(expected, rel=1e-3)


PLACES = [(power, d) for power in (0, 1) for d in np.arange(-2.9, 3.0, 0.2).round(1)]
HIDDEN = [(1, -1.7), (1, 1.7)]  # its differences look like those of a cubic there


@pytest.mark.parametrize(("power", "place"), [case for case in PLACES if case not in HIDDEN])
def test_kinks_and_steps_are_seen_wherever_they_matter(power, place):
    """max(x − d, 0)^p along the first feature."""

    def f(p):
        rise = p[0] - x0 - place * 0.25
        jump = np.maximum(rise, 0.0) if power else np.heaviside(rise, 1.0)
        return [jump + 0.1 * p[1] * p[2] + 0.01 * p[0]]

    x0 = evaluated(lambda p: [0.0], "two", np.full(N, 0.25))[1][0, 0]
    responses, _ = evaluated(f, "two", np.full(N, 0.25))
    errors, kinks = bounds(responses, np.full((1, 1), 1e-6), np.full(N, 0.25), "two")
    assert not kinks[0, 1:].any()
    assert kinks[0, 0]
    slope = float(place < 0) if power else 0.0
    value = formula(6, "two")
    line = np.array([f(np.array([x0 + a * 0.25, 0.0, 0.0]))[0] for a in value.multiples])
    line -= f(np.array([x0, 0.0, 0.0]))[0]
    assert abs(value.first @ line / 0.25 - slope - 0.01) <= errors[0, 0, ALPHAS.index((0,))]
    assert abs(value.second @ line / 0.25**2) <= errors[0, 0, ALPHAS.index((0, 0))]


def test_smooth_functions_have_no_kinks_at_any_place():
    """As long as the stencil resolves them: h is at most a fifth of their length."""
    steps = np.full(N, 0.125)
    responses, _ = evaluated(
        lambda p: [np.tanh(1.5 * p[0] + p[1] - p[2]), np.exp(p[0] - p[1]), np.sin(2 * p[2])],
        "two",
        steps,
        events=300,
    )
    _, kinks = bounds(responses, np.full((300, 3), 1e-12), steps, "two")
    assert not kinks.any()


def test_events_and_responses_do_not_mix():
    steps = np.full(N, 0.25)
    responses, _ = evaluated(lambda p: [wavy(p), p[0] ** 2, wavy(-p)], "two", steps, events=6)
    noise = np.random.default_rng(1).uniform(1e-9, 1e-6, (6, 3))
    whole, kinks = bounds(responses, noise, steps, "two")
    for e in range(6):
        seen = np.zeros(N, np.bool_)
        for c in range(3):
            part = np.ascontiguousarray(responses[e : e + 1, :, c : c + 1])
            own, kinked = bounds(part, noise[e : e + 1, c : c + 1], steps, "two")
            np.testing.assert_array_equal(own[0, 0], whole[e, c])
            seen |= kinked[0]
        np.testing.assert_array_equal(kinks[e], seen)
