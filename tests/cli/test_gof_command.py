"""``onnxtaylor gof``, and what ``select --gof`` makes of it."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

from onnxtaylor.gof import GofOptions, GoodnessOfFit, goodness_of_fit, read_samples
from tests.gof.fits import fit_of

NAMES = ("m_vis", "pt", "eta")
MC = ("data.csv", "mc.csv", "--weight", "w")
HOSTILE = ("<script>alert(1)</script>", "a\nb\x1b[31m", "\u202eabc")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def write(path, names=NAMES, events=1500, shift=0.0, weights=False, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(events, len(names)))
    x[:, 0] += shift
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*names, *["w"] * weights])
        for row in x:
            writer.writerow([f"{v:.5f}" for v in row] + [f"{random.normal(1, 0.7):.4f}"] * weights)


@pytest.fixture
def tables(place):
    write(place / "data.csv", shift=0.3)
    write(place / "mc.csv", events=6000, weights=True, seed=1)
    return place


def test_tables_files_and_figure(tables, cli):
    words = ("--toys", "200", "-o", "gof.json", "--plot", "pairs.svg")
    status, out, err = cli("gof", *MC, *words)
    assert status == 0
    assert err.splitlines()[-2:] == ["saved gof.json", "saved pairs.svg"]
    fit = GoodnessOfFit.load(tables / "gof.json")
    samples = read_samples(["data.csv"], ["mc.csv"], expected_weight="w")
    assert fit.features == goodness_of_fit(*samples, GofOptions(toys=200)).features
    assert "observed  data.csv: 1500 events\n" in out
    assert re.search(r"expected  mc\.csv: 6000 events, Σw = \d+", out)
    rows = [line.split() for line in out.splitlines()]
    first = next(row for row in rows if row[:1] == ["m_vis"])
    assert first[1] == f"{fit.feature('m_vis').tests[0].statistic:.1f}"
    assert first[3] == str(fit.feature("m_vis").tests[0].ndf)
    assert "p < 0.05: 1 of 3 features; 0.15 expected by chance" in out
    assert "p < 0.05: 2 of 3 pairs; 0.15 expected by chance" in out
    assert (tables / "pairs.svg").read_text().startswith("<?xml")


def test_json_is_the_document_and_repeatable(tables, cli):
    words = ("--toys", "50", "--json")
    status, out, err = cli("gof", *MC, *words)
    assert (status, err) == (0, "")
    assert GoodnessOfFit.from_json(out).options["toys"] == 50
    assert cli("gof", *MC, *words).out == out
    assert cli("gof", *MC, *words, "--seed", "1").out != out


def test_options_reach_the_tests(tables, cli):
    words = ("--toys", "50", "--bins", "4", "--pair-bins", "3", "--normalize", "absolute")
    more = ("--no-pairs", "--exclude", "pt", "--seed", "3", "--missing", "-9")
    fit = GoodnessOfFit.from_json(cli("gof", *MC, *words, *more, "--json").out)
    assert fit.names == ("m_vis", "eta")
    assert fit.pairs == ()
    assert fit.features[0].tests[0].ndf == 4
    settings = GofOptions(bins=4, pair_bins=3, normalize="absolute", toys=50, seed=3, pairs=False)
    samples = read_samples(
        ["data.csv"], ["mc.csv"], expected_weight="w", exclude=["pt"], missing=-9
    )
    assert fit == goodness_of_fit(*samples, settings)


def test_several_files_on_either_side_and_stdin(tables, cli, monkeypatch):
    import io
    import sys

    once = GoodnessOfFit.from_json(cli("gof", *MC, "--toys", "20", "--json").out)
    words = ("data.csv", "mc.csv", "mc.csv", "--weight", "w", "--observed", "data.csv")
    twice = GoodnessOfFit.from_json(cli("gof", *words, "--toys", "20", "--json").out)
    assert twice.observed.events == 2 * once.observed.events
    assert twice.expected.events == 2 * once.expected.events
    stdin = io.TextIOWrapper(io.BytesIO((tables / "data.csv").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    piped = GoodnessOfFit.from_json(cli("gof", "-", *MC[1:], "--toys", "20", "--json").out)
    assert piped.features == once.features


@pytest.mark.parametrize("what", ["features", "eta", "pairs"])
def test_figures(tables, cli, what):
    status, out, err = cli("gof", *MC, "--toys", "20", "--plot", "f.png", "--draw", what, "-q")
    assert (status, out, err) == (0, "", "")
    assert (tables / "f.png").read_bytes().startswith(b"\x89PNG")


def test_combine(place, cli):
    for name, observed in (("a", 2.0), ("b", 4.0), ("a_b", 6.0)):
        entry = {"125.0": {"obs": [observed], "toy": [1.0, 3.0, 5.0], "p": 0.1}}
        (place / f"gof_{name}.json").write_text(json.dumps(entry))
    words = ("--combine", "gof_{1}.json", "--combine", "gof_{1}_{2}.json", "--features", "a,b")
    status, out, err = cli("gof", *words, "-o", "gof.json")
    assert (status, err) == (0, "saved gof.json\n")
    assert re.search(r"a\s+2\.0\s+0\.75 ± 0\.22", out)
    fit = GoodnessOfFit.load("gof.json")
    assert [f.p for f in fit.features] == [0.75, 0.5]
    assert fit.pairs[0].p == 0.25


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data.csv",), "OBSERVED EXPECTED"),
        ((), "OBSERVED EXPECTED"),
        (("data.csv", "no.csv"), "no.csv: no such file"),
        (("data.csv", "mc.csv", "--weight", "v"), "no column 'v'"),
        (("data.csv", "mc.csv", "--features", "m_viz"), "did you mean 'm_vis'"),
        ((*MC, "--normalize", "area"), "--normalize must be shape or absolute"),
        ((*MC, "--toys", "3"), "'--toys': Input should be greater than or equal to 20"),
        ((*MC, "--missing", "pt=-9"), "--missing is one value for all features of a goodness"),
        ((*MC, "--bins", "1"), "'--bins': Input should be greater than or equal to 2"),
        ((*MC, "--draw", "pairs"), "name the file with --plot"),
        ((*MC, "--toys", "20", "--plot", "f.png", "--draw", "etta"), "did you mean 'eta'"),
        ((*MC, "--plot", "f.gif"), "its name must end in"),
        ((*MC, "--plot", "mc.csv"), "is read by this call"),
        ((*MC, "--key", "125.0"), "--key"),
        (("--combine", "."), "--combine needs --features"),
        (("--combine", "nowhere", "--features", "a"), "nowhere: neither a folder nor a pattern"),
        ((*MC, "--combine", ".", "--features", "a"), "leave data and weights out"),
        ((*MC, "--toys", "20", "--no-pairs", "--plot", "f.png", "--draw", "pairs"), "no pair"),
    ],
)
def test_bad_calls_are_status_2(tables, refused, words, message):
    assert message in refused("gof", *words)


def test_hostile_names_come_out_inert(place, cli):
    write(place / "data.csv", HOSTILE)
    write(place / "mc.csv", HOSTILE, weights=True, seed=1)
    status, out, err = cli("gof", *MC, "--toys", "20", "-o", "gof.json", "--plot", "f.svg")
    assert status == 0
    assert not CONTROL.search(out + err)
    assert r"a\nb\x1b[31m" in out
    assert GoodnessOfFit.load("gof.json").names == HOSTILE
    assert "<script" not in (place / "f.svg").read_text(encoding="utf-8")


@pytest.fixture
def joined(place, make_result):
    result = make_result(NAMES)
    result.save(place / "result.json")
    fit_of({"m_vis": 0.001, "pt": 0.5, "eta": 0.5}).save(place / "gof.json")
    return result


def test_select_joins_goodness_of_fit_and_influence(joined, cli):
    status, out, err = cli("select", "result.json", "--gof", "gof.json", "--count", "9")
    assert (status, err) == (0, "")
    assert "2 well modelled, 1 check" in out
    row = next(line for line in out.splitlines() if line.split()[:1] == ["m_vis"])
    assert re.search(r"\*\s+0\.001\s+0 of 2\s+check\s+p < 0\.05$", row)
    document = json.loads(
        cli("select", "result.json", "--gof", "gof.json", "--count", "9", "--json").out
    )
    found = {row["feature"]: row["verdict"] for row in document["gof"]["rows"]}
    assert found == {"m_vis": "check", "pt": "well modelled", "eta": "well modelled"}
    assert document["names"] == list(NAMES)


def test_select_takes_thresholds(joined, cli):
    words = ("select", "result.json", "--gof", "gof.json", "--json")
    out = cli(*words, "--threshold", "0.0005", "--max-bad-pairs", "0").out
    assert {r["verdict"] for r in json.loads(out)["gof"]["rows"]} == {"well modelled"}
    everything = json.loads(cli(*words, "--threshold", "0.6").out)["gof"]["rows"]
    assert {r["verdict"] for r in everything} <= {"check", "drop"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gof", "no.json"), "no.json: no such file"),
        (("--gof", "result.json"), "no goodness of fit"),
        (("--threshold", "0.1"), "name them with --gof"),
        (
            ("--gof", "gof.json", "--threshold", "2"),
            "--threshold must be between 0 and 1, such as 0.05, got 2",
        ),
        (("--gof", "gof.json", "--names"), "exclude one another"),
    ],
)
def test_bad_calls_of_select_are_status_2(joined, refused, words, message):
    assert message in refused("select", "result.json", *words)


def test_hostile_names_in_the_joined_table(place, cli, make_result):
    make_result(HOSTILE).save(place / "result.json")
    fit_of(dict.fromkeys(HOSTILE, 0.5), {HOSTILE[:2]: 0.001}).save(place / "gof.json")
    status, out, err = cli("select", "result.json", "--gof", "gof.json")
    assert (status, err) == (0, "")
    assert not CONTROL.search(out)


def test_of_equal_p_values_the_worst_come_first(place, cli):
    """Correlations that no toy reaches, the weakest in the first columns, and shifts likewise."""
    names = ("a", "b", "c", "d")
    random = np.random.default_rng(0)
    mc, x = (random.normal(size=(events, 4)) for events in (8000, 2000))
    x[:, 1] += 0.8 * x[:, 0]
    x[:, 3] += 1.6 * x[:, 2] + 1
    for path, rows in (("data.csv", x), ("mc.csv", mc)):
        np.savetxt(path, rows, "%.5f", ",", header=",".join(names), comments="")
    status, out, _ = cli("gof", "data.csv", "mc.csv", "--toys", "50", "-o", "gof.json")
    assert status == 0
    fit = GoodnessOfFit.load(place / "gof.json")
    assert {pair.p for pair in fit.pairs_of("d")} == {1 / 51} == {fit.feature("b").p}
    title = "worst pairs"
    listed = re.findall(r"^ +(\w, \w) ", out[out.index(title) :], re.MULTILINE)
    tests = {", ".join(pair.features): pair.tests[0] for pair in fit.pairs}
    # of degrees of freedom that are about equal the largest statistic is the worst
    assert len({test.ndf for name, test in tests.items() if "d" in name}) == 1
    shifted = sorted((n for n in tests if "d" in n), key=lambda n: -tests[n].statistic)
    assert listed[: len(shifted)] == shifted
    assert listed[0] == "c, d"
    features = re.findall(r"^ +(\w) ", out[: out.index(title)], re.MULTILINE)
    assert features[:2] == ["d", "b"]
    assert out.count("worst first: by p; equal ones by p (χ²)") == 2
    document = json.loads((place / "gof.json").read_text())
    ranks = {", ".join(row["features"]): row["rank"] for row in document["pairs"]}
    assert sorted(ranks, key=ranks.get) == listed
    assert [row["rank"] for row in document["features"]][1::2] == [2, 1]
