"""Figures of a result by variable: pairs of the same and of different objects are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.views.plot.files import save_figures
from onnxtaylor.views.plot.matrix import plot_matrix
from onnxtaylor.views.plot.scores import plot_scores
from onnxtaylor.views.plot.style import kinds, kinds_of
from onnxtaylor.views.plot.table import plot_table
from tests.run.test_by_variable import GROUPS, small_result


@pytest.fixture(scope="module")
def result():
    return small_result()


def test_every_bar_has_the_look_of_its_kind(result):
    ax = plot_scores(result, top=100)
    order = np.argsort(result.rank[0, 0], kind="stable")
    looks = kinds_of(result)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == [result.indices.labels(result.features)[k] for k in order]
    assert len(set(labels)) == len(labels)
    expected = []
    for k in order:
        alpha, relation = result.indices.tuples()[k], result.indices.relation_of(k)
        same = 2 if alpha[0] == alpha[-1] else 1
        expected.append({"": 0, "same object": same, "different objects": 4}[relation])
    assert kinds(result.indices)[order].tolist() == expected
    assert [bar.get_hatch() or "" for bar in ax.containers[0]] == [looks[k].hatch for k in expected]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [looks[k].name for k in (0, 1, 2, 4)]
    assert "sum by variable" in ax.get_xlabel()


@pytest.mark.parametrize("relation", [None, "same object", "different objects"])
def test_a_matrix_shows_one_relation(result, relation):
    ax = plot_matrix(result, relation=relation)
    shown = np.ma.filled(ax.images[0].get_array(), np.nan)
    expected = result.matrix(relation=relation or "same object")
    assert np.array_equal(shown, expected, equal_nan=True)
    assert f"pairs of {'the same object' if relation is None else ''}" in ax.get_title(loc="left")
    assert "(grey: no such pair)" in ax.get_title(loc="left")


def test_an_unknown_relation_is_refused(result):
    with pytest.raises(OptionError, match="choose relation="):
        plot_matrix(result, relation="neighbours")


def test_both_matrices_are_files(result, tmp_path):
    found = save_figures(result, tmp_path, formats=["svg"], what="matrix", output=0)
    assert [path.name for path in found] == [
        "matrix-same-object-y-0.svg",
        "matrix-different-objects-y-0.svg",
    ]


def test_the_table_names_the_relation(result):
    ax = plot_table(result, top=26)
    words = {text.get_text() for text in ax.texts}
    assert {"pf.pt, pf.eta (same object)", "pf.pt, pf.eta (different objects)"} <= words
    assert "jet.m, jet.pt" in words
    assert set(GROUPS) <= words
