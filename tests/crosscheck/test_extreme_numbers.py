"""Numbers at the ends of what formats hold: judged event by event, and told where they round."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor import analyze
from onnxtaylor.crosscheck.cross_check import cross_check
from onnxtaylor.data import ArraySource, survey
from onnxtaylor.engine.differences.steps import spacings
from onnxtaylor.engine.differences.usual import far_limit, usual_survey
from onnxtaylor.errors import ModelError
from tests.graph.graphs import F32, F64, model, net, op, port

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def usual(n=4, events=200, seed=0):
    return np.random.default_rng(seed).normal(size=(events, n))


def scaled_net(factor, dtype=np.float32):
    """Σ tanh(x W) V, all V of size ``factor``."""
    random = np.random.default_rng(1)
    kind = F32 if dtype == np.float32 else F64
    constants = {
        "W": random.normal(size=(4, 6)).astype(dtype),
        "V": (random.normal(size=(6, 1)) * factor).astype(dtype),
    }
    nodes = [
        op("MatMul", ["x", "W"], ["h"]),
        op("Tanh", ["h"], ["t"]),
        op("MatMul", ["t", "V"], ["y"]),
    ]
    return model(nodes, [port("x", ["N", 4], kind)], [port("y", ["N", 1], kind)], constants)


def test_responses_below_the_normal_numbers():
    assert cross_check(scaled_net(1e-44), usual()).verdict != "differs"
    assert cross_check(scaled_net(1.0), usual()).verdict == "agrees"


@pytest.mark.parametrize("kind", [F32, F64])
def test_a_feature_below_the_normal_numbers(kind):
    x = usual()
    x[:, 1] *= 1e-310
    assert cross_check(net(n=4, outputs=1, kind=kind), x).verdict == "agrees"


@pytest.mark.parametrize("method", ["all", "directions"])
@pytest.mark.parametrize("kind", [F32, F64])
@pytest.mark.parametrize("cell", [1e18, -1e30])
def test_one_cell_far_from_all_others(kind, cell, method):
    x = usual()
    x[7, 1] = cell
    check = cross_check(net(n=4, outputs=1, kind=kind), x, events=200, check_method=method)
    assert check.verdict == "agrees"
    assert check.responses.agree


def test_a_wrong_derivative_is_noticed_beside_such_a_cell(monkeypatch):
    from onnxtaylor.engine.exact.engine import Exact

    right = Exact.coefficients

    def wrong(self, x, watch=None):
        answer = right(self, x, watch)
        answer.terms[..., 1] *= 1.01  # by the feature that has the cell
        return answer

    monkeypatch.setattr(Exact, "coefficients", wrong)
    x = usual()
    x[7, 1] = 1e18
    assert cross_check(net(n=4, outputs=1), x, events=64).verdict == "differs"


def test_steps_follow_from_the_cells_that_are_near_one_another():
    x = usual()
    whole = survey(ArraySource(x))
    assert usual_survey(whole, 24) is whole
    x[7, 1] = 1e18
    odd = survey(ArraySource(x))
    assert (x[:, 1] > far_limit(odd, 24)[1]).tolist() == [k == 7 for k in range(200)]
    assert usual_survey(odd, 24).spread[1] == pytest.approx(whole.spread[1], rel=0.1)
    assert usual_survey(odd, 24).largest[1] < 10
    np.testing.assert_array_equal(usual_survey(odd, 24).spread[2:], odd.spread[2:])
    x[:190, 1] = 1.0  # one value at most events: nothing is far from it
    x[7, 1] = 1e18
    assert np.isinf(far_limit(survey(ArraySource(x)), 24)[1])


def test_spacings_of_numbers():
    sizes = np.array([1e-310, 1.0, 3.0, 1e18])
    np.testing.assert_array_equal(spacings(sizes, 53), np.spacing(sizes))
    single = np.spacing(sizes.astype(np.float32)).astype(np.float64)
    np.testing.assert_array_equal(spacings(sizes, 24), single)


def test_a_normalization_of_two_numbers_rounds_more_than_usual():
    """It is ±1 but near 0, where large terms cancel: single precision loses two digits more."""
    random = np.random.default_rng(0)
    constants = {
        "W": random.normal(size=(4, 2)).astype(np.float32),
        "s": np.ones(2, np.float32),
        "b": np.zeros(2, np.float32),
        "V": random.normal(size=(2, 1)).astype(np.float32),
    }
    nodes = [
        op("MatMul", ["x", "W"], ["h"]),
        op("LayerNormalization", ["h", "s", "b"], ["n"], axis=-1),
        op("MatMul", ["n", "V"], ["z"]),
        op("Tanh", ["z"], ["y"]),
    ]
    proto = model(nodes, [port("x", ["N", 4])], [port("y", ["N", 1])], constants)
    x = usual()
    single, double = (analyze(proto, x, precision=p) for p in ("float32", "float64"))
    off = np.abs(single.score / double.score - 1).max()
    assert 1e-5 < off < 1e-4
    told = [note for note in single.check["notes"] if "round-off of single precision" in note]
    assert len(told) == 1
    share = float(told[0].split("about ")[1].split()[0])
    assert off / 5 < share < 5 * off
    assert not any("round-off" in note for note in double.check["notes"])
    assert not any("round-off" in n for n in analyze(net(n=4), x).check["notes"])


def test_coefficients_whose_squares_overflow_are_refused_before_the_end():
    with pytest.raises(ModelError, match=r"sizes of \de\+160, and no number is large enough"):
        analyze(scaled_net(1e160, np.float64), usual(), check=0)
    assert analyze(scaled_net(1e140, np.float64), usual(), check=0).score.max() > 1e139


def test_derivatives_whose_squares_are_near_the_end_of_the_numbers():
    """y = Σ tanh(s x): t_i = s, and t_ii = −s³ x, which is 0 in double precision."""
    constants = {"s": np.float64(1e-153), "one": np.ones((4, 1))}
    nodes = [op("Mul", ["x", "s"], ["h"]), op("Tanh", ["h"], ["t"])]
    nodes.append(op("MatMul", ["t", "one"], ["y"]))
    proto = model(nodes, [port("x", ["N", 4], F64)], [port("y", ["N", 1], F64)], constants)
    for engine in ("exact", "differences"):
        found = analyze(proto, usual(), engine=engine, scale="unit", bootstrap=0)
        np.testing.assert_allclose(found.score[0, 0, :4], 1e-153, rtol=1e-6)
        assert found.score[0, 0, 4:].max() < 1e-156
        assert found.check["verdict"] in ("agrees", "undecided")


@pytest.mark.slow
def test_a_chain_of_ten_thousand_nodes_is_within_its_stated_error():
    """Tanh and Neg by turns, by the chain rule: y′ = Π −(1 − tanh²), and y″ likewise."""
    names = ["x", *(f"t{k}" for k in range(9_999)), "y"]
    nodes = [op(("Neg", "Tanh")[k % 2], [names[k]], [names[k + 1]]) for k in range(10_000)]
    x = usual(events=20, seed=1).astype(np.float32).astype(np.float64)
    found = analyze(
        model(nodes, [port("x", ["N", 4])], [port("y", ["N", 4])], {}),
        x, scale="unit", bootstrap=0, check=0,
    )  # fmt: skip
    value, first, second = x, np.ones_like(x), np.zeros_like(x)
    for _ in range(5_000):
        value, first, second = np.tanh(-value), -first, -second
        slope = 1 - value**2
        first, second = slope * first, slope * second - 2 * value * slope * first**2
    expected = {(c,): np.abs(first[:, c]).mean() for c in range(4)}
    expected |= {(c, c): np.abs(second[:, c] / 2).mean() for c in range(4)}
    for k, index in enumerate(found.indices.table.tolist()):
        key = tuple(i for i in index if i >= 0)
        for c in range(4):
            true = expected[key] if set(key) == {c} else 0.0
            assert abs(found.score[c, 0, k] - true) <= found.numerical_error[c, 0, k]
    np.testing.assert_allclose(found.score[1, 0, 1], expected[1,], rtol=1e-2)
