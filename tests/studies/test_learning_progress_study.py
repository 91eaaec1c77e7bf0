"""The study of the learning progress: its references, its numbers, and its short form."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from validation.learning_progress.figure import draw
from validation.learning_progress.forms import (
    best_linear,
    best_sizes,
    distance,
    half_reached,
    linear_sizes,
)
from validation.learning_progress.nets import FULL, SHORT, events, shown_steps, summary
from validation.learning_progress.study import STUDY, claims
from validation.learning_progress.telling import section
from validation.study import main
from validation.toys import COEFFICIENTS, SCENARIOS, expected_scores, sample

MIXED = SCENARIOS["C"]


def standard_events(count, seed=0, scenario=MIXED):
    x, labels = sample(scenario, count, np.random.default_rng(seed))
    mean, std = scenario.pooled()
    return (x - mean) / std, labels


@pytest.mark.parametrize("name", ["A", "C", "D"])
def test_the_best_linear_logit_has_no_slope_left(name):
    """The gradient of the mean cross entropy on events drawn at random, within its error."""
    z, labels = standard_events(400_000, scenario=SCENARIOS[name])
    b, c = best_linear(SCENARIOS[name])
    u = np.column_stack([z, np.ones(len(z))])
    p = 1 / (1 + np.exp(-(z @ b + c)))
    terms = (p - labels)[:, None] * u
    assert (abs(terms.mean(axis=0)) < 4 * terms.std(axis=0) / np.sqrt(len(z))).all()
    # a step of 2 % away from it is seen
    p = 1 / (1 + np.exp(-1.1 * (z @ b + c) - 0.05))
    terms = (p - labels)[:, None] * u
    assert (abs(terms.mean(axis=0)) > 4 * terms.std(axis=0) / np.sqrt(len(z))).any()


def test_of_equal_covariances_the_best_linear_logit_is_the_best_response():
    b, c = best_linear(SCENARIOS["A"])
    z, _ = standard_events(2000, scenario=SCENARIOS["A"])
    np.testing.assert_allclose(b, np.sqrt(1.25), rtol=1e-9)
    assert abs(c) < 1e-9
    np.testing.assert_allclose(linear_sizes(SCENARIOS["A"], z), best_sizes(SCENARIOS["A"], z))


def test_sizes_tend_to_the_expected_scores():
    z, _ = standard_events(400_000)
    np.testing.assert_allclose(best_sizes(MIXED, z), expected_scores(MIXED), rtol=5e-3)
    linear = linear_sizes(MIXED, z)
    slope, _ = best_linear(MIXED)
    # of a linear logit t_12 = 2 t_11 b_2/b_1, so with equal slopes twice as large
    np.testing.assert_allclose(linear[3], 2 * linear[2] * slope[1] / slope[0], rtol=1e-9)
    assert linear[3] < 0.5 * best_sizes(MIXED, z)[3]


def test_half_reached_counts_from_where_a_curve_stays():
    steps = np.array([0.0, 1, 2, 5, 9])
    assert half_reached(steps, np.array([0.1, 0.6, 0.4, 0.5, 1.0]), 1.0) == 5
    assert half_reached(steps, np.ones(5), 1.0) == 0
    assert half_reached(steps, np.array([1, 1, 1, 1, 0.4]), 1.0) == np.inf
    assert distance(np.array([[3.0, 0.0]]), np.array([3.0, 4.0])) == pytest.approx([0.8])


def test_shown_steps():
    assert shown_steps(1).tolist() == [0]
    assert shown_steps(5).tolist() == [0, 1, 2, 3, 4]
    many = shown_steps(4001)
    assert many[0] == 0
    assert many[-1] == 4000
    assert len(many) < 120
    assert (np.diff(many) > 0).all()


def test_training_events_are_those_of_the_scenario():
    x, labels = events(SHORT, 3)
    assert x.shape == (SHORT.training_events, 2)
    assert abs(labels[:500].mean() - 0.5) < 0.1  # in random order
    np.testing.assert_allclose(x.std(axis=0), 1, atol=0.03)
    assert np.corrcoef(x[labels == 1].T)[0, 1] == pytest.approx(0.5, abs=0.05)
    assert FULL.network.epochs * FULL.training_events == FULL.steps * FULL.batch


@pytest.fixture
def net():
    """A training as it should be: to the linear logit at step 10, to the best from step 100."""
    z, _ = standard_events(500)
    linear, best = linear_sizes(MIXED, z), best_sizes(MIXED, z)
    steps = np.arange(201.0)
    first, second = np.clip(steps / 10, 0, 1)[:, None], np.clip((steps - 50) / 50, 0, 1)[:, None]
    return summary(steps, first * linear + second * (best - linear), z, best)


def test_a_model_training(net):
    assert net["linear"]["first"] == 9
    assert net["linear"]["distance"] == 0
    assert 50 < net["linear"]["last"] < 75
    # nearer in units of either norm: s/|linear| = (1 − s)/|best| at step 50 + 50 s
    sizes = [np.linalg.norm(list(net[form].values())) for form in ("linear_form", "closed_form")]
    assert net["turn"] == np.ceil(50 + 50 * sizes[0] / sum(sizes))
    assert net["half"]["t_1"] < 10
    assert 50 < net["half"]["t_12"] < 75
    assert net["last"] == dict.fromkeys(COEFFICIENTS, 1.0)
    assert net["swapped"] < 1e-12
    assert [claim.holds for claim in claims([net])] == [True] * 5


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda n: n["half"].update(t_1=150.0), 0),
        (lambda n: n["half"].update(t_2=None), 0),
        (lambda n: n["linear"].update(distance=0.2), 1),
        (lambda n: n["linear"].update(nearest=190.0), 1),
        (lambda n: n.update(turn=None), 2),
        (lambda n: n.update(last_distance=0.2), 2),
        (lambda n: n["last"].update(t_12=0.8), 3),
        (lambda n: n.update(swapped=1e-3), 4),
    ],
)
def test_a_claim_that_does_not_hold_is_seen(net, spoil, place):
    other = copy.deepcopy(net)
    spoil(other)
    held = [claim.holds for claim in claims([net, other])]
    assert not held[place]


def test_the_section_and_the_figure(net):
    size = {**vars(FULL), "hidden": [100], "activation": "tanh"}
    text = section(json.loads(json.dumps({"size": size, "nets": [net, net]})))
    assert "are our choices" in text
    assert "figures/learning_progress-steps.png" in text
    assert "| 2 |" in text
    figure = draw([net, net])
    assert len(figure.axes) == 2
    assert figure.axes[0].get_xscale() == "symlog"


@pytest.mark.slow
def test_the_short_form(tmp_path):
    pytest.importorskip("tensorflow", reason="networks are trained by Keras")
    pytest.importorskip("tf2onnx", reason="Keras exports by tf2onnx")
    assert main(STUDY, ["--short", "--output", str(tmp_path)]) in (0, 1)
    document = json.loads((tmp_path / "measured" / "learning_progress.json").read_text())
    found = document["numbers"]["nets"][0]
    assert found["swapped"] < 1e-5
    assert found["steps"][-1] == SHORT.steps
    ratio = np.array(found["score"]["t_1"]) / found["closed_form"]["t_1"]
    assert ratio[-1] > 0.7
    assert document["claims"][-1]["holds"]
    assert (tmp_path / "figures" / "learning_progress-steps.png").stat().st_size > 10_000
    assert "<!-- study learning_progress -->" in (tmp_path / "README.md").read_text()


@pytest.mark.slow
def test_the_cost_is_measured(monkeypatch, capsys):
    pytest.importorskip("tensorflow", reason="networks are trained by Keras")
    from validation.performance import track_cost

    monkeypatch.setattr(track_cost, "STEPS", 12)
    monkeypatch.setattr(track_cost, "LIMIT", 1e9)
    assert track_cost.main(["--batch", "1000", "--turns", "1", "--events", "100"]) == 0
    printed = capsys.readouterr().out
    assert "100 events tracked" in printed
    assert "with a tf.function" in printed
    monkeypatch.setattr(track_cost, "LIMIT", 0.0)
    assert track_cost.main(["--batch", "1000", "--turns", "1", "--events", "100"]) == 1
