"""A specification of a model's inputs: read and held against the model, or guessed from it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from onnxtaylor.errors import join_names, printable
from onnxtaylor.graph import Port, input_ports, read_model
from onnxtaylor.inputs import Specification, draft, from_metadata, match_inputs, read_specification
from onnxtaylor.inputs.model_input import InputSpecification
from onnxtaylor.problem import ModelSource

__all__ = ["DescribedInputs", "describe_inputs"]


@dataclass(frozen=True)
class DescribedInputs:
    """The inputs of a model, and where it is known from what they are.

    ``source`` is the file of the specification, the model's metadata, or a guess, whose comments
    are ``comments``, by name of the input.
    """

    specification: Specification
    ports: tuple[Port, ...]
    source: str
    comments: Mapping[str, str] = field(default_factory=dict)

    def to_toml(self) -> str:
        """Returns the text of a commented ``inputs.toml``."""
        return self.specification.to_toml(self.comments)

    def rows(self) -> list[dict[str, str]]:
        """Returns a table: for each input its tensor, role, axes, number of slots, variables."""
        ports = {port.name: port for port in self.ports}
        return [
            {
                "input": printable(one.name),
                "tensor": printable(f"{ports[one.name].type_name} {ports[one.name].shape_text}"),
                "role": _role(one),
                "axes": ", ".join(one.axes) if one.axes is not None else "?",
                "slots": _slots(one),
                "variables": join_names([v.name for v in one.variables]) or "–",
            }
            for one in self.specification.inputs
        ]


def describe_inputs(
    model: ModelSource,
    inputs: str | os.PathLike[str] | None = None,
    columns: Sequence[str] = (),
) -> DescribedInputs:
    """Tells what the inputs of a model are.

    Parameters
    ----------
    model
        The ONNX file.
    inputs
        A specification: ``inputs.toml``, weaver's ``preprocess.json``, or a network of lwtnn. It is
        held against the model. Default: the model's metadata, else a guess.
    columns
        Columns of the data, for a guess.

    Raises
    ------
    ModelError
        The file is no model.
    OptionError
        The specification is damaged, or is not of this model.
    """
    loaded = read_model(model)
    ports = tuple(input_ports(loaded.proto.graph))
    if inputs is not None:
        read = match_inputs(read_specification(inputs, ports), ports)
        return DescribedInputs(read, ports, printable(inputs))
    metadata = {entry.key: entry.value for entry in loaded.proto.metadata_props}
    where = printable(loaded.path)
    known = from_metadata(metadata, ports, where)
    if known is not None:
        return DescribedInputs(match_inputs(known, ports), ports, "metadata of the model")
    guess = draft(ports, columns, where)
    return DescribedInputs(guess.specification, ports, "guess", guess.comments)


def _role(one: InputSpecification) -> str:
    """Returns the role, with what a mask is of and the value of a fixed input."""
    if one.mask_of:
        return f"mask of {join_names(one.mask_of)}, {one.filled} = filled"
    return f"fixed at {printable(one.value, 40)}" if one.role == "fixed" else one.role


def _slots(one: InputSpecification) -> str:
    """Returns the number of slots: ``50``, ``8 to 50``, ``any``; – without the axis."""
    if not one.has("slot"):
        return "–"
    if one.max_length is None:
        return f"{one.min_length} or more" if one.min_length else "any"
    if one.min_length == one.max_length:
        return str(one.max_length)
    return f"{one.min_length} to {one.max_length}"
