"""The scripts that judge the differences engine: what they measure, and what they make of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.engine.nets import Net
from validation.numerical_errors import __main__ as numerical_errors
from validation.numerical_errors import judge as judging
from validation.numerical_errors.cases import ACTIVATIONS, EXPLAINED, PILOT, Case, cases
from validation.numerical_errors.judge import function_of, judge, promoted, truth_of
from validation.numerical_errors.kinks import away_from_kinks
from validation.numerical_errors.measures import largest_error, measure
from validation.numerical_errors.report import as_markdown
from validation.performance.numerical import __main__ as numerical
from validation.performance.numerical import compare as comparing
from validation.performance.numerical.compare import Line, Table
from validation.performance.numerical.programs import PEERS, Counted, flattened
from validation.performance.numerical.report import BEGIN, END, with_tables
from validation.performance.numerical.search import accuracy, fewest, settings
from validation.toys import SCENARIOS, closed_form, quadratic


def case_of(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


def test_measures_by_hand():
    truth = np.array([1.0, -2.0, 4.0, 0.0])
    terms = truth + np.array([0.1, 0.4, -0.4, 0.0])
    found = measure(terms, np.array([0.3, 0.4 * (1 + 1e-9), 0.2, 1.0]), truth)
    assert found.accuracy == pytest.approx(0.1)  # of 0.1, 0.2, 0.1
    assert found.coverage == 0.75
    assert found.of_medians == pytest.approx(0.3 / 0.4)
    assert found.median_ratio == pytest.approx(1.0)  # of 3, 1, 0.5
    assert found.zeros == 0.25
    assert found.with_zeros == pytest.approx(0.35 / 0.25)


def test_zeros_have_neither_accuracy_nor_ratio():
    found = measure(np.full(3, 1e-9), np.ones(3), np.zeros(3))
    assert np.isnan(found.accuracy)
    assert np.isnan(found.median_ratio)
    assert found.zeros == found.coverage == 1


def test_only_what_is_kept_is_measured():
    truth = np.ones((2, 1, 2))
    terms = truth + np.array([0.0, 1.0])
    assert measure(terms, 0 * truth, truth, np.array([True, False])).coverage == 1
    assert measure(terms, 0 * truth, truth).coverage == 0.5


@pytest.mark.parametrize(
    ("dtype", "order", "limit"), [("float32", 2, 1e-2), (np.float64, 1, 1e-10)]
)
def test_limits_of_the_accuracy(dtype, order, limit):
    assert largest_error(dtype, order) == limit


def test_the_truth_is_that_of_the_closed_form():
    case = case_of("toy C")
    x = case.x[PILOT:]
    scenario = SCENARIOS["C"]
    A, b, c = (np.float32(v).astype(np.float64) for v in quadratic(scenario, *scenario.pooled()))
    wanted = np.stack(list(closed_form(x, A, b, float(c)).values()), axis=1)
    found = truth_of(promoted(function_of(case.model), case.x), x)[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("activation", ["tanh", "swish", "softsign"])
def test_the_truth_is_that_of_derivatives_by_hand(activation):
    net, x = Net(activation), case_of("tanh net").x
    found = truth_of(promoted(function_of(net.model()), x), x)
    np.testing.assert_allclose(found, net.terms(x), rtol=1e-9, atol=1e-13)


def test_a_row_knows_which_limits_it_misses():
    by_format = {row.precision: row for row in judge(case_of("elu net"))}
    assert by_format["float64"].missed() == []
    assert by_format["float32"].missed() == [(2, "accuracy")]
    assert by_format["float32"].reasons() == {
        (2, "accuracy"): EXPLAINED["elu net", "float32", 2, "accuracy"]
    }


def test_every_explanation_is_of_a_case():
    names = {case.name for case in cases()} | {"marabou_tanh_controller"}
    assert {name for name, *_ in EXPLAINED} <= names
    assert {f"{activation} net" for activation in ACTIVATIONS} <= names


def test_the_script_passes_and_writes_its_table(tmp_path, capsys):
    table = tmp_path / "table.md"
    assert numerical_errors.main([case_of("toy A"), case_of("elu net")], table) == 0
    text = table.read_text(encoding="utf-8")
    assert text.count("| toy A | 2×1 |") == text.count("| elu net | 6×4 |") == 2
    assert "- accuracy of t_ij, elu net: the second derivative" in text
    assert "toy A, float64: t_i " in capsys.readouterr().out


def test_what_nobody_explains_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(judging, "EXPLAINED", {})
    assert numerical_errors.main([case_of("elu net")], tmp_path / "table.md") == 1
    assert "elu net in float32: accuracy of order 2" in capsys.readouterr().err
    assert "**not explained**" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_estimates_that_are_too_small_are_found(monkeypatch):
    real = judging.answer_of

    def shrunk(*arguments, **options):
        engine, answer = real(*arguments, **options)
        return engine, replace(answer, error_bounds=answer.error_bounds / 100)

    monkeypatch.setattr(judging, "answer_of", shrunk)
    rows = judge(case_of("tanh net"))
    assert all((order, "coverage") in row.missed() for row in rows for order in (1, 2))
    assert "**not explained**" in as_markdown(rows)


def test_estimates_that_are_too_large_are_found(monkeypatch):
    real = judging.answer_of

    def swollen(*arguments, **options):
        engine, answer = real(*arguments, **options)
        return engine, replace(answer, error_bounds=answer.error_bounds * 10)

    monkeypatch.setattr(judging, "answer_of", swollen)
    missed = judge(case_of("toy D"))[1].missed()
    assert missed == [(order, what) for order in (1, 2) for what in ("ratio", "median ratio")]


def test_kinks_by_the_signs_of_a_net():
    """One hidden layer: the distance to the nearest kink along a feature is known."""
    net, x = Net("relu", sizes=(5, 12, 2), softmax=False), case_of("tanh net").x[:, :5]
    function = promoted(function_of(net.model()), x)
    indices = judging.MultiIndices.full(5)
    reach = np.full(5, 0.1)
    found = away_from_kinks(function, x, reach, indices)
    matrix, _ = net.weights()[0]
    distance = abs(net.hidden(x))[:, None] / abs(matrix)
    np.testing.assert_array_equal(found[:, :5], distance.min(axis=2) > 0.1)
    for column, (i, *j) in enumerate(indices.tuples()):
        if j and j[0] != i:  # |a| > r (|w_i| + |w_j|) for every unit
            safe = abs(net.hidden(x)) > 0.1 * (abs(matrix[i]) + abs(matrix[j[0]]))
            np.testing.assert_array_equal(found[:, column], safe.all(axis=1))


def small() -> tuple[Counted, np.ndarray, np.ndarray]:
    case = case_of("toy B")
    function = promoted(function_of(case.model), case.x)
    return Counted(function), case.x[:4], truth_of(function, case.x[:4])[:, 0]


@pytest.mark.parametrize("name", PEERS)
def test_peers_are_right(name):
    pytest.importorskip({"scipy": "scipy.differentiate"}.get(name, name))
    f, x, truth = small()
    found = flattened(PEERS[name].jacobian(f, x, {}), PEERS[name].hessian(f, x, {}))
    np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1e-9)
    assert f.rows > 100


@pytest.mark.parametrize("name", PEERS)
def test_the_cheapest_setting_that_is_accurate_enough(name, monkeypatch):
    pytest.importorskip({"scipy": "scipy.differentiate"}.get(name, name))
    f, x, truth = small()
    first, second = fewest(name, PEERS[name], f, x, truth, (1e-6, 1e-4))
    assert first in settings(name)
    assert second in settings(name)
    terms = flattened(PEERS[name].jacobian(f, x, first), PEERS[name].hessian(f, x, second))
    assert accuracy(terms, truth, 2) <= (1e-6, 1e-4)
    assert fewest(name, PEERS[name], f, x, truth, (0.0, 0.0)) == (None, None)


def test_accuracy_leaves_out_zeros_and_sees_what_is_not_finite():
    truth = np.array([[1.0, 0.0, 2.0]])
    assert accuracy(np.array([[1.5, 9.0, np.nan]]), truth, 2) == (0.5, np.inf)


def test_the_factor_is_the_median_of_the_turns():
    own, peer = Line("a", "", seconds=[1.0, 2.0, 4.0]), Line("b", "", seconds=[8.0, 8.0, 8.0])
    assert Table("net", "float32", [own, peer]).times(peer) == 4
    assert np.isnan(Table("net", "float32", [own]).times(Line("c", "no setting")))


def test_all_programs_are_compared(tmp_path, monkeypatch, capsys):
    pytest.importorskip("numdifftools")
    pytest.importorskip("scipy.differentiate")
    monkeypatch.setattr(comparing, "SECONDS", 1e-3)
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    call = ["--models", "2-4-1", "--repeats", "1", "--events", "4", "--out", str(readme)]
    assert numerical.main(call) == 0
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    for precision in ("float64", "float32"):
        assert f"**2-4-1, {precision}**" in text
    assert text.count("| onnxtaylor, differences | with error estimates |") == 2
    assert text.count("| numdifftools | defaults |") == 2
    assert text.count("| scipy.differentiate | defaults |") == 2
    assert "| onnxtaylor" in capsys.readouterr().out


def test_the_readme_of_the_repository_has_its_marks():
    pytest.importorskip("numdifftools")
    text = numerical.README.read_text(encoding="utf-8")
    table = Table("a net", "float32", [Line("a program", "a setting", seconds=[1.0])])
    written = with_tables(text, [table], "here")
    assert "| a program | a setting |" in written
    with pytest.raises(ValueError, match="has no"):
        with_tables("nothing", [table], "here")
