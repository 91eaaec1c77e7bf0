"""The Higgs challenge study: its formulas against plain loops, its short form end to end."""

from __future__ import annotations

import json
import math
import os
import re
from decimal import Decimal, getcontext
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.higgs_challenge import STUDY
from validation.higgs_challenge.claims import claims
from validation.higgs_challenge.comparison import compared
from validation.higgs_challenge.significance import (
    GRID,
    ams,
    ams_behind,
    auc,
    passing,
    replicates,
    roc,
    scan,
)
from validation.higgs_challenge.training import Training
from validation.higgs_data import HiggsEvents
from validation.study import StudyError, main

needs_sklearn = pytest.mark.skipif(
    find_spec("sklearn") is None,
    reason="ROC curves are scikit-learn's: pip install '.[validation]'",
)
EVENTS = 400
FULL = {0: 410_999.85, 1: 691.99}


def made(seed=0, events=EVENTS):
    """Events of one variable, more of it for signal, and a response with ties."""
    random = np.random.default_rng(seed)
    signal = (random.random(events) < 0.4).astype("f4")
    x = (random.normal(size=events) + 1.5 * signal).astype("f4")[:, np.newaxis]
    weight = np.where(signal == 1, 0.01, 2.0) * random.uniform(0.5, 1.5, events)
    made_of = HiggsEvents(x, signal, weight, np.arange(events), ("x",))
    return made_of, np.round(1 / (1 + np.exp(-x[:, 0].astype(float))), 2)


def precise_ams(s, b):
    """The formula in fifty decimal digits."""
    getcontext().prec = 50
    s, b = Decimal(s), Decimal(b) + 10
    return float((2 * ((s + b) * (1 + s / b).ln() - s)).sqrt())


@given(st.floats(1e-3, 1e4), st.floats(0, 1e6))
def test_ams_is_its_formula(s, b):
    # s² cancels in the bracket: relative to it, 1e-16·(b/s)² of the digits are lost
    tolerance = 1e-12 + 1e-15 * (b / s) ** 2
    if tolerance < 1e-3:
        assert ams(s, b) == pytest.approx(precise_ams(s, b), rel=tolerance)


def test_ams_of_much_background_is_s_over_root_b():
    assert ams(100, 1e7) == pytest.approx(100 / math.sqrt(1e7), rel=1e-4)
    assert ams(0, 50) == 0


def loop_scan(response, events):
    """Cut → (AMS, background events), one cut at a time."""
    found = {}
    for cut in sorted(set(response.tolist()), reverse=True):
        sums, count = {0: 0.0, 1: 0.0}, 0
        for r, y, w in zip(response, events.signal, events.weight, strict=True):
            if r >= cut:
                sums[int(y)] += w
                count += int(y == 0)
        totals = {c: events.weight[events.signal == c].sum() for c in (0, 1)}
        s, b = (sums[c] / totals[c] * FULL[c] for c in (1, 0))
        found[cut] = (precise_ams(s, b), count)
    return found


def test_a_scan_is_every_cut_of_a_plain_loop():
    events, response = made()
    found, expected = scan(response, events), loop_scan(response, events)
    assert found.cut.tolist() == list(expected)
    np.testing.assert_allclose(found.ams, [a for a, _ in expected.values()], rtol=1e-9)
    assert found.background.tolist() == [n for _, n in expected.values()]


@pytest.mark.parametrize("least", [0, 20, 100])
def test_the_best_cut_leaves_enough_background(least):
    events, response = made()
    allowed = {c: a for c, (a, n) in loop_scan(response, events).items() if n >= least}
    assert scan(response, events).best(least) == max(allowed, key=lambda cut: allowed[cut])


def test_without_enough_background_no_event_is_cut():
    events, response = made()
    assert scan(response, events).best(10 * EVENTS) == response.min()


@needs_sklearn
def test_replicates_weigh_events_by_how_often_they_are_drawn():
    """AMS and AUC of a replicate are those of a sample with the events repeated."""
    events, response = made()
    times = replicates(EVENTS, 5, seed=1)
    passed = np.array([passing(response, cut) for cut in (0.4, 0.7)])
    found = ams_behind(passed, events, times)
    for r, row in enumerate(times):
        again = np.repeat(np.arange(EVENTS), row.astype(int))
        repeated, values = events.take(again), response[again]
        scanned = loop_scan(values, repeated)
        for t, cut in enumerate((0.4, 0.7)):
            lowest = min(c for c in scanned if c >= cut)
            assert found[r, t] == pytest.approx(scanned[lowest][0], rel=1e-9)
        assert auc(response, events, row) == pytest.approx(pair_auc(values, repeated), rel=1e-9)
    assert times.mean() == pytest.approx(1, abs=5 / math.sqrt(times.size))


def pair_auc(response, events):
    """The weighted share of pairs (signal, background) in the right order; a tie is half."""
    s, b = (events.signal == c for c in (1, 0))
    order = np.sign(response[s][:, None] - response[b][None, :]) / 2 + 0.5
    return (
        events.weight[s]
        @ order
        @ events.weight[b]
        / (events.weight[s].sum() * events.weight[b].sum())
    )


@needs_sklearn
def test_the_roc_curve_passes_through_the_efficiencies_of_the_cuts():
    events, response = made()
    curve = roc(response, events)
    assert curve[-1] == 1
    assert (np.diff(curve) >= 0).all()

    def efficiency(behind, label):
        mine = events.signal == label
        return events.weight[behind & mine].sum() / events.weight[mine].sum()

    for cut in (0.3, 0.6, 0.8):
        s, b = (efficiency(response >= cut, label) for label in (1, 0))
        assert np.interp(b, GRID, curve) == pytest.approx(s, abs=0.02)


