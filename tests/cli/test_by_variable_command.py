"""``analyze --by``: words, groups, and what is refused in one line."""

from __future__ import annotations

import csv
import json

import numpy as np
import onnx
import pandas as pd
import pytest

from tests.run.test_by_variable import GROUPS, NAMES, N, deep_sets

ANALYZE = ("analyze", "set.onnx", "set.csv", "--bootstrap", "20", "--check", "4")


@pytest.fixture
def folder(place):
    onnx.save(deep_sets(), place / "set.onnx")
    x = np.random.default_rng(0).normal(size=(50, N))
    pd.DataFrame(x, columns=NAMES).to_csv(place / "set.csv", index=False)
    return place


def assert_no_sign(out):
    """Sums of absolute values have no signed mean."""
    ranked = [line for line in out.splitlines() if " ± " in line and "SEM" not in line]
    assert ranked
    assert all(line.endswith("–") for line in ranked)


def test_the_table_is_by_variable(folder, cli):
    status, out, err = cli(*ANALYZE, "--by", "variable", "-o", "r.json", "--csv", "r.csv")
    assert (status, err.strip().splitlines()) == (0, ["saved r.json", "saved r.csv"])
    assert "by variable: 5 variables of 14 features, each the sum over its features at every" in out
    assert "pf.pt, pf.eta (same object)" in out
    assert "pf.pt[0]" not in out
    document = json.loads((folder / "r.json").read_text())
    assert [one["name"] for one in document["data"]["variables"]] == GROUPS
    with (folder / "r.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["relation"] for row in rows} == {"", "same object", "different objects"}
    assert_no_sign(out)
    status, out, _ = cli("rank", "r.json", "--feature", "jet.*", "--top", "5")
    assert status == 0
    assert_no_sign(out)
    status, out, _ = cli("select", "r.json")
    assert "of 5 variables" in out
    status, out, _ = cli("compare", "r.json", "r.json")
    assert status == 0


def test_groups_are_named_by_patterns(folder, cli):
    groups = ("--by", "momenta=*.pt", "--by", "angles=pf.eta,pf.phi", "--reduce", "mean")
    status, out, _ = cli(*ANALYZE, *groups, "--order", "1")
    assert status == 0
    words = "by group: 2 groups of 13 features, each the mean over its features at every event"
    assert f"{words}; in no group: 1 feature\n" in out
    assert "momenta" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "vriable"], "--by must be feature, variable or input"),
        (["--by", "variable", "--by", "a=pf.pt"], "--by must be one word, or NAME=PATTERN,…"),
        (["--by", "a=pf.q"], "--by no feature matches 'pf.q' of group 'a': did you mean 'pf.pt'"),
        (["--by", "a=pf.pt", "--by", "a=pf.eta"], "--by is given twice for group 'a'"),
        (["--by", "a=*", "--by", "b=jet.m"], "'jet.m' is in the groups 'a' and 'b'"),
        (["--by", "=pf.pt"], "--by must be one word, or NAME=PATTERN,…"),
        (["--by", "a="], "--by has no name in ''"),
        (["--by", "variable", "--order", "3"], "use --order 2, or --by feature"),
        (["--reduce", "mean"], "--reduce is for several features"),
    ],
)
def test_wrong_groups_end_in_one_line(folder, cli, arguments, words):
    status, out, err = cli(*ANALYZE, *arguments, "-o", "r.json")
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (folder / "r.json").exists()
