"""Makes a specification of ``feature_names_in_``, in which scikit-learn keeps names of columns.

Converters write the list into the metadata of the model: as JSON, or as Python prints it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from onnxtaylor.errors import OptionError
from onnxtaylor.inputs.model_input import InputSpecification, Variable
from onnxtaylor.inputs.port import InputPort, shape_text
from onnxtaylor.inputs.specification import Specification

__all__ = ["KEYS", "from_feature_names"]

KEYS = ("feature_names_in_", "feature_names_in")


def from_feature_names(text: str, where: str, ports: Sequence[InputPort]) -> Specification | None:
    """Makes a specification of names that belong to the columns of the model's only input.

    Parameters
    ----------
    text
        The entry of the metadata.
    where
        Its source, for messages.
    ports
        The model's inputs.

    Returns
    -------
    Specification or None
        None where the text is no list of names, or the model has several inputs: a pipeline of
        scikit-learn then has one for each column, called as the column is.

    Raises
    ------
    OptionError
        The names do not count as many as the input has columns.
    """
    names = _listed(text.strip())
    if names is None or len(ports) != 1 or not ports[0].is_float:
        return None
    port, shape = ports[0], ports[0].shape
    if shape is not None and len(shape) != 2:
        return None
    width = shape[1] if shape is not None else None
    if isinstance(width, int) and width != len(names):
        raise OptionError(
            f"has {len(names)} names, but input '{port.name}' is {shape_text(port)}"
        ).located(where)
    variables = tuple(map(Variable, names))
    one = InputSpecification(port.name, "features", ("batch", "variable"), variables)
    return Specification((one,), origin=where)


def _listed(text: str) -> list[str] | None:
    """Returns the names of a list, as JSON or as Python prints lists and arrays of texts."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        inside = text.removeprefix("Index(").removeprefix("array(")
        inside = inside[inside.find("[") + 1 : inside.rfind("]")] if "[" in inside else inside
        names = [name.strip().strip("'\"") for name in inside.split(",")]
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        return None
    return names if names and len(set(names)) == len(names) else None
