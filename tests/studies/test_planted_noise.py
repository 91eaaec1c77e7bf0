"""Planted noise: what a permutation keeps and destroys, places, claims; the study's short form."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from validation.planted_noise import toy
from validation.planted_noise.figure import figure
from validation.planted_noise.higgs import ANGLES, places_of, planted
from validation.planted_noise.telling import claims, section
from validation.study import main
from validation.toys import SCENARIOS, quadratic, sample, with_noise

pytest.importorskip("pyarrow")


def events(number=500):
    from validation.higgs_data import HiggsEvents

    random = np.random.default_rng(1)
    x = random.normal(size=(number, 3)).astype("f4")
    x[:, 1] += 2 * x[:, 0]
    signal = (x[:, 1] > 0).astype("f4")
    return HiggsEvents(x, signal, np.ones(number), np.arange(number), ("a", "b", "c"))


def test_a_permutation_keeps_the_distribution_and_nothing_else():
    before = events()
    after = planted(before, "b", seed=3)
    np.testing.assert_array_equal(np.sort(after.x[:, 1]), np.sort(before.x[:, 1]))
    np.testing.assert_array_equal(after.x[:, [0, 2]], before.x[:, [0, 2]])
    np.testing.assert_array_equal(after.signal, before.signal)
    assert np.corrcoef(before.x[:, 1], before.x[:, 0])[0, 1] > 0.85
    for other in (after.x[:, 0], after.signal):
        assert abs(np.corrcoef(after.x[:, 1], other)[0, 1]) < 0.15  # 0.045 is one deviation
    assert not np.array_equal(planted(before, "b", seed=4).x, after.x)


def test_the_events_given_stay_as_they_are():
    before = events()
    kept = before.x.copy()
    planted(before, "a", seed=1)
    np.testing.assert_array_equal(before.x, kept)


def test_places_are_those_of_the_mean():
    nets = [{"a": 3.0, "b": 1.0, "c": 2.5}, {"a": 1.0, "b": 2.0, "c": 2.0}]
    assert places_of(nets, (1, 2, 3)) == {1: "c", 2: "a", 3: "b"}


def test_chance_is_what_a_fit_finds_and_falls_with_the_root_of_the_number():
    """Against scikit-learn's logistic regression on the monomials, written as one gradient."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    scenario = with_noise(SCENARIOS["C"])
    levels = []
    for number in (4_000, 400_000):
        z, labels = sample(scenario, number, np.random.default_rng(8))
        form = quadratic(scenario, np.zeros(3), np.ones(3))
        levels.append(toy.chance(z, labels, *form))
        if number > 4_000:
            continue
        i, j = np.triu_indices(3)
        fit = linear_model.LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
        fit.fit(np.hstack([z, z[:, i] * z[:, j]]), labels)
        k = fit.coef_[0]
        slope = k[2] + k[5] * z[:, 0] + k[7] * z[:, 1] + 2 * k[8] * z[:, 2]
        p = fit.predict_proba(np.hstack([z, z[:, i] * z[:, j]]))[:, 1]
        assert levels[0] == pytest.approx(np.mean(p * (1 - p) * abs(slope)), rel=0.1)
    assert 3 < levels[0] / levels[1] < 30


def net(feature, score, rank, **more):
    first = {f"f{i}": 0.3 - 0.01 * i for i in range(26)}
    first |= dict(zip(ANGLES, (0.008, 0.009, 0.010), strict=True)) | {feature: score}
    known = {"seed": 1, "auc": 0.92, "auc_train": 0.93, "first": first, "score": score}
    known |= {"sem": 1e-4, "rank": rank, "influential": 0, "kept": 25, "second_order": 465}
    return {**known, "best": 100, "median": 390.0, **more}


