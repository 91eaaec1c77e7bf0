"""Reads a specification from a file, recognized by its content, or from a model's metadata."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.files.bounded import read_text
from onnxtaylor.files.recognize import head_of, kind_of
from onnxtaylor.inputs.document import specification_from_toml
from onnxtaylor.inputs.feature_names import KEYS, from_feature_names
from onnxtaylor.inputs.gnn_config import KEY, from_gnn_config, is_gnn_config
from onnxtaylor.inputs.json_node import parse_json
from onnxtaylor.inputs.lwtnn import from_lwtnn, is_lwtnn
from onnxtaylor.inputs.port import InputPort
from onnxtaylor.inputs.specification import Specification
from onnxtaylor.inputs.weaver import from_weaver, is_weaver

__all__ = ["from_metadata", "read_specification"]

LARGEST = 2**28  # bytes of a file: lwtnn's hold all weights, as text


def read_specification(
    path: str | os.PathLike[str], ports: Sequence[InputPort] | None = None
) -> Specification:
    """Reads an ``inputs.toml``, or makes a specification of a JSON file of weaver or lwtnn.

    Parameters
    ----------
    path
        The file. Its content says what it is, not its name.
    ports
        The model's inputs; only a ``gnn_config`` saved to a file needs them, for their names.

    Raises
    ------
    OptionError
        In one line: the file, what is wrong with which key, and the nearest name.
    """
    where = printable(path)
    try:
        text = read_text(path, LARGEST, "utf-8-sig")
    except FileNotFoundError:
        raise OptionError("no such file").located(where) from None
    except (OSError, ValueError) as error:  # ValueError: no UTF-8
        kind = kind_of(head_of(Path(path)))
        reason = f"it is {kind}" if kind else printable(getattr(error, "strerror", None) or error)
        raise OptionError(f"cannot be read: {reason}").located(where) from None
    if not text.lstrip().startswith("{"):
        return specification_from_toml(text, where)
    try:
        return _from_json(text, where, ports)
    except OptionError as error:  # of an input by itself, which knows no file
        raise error.located(where) from None


def from_metadata(
    metadata: Mapping[str, str], ports: Sequence[InputPort], where: str
) -> Specification | None:
    """Makes a specification of the metadata of a model.

    Parameters
    ----------
    metadata
        Entries by key.
    ports
        The model's inputs.
    where
        The model, for messages.

    Returns
    -------
    Specification or None
        None where the metadata describe no inputs.

    Raises
    ------
    OptionError
        An entry is damaged, or does not fit the model's inputs.
    """
    if KEY in metadata:
        return from_gnn_config(metadata[KEY], f"{where}: {KEY}", ports)
    known = {key.lower(): key for key in metadata}
    for key in KEYS:
        if key in known:
            entry = known[key]
            return from_feature_names(metadata[entry], f"{where}: {printable(entry)}", ports)
    return None


def _from_json(text: str, where: str, ports: Sequence[InputPort] | None) -> Specification:
    """Makes a specification of a JSON document of another project."""
    document = parse_json(text, where)
    if is_weaver(document):
        return from_weaver(document)
    if is_gnn_config(document):
        return from_gnn_config(text, where, ports)
    if is_lwtnn(document):
        return from_lwtnn(document)
    raise OptionError(
        "is JSON, but no specification of inputs: known are preprocess.json of weaver (input_names,"
        " output_names), networks of lwtnn (inputs, layers, outputs) and gnn_config (inputs,"
        " input_sequences, output_names)"
    ).located(where)
