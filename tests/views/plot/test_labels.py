"""Numbers and untrusted names as text of a figure."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from onnxtaylor.text.abbreviation import shorten
from onnxtaylor.views.plot.text import coefficient_labels, literal, literals, number
from tests.views.plot.figures import HOSTILE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.31, "0.31"),
        (0.0996, "0.10"),
        (9.96, "10"),
        (1234.0, "1200"),
        (2.5e-7, r"$2.5\times10^{-7}$"),
        (-0.5, "-0.50"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_have_two_digits(value, text):
    assert number(value) == text


def test_names_are_shortened_in_the_middle():
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghijk", 10) == "abcde…hijk"
    name = "DER_" + "very_" * 100 + "long"
    assert len(literal(name)) == 28
    assert literal(name).startswith("DER_very_")
    assert literal(name).endswith("_long")


@pytest.mark.parametrize("name", HOSTILE)
def test_matplotlib_reads_a_literal_name_back_as_printable_text(name):
    text = Figure().text(0, 0, literal(name, limit=400))
    shown, mathematics = text._preprocess_math(text.get_text())
    assert not mathematics
    assert shown.isprintable()
    assert shown == (
        name.encode("unicode_escape").decode() if not name.isprintable() else name
    ) or (name == "" and shown == "(no name)")


def test_names_that_print_alike_are_told_apart():
    names = ["a\n", r"a\n", "a\x00", "", "(no name)"]
    assert len(set(literals(names))) == len(names)
    assert literals(names)[1] == r"a\n"  # who is called so, keeps it
    assert literals(["$m_T$", "$m_T$"]) == [r"\$m_T\$"] * 2


def test_pairs_and_triples_of_long_names_are_told_apart():
    names = [f"jets_leading_constituent_{k}_transverse_momentum" for k in range(12)]
    alphas = [(i, j, k) for i in range(12) for j in range(i, 12) for k in range(j, 12)]
    alphas += [(i, -1, -1) for i in range(12)]
    assert len(set(coefficient_labels(names, alphas))) == len(alphas)