def numbers(score=0.012, rank=28, influential=0, chance=0.018, overfitted=0.1):
    feature = "DER_mass_vis"
    one = {"feature": feature, "place": 1, "training": "usual"}
    one["nets"] = [net(feature, score, rank, influential=influential)]
    other = {**one, "training": "overfitted", "nets": [net(feature, overfitted, 14)]}
    network = {"hidden": [100, 100], "l2": 1e-4, "learning_rate": 3e-3, "epochs": 30, "batch": 256}
    toys = []
    for number, level in ((2_000, 0.02), (200_000, 0.002)):
        values = dict.fromkeys(("t_1", "t_3", "t_12", "t_13", "t_23", "t_33"), level)
        found = {"score": values, "sem": dict.fromkeys(values, 1e-4), "epochs": 5}
        toys.append({"events": number, "l2": 0.0, "seed": 1, **found})
        toys[-1]["chance"] = level * chance / 0.02
    higgs = {"before": [net(feature, 0.35, 1)], "planted": [one, other], "features": 30}
    higgs |= {"training_events": 16_000, "analyzed_events": 6_900}
    plan = {"higgs": {"usual": {"network": network, "last": 1e-4}}}
    return {"plan": plan, "higgs": higgs, "toy": toys}


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({}, []),
        ({"rank": 20}, [0]),
        ({"influential": 1}, [1]),
        ({"overfitted": 0.035}, [2]),
        ({"chance": 0.0095}, [3]),
        ({"chance": 0.041}, [3]),
    ],
)
def test_each_claim_fails_alone(change, failing):
    found = claims(numbers(**change))
    assert [k for k, claim in enumerate(found) if not claim.holds] == failing


def test_the_section_tells_what_was_measured():
    text = section(numbers(score=0.0123, rank=27))
    assert "| DER_mass_vis | usual | 1 → 27 | 0.0123 | 123 |" in text
    assert "0.920 on the events analyzed" in text


def test_the_figure_joins_before_and_after():
    left, right = figure(numbers(score=0.0123)).axes
    (joined,) = [line for line in left.lines if line.get_label() == "replaced by noise"]
    np.testing.assert_allclose(joined.get_ydata(), [0.35, 0.0123])
    assert left.get_legend().get_texts()[0].get_text() == "another feature"
    noise = next(line for line in right.lines if "noise" in str(line.get_label()))
    np.testing.assert_allclose(noise.get_xydata(), [(2_000, 0.02), (200_000, 0.002)])


@pytest.mark.slow
def test_noise_of_the_toy_is_below_the_signal():
    pytest.importorskip("tensorflow", reason="nets are trained by Keras")
    (found,) = toy.study_toy(toy.Plan(((20_000, 7),), (0.0,), (1,)))
    noise = max(value for name, value in found["score"].items() if "3" in name)
    assert 0 < noise < 0.1 * min(found["score"][name] for name in ("t_1", "t_2", "t_12"))


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("ONNXTAYLOR_DATA"), reason="ONNXTAYLOR_DATA does not name the real data"
)
def test_short_form(tmp_path):
    for package in ("tensorflow", "sklearn"):
        pytest.importorskip(package, reason="nets are trained by Keras")
    from validation.planted_noise import STUDY

    main(STUDY, ["--short", "--output", str(tmp_path)])
    document = json.loads((tmp_path / "measured/planted_noise.json").read_text())
    (one,) = document["numbers"]["higgs"]["planted"]
    assert one["place"] == 1
    for found in one["nets"]:
        order = sorted(found["first"], key=lambda name: -found["first"][name])
        assert order[found["rank"] - 1] == one["feature"]
        assert found["rank"] > 15
        assert found["auc"] > 0.8
    assert (tmp_path / "figures/planted_noise-scores.png").stat().st_size > 10_000
    assert section(document["numbers"]).strip() in (tmp_path / "README.md").read_text()


def test_without_the_data_one_line_says_so(tmp_path, monkeypatch, capsys):
    for package in ("tensorflow", "sklearn"):
        pytest.importorskip(package, reason="the study asks for them first")
    from validation.planted_noise import STUDY

    monkeypatch.delenv("ONNXTAYLOR_DATA", raising=False)
    assert main(STUDY, ["--short", "--output", str(tmp_path)]) == 2
    assert "ONNXTAYLOR_DATA" in capsys.readouterr().err
