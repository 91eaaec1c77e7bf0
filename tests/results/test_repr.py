"""What a session or a notebook prints of the public objects is short, and fit for a terminal."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor.audit import audit
from onnxtaylor.gof import GoodnessOfFit
from onnxtaylor.gof.result import FeatureFit, TestResult
from tests.cli.conftest import write_model, write_table

X = np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("repr") / "model.onnx", responses=2)


@pytest.fixture(scope="module")
def result(model):
    return ot.analyze(str(model), X, labels=np.arange(60) % 2, feature_names=["a", "b", "c"])


def test_a_result_shows_what_was_analyzed_and_its_head(result, model):
    lines = repr(result).splitlines()
    assert lines[0] == f"TaylorResult of {model}: 9 coefficients of 3 features at 60 events"
    assert lines[1] == (
        "responses y[0], y[1]; events of all, 0, 1; scale"
        f" {result.options['scale']}; engine exact; check agrees; {len(result.warnings)} warnings"
    )
    assert lines[2] == "highest ranked of y[0], ⟨t⟩ ± SEM:"
    for line, row in zip(lines[3:], result.top(3), strict=True):
        assert line.startswith(f"   {row['rank']}  {row['label']}: ")
        shown = float(line.split(": ")[1].split(" ± ")[0])
        assert shown == pytest.approx(row["score"], abs=row["sem"])


def test_warnings_of_an_analysis_are_in_one_place(model):
    """All that the command line prints on stderr: of data, of weights, of the numbers."""
    weights = np.where(np.arange(60) % 2, 1.0, -1.0)
    weights[0] = -1.0 + 1e-12
    x = np.hstack([X[:, :2], np.full((60, 1), 7.0)])
    result = ot.analyze(str(model), x, weights=weights, feature_names=["a", "b", "c"])
    codes = [warning.code for warning in result.warnings]
    assert {"weights", "constant"} <= set(codes)
    said = [w.message for w in result.warnings if "of both signs and cancel" in w.message]
    assert len(said) == 1
    assert said[0] in unescape(result._repr_html_())
    shown = [line for line in repr(result).splitlines() if line.startswith("warning: ")]
    assert shown == [f"warning: {w.message}" for w in result.warnings[:3]]
    more = replace(result, warnings=result.warnings[:1] * 7)
    assert repr(more).endswith("4 more in .warnings")
    assert more._repr_html_().count("<li>") == 6
    assert "<li>2 more</li>" in more._repr_html_()
    assert "warning: " not in repr(replace(result, warnings=()))


def test_no_name_is_obeyed_by_a_terminal_or_long(make_result):
    bad = "x\x1b[31m\n\u202e" * 300
    result = make_result([bad, "b"], (bad + "y", "z"), (bad + "g",))
    result = replace(result, model=replace(result.model, path=bad), check={"verdict": bad})
    for shown in (result, ot.select(result), ot.compare_results(result, result), result.plot):
        text = repr(shown)
        assert len(text) < 1500
        assert all(line.isprintable() for line in text.splitlines())
        assert len(text.splitlines()) <= 6


def test_a_check_and_a_selection(model, result):
    check = ot.cross_check(str(model), X)
    counts = check.counts()["agrees"][0]
    assert repr(check).startswith(
        f"CrossCheck of {model}: agrees: 18 coefficients at 60 of 60 events: {counts} agrees"
    )
    missing = replace(check, comparisons=None, verdict="not run", reason="no rule for Foo")
    assert repr(missing) == f"CrossCheck of {model}: not run: no rule for Foo"
    found = ot.select(result, count=2, outputs=["y[0]", "y[1]"])
    assert repr(found) == (
        f"Selection: {len(found.names)} of 3 features behind the 2 highest ranked of 9 coefficients"
        f" of y[0], y[1]: {', '.join(found.names)}"
    )


def test_a_comparison_and_derivatives(model, result):
    found = ot.compare_results(result, result)
    assert repr(found) == (
        f"Comparison of {model} and {model}, as independent results: 0 of {found.change.size}"
        " scores moved"
    )
    assert repr(ot.differentiate(str(model), order=1)) == (
        "Derivatives of 3 features: called on x (events, 3) it gives value, jacobian"
    )


def test_progress(model):
    progress = ot.LearningProgress(X, order=1)
    assert repr(progress) == "LearningProgress: nothing was recorded yet"
    for step in (0, 10):
        progress.record(step, str(model))
    told = (
        "2 steps from 0 to 10: 3 coefficients of 3 features at 60 events; responses y[0], y[1];"
        " events of all"
    )
    assert repr(progress) == f"LearningProgress: {told}"
    assert repr(progress.result()) == f"ProgressResult: {told}"


def test_an_audit_and_a_goodness_of_fit(model, tmp_path):
    table = write_table(tmp_path / "events.csv")
    outcome = audit(model, table, labels="Label", weights="w", check=0, bootstrap=0)
    assert repr(outcome).startswith(f"AuditOutcome of {model}: {outcome.verdict}")
    tests = [
        FeatureFit(f"x{k}", (TestResult("saturated", 1.0, 3, p, None, None, None),), ())
        for k, p in enumerate((0.5, 0.01, None))
    ]
    shown = "GoodnessOfFit of 3 features and 0 pairs by toys; smallest p of a feature: x1 0.01, x0 "
    assert repr(GoodnessOfFit("toys", tuple(tests), ())) == shown + "0.5"


def test_notebooks_show_tables_of_selections_comparisons_and_trainings(model, result):
    found = ot.select(result, count=2)
    shown = found._repr_html_()
    assert shown.startswith(f"<p>{found!r}</p><table>")
    assert shown.count("<tr>") == 1 + len(found.influential)
    assert "<td>y[0]</td>" not in ot.compare_results(result, result)._repr_html_()
    other = replace(result, score=result.score * np.linspace(1, 3, 9))
    moved = ot.compare_results(result, other)._repr_html_()
    assert "<td>moved</td>" in moved
    progress = ot.LearningProgress(X, order=1, feature_names=["<b>", "b", "c"])
    assert progress._repr_html_() is None
    for step in (0, 10):
        progress.record(step, str(model))
    shown = progress._repr_html_()
    assert "<th>step 0</th><th>step 10</th>" in shown
    assert "<td>&lt;b&gt;</td>" in shown
    lines = repr(progress.result().top(3)).splitlines()
    assert lines[0].split() == ["step", "coefficient", "⟨t⟩", "±", "SEM", "signed", "mean"]
    assert [line.split()[0] for line in lines[1:]] == ["10"] * 3
