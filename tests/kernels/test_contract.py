"""Responses at the points → coefficients, against the sums written out."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from onnxtaylor_kernels.contract import contract
from onnxtaylor_kernels.points import formula

N = 4
AXES = [(i,) for i in range(N)]
SQUARES = [(i, i) for i in range(N)]
PAIRS = [(i, j) for i in range(N) for j in range(i + 1, N)]
CHOICES = {
    "everything": AXES + sorted(SQUARES + PAIRS),
    "first order": AXES,
    "diagonal": SQUARES,
    "pairs": PAIRS,
    "mixture": [(0,), (3,), (0, 0), (1, 3), (2, 2)],
    "two features": [(1,), (3,), (1, 1), (1, 3)],
    "in any order": [(1, 3), (2, 2), (0,), (0, 2), (3,)],
}
formulas = pytest.mark.parametrize(
    "stencil",
    [formula(a, m) for a in (2, 4, 6) for m in ("two", "four")],
    ids=["2t", "2f", "4t", "4f", "6t", "6f"],
)


def places(alphas):
    """The arguments that say which coefficients are wanted, found by looking them up."""
    features = sorted({i for alpha in alphas for i in alpha})
    pairs = [a for a in alphas if len(set(a)) == 2]
    where = {alpha: k for k, alpha in enumerate(alphas)}
    return (
        features,
        pairs,
        {
            "features": features,
            "pairs": pairs,
            "axes_of_pairs": [(features.index(i), features.index(j)) for i, j in pairs],
            "slots_first": [where.get((i,), -1) for i in features],
            "slots_second": [where.get((i, i), -1) for i in features],
            "slots_pairs": [where[pair] for pair in pairs],
        },
    )


def run(stencil, responses, steps, alphas):
    integers = {name: np.array(v, np.int64) for name, v in places(alphas)[2].items()}
    for name in ("pairs", "axes_of_pairs"):
        integers[name] = integers[name].reshape(-1, 2)
    out = np.full((responses.shape[0], responses.shape[2], len(alphas)), np.nan)
    contract(
        responses,
        np.atleast_2d(steps),
        integers["features"],
        integers["pairs"],
        integers["axes_of_pairs"],
        stencil.first,
        stencil.second,
        stencil.corner,
        stencil.ridge,
        integers["slots_first"],
        integers["slots_second"],
        integers["slots_pairs"],
        out,
    )
    return out


def random_responses(stencil, alphas, dtype, seed=0, events=6, outputs=3):
    features, pairs, _ = places(alphas)
    points = naive.stencil_points(N, features, pairs, stencil.multiples, stencil.corners)
    random = np.random.default_rng(seed)
    responses = random.normal(size=(events, len(points), outputs)).astype(dtype)
    return points, responses, random.uniform(0.1, 2.0, N)


@formulas
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("choice", CHOICES)
def test_coefficients_are_the_sums_of_the_formula(stencil, dtype, choice):
    alphas = CHOICES[choice]
    points, responses, steps = random_responses(stencil, alphas, dtype)
    np.testing.assert_allclose(
        run(stencil, responses, steps, alphas),
        naive.coefficients(responses, points, steps, alphas, stencil),
        rtol=1e-12,
        atol=1e-12 * float(1 / steps.min() ** 2),
    )


@formulas
@pytest.mark.parametrize("choice", ["everything", "mixture", "two features"])
def test_each_order_has_its_own_steps_and_points(stencil, choice):
    alphas = CHOICES[choice]
    points, first, steps = random_responses(stencil, alphas, np.float64)
    _, second, others = random_responses(stencil, alphas, np.float64, seed=1)
    second[:, 0] = first[:, 0]
    axes = 1 + len(places(alphas)[0]) * len(stencil.multiples)
    responses = np.concatenate((first[:, :axes], second[:, 1:]), axis=1)
    found = run(stencil, responses, np.stack((steps, others)), alphas)
    for order, own, h in ((1, first, steps), (2, second, others)):
        chosen = [len(alpha) == order for alpha in alphas]
        expected = naive.coefficients(own, points, h, alphas, stencil)
        tolerance = 1e-12 * float(1 / h.min() ** 2)
        np.testing.assert_allclose(
            found[..., chosen], expected[..., chosen], rtol=1e-12, atol=tolerance
        )


@formulas
def test_a_large_constant_in_the_response_costs_no_digits(stencil):
    """Differences are taken from the centre first, in double precision."""
    alphas = CHOICES["everything"]
    _, responses, steps = random_responses(stencil, alphas, np.float64)
    small = np.round(responses * 2**10) / 2**10  # so that adding 2⁸ is exact in float32
    lifted = (small + 2.0**8).astype(np.float32)
    np.testing.assert_array_equal(
        run(stencil, lifted, steps, alphas), run(stencil, small, steps, alphas)
    )


@formulas
def test_events_and_responses_do_not_mix(stencil):
    alphas = CHOICES["everything"]
    _, responses, steps = random_responses(stencil, alphas, np.float64)
    whole = run(stencil, responses, steps, alphas)
    for e in range(responses.shape[0]):
        for c in range(responses.shape[2]):
            alone = np.ascontiguousarray(responses[e : e + 1, :, c : c + 1])
            np.testing.assert_array_equal(run(stencil, alone, steps, alphas)[0, 0], whole[e, c])


@formulas
def test_a_constant_response_has_no_coefficients(stencil):
    alphas = CHOICES["everything"]
    _, responses, steps = random_responses(stencil, alphas, np.float64)
    flat = np.full_like(responses, 0.1)
    assert (run(stencil, flat, steps, alphas) == 0).all()
