"""``onnxtaylor select``: tables for people, names for a pipe, JSON for machines."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest

import onnxtaylor as ot

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NAMES = ("m_vis", "pt", "eta", "phi")


@pytest.fixture
def result(place, make_result):
    result = make_result(NAMES, ("ggh", "qqh"), ("ggh", "qqh"), seed=3)
    result.save(place / "result.json")
    return result


def test_the_tables_tell_both_parts(result, cli):
    status, out, err = cli("select", "result.json", "--count", "3")
    assert (status, err) == (0, "")
    found = ot.select(result, count=3)
    assert "kept: the 3 highest ranked of 14 coefficients\n" in out
    assert f"ggh: ⟨t⟩ ≥ {found.cuts[0].score:.4g}" in out
    inside, outside = out.split("in none of them:")
    assert f"in a coefficient that is kept: {len(found.influential)} of 4 features" in inside
    for part, features in ((inside, found.influential), (outside, found.others)):
        rows = [line.split() for line in part.splitlines() if line.split()[:1] and
                line.split()[0] in NAMES]  # fmt: skip
        assert [row[0] for row in rows] == [f.name for f in features]
        for row, f in zip(rows, features, strict=True):
            assert row[-1] == ("yes" if f.sure else "open")
            assert str(f.best_rank) in row
    row = next(line.split() for line in inside.splitlines() if line.split()[:1] == ["m_vis"])
    first = found.influential[[f.name for f in found.influential].index("m_vis")]
    assert row[1:4] == [str(first.coefficients), f"{100 * first.share:.1f}", "%"]


def test_the_inverted_selection_comes_first(result, cli):
    out = cli("select", "result.json", "--count", "1", "--inverted").out
    assert out.index("in none of them") < out.index("in a coefficient that is kept")


@pytest.mark.parametrize("inverted", [False, True])
def test_names_are_plain_lines_that_analyze_reads(place, cli, inverted):
    analyze = ("events.csv", "--label", "Label", "--weight", "w")
    assert cli("analyze", "model.onnx", *analyze, "-o", "r.json", "-q").status == 0
    words = ("select", "r.json", "--count", "1", "--names", *["--inverted"] * inverted)
    status, out, err = cli(*words)
    assert (status, err) == (0, "")
    (place / "names.txt").write_text(out, encoding="utf-8")
    names = out.splitlines()
    expected = ot.select(ot.TaylorResult.load(place / "r.json"), count=1, inverted=inverted).names
    assert tuple(names) == expected
    assert 0 < len(names) < 3
    from tests.cli.conftest import write_model

    write_model(place / "small.onnx", features=len(names))
    call = ("analyze", "small.onnx", "events.csv", "--features", "@names.txt", "--order", "1")
    status, out, err = cli(*call, "--json")
    assert status == 0, err
    assert ot.TaylorResult.from_json(out).features == expected


def test_json_is_the_selection(result, cli):
    status, out, err = cli(
        "select", "result.json", "--top-fraction", "0.2", "--per-class", "--json"
    )
    assert (status, err) == (0, "")
    expected = ot.select(result, 0.2, per_class=True).to_dict()
    assert json.loads(out) == json.loads(json.dumps(expected))
    assert len(json.loads(out)["cuts"]) == 2


def test_options_reach_the_library(result, cli):
    words = ("--output", "qqh", "--output", "ggh", "--group", "qqh", "--order", "2", "--count", "2")
    status, out, err = cli("select", "result.json", *words, "--json")
    assert (status, err) == (0, "")
    expected = ot.select(result, count=2, outputs=["qqh", "ggh"], group="qqh", order=2)
    assert json.loads(out) == json.loads(json.dumps(expected.to_dict()))
    out = cli("select", "result.json", *words).out
    assert "highest ranked of 10 coefficients of order 2" in out
    assert out.count("events of qqh: ⟨t⟩ ≥") == 2


def test_a_result_from_stdin(result, cli, place, monkeypatch):
    content = (place / "result.json").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    status, out, err = cli("select", "-", "--names")
    assert (status, err) == (0, "")
    assert tuple(out.splitlines()) == ot.select(result).names


def test_an_empty_choice_is_told(result, cli):
    status, out, err = cli("select", "result.json", "--top-fraction", "1", "--inverted", "--names")
    assert (status, out, err) == (0, "", "no feature is chosen\n")


def test_features_without_coefficients_are_told(place, cli, make_result):
    from onnxtaylor.indices import MultiIndices

    make_result(["a", "b", "c"], indices=MultiIndices.of(3, [(0,), (1,)])).save(place / "r.json")
    status, out, err = cli("select", "r.json", "--names", "--inverted")
    assert status == 0
    assert out in ("a\n", "b\n")
    assert err == "1 feature without a coefficient in the result: neither in nor out\n"


def test_responses_to_finite_steps_are_not_called_t(place, cli, make_result):
    from dataclasses import replace

    result = make_result(["a", "b"])
    result = replace(result, model=replace(result.model, engine="finite-step"))
    result.save(place / "r.json")
    out = cli("select", "r.json").out
    assert "⟨r⟩" in out
    assert "⟨t⟩" not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--top-fraction", "0.1", "--count", "2"), "--top-fraction and --count exclude one"),
        (("--names", "--json"), "--names and --json exclude one another"),
        (("--top-fraction", "1.5"), "--top-fraction must be above 0 and at most 1, such as 0.05"),
        (("--top-fraction", "nan"), "for the upper 5 %, got nan"),
        (("--count", "99"), "--count must be between 1 and 14, the number of coefficients, got 99"),
        (("--output", "ztt"), "no output 'ztt': it has ggh, qqh"),
        (("--group", "x", "--per-class"), "exclude one another"),
        (("--order", "7"), "no coefficient of order 7"),
    ],
)
def test_wrong_calls_are_refused_in_one_line(result, refused, words, message):
    assert message in refused("select", "result.json", *words)


def test_hostile_names_are_inert_in_tables_and_exact_in_json(place, cli, refused, make_result):
    names = [
        "<script>alert(1)</script>",
        "\x1b[31mred\x07",
        "[red]x[/red]",
        "a\u202eb",
        "line\nend",
    ]
    make_result(names, outputs=("[link=x]y\x1b[5m\n",), classes=("\x1b[1m",)).save(place / "r.json")
    status, out, err = cli("select", "r.json", "--group", "\x1b[1m")
    assert status == 0
    assert not CONTROL.search(out + err)
    assert "[red]x[/red]" in out
    assert r"\x1b[31mred\x07" in out
    out = cli("select", "r.json", "--top-fraction", "1", "--json").out
    assert json.loads(out)["names"] == names
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", out)
    line = refused("select", "r.json", "--top-fraction", "1", "--names")
    assert line == r"--names: '\x1b[31mred\x07' cannot be a line of plain text: use --json"
