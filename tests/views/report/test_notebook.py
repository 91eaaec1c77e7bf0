"""What notebooks show: a short table, and a bar while a run lasts."""

from __future__ import annotations

import io
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor import progress as progress_module
from tests.cli.conftest import write_model
from tests.views.report.hostile import SCRIPT, VISIBLE, hostile
from tests.views.report.pages import Page


def test_a_result_shows_its_highest_ranked(make_result):
    result = make_result(["m_vis", "pt", "eta", "phi"], ("y",), ("s",), scale="sigma")
    page = Page(result._repr_html_())
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "style", "link", "img"})
    best = result.top(1)[0]
    assert ", ".join(best["features"]) in page.text
    value, error = map(
        float, next(w for w in page.words if " ± " in w and "S" not in w).split(" ± ")
    )
    assert value == pytest.approx(best["score"], abs=best["sem"] / 10)
    assert error == pytest.approx(best["sem"], rel=0.06)
    assert len(page.all("tr")) == 11  # and the heading
    assert "14 coefficients of 1 response, 1 000 events; ⟨t⟩ per σ" in page.text
    assert "Not cross-checked" in page.text


def test_of_many_responses_the_first_are_shown(make_result):
    page = Page(make_result(2, tuple(f"y{i}" for i in range(11)))._repr_html_())
    assert len(page.all("table")) == 8
    assert [("open" in a) for a in page.all("details")] == [True] + [False] * 7
    assert "and 3 more responses" in page.text


def test_names_are_inert(make_result):
    text = hostile(make_result)._repr_html_()
    page = Page(text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "style", "img", "b", "u", "i"})
    assert SCRIPT in page.text
    assert any(shown in page.text for shown in VISIBLE)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_finite_steps_are_no_coefficients(make_result):
    from dataclasses import replace

    result = make_result(2, scale="step")
    result = replace(result, model=replace(result.model, engine="finite-step"))
    page = Page(result._repr_html_())
    assert "5 finite-step responses" in page.text
    assert "⟨r⟩" in page.text
    assert "⟨t⟩" not in page.text


@pytest.fixture
def notebook(monkeypatch):
    """A stand-in for IPython behind a kernel; the list of what its cell showed."""
    shown: list[str] = []
    handle = SimpleNamespace(update=shown.append)
    display = ModuleType("IPython.display")
    display.HTML = lambda text: text
    display.display = lambda first, display_id: shown.append(first) or handle
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    ipython.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_a_bar_in_a_notebook(notebook, monkeypatch):
    clock = iter(np.arange(0.0, 100.0, 0.15))
    monkeypatch.setattr(progress_module, "monotonic", lambda: float(next(clock)))
    with progress_module.progress_callback(True) as tell:
        for done in range(5):
            tell("a<b", done, 4)
        tell("next", 3, None)
    words = [Page(text).text for text in notebook]
    # every second one, 0.3 s apart, and the last of a stage
    assert words == ["", *(f"a<b: {k} of 4 events" for k in (0, 2, 4)), "next: 3 events", ""]
    assert Page(notebook[2]).all("progress")[0]["value"] == "2"


def test_the_bar_goes_when_a_run_fails(notebook):
    with pytest.raises(ZeroDivisionError), progress_module.progress_callback(True) as tell:
        tell("stage", 1 // 0, None)
    assert notebook == ["", ""]


def test_a_bar_in_a_terminal(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with progress_module.progress_callback(True, "steps") as tell:
        tell("stage", 1, 3)
        tell("stage", 3, 3)
    assert "stage" in stream.getvalue()
    words = re.sub(r"\x1b\[[\d;?]*\w", "", stream.getvalue())
    assert "3/3 steps" in words


def test_analyze_draws_a_bar_or_tells_a_function(notebook, tmp_path):
    model = write_model(tmp_path / "model.onnx")
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    told = []
    quiet = ot.analyze(model, x, order=1, bootstrap=0, check=0)
    ot.analyze(model, x, order=1, bootstrap=0, check=0, progress=lambda *a: told.append(a))
    assert ("coefficients", 50, 50) in told
    assert notebook == []
    shown = ot.analyze(model, x, order=1, bootstrap=0, check=0, progress=True)
    assert "coefficients: 50 of 50 events" in " ".join(notebook)
    assert notebook[-1] == ""
    np.testing.assert_array_equal(shown.score, quiet.score)


def test_where_nobody_looks_there_is_no_bar():
    for off in (None, False):
        with progress_module.progress_callback(off) as tell:
            assert tell is None
    assert not progress_module.in_notebook()


def test_ipython_takes_the_table(make_result):
    formatters = pytest.importorskip(
        "IPython.core.formatters", reason="needs IPython: pip install ipython"
    )
    result = make_result(2)
    shown, _ = formatters.DisplayFormatter().format(result)
    assert shown["text/html"] == result._repr_html_()
