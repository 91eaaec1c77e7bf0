"""The comparison with onnx-ad: the same results, and a table that says who is faster."""

from __future__ import annotations

import numpy as np
import pytest

from validation.performance.nets import dense_net
from validation.performance.onnx_ad.__main__ import README
from validation.performance.onnx_ad.compare import Row, measure
from validation.performance.onnx_ad.graphs import TASKS, Case, ours
from validation.performance.onnx_ad.report import BEGIN, END, as_section, read, with_table, write

NET = dense_net((3, 5, 2))


@pytest.mark.parametrize("task", TASKS)
def test_both_programs_compute_the_same(task):
    pytest.importorskip("onnx_ad", reason="onnx-ad is the peer")
    row = measure("8-32-32-2-tanh", NET, 4, task, threads=1, pairs=1)
    assert not row.refused
    assert row.apart < 1e-5
    assert row.ratio > 0


def test_our_products_are_those_of_the_full_derivatives():
    case = Case.drawn(NET, 4)
    found = {task: ours(case, task, 1) for task in TASKS}
    result = {task: graph.result_of(graph.run()) for task, graph in found.items()}
    near = {"rtol": 1e-4, "atol": 1e-6}
    jacobian, hessian = result["jacobian"], result["hessian"]
    np.testing.assert_allclose(result["jvp 8"], np.einsum("eci,lei->lec", jacobian, case.v), **near)
    np.testing.assert_allclose(
        result["vjp"][0], np.einsum("eci,ec->ei", jacobian, case.u[0]), **near
    )
    wanted = np.einsum("ecij,ec,ej->ei", hessian, case.u[0], case.v[0])
    np.testing.assert_allclose(result["hvp"][0], wanted, **near)


def test_what_onnx_ad_refuses_is_in_the_table_without_a_ratio(tmp_path):
    rows = [
        Row("lstm", 100, "jvp", 1e-3, 0.8, 1e-7),
        Row("lstm", 100, "hvp", 2e-3, refused="UnsupportedOperator: no rule"),
    ]
    write(tmp_path, "lstm", 100, rows)
    assert read(tmp_path) == rows
    text = as_section(rows)
    assert "| lstm | 100 | 0.80 (1000 µs) | – (2000 µs) |" in text
    assert "Of 2 cases onnx-ad computes 1, in 1 of them faster." in text
    whole = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", rows, "a machine")
    assert "old" not in whole
    assert whole.startswith("before\n")
    assert with_table(whole, rows, "a machine") == whole


def test_the_readme_has_the_marks_of_the_table():
    with_table(README.read_text(encoding="utf-8"), [], "a machine")
