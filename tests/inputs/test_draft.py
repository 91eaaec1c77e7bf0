"""Drafts: what a model's inputs tell, what is a guess, and that the text reads back."""

from __future__ import annotations

import pytest

from onnxtaylor.inputs import draft
from onnxtaylor.inputs.document import specification_from_toml
from tests.inputs.ports import FakePort


def drafted(*ports, columns=()):
    made = draft(ports, columns)
    assert specification_from_toml(made.to_toml(), "here") == made.specification
    assert set(made.comments) == {port.name for port in ports}
    return made


def roles(made):
    return {one.name: (one.role, one.axes) for one in made.specification.inputs}


def test_types_give_roles():
    made = drafted(
        FakePort("num", ("N", 3)),
        FakePort("sex", ("N", 1), "string"),
        FakePort("pclass", ("N", 1), "int64"),
        FakePort("flag", ("N",), "bool"),
        FakePort("sr", (), "int64"),
    )
    both = ("batch", "variable")
    assert roles(made) == {
        "num": ("features", both),
        "sex": ("context", both),
        "pclass": ("context", both),
        "flag": ("context", ("batch",)),
        "sr": ("context", ()),
    }
    assert made.specification.input("sex").variables[0].name == "sex"
    assert "string [N, 1]" in made.comments["sex"]


def test_one_input_per_column_is_called_as_its_column():
    made = drafted(FakePort("age", (None, 1)), FakePort("fare", (None, 1)))
    assert made.specification.feature_names() == ["age", "fare"]


def test_a_mask_is_never_a_feature():
    made = drafted(
        FakePort("pf_points", ("N", 2, "n_pf")),
        FakePort("pf_features", ("N", 20, "n_pf")),
        FakePort("pf_mask", ("N", 1, "n_pf")),
        FakePort("sv_features", ("N", 11, "n_sv")),
        FakePort("sv_mask", ("N", 1, "n_sv")),
    )
    masks = {o.name: o.mask_of for o in made.specification.inputs if o.role == "mask"}
    assert masks == {"pf_mask": ("pf_points", "pf_features"), "sv_mask": ("sv_features",)}
    assert roles(made)["pf_features"] == ("features", ("batch", "variable", "slot"))
    assert "Guess: a mask, by its name" in made.comments["pf_mask"]


@pytest.mark.parametrize("dtype", ["bool", "float32", "int64"])
def test_a_mask_tells_which_axis_is_the_slots(dtype):
    made = drafted(FakePort("x", ("N", 12, 50)), FakePort("padding_mask", ("N", 50), dtype))
    mask = made.specification.input("padding_mask")
    assert roles(made)["x"] == ("features", ("batch", "variable", "slot"))
    assert (mask.role, mask.mask_of, mask.filled) == ("mask", ("x",), 0)
    assert (mask.min_length, mask.max_length) == (50, 50)
    assert "since its name speaks of padding" in made.comments["padding_mask"]


def test_what_is_true_or_false_in_each_slot_is_shaped_like_a_mask():
    made = drafted(FakePort("x", ("N", "n", 4)), FakePort("valid", ("N", "n"), "bool"))
    assert made.specification.input("valid").mask_of == ("x",)
    assert "by its shape" in made.comments["valid"]


def test_a_mask_without_its_input_is_context():
    made = drafted(FakePort("x", ("N", 4)), FakePort("mask", ("N", 2, 7)))
    assert roles(made)["mask"][0] == "context"
    assert "called a mask, but no features input has its slots" in made.comments["mask"]


def test_no_batch_axis_where_first_axes_differ():
    made = drafted(FakePort("jet_features", (1, 2)), FakePort("track_features", ("n_tracks", 3)))
    assert roles(made) == {
        "jet_features": ("features", ("batch", "variable")),
        "track_features": ("features", ("slot", "variable")),
    }
    assert "no axis counts events" in made.comments["track_features"]


def test_axes_that_cannot_be_known_are_said_to_be_a_guess():
    made = drafted(FakePort("x", ("N", 60, 8)), FakePort("image", ("N", 1, 28, 28)))
    assert roles(made) == {
        "x": ("features", ("batch", "slot", "variable")),
        "image": ("features", None),
    }
    assert "Guess: axis 1 is the objects of a set" in made.comments["x"]
    assert "axes are not known" in made.comments["image"]


def test_names_come_from_the_columns_of_the_data_where_they_fit():
    columns = [f"pf_{v}_{s}" for v in ("pt", "eta") for s in range(3)] + ["jet_pt", "jet_m", "w"]
    made = drafted(FakePort("pf", ("N", "n", 2)), FakePort("jet", ("N", 2)), columns=columns)
    assert [v.name for v in made.specification.input("pf").variables] == ["pt", "eta"]
    assert [v.name for v in made.specification.input("jet").variables] == ["pt", "m"]
    assert "Guess: variables in the order of the columns pf_…" in made.comments["pf"]
    other = drafted(FakePort("pf", ("N", "n", 3)), columns=columns)
    assert "Guess: placeholders" in other.comments["pf"]
    assert len(other.specification.input("pf").variables) == 3
