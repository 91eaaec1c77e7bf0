"""The study of k-fold models: its claims notice what is wrong, and its short form runs."""

from __future__ import annotations

import copy
import json
import os

import numpy as np
import pytest

from validation.folds.study import STUDY, claims
from validation.folds.telling import section
from validation.folds.trainings import fold_of
from validation.study import main

ROW = {"label": "m", "score": 0.5, "sem": 0.01, "spread": 0.03, "folds": [0.48, 0.52]}
NUMBERS = {
    "events": [10, 12],
    "epochs": [3, 4],
    "checks": ["agrees", "agrees"],
    "by_hand": 1e-15,
    "tensorflow": 1e-7,
    "leading": [ROW] * 25,
    "wrong": 0.4,
}


def test_claims_hold_for_good_numbers_and_not_for_bad_ones():
    assert [claim.holds for claim in claims(NUMBERS)] == [True] * 3
    for k, change in enumerate(
        ({"by_hand": 1e-9}, {"tensorflow": 1e-3}, {"leading": [{**ROW, "spread": 0.001}] * 25})
    ):
        holds = [claim.holds for claim in claims({**copy.deepcopy(NUMBERS), **change})]
        assert holds == [j != k for j in range(3)]


def test_the_section_tells_the_numbers():
    text = section(NUMBERS)
    assert "10 and 12 events" in text
    assert "| m | 0.5000 | 0.0100 | 0.0300 | 0.4800 | 0.5200 |" in text
    assert "6 % in the median" in text


def test_folds_are_by_the_number_of_the_event():
    class Events:
        number = np.array([100000, 100001, 7])

    assert fold_of(Events()).tolist() == [0, 1, 1]


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("ONNXTAYLOR_DATA"), reason="needs ONNXTAYLOR_DATA")
def test_the_short_form_runs(tmp_path):
    pytest.importorskip("tensorflow")
    status = main(STUDY, ["--short", "--output", str(tmp_path)])
    document = json.loads((tmp_path / "measured" / "folds.json").read_text())
    assert status in (0, 1)
    exact = [claim["holds"] for claim in document["claims"][:2]]
    assert exact == [True, True]
    assert document["numbers"]["wrong"] > 0.01