def trainings(noise):
    """Three variants of two responses; the third is mostly noise."""
    random, (events, response) = np.random.default_rng(3), made(7, 3000)
    variants = {}
    for variant, scale in zip(("all", "selected", "others"), noise, strict=True):
        seeds = [response + scale * random.normal(size=len(response)) for _ in range(2)]
        variants[variant] = [Training(None, 3 + k, seed, seed) for k, seed in enumerate(seeds)]
    return compared(variants, events, events, 50)


@needs_sklearn
def test_a_comparison_finds_what_is_worse_and_what_is_not():
    found = trainings((0.02, 0.02, 1.5))["differences"]
    for key in ("auc", "ams"):
        assert abs(found["selected"][key]["value"]) < 4 * np.hypot(
            found["selected"][key]["events"], found["selected"][key]["seeds"]
        )
        assert found["others"][key]["value"] < -3 * np.hypot(
            found["others"][key]["events"], found["others"][key]["seeds"]
        )


@needs_sklearn
def test_differences_have_the_uncertainty_of_a_difference():
    """Equal responses differ by nothing, in every replicate, however uncertain each of them is."""
    found = trainings((0, 0, 0))
    for key in ("auc", "ams"):
        assert found["differences"]["selected"][key]["value"] == 0
        assert found["differences"]["selected"][key]["events"] == 0
        assert found["trainings"]["selected"][key]["events"] > 0


FEATURES = ["DER_mass_vis", "PRI_tau_pt", *(f"PRI_{o}_phi" for o in ("tau", "lep", "met")),
            "PRI_jet_leading_phi", "PRI_jet_subleading_phi"]  # fmt: skip


def sound_numbers():
    difference = {"value": 0.0, "events": 0.001, "seeds": 0.001}
    worse = {**difference, "value": -0.1}
    return {
        "analysis": {
            "coefficients": 495, "check": "agrees", "kept": 25, "with_mass": 20,
            "share_of_kept": 0.35, "median_over_largest": 0.04, "first_order": FEATURES,
            "top": [{"label": "DER_mass_vis", "features": ["DER_mass_vis"]}],
        },
        "selection": {"names": FEATURES[:2]},
        "variables": {"all": 7, "selected": 2, "others": 5},
        "differences": {
            "selected": {"auc": difference, "ams": difference},
            "others": {"auc": worse, "ams": worse},
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("place", "path", "value"),
    [
        (0, ("analysis", "check"), "differs"),
        (1, ("analysis", "with_mass"), 12),
        (1, ("analysis", "top"), [{"label": "PRI_tau_pt", "features": ["PRI_tau_pt"]}]),
        (2, ("selection", "names"), ["DER_mass_vis", "PRI_lep_phi"]),
        (2, ("analysis", "first_order"), FEATURES[2:] + FEATURES[:2]),
        (3, ("analysis", "share_of_kept"), 0.2),
        (3, ("analysis", "median_over_largest"), 0.2),
        (4, ("differences", "selected", "auc", "value"), -0.006),
        (4, ("differences", "selected", "ams", "value"), -0.003),
        (5, ("differences", "others", "auc", "value"), -0.004),
        (5, ("differences", "others", "ams", "value"), 0.1),
    ],
)
def test_each_claim_can_fail_and_alone(place, path, value):
    numbers = sound_numbers()
    assert [claim.holds for claim in claims(numbers)] == [True] * 6
    numbers = json.loads(json.dumps(numbers))
    part = numbers
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert [k for k, claim in enumerate(claims(numbers)) if not claim.holds] == [place]


def test_without_the_data_it_says_so(monkeypatch):
    monkeypatch.delenv("ONNXTAYLOR_DATA", raising=False)
    with pytest.raises(StudyError, match="ONNXTAYLOR_DATA"):
        STUDY.run(True)


@needs_sklearn
@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("ONNXTAYLOR_DATA"), reason="ONNXTAYLOR_DATA does not name the real data"
)
def test_the_short_form_runs_and_tells_of_itself(tmp_path):
    pytest.importorskip("tensorflow", reason="the study trains with Keras")
    pytest.importorskip("tf2onnx", reason="Keras exports through tf2onnx")
    assert main(STUDY, ["--short", "--output", str(tmp_path)]) in (0, 1)
    document = json.loads((tmp_path / "measured" / "higgs_challenge.json").read_text())
    numbers = document["numbers"]
    assert numbers["analysis"]["coefficients"] == 495
    assert numbers["analysis"]["kept"] == 25
    assert numbers["analysis"]["check"] == "agrees"
    assert sum(part["events"] for part in numbers["events"].values()) < 22_889 / 7
    names = [f["name"] for f in numbers["selection"]["features"]]
    assert len(set(names)) == 30
    behind = {name for row in numbers["analysis"]["top"] for name in row["features"]}
    assert set(numbers["selection"]["names"]) == behind
    variables = numbers["variables"]
    assert (variables["selected"], variables["others"]) == (len(behind), 30 - len(behind))
    # even four epochs tell the two apart
    areas = {v: found["auc"]["mean"] for v, found in numbers["trainings"].items()}
    assert areas["others"] < areas["selected"] - 0.05
    assert areas["all"] > 0.8
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    keys = ("curve", "matrix", "scores", "trainings")
    assert figures == {f"higgs_challenge-{key}.png" for key in keys}
    text = (tmp_path / "README.md").read_text()
    assert set(re.findall(r"figures/([\w-]+\.png)", text)) == figures
    assert all(f"| {name} |" in text for name in behind)
