"""Two models at the same events, against sums written down naively."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from onnx import numpy_helper

import onnxtaylor as ot
from onnxtaylor import progress as progress_module
from onnxtaylor.comparison import compare_results
from onnxtaylor.comparison.models import compare_models
from onnxtaylor.errors import OptionError, ResultError
from tests.engine.nets import Net


def bent(model, factor):
    """The model with its first weight matrix multiplied."""
    other = type(model)()
    other.CopyFrom(model)
    for tensor in other.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.ndim == 2:
            tensor.CopyFrom(numpy_helper.from_array(value * value.dtype.type(factor), tensor.name))
            return other
    raise AssertionError("no matrix")


@pytest.fixture(scope="module")
def case():
    random = np.random.default_rng(8)
    model = Net("tanh").model()
    x = random.normal(size=(300, 6))
    weights, labels = random.normal(1.0, 1.0, size=300), np.where(x[:, 0] > 0, "s", "b")
    return model, bent(model, 1.05), x, weights, labels


def coefficients(model, x):
    d = ot.differentiate(model)(x.astype(np.float32))
    n = x.shape[1]
    i, j = np.triu_indices(n)
    second = d.hessian[..., i, j] * np.where(i == j, 0.5, 1.0)
    return d.value, np.concatenate([d.jacobian, second], axis=2).astype(np.float64)


@pytest.mark.parametrize("scale", ["unit", "sigma"])
def test_changes_and_errors_are_those_of_the_events(case, scale):
    a, b, x, w, labels = case
    found = compare_models(a, b, x, weights=w, labels=labels, scale=scale, batch_size=37)
    (value_a, t_a), (value_b, t_b) = coefficients(a, x), coefficients(b, x)
    assert found.shared.groups == ("all", "b", "s")
    mean = w @ x / w.sum()
    sigma = np.sqrt(w @ (x - mean) ** 2 / w.sum())
    unit = found.indices.scale(sigma) if scale == "sigma" else 1.0
    for g, chosen in enumerate((np.full(300, True), labels == "b", labels == "s")):
        v, d = w[chosen], (np.abs(t_b) - np.abs(t_a))[chosen]
        change = np.einsum("k,kct->ct", v, d) / v.sum()
        error = np.sqrt(np.einsum("k,kct->ct", v**2, (d - change) ** 2)) / abs(v.sum())
        size = np.abs(t_a).mean()
        np.testing.assert_allclose(found.change[:, g], change * unit, rtol=0, atol=2e-5 * size)
        np.testing.assert_allclose(found.sigma[:, g], error * unit, rtol=1e-2, atol=2e-5 * size)
    np.testing.assert_allclose(found.change, found.score_b - found.score_a, rtol=0, atol=1e-6)
    difference = (value_b - value_a)[:, 0].astype(np.float64)
    r = found.responses[0]
    v = np.abs(w)
    assert r.event == np.abs(difference).argmax()
    assert r.largest == pytest.approx(np.abs(difference).max(), rel=1e-3)
    assert r.mean == pytest.approx(v @ difference / v.sum(), rel=1e-3)
    assert r.rms == pytest.approx(np.sqrt(v @ difference**2 / v.sum()), rel=1e-3)
    spread = np.sqrt(np.cov(value_a[:, 0], aweights=v, ddof=0))
    assert r.spread == pytest.approx(float(spread), rel=1e-4)


def test_the_same_events_tell_more_than_two_results(case):
    a, b, x, *_ = case
    paired = compare_models(a, b, x)
    alone = ot.analyze(a, x, check=0), ot.analyze(b, x, check=0)
    apart = compare_results(*alone)
    assert paired.paired
    assert not apart.paired
    assert np.median(paired.sigma / apart.sigma) < 0.2
    assert paired.moved.sum() > apart.moved.sum()


def test_an_export_of_the_same_weights_has_not_moved(case):
    a, _, x, *_ = case
    found = compare_models(a, bent(bent(a, 3.0), 1 / 3.0), x)  # rounded twice on the way
    assert found.change.any()
    assert found.passed


def test_a_response_that_moved_is_found_even_where_no_coefficient_does(case):
    a, _, x, *_ = case
    shifted = type(a)()
    shifted.CopyFrom(a)
    node = shifted.graph.node[-1]
    final, node.output[0] = node.output[0], "before"
    shifted.graph.initializer.append(numpy_helper.from_array(np.float32([0.25]), "shift"))
    shifted.graph.node.add(op_type="Add", input=["before", "shift"], output=[final])
    found = compare_models(a, shifted, x)
    assert not found.moved.any()
    assert [r.rms for r in found.moved_responses] == pytest.approx(
        [0.25] * len(found.responses), rel=1e-4
    )
    assert not found.passed


def test_finite_steps_are_compared_too(case):
    a, b, x, *_ = case
    found = compare_models(a, b, x, finite_step="0.5sigma")
    np.testing.assert_allclose(found.change, found.score_b - found.score_a, rtol=0, atol=1e-6)


def test_steps_of_other_sizes_are_refused(case):
    a, _, x, *_ = case
    options = {"order": 1, "check": 0, "bootstrap": 0}
    narrow, wide, alike = (
        ot.analyze(a, x, finite_step=step, **options) for step in ("0.5sigma", "1sigma", "0.5sigma")
    )
    assert compare_results(narrow, alike).passed
    with pytest.raises(ResultError, match=r"finite_step is .*0\.5sigma.* in A and .*1sigma.* in B"):
        compare_results(narrow, wide)
    with pytest.raises(ResultError, match=r"finite_step is none in A and .*0\.5sigma.* in B"):
        compare_results(ot.analyze(a, x, **options), narrow)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_sample_is_that_of_an_analysis(case, seed):
    a, b, x, w, labels = case
    options = {"weights": np.abs(w), "labels": labels, "sample": 70, "seed": seed, "order": 1}
    found = compare_models(a, b, x, **options)
    assert found.a.data.events == found.b.data.events == 70
    for model, score in ((a, found.score_a), (b, found.score_b)):
        alone = ot.analyze(model, x, check=0, **options)
        np.testing.assert_allclose(score, alone.score, rtol=1e-6)
    # paired: of the same events
    np.testing.assert_allclose(found.change, found.score_b - found.score_a, rtol=0, atol=1e-6)


def test_progress_is_told_or_drawn(case, monkeypatch):
    a, b, x, *_ = case
    told, drawn = [], []

    @contextmanager
    def bar(unit):
        yield lambda *state: drawn.append(state)

    monkeypatch.setattr(progress_module, "terminal_bar", bar)
    silent = compare_models(a, b, x, order=1, progress=lambda *state: told.append(state))
    assert told[-1] == ("comparing", 300, 300)
    assert not drawn
    seen = compare_models(a, b, x, order=1, progress=True)
    # how often a stage reports, and which batch sizes are tried, the clock decides
    assert dict.fromkeys(name for name, *_ in drawn) == dict.fromkeys(name for name, *_ in told)
    assert drawn[-1] == told[-1]
    assert seen.to_json() == silent.to_json()


def test_an_option_that_does_not_exist_is_refused(case):
    a, b, x, *_ = case
    with pytest.raises(OptionError, match="no option 'sede': did you mean 'seed'"):
        compare_models(a, b, x, sede=3)


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["unit", "sigma"])
def test_independent_samples_differ_by_their_uncertainties(scale):
    """z of 16 pairs of samples: mean square 1, although each has a σ of its own."""
    random, model = np.random.default_rng(5), Net("tanh").model()
    squares = []
    for _ in range(16):
        pair = [
            ot.analyze(model, random.exponential(size=(240, 6)), scale=scale, check=0, bootstrap=0)
            for _ in range(2)
        ]
        found = compare_results(*pair)
        squares.append(np.mean((found.change / found.sigma) ** 2))
    error = np.std(squares, ddof=1) / np.sqrt(len(squares))
    # of exponential features the mean and SEM of few hundred events are not quite normal
    assert np.mean(squares) == pytest.approx(1, abs=3 * error + 0.1)


def test_units_are_those_of_the_first(make_result):
    a = make_result(2, scale="sigma")
    wider = tuple(replace(f, std=2 * f.std) for f in a.data.features)
    powers = np.where(a.indices.orders == 1, 2.0, 4.0)
    b = replace(a, data=replace(a.data, features=wider), score=a.score * powers, sem=a.sem * powers)
    found = compare_results(a, b)
    np.testing.assert_allclose(found.change, 0, atol=1e-15)
    np.testing.assert_allclose(
        [r["score_b"] for r in found.rows()], [r["score_a"] for r in found.rows()]
    )
    np.testing.assert_allclose(found.sigma, np.sqrt(2) * a.sem)
