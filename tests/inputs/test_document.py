"""``inputs.toml``: round trips, its schema, and what messages say of slips."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxtaylor.errors import OptionError
from onnxtaylor.inputs import (
    DataSpecification,
    InputSpecification,
    Specification,
    Transform,
    Variable,
    read_specification,
)
from onnxtaylor.inputs.document import specification_from_toml

SCHEMA = json.loads((files("onnxtaylor") / "schemas" / "inputs-1.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

FULL = """
schema = "onnxtaylor.inputs/1"
outputs = ["b", "c"]
expand-transforms = true

[data]
tree = "Events"
weight = "w"
label = "flavour"
classes = ["5", "4"]

[[inputs]]
name = "pf"
role = "features"
axes = ["batch", "variable", "slot"]
min-length = 2
max-length = 50
padding = -1
variables = [
  "charge",
  { name = "pt", column = "pf_pt", subtract = 1, scale = 0.5, lower = -5, upper = 5, replace = 0 },
  { name = "eta", padding = 3.5 },
]

[[inputs]]
name = "pad"
role = "mask"
axes = ["batch", "slot"]
min-length = 2
max-length = 50
mask-of = "pf"
filled = 0

[[inputs]]
name = "state"
role = "fixed"
value = [[0.0, 1], [2, 3.5]]
"""


def test_values_arrive(tmp_path):
    path = tmp_path / "inputs.toml"
    path.write_text(FULL, encoding="utf-8")
    read = Specification.read(path)
    assert read.origin == str(path)
    assert (read.outputs, read.expand_transforms) == (("b", "c"), True)
    assert read.data == DataSpecification("Events", "w", "flavour", ("5", "4"))
    pf, pad, state = read.inputs
    assert (pf.min_length, pf.max_length, pf.padding) == (2, 50, -1)
    assert pf.variables == (
        Variable("charge"),
        Variable("pt", "pf_pt", Transform(1.0, 0.5, -5.0, 5.0, 0.0)),
        Variable("eta", padding=3.5),
    )
    assert (pad.mask_of, pad.filled, state.value) == (("pf",), 0, ((0.0, 1), (2, 3.5)))


def test_what_is_written_reads_back_and_fits_the_schema():
    read = specification_from_toml(FULL, "here")
    text = read.to_toml({"pf": "Guess: one\nand two"})
    assert specification_from_toml(text, "there") == read
    assert "# Guess: one\n# and two\n[[inputs]]" in text
    VALIDATOR.validate(tomllib.loads(FULL))
    VALIDATOR.validate(tomllib.loads(text))


def test_the_schema_is_sound_and_describes_every_key():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    rows = SCHEMA["properties"]["inputs"]["items"]["properties"]
    tables = [SCHEMA["properties"], rows, rows["variables"]["items"]["oneOf"][1]["properties"]]
    for table in tables:
        for key, rule in table.items():
            assert key == "schema" or rule["description"].endswith("."), key


def test_comments_cannot_break_out_of_their_line():
    one = Specification((InputSpecification("x", "context", ("batch",)),))
    text = one.to_toml({"x": "evil\r[[inputs]]\x1b[31m\u2028role = 1"})
    assert specification_from_toml(text, "here") == one


names = st.text(min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
transforms = st.builds(
    Transform,
    subtract=numbers,
    scale=numbers.filter(bool),
    lower=st.floats(-1e9, -1, allow_nan=False),
    upper=st.floats(1, 1e9),
    replace=st.none() | numbers,
)
variables = st.builds(Variable, names, st.none() | names, transforms, st.none() | numbers)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(variables, min_size=1, max_size=4, unique_by=lambda v: v.name),
    names,
    st.none() | names,
    numbers,
    st.permutations(["batch", "variable", "slot"]),
    st.none() | st.lists(names, min_size=1, max_size=3, unique=True),
)
def test_any_specification_survives_its_text(rows, name, prefix, padding, axes, outputs):
    one = InputSpecification(
        name, "features", tuple(axes), tuple(rows), 1, 7, padding, prefix=prefix
    )
    whole = Specification((one,), None if outputs is None else tuple(outputs))
    assert specification_from_toml(whole.to_toml(), "here") == whole


ONE = '[[inputs]]\nname = "x"\nrole = "features"\n'
SLIPS = {
    "inputs[0] has a key that is not known: 'rol': did you mean 'role'?": (
        '[[inputs]]\nname = "x"\nrol = "features"'
    ),
    "inputs[0].variables[1] has a key that is not known: 'subtrct': did you mean 'subtract'?": (
        ONE + 'variables = ["a", { name = "b", subtrct = 1 }]'
    ),
    "the document has a key that is not known: 'input': did you mean 'inputs'": "[[input]]\n",
    "the document has no 'inputs'": "outputs = ['a']",
    'inputs[0].role must be "features", "context", "mask" or "fixed", got "feature"': (
        '[[inputs]]\nname = "x"\nrole = "feature"'
    ),
    'inputs[0].axes[0] must be "batch", "variable" or "slot", got "events"': (
        ONE + 'axes = ["events"]'
    ),
    'inputs[0].max-length must be a whole number, got "many"': ONE + 'max-length = "many"',
    "inputs[0].max-length must be at least 1, got 0": ONE + "max-length = 0",
    "inputs[0].max-length makes sense only with the axis slot": ONE + "max-length = 3",
    "inputs[0].variables[0].scale must not be 0": (ONE + 'variables = [{ name = "a", scale = 0 }]'),
    "inputs[0].variables[0].upper must be a finite number, got inf: without a limit, leave": (
        ONE + 'variables = [{ name = "a", upper = inf }]'
    ),
    "inputs[0].value must be no date or time, got 2020-01-01": ONE + "value = 2020-01-01",
    "inputs[0].value[1] must be a number, a text, true or false": (
        '[[inputs]]\nname = "x"\nrole = "fixed"\nvalue = [1, { a = 1 }]'
    ),
    "inputs[1].mask-of: no input is called 'y': it has x": (
        ONE + '[[inputs]]\nname = "m"\nrole = "mask"\naxes = ["slot"]\nmask-of = "y"'
    ),
    'schema must be "onnxtaylor.inputs/1", got "onnxtaylor.policy/1"': (
        'schema = "onnxtaylor.policy/1"\n' + ONE
    ),
    "is not a valid TOML file: ": "inputs = [",
}


@pytest.mark.parametrize("message", SLIPS)
def test_a_slip_is_told_in_one_line_with_file_and_key(tmp_path, message):
    path = tmp_path / "inputs.toml"
    path.write_text(SLIPS[message], encoding="utf-8")
    with pytest.raises(OptionError) as caught:
        read_specification(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: {message}")
    assert said.isprintable()


def test_files_that_are_none(tmp_path):
    with pytest.raises(OptionError, match=r"no\.toml: no such file"):
        read_specification(tmp_path / "no.toml")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\xff\xfe")
    with pytest.raises(OptionError, match=r"cannot be read: it is a NumPy array"):
        read_specification(tmp_path / "x.npy")
    with pytest.raises(OptionError, match="cannot be read: Is a directory"):
        read_specification(tmp_path)
    (tmp_path / "o.json").write_text('{"a": 1}')
    with pytest.raises(OptionError, match="is JSON, but no specification of inputs"):
        read_specification(tmp_path / "o.json")
    (tmp_path / "b.json").write_text('{"a": ')
    with pytest.raises(OptionError, match="is not JSON"):
        read_specification(tmp_path / "b.json")
