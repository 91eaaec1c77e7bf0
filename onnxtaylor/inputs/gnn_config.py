"""Makes a specification of ``gnn_config``, the metadata that ATLAS' exporter writes into a model.

It is JSON with ``inputs`` and ``input_sequences``, each a list of inputs with ``variables`` that
have name, offset and scale, value = (x + offset)·scale as in lwtnn, and with ``output_names``. Its
inputs have the names of the collections of objects (``tracks_r22default_sd0sort``), not those of
the model (``track_features``): both list them in one order, which matching relies on where the
sizes agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnxtaylor.errors import printable
from onnxtaylor.inputs.json_node import JsonNode, parse_json
from onnxtaylor.inputs.lwtnn import lwtnn_variables
from onnxtaylor.inputs.model_input import InputSpecification
from onnxtaylor.inputs.port import InputPort
from onnxtaylor.inputs.specification import Specification

__all__ = ["KEY", "from_gnn_config", "is_gnn_config"]

KEY = "gnn_config"


def is_gnn_config(document: JsonNode) -> bool:
    """Whether a JSON document is a ``gnn_config``."""
    has_inputs = document.has("inputs") or document.has("input_sequences")
    return has_inputs and document.has("output_names")


def from_gnn_config(
    text: str, where: str, ports: Sequence[InputPort] | None = None
) -> Specification:
    """Makes a specification of the text of a ``gnn_config``.

    An input is [1, variables] and a sequence [slots, variables], without a batch axis, as the
    exporter makes them; a model input of another rank has a batch axis in front.

    Parameters
    ----------
    text
        The entry of the metadata.
    where
        Its source, for messages.
    ports
        The model's inputs, whose names the specification gets. Default: the names in the text.

    Raises
    ------
    OptionError
        The text is damaged, or its inputs are not those of the model.
    """
    document = parse_json(text, where)
    inputs = []
    for key, axes in (("inputs", ("batch", "variable")), ("input_sequences", ("slot", "variable"))):
        if document.has(key):
            for row in document.get(key).items():
                variables = tuple(lwtnn_variables(row.get("variables")))
                name = row.get("name").text()
                inputs.append((InputSpecification(name, "features", axes, variables), row))
    if not inputs:
        raise document.wrong("has no inputs")
    named = [one for one, _ in inputs] if ports is None else _match_names(inputs, ports)
    outputs = document.get("output_names")
    return Specification(
        inputs=tuple(named),
        outputs=outputs.names() if outputs.value else None,
        origin=where,
    )


def _match_names(
    inputs: Sequence[tuple[InputSpecification, JsonNode]], ports: Sequence[InputPort]
) -> list[InputSpecification]:
    """Returns the inputs with the names of the model's, in the order of the model.

    Inputs of the same name belong together. The others are matched in order, single objects with
    single objects and sequences with sequences, where the number of variables agrees.
    """
    rest = list(ports)
    matched: dict[str, InputSpecification] = {}
    by_name = {port.name: port for port in ports}
    ranks = {len(port.shape) for port in ports if port.shape is not None}
    mixed = any(one.has("slot") for one, _ in inputs)
    for one, row in sorted(inputs, key=lambda pair: pair[0].name not in by_name):
        fitting = (p for p in rest if _width_fits(one, p))
        if mixed:
            fitting = (p for p in fitting if _is_sequence(p, 3 in ranks) == one.has("slot"))
        port = by_name.get(one.name) or next(fitting, None)
        if port is None or port not in rest:
            raise row.get("name").wrong(
                f"is '{printable(one.name)}' with {len(one.variables)} variables: no input of the"
                " model has that many"
            )
        rest.remove(port)
        batched = port.shape is not None and len(port.shape) == 3
        axes = ("batch", *one.layout) if batched and not one.has("batch") else one.layout
        matched[port.name] = replace(one, name=port.name, axes=axes)
    return [matched[port.name] for port in ports if port.name in matched]


def _width_fits(one: InputSpecification, port: InputPort) -> bool:
    """Whether an input of the model has as many variables as the metadata describe."""
    shape = port.shape
    if not port.is_float or shape is None or len(shape) not in (2, 3):
        return False
    return not isinstance(shape[-1], int) or shape[-1] == len(one.variables)


def _is_sequence(port: InputPort, batched: bool) -> bool:
    """Whether an input holds several objects: of rank 3 in a batch, else not one row alone."""
    shape = port.shape or ()
    return len(shape) == 3 if batched else shape[0] != 1
