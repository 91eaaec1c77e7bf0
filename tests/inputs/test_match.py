"""Specifications held against the inputs of a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onnxtaylor.errors import OptionError
from onnxtaylor.inputs import InputSpecification, Specification, Variable, match_inputs
from tests.inputs.ports import FakePort

AXES = ("batch", "variable", "slot")
SET = InputSpecification("pf", "features", AXES, (Variable("pt"), Variable("eta")))
MASK = InputSpecification("m", "mask", ("batch", "slot"), mask_of=("pf",))
PORTS = [FakePort("pf", ("N", 2, "n")), FakePort("m", ("N", "n"), "bool")]


def matched(*inputs, ports=PORTS):
    return match_inputs(Specification(inputs, origin="inputs.toml"), ports)


def test_what_fits_stays():
    assert matched(SET, MASK).inputs == (SET, MASK)


def test_sizes_of_the_model_are_lengths_of_sets():
    fixed = [FakePort("pf", ("N", 2, 50)), FakePort("m", ("N", "n"), "bool")]
    lengths = [(o.min_length, o.max_length) for o in matched(SET, MASK, ports=fixed).inputs]
    assert lengths == [(50, 50), (50, 50)]
    assert (
        matched(replace(SET, max_length=50), replace(MASK, max_length=50), ports=fixed)
        .inputs[0]
        .min_length
        == 50
    )


def test_axes_that_are_not_written_are_those_of_the_model():
    ports = [FakePort("a", ("N",)), FakePort("b", ("N", 2)), FakePort("c", ("N", 3, 8, 8))]
    inputs = [InputSpecification(port.name, "features") for port in ports]
    axes = [one.axes for one in matched(*inputs, ports=ports).inputs]
    assert axes == [("batch",), ("batch", "variable"), None]


def test_fixed_inputs_have_any_shape():
    fixed = InputSpecification("m", "fixed", value=True)
    assert matched(SET, fixed).inputs[1] == fixed


REFUSED = {
    "inputs[0].name is 'pff', which is not an input of the model: did you mean 'pf'?": (
        replace(SET, name="pff"),
        replace(MASK, mask_of=()),
    ),
    "says nothing of the model's input m [N, n]: add what each is": (SET,),
    "inputs[1].role of 'm' cannot be features: it holds bool, which has no derivative": (
        SET,
        InputSpecification("m", "features", ("batch", "slot")),
    ),
    "inputs[0].axes of 'pf' are batch, variable, but the model's input is [N, 2, n]": (
        replace(SET, axes=None),
        replace(MASK, mask_of=()),
    ),
    "inputs[0].variables of 'pf' are 3, but the model's input is [N, 2, n]": (
        replace(SET, variables=tuple(map(Variable, "abc"))),
        MASK,
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(message):
    with pytest.raises(OptionError) as caught:
        matched(*REFUSED[message])
    assert str(caught.value).startswith(f"inputs.toml: {message}")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("key", "least", "most"), [("max-length", 0, 40), ("min-length", 60, None)]
)
def test_lengths_that_the_model_does_not_have_are_refused(key, least, most):
    one = replace(SET, min_length=least, max_length=most)
    with pytest.raises(OptionError) as caught:
        matched(one, ports=[FakePort("pf", ("N", 2, 50))])
    assert str(caught.value) == (
        f"inputs.toml: inputs[0].{key} of 'pf' is {least or most}, but the model's input is"
        " [N, 2, 50]: it has 50 slots"
    )
