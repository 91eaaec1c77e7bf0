"""What a run tells of itself on its way: every part that may take long is a stage of its own."""

from __future__ import annotations

import re
import sys
from math import inf
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import onnxtaylor as ot
from onnxtaylor import progress as progress_module
from onnxtaylor.engine.differences import chunks as differences
from onnxtaylor.engine.exact import batch_size
from onnxtaylor.engine.exact import engine as exact
from onnxtaylor.engine.finite_step import engine as finite
from onnxtaylor.runtime import sharing
from tests.engine.nets import Net

CHECK = ["step sizes", "cross-check", "rounding"]
STAGES = ["checking data", "probing", "compiling", "batch size", "coefficients", "ranking", *CHECK]


@pytest.fixture(scope="module")
def case():
    return Net("tanh", sizes=(4, 10, 2)).model(), np.random.default_rng(8).normal(size=(300, 4))


@pytest.fixture
def told(monkeypatch):
    """What a run reports of chunks that are small, as often as it can."""
    monkeypatch.setattr(sharing, "EVERY", 0.0)
    monkeypatch.setattr(batch_size, "SHARE", inf)  # short runs have time for a trial, too

    def small(*args, most, **options):  # as if memory allowed no more than 8 events at a time
        return choose(*args, most=min(most, 8), **options)

    choose = batch_size.choose_batch_size
    monkeypatch.setattr(exact, "choose_batch_size", small)
    for engine in (differences, finite):
        monkeypatch.setattr(engine, "MIN_ROWS", 8)
        monkeypatch.setattr(engine, "MAX_ROWS", 32)
    return Told()


class Told(list):
    def __call__(self, stage, done, total):
        self.append((stage, done, total))

    @property
    def stages(self):
        return list(dict.fromkeys(stage for stage, _, _ in self))

    def of(self, stage):
        return [(done, total) for name, done, total in self if name == stage]


def grows(reports):
    done = [d for d, _ in reports]
    return done == sorted(done) and done[0] == 0 and len({t for _, t in reports}) == 1


def test_an_analysis_names_all_that_it_does(case, told):
    model, x = case
    result = ot.analyze(model, x, bootstrap=20, check=16, threads=1, progress=told)
    assert told.stages == STAGES
    assert told.of("coefficients")[-1] == (300, 300)
    points = result.check["differences"]["points"]
    reports = told.of("cross-check")
    assert grows(reports)
    assert reports[-1] == (16 * points, 16 * points)
    assert any(0 < done < total for done, total in reports)
    rounds = told.of("rounding")
    assert grows(rounds)
    assert rounds[-1] == (16 * 18, 16 * 18)  # two lines of nine points beside each event


@pytest.mark.parametrize("engine", ["exact", "differences"])
def test_a_batch_that_takes_long_is_told_of_on_its_way(case, told, engine):
    model, x = case
    options = {"engine": engine, "threads": 1, "batch_size": 300, "check": 0, "bootstrap": 0}
    ot.analyze(model, x, progress=told, **options)
    reports = told.of("coefficients")
    assert grows(reports)
    assert any(0 < done < 300 for done, _ in reports)
    assert ("step sizes" in told.stages) == (engine == "differences")


def test_finite_steps_are_told_of(case, told):
    model, x = case
    options = {"finite_step": "0.5sigma", "threads": 1, "batch_size": 300, "bootstrap": 0}
    ot.analyze(model, x, progress=told, **options)
    assert any(0 < done < 300 for done, _ in told.of("coefficients"))


def test_a_check_alone_has_the_stages_of_a_check(case, told):
    model, x = case
    check = ot.cross_check(model, x, 8, threads=1, progress=told)
    assert told.stages == ["checking data", "probing", "compiling", "batch size", *CHECK]
    total = 8 * check.differences["points"]
    assert told.of("cross-check")[-1] == (total, total)


def test_numbers_are_the_same_whoever_looks(case, told):
    model, x = case
    options = {"seed": 3, "check": 8, "check_method": "all"}  # its events do not depend on time
    seen = ot.analyze(model, x, progress=told, **options)
    unseen = ot.analyze(model, x, **options)
    np.testing.assert_array_equal(seen.score, unseen.score)
    assert seen.check == unseen.check


@pytest.fixture
def terminal(monkeypatch, capsys):
    """A terminal of 80 columns; what it was sent, without its escapes."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")

    def lines():
        text = re.sub(r"\x1b\[[\d;?]*\w", "", capsys.readouterr().err)
        return [line.strip() for line in re.split(r"[\r\n]+", text)]

    return lines


def test_a_bar_counts_in_the_unit_of_its_stage_and_tells_the_time_left(terminal):
    with progress_module.terminal_bar("events") as tell:
        tell("compiling", 0, None)
        tell("cross-check", 2_000_000, 4_000_000)
        tell("cross-check", 4_000_000, 4_000_000)
    shown = terminal()
    assert any(re.fullmatch(r"compiling\s+\S+\s+\d:\d\d:\d\d", line) for line in shown)
    full = r"cross-check ━+ 4000000/4000000 evaluations +(\d+[kMG]?/s +)?\d:\d\d:\d\d 0:00:00 left"
    assert any(re.fullmatch(full, line) for line in shown)


def test_a_stage_that_comes_again_is_shown_again(terminal):
    with progress_module.terminal_bar("events") as tell:
        for k in (1, 2):
            tell("coefficients", k, 7)
            tell("ranking", 0, None)
        tell("coefficients", 7, 7)
    assert any("7/7 events" in line for line in terminal())


def test_a_cell_counts_in_the_unit_of_its_stage(monkeypatch):
    cell: list[str] = []
    module = ModuleType("IPython.display")
    module.HTML = lambda text: text
    module.display = lambda first, display_id: SimpleNamespace(update=cell.append)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    with progress_module.notebook_bar("events") as tell:
        tell("compiling", 0, None)
        tell("cross-check", 5, 5)
        tell("coefficients", 0, 5)
    words = [re.sub("<.*>", "", text).strip() for text in cell]
    expected = ["compiling", "cross-check: 5 of 5 evaluations", "coefficients: 0 of 5 events", ""]
    assert words == expected
