"""Toy studies: patterns, the ideal scores, the section; and the short form of the study."""

from __future__ import annotations

import json

import numpy as np
import pytest

from validation.study import main
from validation.toy_studies.figure import bars
from validation.toy_studies.nets import FULL, ideal_scores
from validation.toy_studies.patterns import PUBLISHED, follows, leading, pattern_of
from validation.toy_studies.telling import claims, section
from validation.toys import SCENARIOS, THREE_INPUTS, coefficient_names

# ⟨t⟩ of x1, x2, x1x1, x1x2, x2x2 as found earlier, from one draw of 8e5 events each.
REFERENCE = {
    "A": (0.1818, 0.1818, 0.0405, 0.0810, 0.0405),
    "B": (0.1714, 0.1714, 0.0455, 0.2258, 0.0454),
    "C": (0.1799, 0.1803, 0.0808, 0.2123, 0.0810),
    "D": (0.2328, 0.2328, 0.2631, 0.1443, 0.2631),
}


def scores(name):
    return dict(zip(coefficient_names(2), REFERENCE[name], strict=True))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_closed_form_follows_its_own_pattern(name):
    assert follows(scores(name), PUBLISHED[name])


@pytest.mark.parametrize(
    ("name", "other"), [("A", "B"), ("A", "D"), ("B", "A"), ("B", "D"), ("C", "D"), ("D", "A")]
)
def test_patterns_tell_scenarios_apart(name, other):
    assert not follows(scores(other), PUBLISHED[name])


def test_sets_stand_in_order_and_ties_do_not_count():
    pattern = [frozenset({"a"}), frozenset({"b", "c"})]
    assert follows({"a": 3.0, "b": 1.5, "c": 2.0, "d": 1.0}, pattern)
    assert not follows({"a": 2.0, "b": 1.5, "c": 2.0, "d": 1.0}, pattern)
    assert not follows({"a": 3.0, "b": 1.5, "c": 2.0, "d": 1.6}, pattern)


def test_of_three_inputs_the_order_is_that_of_the_closed_form():
    ideal = {"t_1": 1.0, "t_2": 6.0, "t_3": 2.0, "t_11": 5.0, "t_12": 4.0, "t_13": 3.0}
    order = ["t_2", "t_11", "t_12", "t_13", "t_3"]
    assert pattern_of("E", ideal) == tuple(frozenset({name}) for name in order)
    assert leading(ideal) == "t_2"


def test_ideal_scores_of_a_straight_logit():
    """g = b·z: t_1 = p(1−p) b, written out; t_2 = 0."""
    z = np.random.default_rng(1).normal(size=(1000, 2))
    found, sem = ideal_scores(z, (np.zeros((2, 2)), np.array([1.5, 0.0]), 0.2))
    p = 1 / (1 + np.exp(-(1.5 * z[:, 0] + 0.2)))
    t_1 = 1.5 * p * (1 - p)
    assert found[:2] == pytest.approx([t_1.mean(), 0.0])
    assert sem[0] == pytest.approx(np.std(t_1) / np.sqrt(1000))


def test_the_learning_rate_falls_to_what_is_said():
    network = FULL.network(3)
    assert (network.hidden, network.activation, network.classes) == ((100,), "tanh", 1)
    assert network.learning_rate > FULL.last


def synthetic(factor=1.0):
    """What a study would find whose nets have ``factor`` times the ideal leading coefficient."""
    found = {}
    for name in REFERENCE:
        ideal = scores(name)
        net = {k: v * (factor if k == leading(ideal) else 1.0) for k, v in ideal.items()}
        found[name] = {
            **{"expected": ideal, "pull": dict.fromkeys(ideal, 1.0), "check": ["agrees"]},
            **{"net": [net], "sem": [dict.fromkeys(ideal, 0.001)], "closed_form": [ideal]},
            **{"closed_form_sem": [dict.fromkeys(ideal, 0.001)], "loss_beyond_ideal": [1e-4]},
        }
    return found


def test_claims_fail_where_they_should():
    assert all(claim.holds for claim in claims(synthetic()))
    near, *_ = claims(synthetic(1.11))
    assert not near.holds
    assert near.measured.startswith("11.0%")
    wrong = synthetic()
    wrong["B"]["net"] = [scores("A")]
    wrong["C"]["check"] = ["differs"]
    wrong["D"]["pull"]["t_1"] = 5.0
    failed = [claim.text[:2] for claim in claims(wrong) if not claim.holds]
    assert failed == ["⟨t", "B:", "⟨t", "Bo"]


def test_bars_stand_for_the_mean_of_the_nets_and_the_closed_form():
    found = synthetic()
    found["D"]["net"] = [
        dict.fromkeys(scores("D"), 0.1),
        dict.fromkeys(scores("D"), 0.3),
    ]
    panels = {ax.get_title(loc="left")[0]: ax for ax in bars(found).axes}
    assert list(panels) == list("ABCD")
    filled, open_, *_ = panels["D"].containers
    assert [bar.get_height() for bar in filled] == pytest.approx([0.2] * 5)
    assert tuple(bar.get_height() for bar in open_) == pytest.approx(REFERENCE["D"])
    labels = [label.get_text() for label in panels["D"].get_xticklabels()]
    assert labels == ["$t_{1}$", "$t_{2}$", "$t_{11}$", "$t_{12}$", "$t_{22}$"]


@pytest.mark.slow
def test_short_form(tmp_path):
    pytest.importorskip("tensorflow", reason="nets are trained by Keras")
    from validation.toy_studies import STUDY

    main(STUDY, ["--short", "--output", str(tmp_path)])
    document = json.loads((tmp_path / "measured/toy_studies.json").read_text())
    found = document["numbers"]["scenarios"]
    assert list(found) == [*SCENARIOS, THREE_INPUTS.name]
    for name, one in found.items():
        best = leading(one["expected"])
        for net, ideal in zip(one["net"], one["closed_form"], strict=True):
            assert net[best] == pytest.approx(ideal[best], rel=0.25), name
            assert list(net) == list(coefficient_names(3 if name == "E" else 2))
        assert one["check"] == ["agrees"] * len(one["net"])
    for name in "AD":  # what so short a training learns
        assert all(follows(net, PUBLISHED[name]) for net in found[name]["net"])
    text = section(document["numbers"])
    assert "figures/toy_studies-bars.png" in text
    assert (tmp_path / "figures/toy_studies-bars.png").stat().st_size > 10_000
    assert text.strip() in (tmp_path / "README.md").read_text()
