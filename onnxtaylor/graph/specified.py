"""Roles, batch axes and values of inputs from a specification; other options may only agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from onnxtaylor.errors import OptionError, join_names, printable
from onnxtaylor.graph.choose_inputs import Request
from onnxtaylor.graph.layout import sizes_after_batch
from onnxtaylor.graph.load import LoadedModel
from onnxtaylor.graph.ports import Port, input_ports
from onnxtaylor.inputs import InputSpecification, Specification, match_inputs, read_specification
from onnxtaylor.options.model import ModelOptions

__all__ = [
    "read_inputs",
    "specified_names",
    "specified_ports",
    "specified_request",
    "specified_sizes",
]


def read_inputs(model: LoadedModel, options: ModelOptions) -> Specification | None:
    """Reads the specification that options name, and holds it against the model.

    Raises OptionError where it is damaged, or is not of this model.
    """
    given = options.inputs
    if given is None:
        return None
    ports = input_ports(model.proto.graph)
    read = given if isinstance(given, Specification) else read_specification(given, ports)
    return match_inputs(read, ports)


def specified_ports(specification: Specification, ports: Sequence[Port]) -> list[Port]:
    """Returns the inputs of a model with the batch axes of a specification."""
    placed = []
    for port in ports:
        one = specification.input(port.name)
        if one.axes is not None and port.shape is not None and one.role != "fixed":
            axis = one.axes.index("batch") if one.has("batch") else None
            port = replace(port, batch_axis=axis)
        placed.append(port)
    return placed


def specified_sizes(specification: Specification, port: Port) -> tuple[int, ...] | None:
    """Returns the sizes of an input behind the batch, sets at their greatest length.

    None where the model and the specification leave one open.
    """
    one, known = specification.input(port.name), sizes_after_batch(port)
    axes = [axis for axis in one.layout if axis != "batch"]
    if len(axes) != len(known):
        return None
    told = {"slot": one.max_length, "variable": len(one.own_variables) or None}
    sizes = [d if isinstance(d, int) else told[axis] for axis, d in zip(axes, known, strict=True)]
    return None if None in sizes else tuple(size for size in sizes if size is not None)


def specified_names(specification: Specification, ports: Sequence[Port]) -> list[str] | None:
    """Returns the names of the features in these inputs; None where they are not told.

    ``ports`` are those of a choice, in their order, with their sizes.
    """
    known = {one.name: one for one in specification.inputs if one.role == "features"}
    if not all(port.name in known and known[port.name].own_variables for port in ports):
        return None
    inputs = tuple(known[port.name] for port in ports)
    slots: dict[str, int] = {}
    for one, port in zip(inputs, ports, strict=True):
        sizes = specified_sizes(specification, port)
        if sizes is None:
            return None
        if one.has("slot"):
            slots[one.name] = sizes[[a for a in one.layout if a != "batch"].index("slot")]
    return replace(specification, inputs=inputs).feature_names(slots)


def specified_request(specification: Specification, request: Request) -> Request:
    """Returns a request with the roles of a specification.

    Raises OptionError for an option that says something else.
    """
    features = [one.name for one in specification.inputs if one.role == "features"]
    if not features:
        raise OptionError("no input has the role features").located(specification.origin)
    masks = {
        one.name: owners
        for one in specification.inputs
        if one.role == "mask" and (owners := tuple(n for n in one.mask_of if n in features))
    }
    context = [
        one.name
        for one in specification.inputs
        if one.role in ("context", "mask") and one.name not in masks
    ]
    fixed = {one.name: _value(one) for one in specification.inputs if one.role == "fixed"}
    _refuse_others(specification, request, masks)
    if request.inputs and set(request.inputs) != set(features):
        raise OptionError(
            f"names {join_names(list(request.inputs))}, but by {printable(specification.origin)}"
            f" the features are {join_names(features)}: leave it out, or change the file",
            option="input",
        )
    return replace(request, inputs=tuple(features), context=tuple(context), masks=masks, fix=fixed)


def _value(one: InputSpecification) -> Any:
    """Returns the value of a fixed input as an array."""
    return np.asarray(one.value, dtype=object if isinstance(one.value, str) else None)


def _refuse_others(
    specification: Specification, request: Request, masks: dict[str, tuple[str, ...]]
) -> None:
    """Raises OptionError for an option that gives an input another role, owner or value."""
    roles = {"input": "features", "context": "context", "mask": "mask", "fix": "fixed"}
    known = {one.name: one for one in specification.inputs}
    for option, names in request.roles.items():
        for name in names:
            if name not in known:
                continue  # no input of the model: told elsewhere
            one = known[name]
            same = one.role == roles[option]
            if same and option == "mask":
                same = set(masks.get(name, ())) == set(request.masks[name])
            if same and option == "fix":
                same = _texts(request.fix[name]) == _texts(one.value)
            if not same:
                also = f" of {join_names(list(one.mask_of))}" if one.mask_of else ""
                also += f" at {printable(one.value, 40)}" if one.role == "fixed" else ""
                raise OptionError(
                    f"contradicts {printable(specification.origin)}, by which"
                    f" '{printable(name)}' is {one.role}{also}: leave it out, or change the file",
                    option=option,
                )


def _texts(value: Any) -> list[str]:
    """Returns the numbers or texts of a value, in one form."""
    texts = [str(v) for v in np.asarray(value, dtype=object).ravel().tolist()]
    try:
        return [repr(float(text)) for text in texts]
    except ValueError:
        return [text.lower() if text.lower() in ("true", "false") else text for text in texts]
