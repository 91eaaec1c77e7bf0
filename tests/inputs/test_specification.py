"""Specifications: what they name, and what contradicts itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.inputs import InputSpecification, Specification, Transform, Variable

SET = InputSpecification(
    "pf", "features", ("batch", "variable", "slot"), (Variable("pt"), Variable("eta", "pf_e")), 0, 3
)
MASK = InputSpecification("pf_mask", "mask", ("batch", "slot"), (), 0, 3, mask_of=("pf",))
JET = InputSpecification("jet", "features", variables=(Variable("pt"), Variable("mass")))


def test_features_are_listed_in_the_order_of_the_tensor():
    by_variable = Specification((JET, SET, MASK))
    assert by_variable.feature_names() == [
        *("pt", "mass"),
        *("pf.pt[0]", "pf.pt[1]", "pf.pt[2]", "pf.eta[0]", "pf.eta[1]", "pf.eta[2]"),
    ]
    by_slot = Specification((replace(SET, axes=("slot", "variable", "batch")), MASK))
    assert by_slot.feature_names({"pf": 2}) == ["pf.pt[0]", "pf.eta[0]", "pf.pt[1]", "pf.eta[1]"]


def test_names_follow_the_c_order_of_a_tensor_that_is_made():
    """Flattening a tensor whose values tell variable and slot gives the names."""
    from onnxtaylor.inputs import tensors

    data = {"pf_pt": np.array([[0.0, 1, 2]]), "pf_e": np.array([[10.0, 11, 12]])}
    for axes in (("batch", "variable", "slot"), ("batch", "slot", "variable")):
        one = Specification((replace(SET, axes=axes),))
        values = tensors(one, data).values["pf"].reshape(-1)
        told = [f"pf.{('pt', 'eta')[int(v) // 10]}[{int(v) % 10}]" for v in values]
        assert one.feature_names() == told


def test_equal_names_without_slots_get_their_input_in_front():
    two = Specification((JET, replace(JET, name="lepton", variables=(Variable("pt"),))))
    assert two.feature_names() == ["jet.pt", "mass", "lepton.pt"]


def test_an_input_with_one_variable_needs_no_name():
    wave = InputSpecification("wave", "features", ("batch", "slot"), max_length=2)
    age = InputSpecification("age", "features", ("batch",))
    assert Specification((wave, age)).feature_names() == ["wave[0]", "wave[1]", "age"]


def test_columns_of_features():
    rows = Specification((SET,)).feature_columns({"pf": 1})
    assert [(r.feature, r.variable, r.slot, r.column) for r in rows] == [
        ("pf.pt[0]", "pt", 0, None),
        ("pf.eta[0]", "eta", 0, "pf_e"),
    ]


def test_a_prefix_names_features():
    one = Specification((replace(SET, prefix="cand", max_length=1),))
    assert one.feature_names() == ["cand.pt[0]", "cand.eta[0]"]


CONTRADICTIONS = {
    "two inputs are called 'pf'": lambda: Specification((SET, SET)),
    "two features are called 'pf.pt': give one of their inputs another prefix": lambda: (
        Specification((SET, replace(SET, name="other", prefix="pf")))
    ),
    "inputs[1].mask-of: no input is called 'pff': did you mean 'pf'?": lambda: Specification(
        (SET, replace(MASK, mask_of=("pff",)))
    ),
    "inputs[1].mask-of: 'jet' has no axis slot": lambda: Specification(
        (JET, replace(MASK, mask_of=("jet",)))
    ),
    "'pf' and its mask differ in min-length or max-length": lambda: Specification(
        (SET, replace(MASK, max_length=4))
    ),
    "input 'x' names no variables": lambda: Specification(
        (InputSpecification("x", "features"),)
    ).feature_names(),
    "input 'pf' has any number of slots: write max-length": lambda: Specification(
        (replace(SET, max_length=None),)
    ).feature_names(),
    "no input is called 'jte': did you mean 'jet'?": lambda: Specification((JET,)).input("jte"),
    "role 'feature' does not exist: did you mean 'features'?": lambda: replace(JET, role="feature"),
    "axes 'slots' does not exist: did you mean 'slot'?": lambda: replace(JET, axes=("slots",)),
    "axes has 'slot' twice": lambda: replace(JET, axes=("slot", "slot")),
    "max-length makes sense only with the axis slot": lambda: replace(JET, max_length=3),
    "max-length must be at least 4, got 3": lambda: replace(SET, min_length=4),
    "min-length must be at least 0, got -1": lambda: replace(SET, min_length=-1),
    "value is missing": lambda: InputSpecification("t", "fixed"),
    "value makes sense only where the role is fixed": lambda: replace(JET, value=1.0),
    "mask-of makes sense only where the role is mask": lambda: replace(JET, mask_of=("pf",)),
    "filled must be 1 or 0, got 2": lambda: replace(MASK, filled=2),
    "variables has 'pt' twice": lambda: replace(JET, variables=(Variable("pt"),) * 2),
    "variables are 2, but the axes are batch, slot": lambda: replace(SET, axes=("batch", "slot")),
    "scale must not be 0": lambda: Transform(scale=0.0),
    "subtract must be a finite number, got nan": lambda: Transform(subtract=float("nan")),
    "lower must be below upper, got 5.0 and -5.0": lambda: Transform(lower=5.0, upper=-5.0),
}


@pytest.mark.parametrize("message", CONTRADICTIONS)
def test_contradictions_are_told(message):
    with pytest.raises(OptionError) as caught:
        CONTRADICTIONS[message]()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_transform_replaces_then_centers_then_clips():
    transform = Transform(subtract=2.0, scale=-3.0, lower=-4.0, upper=5.0, replace=1.5)
    x = np.array([2.0, 0.0, 100.0, np.nan, np.inf, -np.inf, 2.5])
    np.testing.assert_array_equal(transform.apply(x), [0.0, 5.0, -4.0, 1.5, 1.5, 1.5, -1.5])
    np.testing.assert_array_equal(x[:2], [2.0, 0.0])  # it is not changed in place


def test_without_a_replacement_what_is_not_finite_stays():
    values = Transform(upper=3.0).apply([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(values, [np.nan, 3.0, -np.inf])


def test_the_slope_is_that_of_differences():
    transform = Transform(subtract=0.3, scale=2.5, lower=-1.0, upper=1.0, replace=0.0)
    x = np.array([0.31, 0.2, -5.0, 5.0])
    step = 1e-6
    differences = (transform.apply(x + step) - transform.apply(x - step)) / (2 * step)
    np.testing.assert_allclose(transform.slope(x), differences, rtol=1e-9, atol=0)
    assert transform.slope([np.nan, np.inf]).tolist() == [0.0, 0.0]
