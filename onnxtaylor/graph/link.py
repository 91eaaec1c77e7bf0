"""Link functions of a response p: p itself, log p, or its logit log(p/(1−p)).

Where p is computed by the inverse of the link, the two cancel: the logit of a sigmoid is the
sigmoid's argument. This avoids the round-off of 1 − p, and stays finite where p is rounded to 0 or
1.
"""

from __future__ import annotations

import numpy as np
import onnx

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.graph.builder import Builder
from onnxtaylor.options.declare import alternatives
from onnxtaylor.options.model import LINKS

__all__ = ["apply_link", "cancel_link", "check_link"]


def check_link(link: str) -> None:
    """Raises OptionError for an unknown link."""
    if link not in LINKS:
        raise OptionError(f"must be {alternatives(LINKS)}, got '{printable(link)}'", option="link")


def cancel_link(builder: Builder, output: str, link: str) -> str | None:
    """Returns a tensor that equals g(output) because the output is g⁻¹ of it; None if it is not."""
    node = next((n for n in builder.graph.node if output in n.output), onnx.NodeProto())
    if node.domain not in ("", "ai.onnx"):
        return None
    if link == "logit" and node.op_type == "Sigmoid":
        return str(node.input[0])
    if link == "log" and node.op_type == "Softmax":
        axis = {a.name: a.i for a in node.attribute}
        return builder.node("LogSoftmax", [node.input[0]], last=True, **axis)
    return None


def apply_link(builder: Builder, responses: str, link: str, double: bool) -> str:
    """Writes log p − log(1 − p), log p or p itself, and returns its name."""
    if link == "identity":
        return responses
    log = builder.node("Log", [responses], last=True)
    if link == "log":
        return log
    one = builder.constant(np.ones(1, dtype=np.float64 if double else np.float32))
    rest = builder.node("Sub", [one, responses], last=True)
    return builder.node("Sub", [log, builder.node("Log", [rest], last=True)], last=True)
