"""What messages say of names."""

from onnxtaylor.errors import name_hint


def test_a_name_with_a_slip_brings_those_that_were_meant():
    assert name_hint("hig", ["higgs", "z"]) == ": did you mean 'higgs'?"
    assert name_hint("pt1", ["eta", "pt1_", "pt_1_"]) == ": did you mean 'pt1_' or 'pt_1_'?"
    assert name_hint("M_VIS", ["m_vis", "x"]) == ": did you mean 'm_vis'?"


def test_a_name_like_no_other_brings_the_first_of_the_list():
    assert name_hint("q", ["a", "b", "a"]) == ": it has a, b"
    assert name_hint("q", [f"n{i}" for i in range(20)]).endswith("n5, … (+14 more)")
    assert name_hint("q", []) == ""


def test_names_that_break_the_line_are_escaped():
    assert name_hint("weight", ["weight\n"]) == ": did you mean 'weight\\n'?"
    assert name_hint("q", ["\x1b[31m", ""]) == ": it has \\x1b[31m, ''"
