"""Names of features of sets, and their groups."""

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.slots import FeatureName, Grouping

NAMES = ["pf.pt[0]", "pf.eta[0]", "pf.pt[1]", "pf.eta[1]", "sv.pt[0]", "jet.pt", "jet.m"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("pf.pt[3]", ("pf", "pt", 3)),
        ("pt[3]", ("", "pt", 3)),
        ("jet.m", ("jet", "m", None)),
        ("m_vis", ("", "m_vis", None)),
        ("a.b.c[10]", ("a.b", "c", 10)),
        ("x[-1]", ("", "x[-1]", None)),
        ("x[03]", ("", "x[03]", None)),
        ("x[]", ("", "x[]", None)),
        (".x", ("", ".x", None)),
        ("x.", ("", "x.", None)),
        ("[3]", ("", "[3]", None)),
        ("", ("", "", None)),
        ("a[0][1]", ("", "a[0]", 1)),
        ("one\ntwo[2]", ("", "one\ntwo", 2)),
    ],
)
def test_a_name_is_taken_apart_and_put_together(name, parts):
    found = FeatureName.parse(name)
    assert (found.input, found.variable, found.slot) == parts
    assert str(found) == name


def test_inputs_may_have_dots():
    assert FeatureName.parse("input.1.pt[2]", ["input.1"]) == FeatureName("input.1", "pt", 2)
    assert FeatureName.parse("input.1", ["input.1"]) == FeatureName("input", "1")
    assert FeatureName.parse("a.b.c", ["a", "a.b"]) == FeatureName("a.b", "c")
    assert FeatureName.parse("a.b.c", ["a"]) == FeatureName("a", "b.c")


def test_groups_by_variable_and_by_input():
    by_variable = Grouping.of(NAMES, "variable")
    assert by_variable.names == ("pf.pt", "pf.eta", "sv.pt", "jet.pt", "jet.m")
    assert by_variable.group_of.tolist() == [0, 1, 0, 1, 2, 3, 4]
    assert by_variable.slot.tolist() == [0, 0, 1, 1, 0, -1, -1]
    assert by_variable.members(NAMES)[0] == ("pf.pt[0]", "pf.pt[1]")
    by_input = Grouping.of(NAMES, "input")
    assert by_input.names == ("pf", "sv", "jet")
    assert by_input.group_of.tolist() == [0, 0, 0, 0, 1, 2, 2]
    for grouping in (by_variable, by_input):
        objects = grouping.object_of
        assert objects[0] == objects[1] != objects[2] == objects[3]
        assert len({*objects[[0, 2, 4, 5]].tolist()}) == 4
        assert objects[5] == objects[6]


def test_inputs_of_a_set_share_their_objects():
    names = ["points.eta[0]", "points.eta[1]", "pf.pt[0]", "pf.pt[1]"]
    apart = Grouping.of(names, "variable").object_of
    assert len(set(apart.tolist())) == 4
    shared = Grouping.of(names, "variable", sets={"points": "pf"}).object_of
    assert shared[0] == shared[2] != shared[1] == shared[3]


def test_groups_that_a_user_names():
    by = {"momenta": ["*.pt"], "one": ["pf.eta[1]"], "mass": ["jet.m"]}
    grouping = Grouping.of(NAMES, by)
    assert (grouping.by, grouping.names) == ("group", ("momenta", "one", "mass"))
    assert grouping.group_of.tolist() == [0, -1, 0, 1, 0, 0, 2]
    # a name is itself before it is a pattern
    both = Grouping.of(["x[0]", "x0"], {"a": ["x[0]"]})
    assert both.group_of.tolist() == [0, -1]
    assert Grouping.of(NAMES, {"a": ["pf.pt"]}).group_of.tolist() == [0, -1, 0, -1, -1, -1, -1]


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ({"a": ["pf.q"]}, "no feature matches 'pf.q' of group 'a'"),
        ({"a": ["pf.*"], "b": ["*.pt"]}, "feature 'pf.pt[0]' is in the groups 'a' and 'b'"),
    ],
)
def test_wrong_groups_are_refused(by, words):
    with pytest.raises(OptionError, match="by ") as raised:
        Grouping.of(NAMES, by)
    assert words in str(raised.value)


def test_by_input_needs_inputs_in_the_names():
    assert Grouping.of(["pt", "m"], "input", inputs=["x"]).names == ("x",)
    with pytest.raises(OptionError, match="'pt' does not name its input"):
        Grouping.of(["pt", "m"], "input", inputs=["x", "z"])


def test_the_slot_has_no_part_in_the_order():
    grouping = Grouping.of(["a[1]", "a[0]"], "variable")
    assert np.array_equal(grouping.slot, [1, 0])
    assert grouping.names == ("a",)


def test_numbered_features_of_an_input_without_slots_are_no_slots():
    names = ["jet[0]", "jet[1]", "pf.pt[0]", "pf.pt[1]"]
    beside = {"inputs": ["jet", "pf"], "sets": {"pf": "pf"}}
    grouping = Grouping.of(names, "variable", **beside)
    assert grouping.names == ("jet[0]", "jet[1]", "pf.pt")
    assert grouping.slot.tolist() == [-1, -1, 0, 1]
    assert grouping.object_of.tolist() == [0, 0, 1, 2]
    assert Grouping.of(names, "input", **beside).names == ("jet", "pf")
    assert Grouping.of(["x[0]", "x[1]"], "variable").names == ("x",)
