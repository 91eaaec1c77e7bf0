"""A node's place in words, and how far the limits are raised."""

from __future__ import annotations

import os
from math import ceil

import onnx

from onnxtaylor.errors import OptionError, printable

__all__ = ["VARIABLE", "factor", "node_phrase", "way_out"]

VARIABLE = "ONNXTAYLOR_LIMITS"
FAR = 100.0


def factor() -> float:
    """Returns by how much the limits are raised: the number in ``ONNXTAYLOR_LIMITS``, else 1.

    Raises OptionError where it is no number from 1 on.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return 1.0
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number >= 1:  # a NaN is no number
        raise OptionError(
            f"the environment variable {VARIABLE} must be a number from 1 on, got"
            f" '{printable(text, 40)}'"
        )
    return number


def way_out(times: float) -> str:
    """Returns the end of a message about a number that is ``times`` its limit.

    A number far beyond its limit is no mistake of the limit: nothing is advised.
    """
    if times > FAR:
        return ""
    return f"; if the model is meant so, set the environment variable {VARIABLE}={ceil(times)}"


def node_phrase(node: onnx.NodeProto, where: str) -> str:
    """Returns the file, name and operator of a node, for the beginning of a message."""
    name = node.name or next((o for o in node.output if o), "")
    return f"{where}: node '{printable(name)}' ({printable(node.op_type, 60)})"
