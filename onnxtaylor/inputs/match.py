"""Holds a specification against the model's inputs: names, numbers of axes, sizes, types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnxtaylor.errors import OptionError, join_names, name_hint, printable
from onnxtaylor.inputs.lwtnn import ONLY_INPUT
from onnxtaylor.inputs.model_input import InputSpecification
from onnxtaylor.inputs.port import InputPort, shape_text
from onnxtaylor.inputs.specification import Specification

__all__ = ["match_inputs"]


def match_inputs(specification: Specification, ports: Sequence[InputPort]) -> Specification:
    """Returns a specification with what the model fixes: axes, and lengths of sets of fixed size.

    Parameters
    ----------
    specification
        The specification; an only input called ``input``, as that of a sequential network of
        lwtnn, gets the name of the model's only input.
    ports
        The model's inputs.

    Raises
    ------
    OptionError
        In one line: an input that the model does not have, one that is not specified, and one whose
        axes, variables, lengths or type are not those of the model.
    """
    inputs = list(specification.inputs)
    if len(inputs) == len(ports) == 1 and inputs[0].name == ONLY_INPUT:
        inputs[0] = replace(inputs[0], name=ports[0].name)
    known = {port.name: port for port in ports}
    for k, one in enumerate(inputs):
        if one.name not in known:
            raise OptionError(
                f"inputs[{k}].name is '{printable(one.name)}', which is not an input of the model"
                + name_hint(one.name, list(known))
            ).located(specification.origin)
    named = {one.name for one in inputs}
    missing = [port for port in ports if port.name not in named]
    if missing:
        shown = join_names([f"{port.name} {shape_text(port)}" for port in missing])
        raise OptionError(
            f"says nothing of the model's input{'s' * (len(missing) > 1)} {shown}: add what"
            ' each is, such as role = "context", or role = "fixed" with a value'
        ).located(specification.origin)
    matched = []
    for k, one in enumerate(inputs):
        try:
            matched.append(_matched(one, known[one.name]))
        except OptionError as error:
            place = f"inputs[{k}].{error.option} of '{printable(one.name)}' {error.message}"
            raise OptionError(place).located(specification.origin) from None
    return replace(specification, inputs=_equally_long(matched))


def _equally_long(inputs: Sequence[InputSpecification]) -> tuple[InputSpecification, ...]:
    """Returns inputs of which those that share a mask have the length that one of them fixes."""
    by_name = {one.name: one for one in inputs}
    for mask in inputs:
        together = [name for name in (mask.name, *mask.mask_of) if by_name[name].has("slot")]
        fixed = {by_name[name].max_length for name in together if _is_fixed(by_name[name])}
        if mask.mask_of and len(fixed) == 1:
            (size,) = fixed
            for name in together:
                if by_name[name].max_length in (None, size):
                    by_name[name] = _of_length(by_name[name], size)
    return tuple(by_name.values())


def _is_fixed(one: InputSpecification) -> bool:
    return one.max_length is not None and one.min_length == one.max_length


def _matched(one: InputSpecification, port: InputPort) -> InputSpecification:
    """Returns one input as it is in the model. Raises OptionError whose option is its key."""
    if one.role == "features" and not port.is_float:
        raise OptionError(
            f"cannot be features: it holds {port.type_name}, which has no derivative; write"
            ' role = "context"',
            option="role",
        )
    if one.role == "fixed" or port.shape is None:
        return one
    rank, shape = len(port.shape), port.shape
    if one.axes is None and not one.variables and rank != 2:
        # of rank 1: one number for each event; beyond 2: whole arrays, which have no variables
        return replace(one, axes=("batch",)) if rank == 1 else one
    if rank != len(one.layout):
        raise OptionError(
            f"are {', '.join(one.layout) or 'none'}, but the model's input is {shape_text(port)}",
            option="axes",
        )
    if one.has("variable"):
        width = shape[one.layout.index("variable")]
        if isinstance(width, int) and one.variables and width != len(one.variables):
            raise OptionError(
                f"are {len(one.variables)}, but the model's input is {shape_text(port)}: the axis"
                f" variable has {width}",
                option="variables",
            )
    one = replace(one, axes=one.layout)
    return _with_length(one, port) if one.has("slot") else one


def _with_length(one: InputSpecification, port: InputPort) -> InputSpecification:
    """Returns an input with the number of slots that the model has; sets are padded to it."""
    assert port.shape is not None
    size = port.shape[one.layout.index("slot")]
    if not isinstance(size, int):
        return one
    if one.max_length not in (None, size) or one.min_length > size:
        key = "max-length" if one.max_length not in (None, size) else "min-length"
        value = one.max_length if key == "max-length" else one.min_length
        raise OptionError(
            f"is {value}, but the model's input is {shape_text(port)}: it has {size} slots",
            option=key,
        )
    return _of_length(one, size)


def _of_length(one: InputSpecification, size: int | None) -> InputSpecification:
    return replace(one, min_length=size or 0, max_length=size)
