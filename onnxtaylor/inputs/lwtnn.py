"""Makes a specification of the JSON files of lwtnn, which hold a network and its inputs.

Of each variable they have an offset and a scale,

    value = (x + offset)·scale

and, where listed, a default that replaces an x that is NaN. Here it replaces every x that is not
finite. A sequential network lists its variables; a graph has nodes of variables (``inputs``) and of
sequences (``input_sequences``).
"""

from __future__ import annotations

from collections.abc import Iterator

from onnxtaylor.inputs.json_node import JsonNode
from onnxtaylor.inputs.model_input import InputSpecification, Variable
from onnxtaylor.inputs.specification import Specification
from onnxtaylor.inputs.transform import Transform

__all__ = ["from_lwtnn", "is_lwtnn", "lwtnn_variables", "sequence_input", "variables_input"]

ONLY_INPUT = "input"  # sequential networks do not name theirs


def is_lwtnn(document: JsonNode) -> bool:
    """Whether a JSON document is a network of lwtnn."""
    inputs = document.has("inputs") or document.has("input_sequences")
    return inputs and document.has("layers") and document.has("outputs")


def from_lwtnn(document: JsonNode) -> Specification:
    """Makes a specification of a network of lwtnn.

    The tensors are those of Keras: (N, variables), and (N, slots, variables) of a sequence of any
    length. The input of a sequential network is called ``input``: a specification that is matched
    with a model takes over the name of its only input.

    Raises OptionError that names the key at fault.
    """
    if not document.has("nodes"):  # sequential
        variables = tuple(lwtnn_variables(document.get("inputs"), document))
        inputs = [variables_input(ONLY_INPUT, variables)]
    else:
        inputs = [variables_input(*named) for named in _nodes(document, "inputs")]
        inputs += [sequence_input(*named) for named in _nodes(document, "input_sequences")]
    return Specification(
        inputs=tuple(inputs),
        outputs=tuple(_outputs(document.get("outputs"))) or None,
        origin=document.where,
    )


def variables_input(name: str, variables: tuple[Variable, ...]) -> InputSpecification:
    """Returns a features input (N, variables)."""
    return InputSpecification(name, "features", ("batch", "variable"), variables)


def sequence_input(name: str, variables: tuple[Variable, ...]) -> InputSpecification:
    """Returns a features input (N, slots, variables) of any number of slots."""
    return InputSpecification(name, "features", ("batch", "slot", "variable"), variables)


def lwtnn_variables(rows: JsonNode, defaults: JsonNode | None = None) -> Iterator[Variable]:
    """Yields variables with name, offset and scale; ``defaults`` is the object that has these."""
    known = defaults.get("defaults") if defaults is not None and defaults.has("defaults") else None
    for row in rows.items():
        name, scale = row.get("name").text(), row.get("scale")
        if scale.number() == 0.0:
            raise scale.wrong("must not be 0: the model would not see the variable")
        replace = known.get(name).number() if known is not None and known.has(name) else None
        # 0 − offset: no offset is 0.0, not −0.0
        transform = Transform(0.0 - row.get("offset").number(), scale.number(), replace=replace)
        yield Variable(name, transform=transform)


def _nodes(document: JsonNode, key: str) -> Iterator[tuple[str, tuple[Variable, ...]]]:
    """Yields name and variables of each node of a kind."""
    if document.has(key):
        for node in document.get(key).items():
            yield node.get("name").text(), tuple(lwtnn_variables(node.get("variables"), node))


def _outputs(outputs: JsonNode) -> Iterator[str]:
    """Yields the names of the response nodes: a list, or labels by name of an output."""
    if isinstance(outputs.value, list):
        yield from outputs.names()
        return
    names = outputs.keys()
    for name in names:
        labels = outputs.get(name).get("labels").names()
        yield from labels if len(names) == 1 else (f"{name}.{label}" for label in labels)
