"""What is analyzed of a response p: p itself, log p, or its logit log(p/(1−p)).

Where p is computed by the very function that the link undoes, the link is taken from in front of
it: the logit of a sigmoid is the sigmoid's argument. That is the same number, without the
round-off of 1 − p and without an end at saturated responses.
"""

from __future__ import annotations

import numpy as np
import onnx

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.graph.builder import Builder

__all__ = ["LINKS", "apply_link", "cancel_link", "check_link"]

LINKS = ("identity", "logit", "log")


def check_link(link: str) -> None:
    """Raises OptionError for a link that is not offered."""
    if link not in LINKS:
        raise OptionError(f"link '{printable(link)}' is not offered: {', '.join(LINKS)}")


def cancel_link(builder: Builder, output: str, link: str) -> str | None:
    """The tensor that is the link of an output already, or None where there is none."""
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
    """log p − log(1 − p), log p, or p itself."""
    if link == "identity":
        return responses
    log = builder.node("Log", [responses], last=True)
    if link == "log":
        return log
    one = builder.constant(np.ones(1, dtype=np.float64 if double else np.float32))
    rest = builder.node("Sub", [one, responses], last=True)
    return builder.node("Sub", [log, builder.node("Log", [rest], last=True)], last=True)
